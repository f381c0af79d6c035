package speechtest

import (
	"context"

	"warmline/speech"
)

// Voice is a synthesizer that speaks in tones, so that a simulated person with
// Ears hears the bot's words.
type Voice struct{}

// ID implements speech.Synthesizer.
func (Voice) ID() string { return "tones/1" }

// Synthesize implements speech.Synthesizer; it always speaks at the line's rate.
func (Voice) Synthesize(ctx context.Context, u speech.Utterance) ([]int16, int, error) {
	return Speak(u.Text), speech.Rate, ctx.Err()
}
