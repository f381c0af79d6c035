// Package tasks carries the scheduler's decisions over asynq.
//
// PostgreSQL holds the truth; a task here is only a wake-up: "attempt A may be
// due, look". A task's ID is the row's key and its dispatch number, it is never
// retried and never kept, so a lost Redis costs latency and a doubled task
// costs one refused claim. The [Relay] moves outbox rows to the queue and
// raises the dispatch number of rows that were not picked up; the [Worker]
// runs the handlers. A handler asks, starts or refuses, and returns at once: a
// call's life is never a task's life.
package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/hibiken/asynq"

	"warmline/postgres"
)

// Kinds of wake-ups, which are also outbox kinds and asynq task types.
const (
	Attempt = "attempt" // an attempt may be claimed
	Invite  = "invite"  // an invitation waits to be offered
	Message = "message" // a message waits to be sent
)

// queue is the asynq queue of a kind; its name must be free of braces. Each kind
// has its own, because a process takes wake-ups from every queue it reads: one
// without a dialer must not swallow what is meant for a dialer.
func queue(kind string) string { return "warmline-" + kind }

// Outbox is what the relay needs of the store.
type Outbox interface {
	Relay(ctx context.Context, now time.Time, limit int) ([]postgres.Wake, error)
	Relayed(ctx context.Context, rows []int64) error
}

// Relay moves outbox rows to the queue until ctx ends. When Redis is away it
// keeps trying; the rows wait. now is the world's clock: a row may be meant for
// later. A nil log keeps silent.
func Relay(ctx context.Context, o Outbox, redis string, every time.Duration, now func() time.Time, log *slog.Logger) error {
	log = orSilent(log)
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: redis})
	defer client.Close()
	tick := time.NewTicker(every)
	defer tick.Stop()
	var trouble bool
	for {
		err := relayOnce(ctx, o, client, now())
		if err != nil && ctx.Err() == nil && !trouble {
			log.Warn("relaying wake-ups fails; rows wait in the outbox", "err", err)
		}
		if err == nil && trouble {
			log.Info("relaying wake-ups works again")
		}
		trouble = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// batch is how many rows one pass moves.
const batch = 200

func relayOnce(ctx context.Context, o Outbox, client *asynq.Client, now time.Time) error {
	wakes, err := o.Relay(ctx, now, batch)
	if err != nil {
		return fmt.Errorf("reading the outbox: %w", err)
	}
	done := make([]int64, 0, len(wakes))
	for _, w := range wakes {
		if err = enqueue(ctx, client, w); err != nil {
			break
		}
		done = append(done, w.Outbox)
	}
	if len(done) > 0 {
		if merr := o.Relayed(ctx, done); merr != nil {
			return errors.Join(err, fmt.Errorf("marking relayed rows: %w", merr))
		}
	}
	return err
}

func enqueue(ctx context.Context, client *asynq.Client, w postgres.Wake) error {
	_, err := client.EnqueueContext(ctx, asynq.NewTask(w.Kind, []byte(w.Key)),
		asynq.Queue(queue(w.Kind)), asynq.TaskID(w.Key+"/"+strconv.Itoa(w.Dispatch)),
		asynq.MaxRetry(0), asynq.Retention(0), asynq.Timeout(time.Minute))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil // it is there already
	}
	if err != nil {
		return fmt.Errorf("waking %s %s: %w", w.Kind, w.Key, err)
	}
	return nil
}

// Handler takes one wake-up. It must return soon.
type Handler func(ctx context.Context, key string) error

// Worker runs handlers for wake-ups until ctx ends.
type Worker struct {
	Redis    string
	Handlers map[string]Handler
	Log      *slog.Logger // nil keeps silent
}

// Run takes wake-ups until ctx ends, then waits for running handlers.
func (w *Worker) Run(ctx context.Context) error {
	log := orSilent(w.Log)
	mux := asynq.NewServeMux()
	queues := map[string]int{}
	for kind, h := range w.Handlers {
		queues[queue(kind)] = 1
		mux.HandleFunc(kind, func(ctx context.Context, t *asynq.Task) error {
			if err := call(ctx, h, string(t.Payload())); err != nil {
				// A wake-up is forgotten whatever happens: the row is the truth
				// and the relay wakes again.
				log.Warn("wake-up", "kind", kind, "key", string(t.Payload()), "err", err)
			}
			return nil
		})
	}
	s := asynq.NewServer(asynq.RedisClientOpt{Addr: w.Redis}, asynq.Config{
		Concurrency: 32, Queues: queues,
		TaskCheckInterval: 50 * time.Millisecond, DelayedTaskCheckInterval: 500 * time.Millisecond,
		ShutdownTimeout: 8 * time.Second, HealthCheckFunc: nil,
		Logger: quiet{log}, LogLevel: asynq.WarnLevel,
	})
	if err := s.Start(mux); err != nil {
		return fmt.Errorf("starting workers: %w", err)
	}
	<-ctx.Done()
	s.Shutdown()
	return nil
}

// call runs a handler. One that panics has failed; asynq would keep its task.
func call(ctx context.Context, h Handler, key string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return h(ctx, key)
}

// orSilent is a log that can be written to.
func orSilent(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

// quiet carries asynq's own words into slog.
type quiet struct{ log *slog.Logger }

func (q quiet) Debug(args ...any) { q.log.Debug(fmt.Sprint(args...), "from", "asynq") }
func (q quiet) Info(args ...any)  { q.log.Debug(fmt.Sprint(args...), "from", "asynq") }
func (q quiet) Warn(args ...any)  { q.log.Warn(fmt.Sprint(args...), "from", "asynq") }
func (q quiet) Error(args ...any) { q.log.Warn(fmt.Sprint(args...), "from", "asynq") }
func (q quiet) Fatal(args ...any) { q.log.Error(fmt.Sprint(args...), "from", "asynq") }
