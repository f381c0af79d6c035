package media

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// tapSize is how much a tap holds for a reader that is busy: one second.
const tapSize = 8192

// tapWake wakes the reader when 40 ms are waiting.
const tapWake = 2 * frameSamples

// A Tap is what the callee says, as 8 kHz samples, from the moment it was opened.
// The shard writes, one reader reads, and neither ever waits for the other: a ring
// with one producer and one consumer. While nothing comes in, silence does, so
// that a recogniser's clock keeps going. When the reader is a second behind,
// what comes then is dropped and counted.
type Tap struct {
	ring    [tapSize]int16
	written atomic.Uint64
	read    atomic.Uint64
	dropped atomic.Uint64
	every   atomic.Int64  // samples that wake the reader; 0 is tapWake
	wake    chan struct{} // one token is enough: it says "look again"
	ended   atomic.Bool   // by the leg
	shut    atomic.Bool   // by the reader
}

func newTap() *Tap { return &Tap{wake: make(chan struct{}, 1)} }

// Read waits for audio and copies whole frames of 160 samples to pcm. After the
// leg is closed it gives what is left and then io.EOF. One goroutine may read.
func (t *Tap) Read(ctx context.Context, pcm []int16) (n int, err error) {
	if len(pcm) < frameSamples {
		return 0, errors.New("reading tap: room for less than 160 samples")
	}
	for {
		ended := t.ended.Load() // before looking, so that nothing is missed
		if n := t.take(pcm); n > 0 {
			return n, nil
		}
		if ended {
			return 0, io.EOF
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Close stops the tap; it then costs nothing again, and Read gives what is left.
func (t *Tap) Close() {
	t.shut.Store(true)
	t.end()
}

// Wake sets how much sound wakes the reader: 40 ms, the default, while somebody
// waits for what is said; 100 ms when nobody does, which costs less than half.
func (t *Tap) Wake(every time.Duration) {
	t.every.Store(int64(every * sampleRate / time.Second))
}

// Dropped is how many samples were lost because nobody read them.
func (t *Tap) Dropped() uint64 { return t.dropped.Load() }

func (t *Tap) take(pcm []int16) int {
	read := t.read.Load()
	n := min(int(t.written.Load()-read), len(pcm)) / frameSamples * frameSamples
	first := copy(pcm[:n], t.ring[read%tapSize:])
	copy(pcm[first:n], t.ring[:])
	t.read.Store(read + uint64(n))
	return n
}

// write is the shard's side.
func (t *Tap) write(pcm []int16) {
	written, read := t.written.Load(), t.read.Load()
	n := min(len(pcm), tapSize-int(written-read))
	first := copy(t.ring[written%tapSize:], pcm[:n])
	copy(t.ring[:], pcm[first:n])
	t.written.Store(written + uint64(n))
	if n < len(pcm) {
		t.dropped.Add(uint64(len(pcm) - n))
	}
	every := uint64(t.every.Load())
	if every == 0 {
		every = tapWake
	}
	if written+uint64(n)-read >= every {
		t.alert()
	}
}

func (t *Tap) alert() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *Tap) end() {
	t.ended.Store(true)
	t.alert()
}
