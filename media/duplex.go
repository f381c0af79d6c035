package media

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

const (
	listenRoom = 8192             // samples a live listener holds: one second
	listenWake = 2 * frameSamples // 40 ms, as a tap
	duplexLag  = 1600             // how far the customer may fall behind the bot: 200 ms
	duplexLead = 800              // and run ahead of it, when packets come in a heap
)

// A Listener is both sides of a call as 8 kHz samples: the customer as we hear
// them, the bot (or whoever is bridged in) as it is sent. Both sides stand on one
// clock, the leg's own visits: what has not come in time is silence, and so is
// what the reader was too slow for, so that neither side ever shifts against the
// other. A listener costs nothing until it is opened.
type Listener struct {
	customer, bot side
	started       time.Time // of the first sample
	bell          int       // samples that wake the reader
	read          atomic.Uint64
	missed        atomic.Uint64
	wake          chan struct{} // one token is enough: it says "look again"
	ended         atomic.Bool   // by the leg
	shut          atomic.Bool   // by the reader
}

// A side is one channel: a ring its shard writes and one reader reads.
type side struct {
	ring    []int16
	written atomic.Uint64
	at      uint64 // samples given to it; the shard's own
	owed    int    // of them, those the ring had no room for
}

func newListener(room, bell int) *Listener {
	return &Listener{
		customer: side{ring: make([]int16, room)}, bot: side{ring: make([]int16, room)},
		bell: bell, wake: make(chan struct{}, 1),
	}
}

// Listen opens both sides of the call, from now on. Any number may listen.
func (l *Leg) Listen() *Listener { return l.listen(listenRoom, listenWake) }

func (l *Leg) listen(room, bell int) *Listener {
	d := newListener(room, bell)
	d.started = time.Now()
	open := false
	l.shard.do(func() {
		if open = !l.gone; open {
			d.started = l.shard.epoch.Add(l.shard.start + time.Duration(l.due)*tickTime)
			ear := l.flow.ear()
			ear.listeners = append(ear.listeners, d)
		}
	})
	if !open {
		d.end()
	}
	return d
}

// Started is the time of the first sample.
func (d *Listener) Started() time.Time { return d.started }

// Read waits for audio and fills pcm with pairs of samples, customer first. After
// the leg is closed it gives what is left and then io.EOF. One goroutine may read.
func (d *Listener) Read(ctx context.Context, pcm []int16) (n int, err error) {
	if len(pcm) < 2*frameSamples {
		return 0, errors.New("listening: room for less than 160 pairs of samples")
	}
	for {
		ended := d.ended.Load() // before looking, so that nothing is missed
		if n := d.take(pcm); n > 0 {
			return n, nil
		}
		if ended {
			return 0, io.EOF
		}
		select {
		case <-d.wake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Close ends the listening; it then costs nothing again, and Read gives what is left.
func (d *Listener) Close() {
	d.shut.Store(true)
	d.end()
}

// Dropped is how many pairs of samples became silence because nobody read in time.
func (d *Listener) Dropped() uint64 { return d.missed.Load() }

func (d *Listener) take(pcm []int16) int {
	read := d.read.Load()
	n := min(int(min(d.customer.written.Load(), d.bot.written.Load())-read), len(pcm)/2)
	size := uint64(len(d.bot.ring))
	for i := range n {
		at := (read + uint64(i)) % size
		pcm[2*i], pcm[2*i+1] = d.customer.ring[at], d.bot.ring[at]
	}
	d.read.Store(read + uint64(n))
	return 2 * n
}

// hear is the shard's side: what the customer said, in order. What runs too far
// ahead of the clock is thrown away.
func (d *Listener) hear(pcm []int16) {
	ahead := int64(d.customer.at) - int64(d.bot.at)
	if ahead+int64(len(pcm)) > duplexLead+maxPayload {
		return
	}
	d.put(&d.customer, pcm)
}

// catchUp fills the customer's side with silence up to lag samples before now; the
// first audio of a talker is so placed that it ends now.
func (d *Listener) catchUp(lag int) {
	for behind := int(int64(d.bot.at)-int64(d.customer.at)) - lag; behind > 0; behind -= frameSamples {
		d.put(&d.customer, quietFrame[:min(behind, frameSamples)])
	}
}

// pass is the clock: the samples sent in one packet time.
func (d *Listener) pass(pcm []int16) {
	d.put(&d.bot, pcm)
	if int64(d.bot.at)-int64(d.customer.at) > duplexLag {
		d.catchUp(duplexLag / 2)
	}
	if d.bot.written.Load()-d.read.Load() >= uint64(d.bell) {
		d.alert()
	}
}

var quietFrame [frameSamples]int16

// put writes to one side as far as the ring has room; the rest is owed and paid
// in silence once there is.
func (d *Listener) put(s *side, pcm []int16) {
	s.at += uint64(len(pcm))
	written := s.written.Load()
	room := len(s.ring) - int(written-d.read.Load())
	for ; s.owed > 0 && room > 0; room-- {
		s.ring[written%uint64(len(s.ring))] = 0
		written++
		s.owed--
	}
	n := min(room, len(pcm))
	for _, v := range pcm[:n] {
		s.ring[written%uint64(len(s.ring))] = v
		written++
	}
	s.written.Store(written)
	if lost := len(pcm) - n; lost > 0 {
		s.owed += lost
		if s == &d.bot {
			d.missed.Add(uint64(lost))
		}
	}
}

func (d *Listener) alert() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// finish brings both sides to the same length.
func (d *Listener) finish() {
	d.catchUp(0)
	d.end()
}

func (d *Listener) end() {
	d.ended.Store(true)
	d.alert()
}
