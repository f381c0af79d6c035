// Package espeak speaks with eSpeak NG (https://github.com/espeak-ng/espeak-ng),
// a small robotic voice that knows Mandarin and a hundred other languages.
//
// It is for tests, demos and authors who want to hear a line at once; it is not
// a voice to greet customers with. eSpeak NG is GPL-3 and therefore run as a
// process, never linked. One run takes about 2 ms per second of speech, so there
// is no pool of processes; package speech keeps what was spoken.
package espeak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"warmline/media"
	"warmline/speech"
)

const (
	// limit is how long one utterance may take; a second of speech takes 2 ms.
	limit = 10 * time.Second
	// wordsPerMinute is espeak's speed of a Rate of 1. Its Mandarin is slow: 250
	// gives the four and a half characters a second of a calm person on the phone.
	wordsPerMinute = 250
	// slowest and fastest are what espeak-ng accepts for -s.
	slowest, fastest = 80, 450
)

// voices maps the start of a language tag to espeak's voice.
var voices = []struct{ lang, voice string }{
	{"zh-HK", "yue"}, {"yue", "yue"}, {"zh", "cmn"}, {"cmn", "cmn"}, {"en", "en-us"},
}

// Engine speaks through an espeak-ng program. It is safe for any number of
// goroutines; each utterance is a process of its own.
type Engine struct{ path, version string }

// New returns the engine of the program at path; "" looks for espeak-ng in PATH.
// It asks the program for its version, so a wrong path fails here and not in a
// call.
func New(path string) (*Engine, error) {
	if path == "" {
		path = "espeak-ng"
	}
	full, err := exec.LookPath(path)
	if err != nil {
		return nil, fmt.Errorf("espeak: %w (apt-get install espeak-ng)", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := run(ctx, full, nil, "--version")
	if err != nil {
		return nil, fmt.Errorf("espeak: asking %s for its version: %w", full, err)
	}
	version, _, _ := strings.Cut(string(out), "Data at")
	return &Engine{path: full, version: strings.TrimSpace(version)}, nil
}

// ID implements speech.Synthesizer.
func (e *Engine) ID() string {
	return fmt.Sprintf("espeak/1 %s %d wpm %g dB", e.version, wordsPerMinute, speech.Loudness)
}

// Synthesize implements speech.Synthesizer: mono samples at espeak's own rate,
// brought to the loudness of a call. An utterance's Voice names a voice of
// espeak-ng when it has one; otherwise its Lang chooses, Mandarin by default.
func (e *Engine) Synthesize(ctx context.Context, u speech.Utterance) ([]int16, int, error) {
	if strings.TrimSpace(u.Text) == "" {
		return nil, 0, errors.New("espeak: nothing to say")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// The text goes in by stdin: it is a customer's name, and other users of
	// the machine may read an argument list.
	wav, err := run(ctx, e.path, []byte(u.Text), "-v", voice(u), "-s", speed(u.Rate), "-b", "1", "--stdout")
	if err != nil {
		return nil, 0, fmt.Errorf("espeak: speaking %d bytes as %s: %w", len(u.Text), voice(u), err)
	}
	pcm, rate, err := media.ReadWAV(bytes.NewReader(wav))
	if err != nil {
		return nil, 0, fmt.Errorf("espeak: reading its WAV: %w", err)
	}
	if len(pcm) == 0 {
		return nil, 0, fmt.Errorf("espeak: no sound for %d bytes as %s", len(u.Text), voice(u))
	}
	return speech.Normalize(pcm, rate, speech.Loudness), rate, nil
}

// run returns what the program wrote, and its complaint when it failed.
func run(ctx context.Context, path string, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = time.Second
	cmd.Stdin = bytes.NewReader(stdin)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}

func voice(u speech.Utterance) string {
	for _, v := range voices {
		if u.Voice == v.voice {
			return u.Voice
		}
	}
	for _, v := range voices {
		if strings.HasPrefix(u.Lang, v.lang) {
			return v.voice
		}
	}
	return "cmn"
}

func speed(rate float64) string {
	if rate <= 0 {
		rate = 1
	}
	return strconv.Itoa(min(max(int(rate*wordsPerMinute), slowest), fastest))
}
