package media

import "time"

// What closes admission and what opens it again. A frame that leaves 10 ms late
// is half a packet time behind: a telephone's own buffer still hides that, so
// calls that are up stay whole while no new one is taken. Beyond 85 % of its
// processor a shard has no room for a bad second.
const (
	lateCloses = 10 * time.Millisecond
	lateOpens  = 5 * time.Millisecond
	busyCloses = 0.85
	busyOpens  = 0.75

	admissionLooks = 2 * time.Second // what is judged
	admissionCalm  = 3 * time.Second // how long all must be well before it opens
)

// An admission decides whether an engine should take new calls. It knows no
// clock: it is told the time, how late the 99th of a hundred frames left lately, and
// which share of its time the busiest shard spent on legs.
type admission struct {
	closed bool
	calm   bool
	since  time.Duration // of the calm
}

// judge tells whether new calls should wait. It closes at once and opens only
// after calm, so that it does not flutter.
func (a *admission) judge(now, late time.Duration, busy float64) (closed bool) {
	switch {
	case late > lateCloses || busy > busyCloses:
		a.closed, a.calm = true, false
	case !a.closed || late > lateOpens || busy > busyOpens:
		a.calm = false
	case !a.calm:
		a.calm, a.since = true, now
	case now-a.since >= admissionCalm:
		a.closed, a.calm = false, false
	}
	return a.closed
}
