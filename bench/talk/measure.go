package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"warmline/bench"
)

// A series is all that one variant, or the floor, was.
type series struct {
	good   []bench.Window
	thrown int
	turns  [][]bench.Window // the good windows of each turn
	ends   []Turn
	lost   uint64 // of ours on the way to the far end
}

func (s *series) add(windows []bench.Window, good func(bench.Window) bool) {
	var kept []bench.Window
	for _, w := range windows {
		if good(w) {
			kept = append(kept, w)
		} else {
			s.thrown++
		}
	}
	s.good = append(s.good, kept...)
	s.turns = append(s.turns, kept)
}

// findings are the series of one number of calls.
type findings struct {
	calls    int
	variants []string
	floor    series
	of       map[string]*series
}

// measure lets floor and variants take turns until each has windows enough.
func measure(p plan, n int, variants []string) (f *findings, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the programs: %w", err)
	}
	beside := func(name string) string { return filepath.Join(filepath.Dir(self), name) }
	calls, core := strconv.Itoa(n), strconv.Itoa(p.core)
	far, err := bench.Start("far end", beside("farend"), "-n", calls, "-core", strconv.Itoa(p.farCore))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, far.End()) }()
	var ports json.RawMessage
	if err := far.Hear(&ports); err != nil {
		return nil, err
	}
	floor, err := bench.Start("floor", beside("floor"), "-n", calls, "-core", core)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, floor.End()) }()
	our, err := bench.Start("ours", self, "ours", "-n", calls, "-core", core)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, our.End()) }()
	for _, c := range []*bench.Child{floor, our} {
		if err := c.Tell(string(ports)); err != nil {
			return nil, err
		}
	}
	f = &findings{calls: n, variants: variants, of: map[string]*series{}}
	for _, v := range variants {
		f.of[v] = &series{}
	}
	for turn := 0; turn < p.turns || !f.enough(); turn++ {
		began := time.Now()
		if err := f.turn(p, far, floor, our); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "%d calls, turn %d: %s\n", n, turn+1, f.state())
		if time.Until(p.until) < time.Since(began) {
			break // another would not fit
		}
	}
	return f, nil
}

func (f *findings) enough() bool {
	for _, s := range f.of {
		if len(s.good) < bench.GoodWindows {
			return false
		}
	}
	return len(f.floor.good) >= bench.GoodWindows
}

// turn is one turn of the floor and of each variant.
func (f *findings) turn(p plan, far, floor, our *bench.Child) error {
	if err := floor.Tell(fmt.Sprintf("run %d %d", p.settle, p.windows)); err != nil {
		return err
	}
	windows, err := hearWindows(floor, p.windows)
	if err != nil {
		return err
	}
	f.floor.add(windows, bench.Window.GoodFloor)
	var done json.RawMessage
	if err := floor.Hear(&done); err != nil {
		return err
	}
	for _, v := range f.variants {
		s := f.of[v]
		speech := "plain"
		if v == "srtp" {
			speech = "sealed"
		}
		if _, err := ask(far, speech); err != nil {
			return err
		}
		before, err := count(far)
		if err != nil {
			return err
		}
		if err := our.Tell(fmt.Sprintf("run %s %d %d", v, p.settle, p.windows)); err != nil {
			return err
		}
		if windows, err = hearWindows(our, p.windows); err != nil {
			return err
		}
		s.add(windows, bench.Window.Good)
		var end Turn
		if err := our.Hear(&end); err != nil {
			return err
		}
		after, err := count(far)
		if err != nil {
			return err
		}
		s.ends = append(s.ends, end)
		if came := after - before; end.Sent > came {
			s.lost += end.Sent - came
		}
	}
	return nil
}

func hearWindows(c *bench.Child, n int) ([]bench.Window, error) {
	windows := make([]bench.Window, n)
	for i := range windows {
		if err := c.Hear(&windows[i]); err != nil {
			return nil, err
		}
	}
	return windows, nil
}

// ask has the far end speak in a way from now on, or as it does, and tells how many
// packets it has taken.
func ask(far *bench.Child, speech string) (uint64, error) {
	var c struct{ In uint64 }
	if err := far.Tell(speech[:1]); err != nil {
		return 0, err
	}
	err := far.Hear(&c)
	return c.In, err
}

// count asks the far end how many packets it has taken; it answers after the
// round of its wheel in which it was asked, so nothing is on the way any more
// when the one before last speaks.
func count(far *bench.Child) (in uint64, err error) {
	for range 3 {
		if in, err = ask(far, "count"); err != nil {
			return 0, err
		}
	}
	return in, nil
}

func (f *findings) state() string {
	text := fmt.Sprintf("floor %s", last(&f.floor))
	for _, v := range f.variants {
		text += fmt.Sprintf(", %s %s", v, last(f.of[v]))
	}
	return text
}

// last tells the newest turn of a series.
func last(s *series) string {
	w := s.turns[len(s.turns)-1]
	if len(w) == 0 {
		return "no good window"
	}
	return fmt.Sprintf("%.1f ms per call-minute, p99 %.0f µs (%d good)", median(w, bench.Window.CallMinute), median(w, late99), len(w))
}
