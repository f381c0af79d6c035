package sip

import "time"

const (
	// breakAfter is how many calls in a row a target may fail before it gets
	// none: enough that a burst of bad luck does not close a trunk.
	breakAfter = 5

	// A broken target is left alone for firstBreak, twice as long each time it
	// fails again, at most lastBreak; or for as long as it asks itself.
	firstBreak = 10 * time.Second
	lastBreak  = 5 * time.Minute

	// probeLimit is when a probe that told nothing is given up.
	probeLimit = time.Minute
)

// breaker stops calls to a target that fails. It is told the time and does
// nothing by itself:
//
//	closed ──breakAfter failures in a row, or Retry-After──▶ open
//	open ──its time is over──▶ half open: one call may try
//	half open ──success──▶ closed
//	half open ──failure──▶ open, for twice as long
//
// The zero breaker is closed.
type breaker struct {
	failures int       // in a row, in halves
	breaks   int       // in a row
	until    time.Time // when the time of being open ends; zero when closed
	probe    time.Time // when the one call of half open left; zero when none is out
}

// state names the state for people: closed, open or half-open.
func (b *breaker) state(now time.Time) string {
	switch {
	case b.until.IsZero():
		return "closed"
	case now.Before(b.until):
		return "open"
	}
	return "half-open"
}

// allows reports whether a call may go.
func (b *breaker) allows(now time.Time) bool {
	return b.until.IsZero() || !now.Before(b.until) && (b.probe.IsZero() || now.Sub(b.probe) >= probeLimit)
}

// start notes that a call goes.
func (b *breaker) start(now time.Time) {
	if !b.until.IsZero() {
		b.probe = now
	}
}

// succeed notes that the target did its work, whatever became of the call.
func (b *breaker) succeed() { *b = breaker{} }

// forgo notes that a call ended without telling anything of the target.
func (b *breaker) forgo() { b.probe = time.Time{} }

// fail notes that the target failed; retryAfter is what it asked for, or 0.
func (b *breaker) fail(now time.Time, retryAfter time.Duration) { b.count(2, now, retryAfter) }

// doubt notes a refusal that may be the target's failure or the number's: it
// counts half.
func (b *breaker) doubt(now time.Time) { b.count(1, now, 0) }

func (b *breaker) count(halves int, now time.Time, retryAfter time.Duration) {
	b.failures += halves
	probed := !b.probe.IsZero()
	b.probe = time.Time{}
	if retryAfter == 0 && b.failures < 2*breakAfter && !probed {
		return
	}
	wait := retryAfter
	if wait == 0 {
		wait = min(firstBreak<<min(b.breaks, 10), lastBreak)
	}
	b.breaks++
	if until := now.Add(wait); until.After(b.until) {
		b.until = until
	}
}

const (
	// downAfter and upAfter give health hysteresis: a lost OPTIONS takes no
	// target down, and one answered by luck brings none up.
	downAfter = 3
	upAfter   = 2
)

// health is what OPTIONS say of a target. The zero health is up.
type health struct {
	bad, good int // in a row
	down      bool
}

// observe notes one OPTIONS and reports whether the state changed.
func (h *health) observe(alive bool) (changed bool) {
	if alive {
		h.good, h.bad = h.good+1, 0
		if h.down && h.good >= upAfter {
			h.down = false
			return true
		}
		return false
	}
	h.bad, h.good = h.bad+1, 0
	if !h.down && h.bad >= downAfter {
		h.down = true
		return true
	}
	return false
}

// alive reads the answer to OPTIONS: whoever answers lives, but 503 says that it
// takes no calls, and 408 comes from a proxy before a dead target.
func alive(status int) bool { return status != 0 && status != 503 && status != 408 }

// pace spaces INVITEs by a trunk's calls per second (the GCRA of one call's
// burst). The zero pace has not been used.
type pace struct{ next time.Time }

// take reports whether a call may go now, and counts it.
func (p *pace) take(now time.Time, perSecond float64) bool {
	if !p.ready(now, perSecond) {
		return false
	}
	p.count(now, perSecond)
	return true
}

// ready reports whether a call may go now.
func (p *pace) ready(now time.Time, perSecond float64) bool {
	return perSecond <= 0 || !now.Before(p.next)
}

// count notes a call that went whatever the pace.
func (p *pace) count(now time.Time, perSecond float64) {
	if perSecond <= 0 {
		return
	}
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(float64(time.Second) / perSecond))
}
