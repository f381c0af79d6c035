package occasions

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Limits of one question to a service: it is asked before a call, never during
// one, and a slow answer is no answer.
const (
	askDeadline = 2 * time.Second
	askBytes    = 1 << 20
	retryAfter  = time.Minute // a failed city is not asked again before
)

// An asker asks a service about places: each once an hour, whoever asks how often;
// those who ask together wait for one answer. While a service fails, the answer
// before is given for as long as it holds.
type asker[T any] struct {
	mu      sync.Mutex
	cache   map[string]*answer[T]
	breaker breaker
}

// answer is what is known of one place, or why nothing is; done closes when it is.
type answer[T any] struct {
	done  chan struct{}
	asked time.Time
	value T
	err   error
	good  *answer[T] // the last that had no error
}

// ask gives the place's answer and when it was observed.
func (a *asker[T]) ask(ctx context.Context, key string, now time.Time, fetch func(context.Context) (T, error)) (value T, observed time.Time, err error) {
	w, err := a.current(ctx, key, now, fetch)
	if err != nil {
		return value, observed, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return value, observed, ctx.Err()
	}
	if w.err != nil && w.good != nil && now.Sub(w.good.asked) < weatherHolds {
		w = w.good
	}
	return w.value, w.asked, w.err
}

// current finds this hour's answer or fetches it. The fetch has its own deadline
// and does not die with the one who happened to ask first.
func (a *asker[T]) current(ctx context.Context, key string, now time.Time, fetch func(context.Context) (T, error)) (*answer[T], error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.cache[key]
	if old != nil && old.serves(now) {
		return old, nil
	}
	next := &answer[T]{done: make(chan struct{}), asked: now}
	if old != nil {
		next.good = old.good
		if old.err == nil {
			next.good = old
			old.good = nil
		}
	}
	if !a.breaker.allows(now) {
		if next.good != nil {
			return next.good, nil
		}
		return nil, errOpen
	}
	if a.cache == nil {
		a.cache = map[string]*answer[T]{}
	}
	a.cache[key] = next
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askDeadline)
		defer cancel()
		next.value, next.err = fetch(ctx)
		a.mu.Lock()
		a.breaker.note(next.err == nil, now)
		a.mu.Unlock()
		close(next.done)
	}()
	return next, nil
}

func (w *answer[T]) serves(now time.Time) bool {
	select {
	case <-w.done:
	default:
		return true
	}
	if w.err != nil {
		return now.Sub(w.asked).Abs() < retryAfter
	}
	return w.asked.Truncate(time.Hour).Equal(now.Truncate(time.Hour))
}

var errOpen = errors.New("the service failed too often and is left alone for a while")

// A breaker leaves a failing service alone: after five failures in a row for a
// minute, twice as long each time one more question fails, ten minutes at most.
type breaker struct {
	failures int
	until    time.Time
	rest     time.Duration
}

const (
	breakerFailures = 5
	breakerRest     = time.Minute
	breakerLongest  = 10 * time.Minute
)

// allows lets one question through when the rest is over; what it finds decides.
func (b *breaker) allows(now time.Time) bool {
	if b.failures < breakerFailures {
		return true
	}
	if now.Before(b.until) {
		return false
	}
	b.until = now.Add(max(b.rest, breakerRest))
	return true
}

func (b *breaker) note(ok bool, now time.Time) {
	if ok {
		*b = breaker{}
		return
	}
	if b.failures++; b.failures >= breakerFailures {
		b.rest = min(max(2*b.rest, breakerRest), breakerLongest)
		b.until = now.Add(b.rest)
	}
}

// of names the place in an error.
func of(place Place, what string, err error) error {
	return fmt.Errorf("%s of %s: %w", what, place.City, err)
}
