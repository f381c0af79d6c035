package reports

import (
	"iter"
	"time"
)

// Kind says what an event is about.
type Kind string

// The kinds of events. Those of an attempt carry its ID.
const (
	EventKnown      Kind = "known"      // the person is in the campaign
	EventJudged     Kind = "judged"     // the door has looked; Yes unless it closed for good, Word why not now
	EventPlanned    Kind = "planned"    // an attempt was planned
	EventDialed     Kind = "dialed"     // an INVITE was committed to
	EventAnswered   Kind = "answered"   // picked up
	EventHuman      Kind = "human"      // by a person
	EventDisclosed  Kind = "disclosed"  // who heard who calls
	EventIdentified Kind = "identified" // who is the right one
	EventPitched    Kind = "pitched"    // and heard the question
	EventEnded      Kind = "ended"      // Word is the disposition
	EventOutcome    Kind = "outcome"    // Word is the business outcome
	EventRefused    Kind = "refused"    // by the door, between plan and call
	EventOptedOut   Kind = "opted_out"  // somebody said stop; Key is the suppressed one
	EventTexted     Kind = "texted"     // a text went out
	EventDelivered  Kind = "delivered"  // and arrived
	EventInvited    Kind = "invited"    // an invitation was reserved
	EventOffered    Kind = "offered"    // and went out
	EventAdded      Kind = "added"      // a friendship began; Key names it
	EventLost       Kind = "lost"       // and ended; Key names it
)

// Event is one thing that happened to one person.
type Event struct {
	Kind    Kind
	Contact int64 // 0 when the person is not known
	Key     string
	Word    string
	Yes     bool
	At      time.Time
}

type fold struct {
	people   map[Step]map[int64]bool
	attempts map[Step]map[string]bool
	added    map[string]Event
	lost     map[string]time.Time
	stopped  map[string]bool
	f        Funnel
}

// Fold makes a funnel of single events in any order. It is the definition the
// store's roll-up is tested against.
func Fold(now time.Time, events iter.Seq[Event]) Funnel {
	s := fold{
		people: map[Step]map[int64]bool{}, attempts: map[Step]map[string]bool{},
		added: map[string]Event{}, lost: map[string]time.Time{}, stopped: map[string]bool{},
		f: Funnel{At: now, Dispositions: map[string]int{}, Outcomes: map[string]int{}, Held: map[string]int{}},
	}
	for e := range events {
		s.take(e)
	}
	s.friends(now)
	for _, step := range Steps() {
		s.f.Rows = append(s.f.Rows, Row{step, len(s.people[step]), len(s.attempts[step])})
	}
	s.f.OptedOut = len(s.stopped)
	return s.f
}

// ofCall maps the events of a call to their steps.
var ofCall = map[Kind]Step{
	EventPlanned: Admitted, EventDialed: Dialed, EventAnswered: Answered, EventHuman: Human,
	EventDisclosed: Disclosed, EventIdentified: RightParty, EventPitched: Pitched,
}

func (s *fold) take(e Event) {
	if step, ok := ofCall[e.Kind]; ok {
		s.call(step, e)
	}
	switch e.Kind {
	case EventKnown:
		s.person(Imported, e)
	case EventJudged:
		if e.Yes {
			s.person(Eligible, e)
		}
		if e.Word != "" {
			s.f.Held[e.Word]++
		}
	case EventPlanned:
		s.f.Attempts++
	case EventEnded:
		s.f.Ended++
		s.f.Dispositions[e.Word]++
	case EventOutcome:
		s.f.Outcomes[e.Word]++
		switch e.Word {
		case "agreed_add", "agreed_sms":
			s.call(Agreed, e)
		case "complaint":
			s.f.Complaints++
		}
	case EventRefused:
		s.f.Refused++
	case EventOptedOut:
		s.stopped[e.Key] = true
	case EventTexted:
		s.f.Messages++
		s.person(LinkSent, e)
	case EventDelivered:
		s.f.Delivered++
	case EventInvited:
		s.f.Invited++
	case EventOffered:
		s.person(LinkSent, e)
	case EventAdded:
		s.added[e.Key] = e
	case EventLost:
		s.lost[e.Key] = e.At
	}
}

// friends judges friendships once all is known.
func (s *fold) friends(now time.Time) {
	matured := map[int64]bool{}
	for key, e := range s.added {
		lost, gone := s.lost[key]
		if gone {
			s.f.FriendsLost++
		} else {
			s.f.Friends++
		}
		s.person(Added, e)
		if now.Sub(e.At) < Maturity {
			continue
		}
		matured[e.Contact] = true
		if !gone || lost.Sub(e.At) >= Maturity {
			s.person(Retained, e)
		}
	}
	s.f.Matured = len(matured)
}

func (s *fold) person(step Step, e Event) {
	if s.people[step] == nil {
		s.people[step] = map[int64]bool{}
	}
	s.people[step][e.Contact] = true
}

func (s *fold) call(step Step, e Event) {
	s.person(step, e)
	if s.attempts[step] == nil {
		s.attempts[step] = map[string]bool{}
	}
	s.attempts[step][e.Key] = true
}
