package sip

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// maxDatagram lifts sipgo's 1300-byte limit on UDP requests: carriers' trunks
// are UDP, an INVITE with several codecs is larger, and IP fragments it.
const maxDatagram = 65000

// sipgo keeps these two settings in globals.
var setSipgo = sync.OnceFunc(func() {
	gosip.UDPMTUSize = maxDatagram
	gosip.SetDefaultLogger(slog.New(slog.DiscardHandler))
})

// netError takes what the network said out of an error of sipgo's, which also
// quotes the request with its number.
func netError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	var way *wayError
	if errors.As(err, &way) {
		return way
	}
	return errors.New("transport failed")
}

// quiet is the log handler given to sipgo. It would log whole datagrams, with
// numbers in them, at the rate a stranger sends them: so only its warnings pass,
// without attributes, at most one a second, with the number left out.
type quiet struct {
	to      *slog.Logger
	last    *atomic.Int64 // unix nanoseconds of the last line
	skipped *atomic.Uint64
}

func newQuiet(to *slog.Logger) *slog.Logger {
	return slog.New(quiet{to, new(atomic.Int64), new(atomic.Uint64)})
}

// Enabled lets sipgo skip building what would be thrown away.
func (q quiet) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle writes the message alone, if a second has passed since the last one.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	last, now := q.last.Load(), r.Time.UnixNano()
	if now-last < int64(time.Second) || !q.last.CompareAndSwap(last, now) {
		q.skipped.Add(1)
		return nil
	}
	q.to.LogAttrs(ctx, slog.LevelDebug, "sip transport: "+printable(r.Message),
		slog.Uint64("left_out", q.skipped.Swap(0)))
	return nil
}

// WithAttrs drops them.
func (q quiet) WithAttrs([]slog.Attr) slog.Handler { return q }

// WithGroup drops it.
func (q quiet) WithGroup(string) slog.Handler { return q }
