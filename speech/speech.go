// Package speech is hearing and speaking: what a call needs so that a bot can
// talk to a person, without saying which engine does it.
//
// A [Synthesizer] turns words into samples; each engine lives in its own
// subpackage (speech/espeak, …) and is the only place that knows its vendor.
// [Prompts] stands in front of it: the same words by the same voice are made
// once, kept as ready G.711 frames, shared by every call and by the next run of
// the program. A live call never waits for an engine inside its audio: it asks
// Prompts for clips before it dials or while the phone rings.
//
// A [Recognizer] hears. It is streaming: samples are pushed as they arrive and
// events come out (speech began, speech ended, a sentence is final). Time in
// events is counted in samples, not read from a clock, so a recording gives the
// same events at any speed. That nothing was understood is an outcome and not
// an error; only a [Failed] event says that the ears themselves broke, and then
// the dialog goes on by keys and never infers a consent.
//
// Understanding what words mean is left to package dialogs, tones on the line to
// package media, and what a call's end means to package dialer.
package speech

import (
	"context"
	"time"
)

// Rate is the sampling rate of a telephone line in hertz: every [Stream] is
// pushed samples of this rate and every clip of [Prompts] plays at it.
const Rate = 8000

// Utterance is words to be spoken and how.
type Utterance struct {
	Text  string
	Voice string  // the engine's name of a voice; "" is the engine's own choice
	Lang  string  // BCP 47, "zh-CN"; "" is the engine's own choice
	Rate  float64 // 1 is the voice's normal speed; 0 means 1
}

// Synthesizer speaks: text in, samples out.
type Synthesizer interface {
	// ID names engine, version and whatever else changes how the same words
	// sound; it is part of the cache key of Prompts.
	ID() string
	// Synthesize returns mono 16-bit samples and their rate in hertz.
	Synthesize(ctx context.Context, u Utterance) (pcm []int16, rate int, err error)
}

// Options says what a stream will hear.
type Options struct {
	Lang  string
	Hints []string // phrases that are likely now; an engine may ignore them
}

// Recognizer hears: it opens one stream for each call.
type Recognizer interface {
	Open(ctx context.Context, o Options) (Stream, error)
}

// Stream is the ears of one call. Push and Close belong to one goroutine; the
// events may be read by another.
type Stream interface {
	// Push hears more samples (8 kHz mono, any number of them). It does not
	// block for longer than the recognition of these samples takes.
	Push(pcm []int16) error
	// Events is closed after Close. A reader that falls behind loses onsets and
	// partials first, and finals only when it has stopped reading altogether.
	Events() <-chan Event
	Close() error
}

// EventKind tells the events of a stream apart.
type EventKind string

const (
	Speech  EventKind = "speech"  // somebody began to speak at At
	Quiet   EventKind = "quiet"   // they stopped at At
	Partial EventKind = "partial" // Text so far; may change
	Final   EventKind = "final"   // Text is what was said
	Failed  EventKind = "failed"  // the ears broke; nothing more will be heard
)

// Event is something heard.
type Event struct {
	Kind       EventKind
	Text       string
	Confidence float64       // 0…1, of Partial and Final
	At         time.Duration // since the first sample pushed
}
