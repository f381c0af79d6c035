package bench

import (
	"math"
	"testing"
)

func TestProcessorAndStolenTime(t *testing.T) {
	before := CPU()
	for n := 0; CPU() == before; n++ {
		if n > 1e7 {
			t.Fatal("the process uses no processor")
		}
	}
	a, err := ReadTicks()
	if err != nil || a.Total == 0 {
		t.Fatalf("%+v, %v", a, err)
	}
	if got := Stolen(Ticks{100, 10}, Ticks{200, 15}); got != 0.05 {
		t.Errorf("stolen share %g, want 0.05", got)
	}
	if w := (Window{Steal: 0.02}); w.Good() || w.GoodFloor() {
		t.Error("a window with 2 % stolen counts")
	}
	if w := (Window{CPU: 0.5, Out: 50000}); math.Round(w.CallMinute()) != 30 {
		t.Errorf("%g ms per call-minute, want 30", w.CallMinute())
	}
}
