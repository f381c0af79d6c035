package media

import (
	"math"
	"testing"
	"time"
)

// TestRatingsAreThoseOfTheEModel: values worked out by hand from G.107's formulas.
func TestRatingsAreThoseOfTheEModel(t *testing.T) {
	for _, tt := range []struct {
		name   string
		path   path
		r, mos float64
	}{
		{"nothing lost, no delay: the best a telephone gives", path{bpl: plainBpl}, 93.2, 4.41},
		{"150 ms", path{delay: 150 * time.Millisecond, bpl: plainBpl}, 89.6, 4.34},
		{"400 ms: people talk over each other", path{delay: 400 * time.Millisecond, bpl: plainBpl}, 59.1, 3.05},
		{"1 % left silent", path{loss: 0.01, bpl: plainBpl}, 75.3, 3.84},
		{"1 % covered up", path{loss: 0.01, bpl: concealed}, 89.6, 4.34},
		{"5 % covered up", path{loss: 0.05, bpl: concealed}, 77.4, 3.93},
		{"half is lost", path{loss: 0.5, bpl: plainBpl}, 5.7, 1},
		{"all is lost, and late", path{loss: 1, delay: time.Second, bpl: plainBpl}, 0, 1},
	} {
		r := tt.path.rating()
		if mos := opinion(r); math.Abs(r-tt.r) > 0.1 || math.Abs(mos-tt.mos) > 0.02 {
			t.Errorf("%s: R %.1f and MOS %.2f, want %.1f and %.2f", tt.name, r, mos, tt.r, tt.mos)
		}
	}
	for r := -5.0; r < 110; r += 0.5 {
		if mos := opinion(r); mos < 1 || mos > 4.5 || math.IsNaN(mos) {
			t.Errorf("R %.1f is MOS %.2f", r, mos)
		}
	}
}

func TestTheWorseDirectionIsTheCalls(t *testing.T) {
	good := Stats{Received: 1000, Sent: 1000, RTCPReceived: 3, RoundTrip: 40 * time.Millisecond}
	theyLose, weLose, silent := good, good, Stats{Sent: 1000}
	theyLose.RemoteLost, weLose.Lost = 200, 50
	for _, st := range []*Stats{&good, &theyLose, &weLose} {
		st.judge(st.Received, 20)
	}
	silent.judge(0, 20)
	if good.MOS < 4.3 || theyLose.MOS > 3 || weLose.MOS > 3 || silent.MOS != 0 || silent.R != 0 {
		t.Errorf("good %.2f, they lose a fifth %.2f, we lose 5 %% %.2f, nothing came %.2f", good.MOS, theyLose.MOS, weLose.MOS, silent.MOS)
	}
}
