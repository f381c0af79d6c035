package tasks

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"warmline/postgres"
	"warmline/scheduler/tasks/local"
)

// patience is how long anything here may take on a busy machine.
const patience = 20 * time.Second

// outbox is a tiny store of work to be announced, with the promise of the real
// one: it is announced until done, again when it lay announced for stale.
type outbox struct {
	mu      sync.Mutex
	stale   time.Duration // 0: never again
	rows    []row
	reads   int       // by relays
	now     time.Time // told by the last of them
	down    error     // answer of a store that is away
	changed chan struct{}
}

type row struct {
	kind, key string
	dispatch  int
	at        time.Time // of the last announcement
	done      bool
}

func newOutbox() *outbox { return &outbox{changed: make(chan struct{})} }

// do changes something and tells those who wait.
func (o *outbox) do(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *outbox) add(kind string, keys ...string) {
	o.do(func() {
		for _, k := range keys {
			o.rows = append(o.rows, row{kind: kind, key: k})
		}
	})
}

func (o *outbox) Relay(_ context.Context, now time.Time, limit int) (list []postgres.Wake, err error) {
	o.do(func() {
		o.reads++
		o.now = now
		err = o.down
		for i, r := range o.rows {
			due := r.dispatch == 0 || o.stale > 0 && time.Since(r.at) > o.stale
			if due && !r.done && len(list) < limit {
				list = append(list, postgres.Wake{Kind: r.kind, Key: r.key, Dispatch: r.dispatch + 1, Outbox: int64(i)})
			}
		}
	})
	return list, err
}

func (o *outbox) Relayed(_ context.Context, ids []int64) (err error) {
	o.do(func() {
		if err = o.down; err != nil {
			return
		}
		for _, id := range ids {
			o.rows[id].dispatch++
			o.rows[id].at = time.Now()
		}
	})
	return err
}

func (o *outbox) done(key string) {
	o.do(func() {
		for i := range o.rows {
			o.rows[i].done = o.rows[i].done || o.rows[i].key == key
		}
	})
}

// dispatches of a row so far.
func (o *outbox) dispatches(key string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.rows, func(r row) bool { return r.key == key })
	return o.rows[i].dispatch
}

// until waits for something to be true of the outbox, which is locked meanwhile.
func (o *outbox) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	end := time.After(patience)
	for {
		o.mu.Lock()
		ok, changed := is(), o.changed
		o.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-end:
			t.Fatalf("%s: never", what)
		}
	}
}

// journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) count(s string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.b.String(), s)
}

func (j *journal) log() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// redis is a Redis of this test.
func redis(t *testing.T) string {
	t.Helper()
	r, err := local.InProcess()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r.Addr
}

// start runs f until the test ends or stop is called, and waits for it.
func start(t *testing.T, f func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("does not end with its ctx")
		}
	})
	t.Cleanup(stop)
	return stop
}

// relay starts one.
func relay(t *testing.T, o Outbox, addr string, log *slog.Logger) (stop func()) {
	return start(t, func(ctx context.Context) error { return Relay(ctx, o, addr, 10*time.Millisecond, time.Now, log) })
}

// work starts a worker.
func work(t *testing.T, addr string, log *slog.Logger, handlers map[string]Handler) (stop func()) {
	w := &Worker{Redis: addr, Handlers: handlers, Log: log}
	return start(t, w.Run)
}

// into is a handler that hands the keys over.
func into(keys chan<- string) Handler {
	return func(ctx context.Context, key string) error {
		select {
		case keys <- key:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func next(t *testing.T, keys <-chan string) string {
	t.Helper()
	select {
	case k := <-keys:
		return k
	case <-time.After(patience):
		t.Fatal("no wake-up came")
		return ""
	}
}

// drained waits until a queue holds no task that could still run, and returns
// what it keeps: tasks to be retried and tasks put aside.
func drained(t *testing.T, addr, kind string) (kept int) {
	t.Helper()
	i := asynq.NewInspector(asynq.RedisClientOpt{Addr: addr})
	defer i.Close()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		q, err := i.GetQueueInfo(queue(kind))
		if errors.Is(err, asynq.ErrQueueNotFound) {
			return 0
		}
		if err != nil {
			t.Fatal(err)
		}
		if q.Pending+q.Active == 0 {
			return q.Retry + q.Archived + q.Completed + q.Scheduled
		}
	}
	t.Fatal("the queue does not drain")
	return 0
}
