package sip

import (
	"slices"
	"sync"
	"time"
)

// Turn is one message of a call's ladder: what was sent or received, without
// numbers, as in "180 Ringing" or "BYE (Q.850;cause=16)".
type Turn struct {
	At   time.Time
	Sent bool
	Line string
}

// maxTurns bounds a ladder; a carrier that repeats 183 every second would
// otherwise fill memory. The end matters more than the middle, so the last
// quarter slides.
const maxTurns = 200

// usualTurns is the ladder of a plain call: INVITE, 100, 180, 200, ACK, BYE, 200.
const usualTurns = 8

// ladder keeps a call's messages for the people who look into it.
type ladder struct {
	mu    sync.Mutex
	turns []Turn
}

func (l *ladder) note(sent bool, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turns == nil {
		l.turns = make([]Turn, 0, usualTurns)
	}
	if len(l.turns) == maxTurns {
		l.turns = slices.Delete(l.turns, maxTurns*3/4, maxTurns*3/4+1)
	}
	l.turns = append(l.turns, Turn{time.Now(), sent, line})
}

func (l *ladder) copy() []Turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.turns)
}
