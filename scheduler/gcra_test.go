package scheduler

import (
	"math/rand"
	"testing"
	"testing/quick"
	"time"
)

func TestSlotsOfATrunk(t *testing.T) {
	two := Rate(2, 3) // one each 500 ms, three at once
	at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }
	steps := []struct {
		name    string
		now     time.Time
		want    int
		granted int
		free    time.Time
	}{
		{"a fresh limit gives its burst", at(0), 5, 3, at(500)},
		{"then nothing", at(0), 1, 0, at(500)},
		{"nor a moment too early", at(499), 1, 0, at(500)},
		{"one slot comes back", at(500), 2, 1, at(1000)},
		{"slots that were not asked for are kept", at(1700), 1, 1, at(1500)},
		{"asking for none takes none", at(1700), 0, 0, at(1500)},
		{"but never more than the burst", at(60_000), 99, 3, at(60_500)},
		{"a clock that went back gives nothing away", at(59_000), 1, 0, at(60_500)},
	}
	var tat time.Time
	for _, s := range steps {
		granted, next, free := two.Take(s.now, tat, s.want)
		if granted != s.granted || !free.Equal(s.free) {
			t.Errorf("%s: got %d, free at %s; want %d, free at %s", s.name, granted, free.Sub(noon), s.granted, s.free.Sub(noon))
		}
		tat = next
	}
}

func TestRate(t *testing.T) {
	for _, tt := range []struct {
		n     float64
		burst int
		want  GCRA
	}{
		{1, 1, GCRA{time.Second, 1}}, {0.5, 2, GCRA{2 * time.Second, 2}}, {50, 50, GCRA{20 * time.Millisecond, 50}},
		{1, 0, GCRA{time.Second, 1}}, {1, -4, GCRA{time.Second, 1}},
	} {
		if got := Rate(tt.n, tt.burst); got != tt.want {
			t.Errorf("%g a second, %d at once: %v, want %v", tt.n, tt.burst, got, tt.want)
		}
	}
}

// However it is asked, no window holds more than the burst and what its length
// gives; and who asks when free says so gets a slot.
func TestNoWindowHoldsMoreThanTheRate(t *testing.T) {
	promise := func(seed int64) bool {
		r := rand.New(rand.NewSource(seed))
		g := Rate(0.2+r.Float64()*200, 1+r.Intn(20))
		now, tat := noon, time.Time{}
		type grant struct {
			at time.Time
			n  int
		}
		var grants []grant
		for range 120 {
			now = now.Add(time.Duration(r.Int63n(int64(3*g.Interval) + 1)))
			want := r.Intn(2 * g.Burst)
			n, next, free := g.Take(now, tat, want)
			if n > want || n < want && !free.After(now) {
				return false
			}
			if again, _, _ := g.Take(now, tat, want); again != n {
				return false
			}
			if n, _, _ := g.Take(free, next, 1); n != 1 {
				return false
			}
			tat = next
			grants = append(grants, grant{now, n})
		}
		for i := range grants {
			sum := 0
			for _, e := range grants[i:] {
				sum += e.n
				if sum > g.Burst+int(e.at.Sub(grants[i].at)/g.Interval) {
					return false
				}
			}
		}
		return true
	}
	if err := quick.Check(promise, &quick.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
}
