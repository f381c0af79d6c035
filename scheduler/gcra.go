package scheduler

import "time"

// GCRA is the generic cell rate algorithm: a rate limit that is one timestamp.
// Interval is the time between two slots, Burst how many may be taken at once.
type GCRA struct {
	Interval time.Duration
	Burst    int
}

// Rate makes a GCRA of n slots a second with the given burst (at least 1).
func Rate(n float64, burst int) GCRA {
	return GCRA{time.Duration(float64(time.Second) / n), max(burst, 1)}
}

// Take asks for up to want slots at now. tat is the stored state (the
// theoretical arrival time; zero for a fresh limit). It returns how many were
// granted, the state to store, and when the next slot will be free.
func (g GCRA) Take(now, tat time.Time, want int) (granted int, next time.Time, free time.Time) {
	if tat.Before(now) {
		tat = now
	}
	limit := now.Add(time.Duration(g.Burst-1) * g.Interval)
	for granted < want && !tat.After(limit) {
		tat = tat.Add(g.Interval)
		granted++
	}
	return granted, tat, tat.Add(-time.Duration(g.Burst-1) * g.Interval)
}
