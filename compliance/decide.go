package compliance

import (
	"slices"
	"time"
)

// Verdict is the door's answer.
type Verdict struct {
	Allowed  bool
	Reason   Reason    // of the first gate that did not open; "" when allowed
	Terminal bool      // never for this campaign: do not ask again
	Until    time.Time // not possible before; zero: an event has to change something first
	Gates    []GateResult
}

// GateResult is what one gate said. All gates are asked, so that a dry run can
// count each of them.
type GateResult struct {
	Gate     string
	Allowed  bool
	Reason   Reason
	Terminal bool
	Until    time.Time
	Note     string // what the gate looked at: the proof of the consent, the count of contacts
}

// gates in their order: what is cheap and cannot be undone comes first.
var gates = []struct {
	name string
	ask  func(now time.Time, p Policy, s Subject) GateResult
}{
	{"kill_switch", killSwitch},
	{"erasure", erasure},
	{"suppression", suppression},
	{"consent", consent},
	{"number", number},
	{"window", window},
	{"frequency", frequency},
	{"cool_off", coolOff},
	{"campaign", campaign},
	{"abandonment", abandonment},
	{"content", content},
	{"trunk", trunk},
}

// Decide asks the twelve gates whether this contact may be made now.
func Decide(now time.Time, p Policy, s Subject) Verdict {
	v := Verdict{Allowed: true, Gates: make([]GateResult, 0, len(gates))}
	for _, gate := range gates {
		g := gate.ask(now, p, s)
		g.Gate = gate.name
		v.Gates = append(v.Gates, g)
		if v.Allowed && !g.Allowed {
			v.Allowed, v.Reason, v.Terminal, v.Until = false, g.Reason, g.Terminal, g.Until
		}
	}
	if !v.Allowed && !v.Terminal && !v.Until.IsZero() {
		v.Until = settle(now, v.Until, p, s)
	}
	return v
}

// settle moves until to where hours and caps agree: the end of a cap in the middle
// of the night is not yet a time to call. A contact under way counts as made now.
// Where no time is found soon, the answer is still one before which there is none.
func settle(now, until time.Time, p Policy, s Subject) time.Time {
	s.History = slices.Clone(s.History)
	for i := range s.History {
		if s.History[i].InFlight && s.History[i].At.Before(now) {
			s.History[i].At = now
		}
		s.History[i].InFlight = false
	}
	for range 10 {
		next := until
		for _, zone := range zones(s) {
			open := p.NextOpen(next, zone)
			if open.IsZero() {
				return time.Time{}
			}
			next = open
		}
		if g := frequency(next, p, s); !g.Allowed {
			if g.Until.IsZero() {
				return time.Time{}
			}
			next = g.Until
		}
		if next.Equal(until) {
			break
		}
		until = next
	}
	if !until.After(now) {
		return time.Time{}
	}
	return until
}

func allow(note string) GateResult { return GateResult{Allowed: true, Note: note} }

func deny(r Reason, note string) GateResult { return GateResult{Reason: r, Note: note} }

func never(r Reason, note string) GateResult {
	return GateResult{Reason: r, Terminal: true, Note: note}
}

func later(r Reason, until time.Time, note string) GateResult {
	return GateResult{Reason: r, Until: until, Note: note}
}
