package openai

import (
	"errors"
	"sync"
	"time"
)

// failuresAllowed is how often an endpoint may fail in a row before it is left alone.
const failuresAllowed = 5

var errOpen = errors.New("the model's endpoint failed and is left alone for a while")

// A breaker leaves a failing endpoint alone for a while; then one question tries it,
// and its answer decides.
type breaker struct {
	mu       sync.Mutex
	failures int
	until    time.Time // zero: closed, everything passes
	trying   bool
}

// allows tells whether a question may be asked now.
func (b *breaker) allows(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return true
	case now.Before(b.until) || b.trying:
		return false
	}
	b.trying = true
	return true
}

// note takes down how a question went.
func (b *breaker) note(ok bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	tried := b.trying
	b.trying = false
	if ok {
		b.failures, b.until = 0, time.Time{}
		return
	}
	if b.failures++; b.failures >= failuresAllowed || tried {
		b.until = now.Add(resting)
	}
}

// shut leaves the endpoint alone at once.
func (b *breaker) shut(now time.Time, rest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
	if until := now.Add(rest); until.After(b.until) {
		b.until = until
	}
}

// release takes back a question that nobody waits for any more.
func (b *breaker) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}

// open tells whether the endpoint is being left alone.
func (b *breaker) open(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.until)
}
