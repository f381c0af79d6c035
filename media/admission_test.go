package media

import (
	"testing"
	"time"
)

func TestAdmissionClosesAtOnceAndOpensAfterCalm(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	var a admission
	for _, step := range []struct {
		what   string
		now    time.Duration
		late   time.Duration
		busy   float64
		closed bool
	}{
		{"all is well", 0, ms, 0.2, false},
		{"frames at the limit", 1 * s, 10 * ms, 0.2, false},
		{"frames above the limit", 2 * s, 11 * ms, 0.2, true},
		{"better, not well", 3 * s, 7 * ms, 0.2, true},
		{"well", 4 * s, 2 * ms, 0.2, true},
		{"well, not for long enough", 6 * s, 2 * ms, 0.2, true},
		{"a relapse into not well", 6500 * ms, 6 * ms, 0.2, true},
		{"well again", 7 * s, 2 * ms, 0.2, true},
		{"calm for three seconds", 10 * s, 2 * ms, 0.2, false},
		{"a full processor, frames in time", 11 * s, 2 * ms, 0.9, true},
		{"less full, still full", 12 * s, 2 * ms, 0.8, true},
		{"room", 13 * s, 2 * ms, 0.5, true},
		{"room for three seconds", 16 * s, 2 * ms, 0.5, false},
		{"what neither closes nor opens keeps it open", 17 * s, 8 * ms, 0.8, false},
	} {
		if got := a.judge(step.now, step.late, step.busy); got != step.closed {
			t.Fatalf("%s (%v): closed %v, want %v", step.what, step.now, got, step.closed)
		}
	}
}
