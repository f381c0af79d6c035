package media

import (
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"warmline/media/mediatest"
)

// files counts this process's open files.
func files(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestGoroutinesFilesAndPortsComeBackToBase after the last call.
func TestGoroutinesFilesAndPortsComeBackToBase(t *testing.T) {
	e := engine(t, Config{PortMin: 26000, PortMax: 26999})
	clip := NewClip(mediatest.Tone(500, time.Second, 8000, 0.5))
	round := func() {
		var legs []*Leg
		var taps []*Tap
		for range 50 {
			a, b := open(t, e, LegConfig{Loopback: true}), open(t, e, LegConfig{Loopback: true})
			join(t, a, b)
			a.Play(clip)
			taps = append(taps, b.Tap())
			legs = append(legs, a, b)
		}
		await(t, legs[0], EventFirst)
		for _, l := range legs {
			l.Close()
			drained(l)
		}
		for _, tap := range taps {
			for pcm := make([]int16, 800); ; {
				if _, err := tap.Read(t.Context(), pcm); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	round() // what is made once has been made
	goroutines, open, free := runtime.NumGoroutine(), files(t), len(e.ports.free)
	for range 3 {
		round()
	}
	if n := files(t); n > open {
		t.Errorf("%d open files, before %d", n, open)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, before %d", n, goroutines)
	}
	if n := len(e.ports.free); n != free || n != 500 {
		t.Errorf("%d free ports, before %d of 500", n, free)
	}
	if st := e.Stats(); st.Legs != 0 {
		t.Errorf("%d legs are left", st.Legs)
	}
}
