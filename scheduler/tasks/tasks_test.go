package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
)

func TestEveryDispatchWakesOnce(t *testing.T) {
	addr, o := redis(t), newOutbox()
	keys := make(chan string, 1000) // more than can come
	work(t, addr, nil, map[string]Handler{Attempt: into(keys)})
	var want []string
	for i := range batch + 50 { // two passes
		want = append(want, fmt.Sprintf("a%03d", i))
	}
	o.add(Attempt, want...)
	stop := relay(t, o, addr, nil)
	var got []string
	for range want {
		got = append(got, next(t, keys))
	}
	stop()
	if kept := drained(t, addr, Attempt); kept != 0 || len(keys) != 0 {
		t.Errorf("%d tasks kept, %d came twice", kept, len(keys))
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	for _, k := range want {
		if n := o.dispatches(k); n != 1 {
			t.Errorf("%s was announced %d times", k, n)
		}
	}
}

// Two relays may read the same row before either marks it.
func TestTheSameDispatchTwiceIsOneTask(t *testing.T) {
	addr, o := redis(t), newOutbox()
	o.add(Message, "m")
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: addr})
	defer client.Close()
	ctx := context.Background()
	twice, err := o.Relay(ctx, time.Now(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := enqueue(ctx, client, twice[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := relayOnce(ctx, o, client, time.Now()); err != nil {
		t.Fatal(err)
	}
	keys := make(chan string, 10) // more than can come
	work(t, addr, nil, map[string]Handler{Message: into(keys)})
	next(t, keys)
	if drained(t, addr, Message); len(keys) != 0 {
		t.Errorf("one dispatch woke %d times", 1+len(keys))
	}

	// The next dispatch of the same work is another task.
	again := twice[0]
	again.Dispatch++
	if err := enqueue(ctx, client, again); err != nil {
		t.Fatal(err)
	}
	next(t, keys)
}

func TestWhateverAHandlerDoesIsForgotten(t *testing.T) {
	for _, tt := range []struct {
		name string
		does func() error
	}{
		{"it succeeds", func() error { return nil }},
		{"it fails", func() error { return errors.New("the store is away") }},
		{"it panics", func() error { panic("a bug") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr, o, j := redis(t), newOutbox(), &journal{}
			o.stale = 50 * time.Millisecond
			tries := make(chan string, 1000) // more than can come
			work(t, addr, j.log(), map[string]Handler{Invite: func(_ context.Context, key string) error {
				tries <- key
				return tt.does()
			}})
			o.add(Invite, "i")
			stop := relay(t, o, addr, j.log())
			// The row is not done, so the relay wakes again and again.
			for range 3 {
				next(t, tries)
			}
			o.done("i")
			stop()
			if kept := drained(t, addr, Invite); kept != 0 {
				t.Errorf("%d tasks are kept", kept)
			}
			if told := j.count("wake-up"); (told > 0) != (tt.name != "it succeeds") {
				t.Errorf("told %d times", told)
			}
		})
	}
}

// A process without a dialer leaves a dialer's wake-ups to those with one.
func TestAWorkerTakesOnlyWhatItHandles(t *testing.T) {
	addr, o := redis(t), newOutbox()
	messages, attempts := make(chan string, 10), make(chan string, 10) // more than can come
	work(t, addr, nil, map[string]Handler{Message: into(messages)})
	o.add(Attempt, "a")
	o.add(Message, "m")
	relay(t, o, addr, nil)
	if k := next(t, messages); k != "m" {
		t.Errorf("woken for %s", k)
	}
	o.until(t, "announcing both", func() bool { return o.rows[0].dispatch == 1 && o.rows[1].dispatch == 1 })
	work(t, addr, nil, map[string]Handler{Attempt: into(attempts)})
	if k := next(t, attempts); k != "a" {
		t.Errorf("woken for %s", k)
	}
}

func TestTheRelayTellsTheStoreTheWorldsTime(t *testing.T) {
	o := newOutbox()
	world := time.Date(2027, 2, 6, 1, 0, 0, 0, time.UTC)
	addr := redis(t)
	start(t, func(ctx context.Context) error {
		return Relay(ctx, o, addr, time.Millisecond, func() time.Time { return world }, nil)
	})
	o.until(t, "asking the store", func() bool { return o.now.Equal(world) })
}

func TestAStoreThatIsAwayIsToldOnceAndAskedAgain(t *testing.T) {
	addr, o, j := redis(t), newOutbox(), &journal{}
	o.down = errors.New("connection refused")
	keys := make(chan string, 10) // more than can come
	work(t, addr, nil, map[string]Handler{Attempt: into(keys)})
	relay(t, o, addr, j.log())
	o.until(t, "asking again", func() bool { return o.reads >= 3 })
	o.do(func() { o.down = nil })
	o.add(Attempt, "a")
	next(t, keys)
	o.until(t, "two more passes", passes(o, 2))
	if fails, works := j.count("relaying wake-ups fails"), j.count("works again"); fails != 1 || works != 1 {
		t.Errorf("told %d times that it fails and %d times that it works", fails, works)
	}
}

// passes is true once the relay has read n times more.
func passes(o *outbox, n int) func() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	want := o.reads + n
	return func() bool { return o.reads >= want }
}

// Redis goes away with everything it knew and comes back empty: work announced
// to the old one is announced again, work that came meanwhile waits.
func TestARedisThatGoesAwayCostsLatencyOnly(t *testing.T) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	addr := m.Addr()
	o, j := newOutbox(), &journal{}
	o.stale = 300 * time.Millisecond
	keys := make(chan string, 100) // more than can come
	take := func(ctx context.Context, key string) error {
		o.done(key)
		return into(keys)(ctx, key)
	}
	work(t, addr, j.log(), map[string]Handler{Attempt: take})
	relay(t, o, addr, j.log())

	o.add(Attempt, "before")
	if k := next(t, keys); k != "before" {
		t.Fatalf("woken for %s", k)
	}
	o.add(Message, "announced") // nobody takes messages yet
	o.until(t, "announcing", func() bool { return o.rows[1].dispatch > 0 })

	m.Close()
	o.add(Attempt, "meanwhile")
	o.until(t, "trying without Redis", passes(o, 2))
	if n := o.dispatches("meanwhile"); n != 0 {
		t.Errorf("announced %d times to nobody", n)
	}

	m = miniredis.NewMiniRedis()
	if err := m.StartAddr(addr); err != nil {
		t.Fatalf("starting another at the same address: %v", err)
	}
	t.Cleanup(m.Close)
	if k := next(t, keys); k != "meanwhile" {
		t.Errorf("woken for %s", k)
	}
	work(t, addr, j.log(), map[string]Handler{Message: take})
	if k := next(t, keys); k != "announced" {
		t.Errorf("woken for %s", k)
	}
	o.until(t, "announcing the lost one again", func() bool { return o.rows[1].dispatch >= 2 })
	o.until(t, "two more passes", passes(o, 2))
	if fails, works := j.count("relaying wake-ups fails"), j.count("works again"); fails != 1 || works != 1 {
		t.Errorf("told %d times that it fails and %d times that it works", fails, works)
	}
}

func TestRunWaitsForItsHandlers(t *testing.T) {
	addr, o := redis(t), newOutbox()
	o.add(Attempt, "a")
	relay(t, o, addr, nil)
	began, finish := make(chan struct{}), make(chan struct{})
	w := &Worker{Redis: addr, Handlers: map[string]Handler{Attempt: func(context.Context, string) error {
		close(began)
		<-finish
		return nil
	}}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	<-began
	cancel()
	select {
	case err := <-ended:
		t.Fatalf("Run left a handler behind: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(finish)
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Run does not end")
	}
}

// start checks that both end.
func TestBothEndWhileRedisIsAway(t *testing.T) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	addr := m.Addr()
	m.Close()
	o := newOutbox()
	o.add(Attempt, "a")
	stopWork := work(t, addr, nil, map[string]Handler{Attempt: into(nil)})
	stopRelay := relay(t, o, addr, nil)
	o.until(t, "two passes", passes(o, 2))
	stopRelay()
	stopWork()
}
