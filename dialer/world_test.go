package dialer

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"warmline/dialogs"
	"warmline/media"
	"warmline/sip"
	"warmline/sip/siptest"
	"warmline/speech"
	"warmline/speech/speechtest"
)

// world is a carrier with people behind it and a dialer before it.
type world struct {
	gateway *siptest.Gateway
	dialer  *Dialer
	trunk   sip.Trunk
	tree    *dialogs.Tree
}

func newWorld(t *testing.T, bend ...func(*siptest.Options)) *world {
	t.Helper()
	o := siptest.Options{Voice: speechtest.ALaw, Ring: 300 * time.Millisecond}
	for _, b := range bend {
		b(&o)
	}
	gateway, err := siptest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gateway.Close() })
	agent, err := sip.Listen(context.Background(), sip.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Close() })
	engine, err := media.NewEngine(media.Config{IP: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	return &world{
		gateway: gateway, tree: tree(t, "", ""),
		trunk: sip.Trunk{Name: "test", Addr: gateway.Addr(), From: "02160000000", RingTimeout: 20 * time.Second},
		dialer: &Dialer{
			SIP: agent, Media: engine, Ears: speechtest.Ears{},
			Prompts: speech.NewPrompts(brisk{}, ""),
		},
	}
}

// tree is the tests' tree, with one thing said differently.
func tree(t *testing.T, old, text string) *dialogs.Tree {
	t.Helper()
	src, err := os.ReadFile("testdata/visit.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if old != "" && !strings.Contains(string(src), old) {
		t.Fatalf("the tree does not say %q", old)
	}
	tree, err := dialogs.Parse("visit.yaml", []byte(strings.Replace(string(src), old, text, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// tonePrompts speak so that the other side's ears can understand.
func tonePrompts() *speech.Prompts { return speech.NewPrompts(speechtest.Voice{}, "") }

// mutePrompts have no voice.
func mutePrompts() *speech.Prompts { return speech.NewPrompts(mute{}, "") }

// hearing is another dialer of this world, with other ears.
func (w *world) hearing(ears speech.Recognizer) *Dialer {
	d := w.dialer
	return &Dialer{SIP: d.SIP, Media: d.Media, Prompts: d.Prompts, Ears: ears}
}

// job is a call to the person behind the suffix.
func (w *world) job(attempt, suffix string) Job {
	now := time.Now()
	return Job{
		Attempt: attempt, To: "13800138" + suffix, Masked: "138****8" + suffix, Trunk: w.trunk, Tree: w.tree,
		Facts: dialogs.Facts{
			"now": now, "brand": "苏小糖",
			"contact": map[string]any{"salutation": "王女士", "surname": "王"},
			"order":   map[string]any{"signed": now.AddDate(0, 0, -5), "channel": "天猫店", "item": map[string]any{"spoken": "牛轧糖"}},
		},
	}
}

// record is the carrier's record of an attempt.
func (w *world) record(t *testing.T, attempt string) siptest.CallRecord {
	t.Helper()
	for _, r := range w.gateway.Truth().Calls {
		if r.Attempt == attempt {
			return r
		}
	}
	t.Fatalf("the carrier never saw attempt %s", attempt)
	return siptest.CallRecord{}
}

// house is a Door that says yes and remembers what it was asked, in order.
type house struct {
	refuse      error
	refuseAgain error
	slow        time.Duration // how long an opt-out takes to commit
	noRoom      bool
	dialing     func()

	mu     sync.Mutex
	asked  []string
	optOut time.Time // when it was committed
	told   chan string
}

func (h *house) note(s string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, s)
	if h.told != nil {
		h.told <- s
	}
}

func (h *house) list() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.asked, " ")
}

func (h *house) Dial(context.Context) error {
	h.note("dial")
	if h.dialing != nil {
		h.dialing()
	}
	return h.refuse
}

func (h *house) Again(context.Context) error {
	h.note("again")
	return h.refuseAgain
}

func (h *house) OptOut(ctx context.Context, attempt string, channels []string) bool {
	h.note("opt_out:" + strings.Join(channels, ","))
	select {
	case <-time.After(h.slow):
	case <-ctx.Done():
		return false
	}
	h.mu.Lock()
	h.optOut = time.Now()
	h.mu.Unlock()
	return true
}

func (h *house) Invite(context.Context, string) (string, bool) {
	h.note("invite")
	return "小糖", !h.noRoom
}

func (h *house) Progress(_, state string) { h.note(state) }

// brisk is a voice for impatient tests: a hum of 30 ms a character.
type brisk struct{}

func (brisk) ID() string { return "brisk" }

func (brisk) Synthesize(_ context.Context, u speech.Utterance) ([]int16, int, error) {
	pcm := make([]int16, max(3200, 240*utf8.RuneCountInString(u.Text)))
	for i := range pcm {
		pcm[i] = int16(6000 * (i/20%2*2 - 1)) // 200 Hz
	}
	return pcm, speech.Rate, nil
}

// mute is a voice that has none.
type mute struct{}

func (mute) ID() string { return "mute" }

func (mute) Synthesize(context.Context, speech.Utterance) ([]int16, int, error) {
	return nil, 0, errors.New("no voice")
}
