package media

import (
	"sync"
	"sync/atomic"
	"time"
)

// An EventKind names what happened on a leg.
type EventKind string

// The kinds of event.
const (
	EventFirst   EventKind = "first"   // the first packet of the callee's audio
	EventDigit   EventKind = "digit"   // a key was pressed: Digit
	EventPlayed  EventKind = "played"  // play ID is over: Frames of Total were sent
	EventTimeout EventKind = "timeout" // nothing has come for too long; told once per silence
)

// An Event is something the owner of the call should know.
type Event struct {
	Kind   EventKind
	At     time.Time
	Digit  string // "0" to "9", "*", "#", "A" to "D"
	ID     uint64 // of the Play that is over
	Frames int    // of 20 ms, sent
	Total  int    // of 20 ms, given to Play
}

// eventRoom is how many events wait for the owner: the key presses and plays of a
// second in which it is busy. A reader that stalls loses the newest, counted in
// Stats.EventsLost. Every live call holds this room, so it is not larger.
const eventRoom = 16

// A mailbox is a channel of events with a safe end.
type mailbox struct {
	mu     sync.Mutex
	ch     chan Event
	closed bool
	lost   atomic.Uint64
}

func (m *mailbox) post(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	e.At = time.Now()
	select {
	case m.ch <- e:
	default:
		m.lost.Add(1)
	}
}

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		close(m.ch)
	}
}
