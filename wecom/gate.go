package wecom

import (
	"context"
	"sync"
	"time"
)

// Parallelism and pauses of one API. WeCom refuses concurrent calls of one API
// of one corp (45033) at modest numbers, hence four.
const (
	maxParallel = 4
	growAfter   = 20               // calls that worked before one more may run at a time
	shortPause  = time.Minute      // the smallest window of 45009
	longPause   = time.Hour        // the next one, when the first was not enough
	repeatSpan  = 10 * time.Minute // a second 45009 within this means the hour's window
)

// gate lets at most limit calls of one API run; the limit halves on 45033 and
// grows back by one after growAfter good calls (AIMD).
type gate struct {
	api string

	mu      sync.Mutex
	limit   int
	running int
	good    int
	queue   []chan struct{} // callers waiting, first come first served

	until  time.Time // pause after 45009
	paused time.Time // when the last pause began
	cause  *APIError
}

func (c *Client) gate(api string) *gate {
	if g, ok := c.gates.Load(api); ok {
		return g.(*gate)
	}
	g, _ := c.gates.LoadOrStore(api, &gate{api: api, limit: maxParallel})
	return g.(*gate)
}

func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if g.running < g.limit && len(g.queue) == 0 {
		g.running++
		g.mu.Unlock()
		return nil
	}
	turn := make(chan struct{}, 1) // 1: the waker never waits for a caller that gave up
	g.queue = append(g.queue, turn)
	g.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, w := range g.queue {
		if w == turn {
			g.queue = append(g.queue[:i], g.queue[i+1:]...)
			return ctx.Err()
		}
	}
	g.running-- // our turn came in the same moment: hand it on
	g.admit()
	return ctx.Err()
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	g.admit()
}

// admit wakes waiting callers; the lock is held.
func (g *gate) admit() {
	for g.running < g.limit && len(g.queue) > 0 {
		g.running++
		g.queue[0] <- struct{}{}
		g.queue = g.queue[1:]
	}
}

func (g *gate) halve() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = max(1, g.limit/2)
	g.good = 0
}

func (g *gate) worked() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.good++; g.good >= growAfter && g.limit < maxParallel {
		g.limit++
		g.good = 0
		g.admit()
	}
}

// pause begins a rest: one minute, or an hour when the last rest was not enough.
// Refusals of calls that were under way when the rest began do not lengthen it.
func (g *gate) pause(now time.Time, cause *APIError) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Before(g.until) {
		return g.until
	}
	d := shortPause
	if !g.paused.IsZero() && now.Sub(g.paused) < repeatSpan {
		d = longPause
	}
	g.paused, g.until, g.cause = now, now.Add(d), cause
	return g.until
}

func (g *gate) resting(now time.Time) (time.Time, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cause == nil || !now.Before(g.until) {
		return time.Time{}, nil
	}
	return g.until, g.cause
}
