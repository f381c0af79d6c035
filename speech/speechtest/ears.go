package speechtest

import (
	"context"
	"errors"
	"time"

	"warmline/speech"
)

const (
	onset = 40 * time.Millisecond  // of sound before it counts as speech
	pause = 200 * time.Millisecond // of silence before speech has ended

	// backlog is how many events wait for a reader: an onset, a final and a
	// quiet a second are a talkative person.
	backlog = 32
)

// Ears is a recognizer that hears what Speak says, and of everything else only
// that somebody speaks.
type Ears struct{}

// Open returns the ears of one call. It never fails, and it starts nothing: the
// work is done by Push.
func (Ears) Open(context.Context, speech.Options) (speech.Stream, error) {
	return newStream(), nil
}

func newStream() *stream {
	return &stream{events: make(chan speech.Event, backlog), demod: demod{found: -1}}
}

// stream is the ears of one call.
type stream struct {
	demod  demod
	part   [block]int16
	filled int

	loud, low int // blocks in a row above and below the gate
	speaking  bool

	events chan speech.Event
	closed bool
}

// Push implements speech.Stream.
func (s *stream) Push(pcm []int16) error {
	if s.closed {
		return errors.New("pushing samples: the ears are closed")
	}
	for len(pcm) > 0 {
		n := copy(s.part[s.filled:], pcm)
		pcm = pcm[n:]
		if s.filled += n; s.filled == block {
			s.filled = 0
			s.hear()
		}
	}
	return nil
}

// hear takes the block just filled.
func (s *stream) hear() {
	text, purity, ok := s.demod.take(&s.part)
	s.gate()
	if ok {
		s.tell(speech.Event{Kind: speech.Final, Text: text, Confidence: purity, At: s.now()})
	}
}

// gate follows whether somebody speaks at all.
func (s *stream) gate() {
	if power(&s.part) >= gate {
		s.loud, s.low = s.loud+1, 0
	} else {
		s.low++
		if s.low > 2 { // a dip inside a voice's period is not a pause
			s.loud = 0
		}
	}
	switch {
	case !s.speaking && s.loud >= blocks(onset):
		s.speaking = true
		s.tell(speech.Event{Kind: speech.Speech, At: s.now() - onset})
	case s.speaking && s.low >= blocks(pause):
		s.speaking = false
		s.tell(speech.Event{Kind: speech.Quiet, At: s.now() - pause})
	}
}

func blocks(d time.Duration) int { return int(d * speech.Rate / time.Second / block) }

func (s *stream) now() time.Duration {
	return time.Duration(s.demod.n) * time.Second / speech.Rate
}

// tell posts an event; with a full backlog the oldest one gives way to a final.
func (s *stream) tell(e speech.Event) {
	for {
		select {
		case s.events <- e:
			return
		default:
		}
		if e.Kind != speech.Final {
			return
		}
		select {
		case <-s.events:
		default:
		}
	}
}

// Events implements speech.Stream.
func (s *stream) Events() <-chan speech.Event { return s.events }

// Close implements speech.Stream.
func (s *stream) Close() error {
	if !s.closed {
		s.closed = true
		close(s.events)
	}
	return nil
}

// Hear returns every utterance in a recording, in order.
func Hear(pcm []int16) (texts []string) {
	d := demod{found: -1}
	var part [block]int16
	for len(pcm) > 0 {
		clear(part[:])
		n := copy(part[:], pcm)
		pcm = pcm[n:]
		if text, _, ok := d.take(&part); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
