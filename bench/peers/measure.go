package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"warmline/bench"
)

// A look is what a number of calls was like.
type look struct {
	calls   int
	seconds float64
	heard   Heard
	windows []bench.Window
	state   State
}

// good are the windows the host left alone.
func (l look) good() (good []bench.Window) {
	for _, w := range l.windows {
		if w.Good() {
			good = append(good, w)
		}
	}
	return good
}

// dirt says what a number of calls lacked; "" is clean.
func (l look) dirt() string {
	var out, in uint64
	for _, w := range l.windows {
		out, in = out+w.Out, in+w.In
	}
	h := l.heard
	switch {
	case l.state.Failed > 0:
		return fmt.Sprintf("%d calls failed", l.state.Failed)
	case h.Up != l.calls || h.Heard != l.calls:
		return fmt.Sprintf("%d calls were up and %d heard", h.Up, h.Heard)
	case share(h.In, uint64(50*l.seconds*float64(l.calls))) < 0.995:
		return fmt.Sprintf("%.2f %% of 50 packets a second came", 100*float64(h.In)/(50*l.seconds*float64(l.calls)))
	case share(h.Lost, h.In) >= 0.001:
		return fmt.Sprintf("%.2f %% were lost", 100*share(h.Lost, h.In))
	case share(in, out) < 0.995: // the windows' edges; of a second, 20 ms are 2 %
		return fmt.Sprintf("%.2f %% of the echo came", 100*share(in, out))
	case share(h.Even, h.Gaps) < 0.99:
		return fmt.Sprintf("%.2f %% of gaps were even", 100*share(h.Even, h.Gaps))
	}
	return ""
}

func share(n, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// pair is the two processes.
type pair struct{ ours, far *bench.Child }

// measure prices a call-minute, then looks for the largest clean number of calls.
func measure(p plan, w io.Writer) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the programs: %w", err)
	}
	began := time.Now()
	far, err := bench.Start("the far end", self, "far", "-n", strconv.Itoa(p.most), "-core", strconv.Itoa(p.farCore))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, far.End()) }()
	var addr, scheduling string
	if err := far.Hear(&addr); err != nil {
		return err
	}
	our, err := bench.Start("ours", self, "ours", "-addr", addr, "-core", strconv.Itoa(p.core))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, our.End()) }()
	if err := our.Hear(&scheduling); err != nil {
		return err
	}
	m := pair{our, far}
	priced, err := m.look(p.calls, p.windows)
	if err == nil && len(priced.good()) < p.enough() {
		err = m.more(&priced, p.windows)
	}
	if err != nil {
		return err
	}
	for _, r := range p.price(priced, scheduling) {
		if err := r.Print(w); err != nil {
			return err
		}
	}
	best, first, err := m.search(p, priced, began.Add(p.limit))
	if err != nil {
		return err
	}
	return limit(best, first, scheduling).Print(w)
}

// settle is how long a number of calls is up before it is looked at.
const settle = 1500 * time.Millisecond

// look has a number of calls up and watches them.
func (m pair) look(calls, windows int) (l look, err error) {
	l.calls = calls
	if err := m.ours.Tell(fmt.Sprintf("calls %d", calls)); err != nil {
		return l, err
	}
	if err := m.ours.Hear(&l.state); err != nil {
		return l, err
	}
	time.Sleep(settle)
	if err := m.ask(&Heard{}); err != nil {
		return l, err
	}
	began := time.Now()
	if err := m.ours.Tell(fmt.Sprintf("watch %d", windows)); err != nil {
		return l, err
	}
	l.windows = make([]bench.Window, windows)
	for i := range l.windows {
		if err := m.ours.Hear(&l.windows[i]); err != nil {
			return l, err
		}
	}
	if err := m.ours.Hear(&l.state); err != nil {
		return l, err
	}
	l.seconds = time.Since(began).Seconds()
	if err := m.ask(&l.heard); err != nil {
		return l, err
	}
	fmt.Fprintf(os.Stderr, "%d calls: %.1f ms per call-minute, send lateness p99 %.1f ms, %d of %d windows good; %s\n", calls,
		bench.Of("", "", "", each(l.windows, bench.Window.CallMinute)).Median, bench.Of("", "", "", each(l.windows, late)).Median/1000,
		len(l.good()), len(l.windows), or(l.dirt(), "clean"))
	return l, nil
}

// more watches the same calls for longer.
func (m pair) more(l *look, windows int) error {
	again, err := m.look(l.calls, windows)
	again.windows = append(l.windows, again.windows...)
	again.seconds += l.seconds
	h, before := &again.heard, l.heard
	h.In, h.Lost, h.Gaps, h.Even, h.Echoed = h.In+before.In, h.Lost+before.Lost, h.Gaps+before.Gaps, h.Even+before.Even, h.Echoed+before.Echoed
	*l = again
	return err
}

func (m pair) ask(h *Heard) error {
	if err := m.far.Tell(""); err != nil {
		return err
	}
	return m.far.Hear(h)
}

// tries is how often a number of calls may be unclean before it counts: the
// machine is shared.
const tries = 3

// search raises the number of calls until it is not clean, or lowers it until it
// is. first is the number that was not.
func (m pair) search(p plan, priced look, until time.Time) (best, first look, err error) {
	step := p.step
	if priced.dirt() == "" {
		best = priced
	} else {
		first, step = priced, -p.step
	}
	for n := p.calls + step; n > 0 && n <= p.most && time.Now().Before(until); n += step {
		l, err := m.look(n, p.looks)
		for try := 1; err == nil && l.dirt() != "" && try < tries && time.Now().Before(until); try++ {
			l, err = m.look(n, p.looks)
		}
		if err != nil {
			return best, first, err
		}
		if clean := l.dirt() == ""; clean {
			best = l
		} else {
			first = l
		}
		if (l.dirt() == "") != (step > 0) {
			break
		}
	}
	return best, first, nil
}

func late(w bench.Window) float64 { return w.Late99 }

func each(windows []bench.Window, of func(bench.Window) float64) (out []float64) {
	for _, w := range windows {
		out = append(out, of(w))
	}
	return out
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// enough is how many good windows the price needs.
func (p plan) enough() int { return min(bench.GoodWindows, p.windows) }

// price are the figures of the first number of calls.
func (p plan) price(l look, scheduling string) []bench.Record {
	name := fmt.Sprintf("peers %d", l.calls)
	good := l.good()
	note := fmt.Sprintf("%d windows of 1 s, %d thrown away", len(good), len(l.windows)-len(good))
	if len(good) < p.enough() {
		good = nil
	}
	h := l.heard
	return []bench.Record{
		bench.Of(name, "CPU of a whole call on one core", "ms per call-minute", each(good, bench.Window.CallMinute)).Because("%s; %s; aim ≤ 30", note, scheduling),
		bench.Of(name, "the same, nothing thrown away", "ms per call-minute", each(l.windows, bench.Window.CallMinute)),
		bench.Of(name, "send lateness p99", "µs", each(good, late)).Because("%s", note),
		bench.Of(name, "gaps within 10 ms of 20 ms", "%", []float64{100 * share(h.Even, h.Gaps)}).Because("%s", or(l.dirt(), "clean")),
		bench.Of(name, "lost to the far end", "%", []float64{100 * share(h.Lost, h.In)}),
	}
}

// limit is the largest clean number of calls, and how the search ended.
func limit(best, first look, scheduling string) bench.Record {
	var why []string
	if best.calls > 0 {
		why = append(why, fmt.Sprintf("%.1f ms per call-minute there", bench.Of("", "", "", each(best.windows, bench.Window.CallMinute)).Median))
	}
	if first.calls > 0 {
		why = append(why, fmt.Sprintf("at %d %s", first.calls, first.dirt()))
		if first.state.Strained {
			why = append(why, "where the process itself says that it takes no more calls")
		}
	} else {
		why = append(why, "no larger number was tried")
	}
	why = append(why, scheduling, "aim > 1200")
	return bench.Of("peers", "largest number of clean calls on one core", "calls", []float64{float64(best.calls)}).Because("%s", strings.Join(why, "; "))
}
