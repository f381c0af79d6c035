package dialer

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"warmline/dialogs"
	"warmline/sip"
	"warmline/speech"
)

// script is a recognizer that hears what it is told to, at its time.
type script struct {
	events []speech.Event
	atEnd  *speech.Event // heard only when the line is gone
}

func (s script) Open(context.Context, speech.Options) (speech.Stream, error) {
	return &scripted{script: s, out: make(chan speech.Event, 16)}, nil
}

type scripted struct {
	script
	heard time.Duration
	out   chan speech.Event
}

func (s *scripted) Push(pcm []int16) error {
	s.heard += time.Duration(len(pcm)) * time.Second / speech.Rate
	for len(s.events) > 0 && s.events[0].At <= s.heard {
		s.out <- s.events[0]
		s.events = s.events[1:]
	}
	return nil
}

func (s *scripted) Events() <-chan speech.Event { return s.out }

func (s *scripted) Close() error {
	if s.atEnd != nil {
		s.atEnd.At = s.heard
		s.out <- *s.atEnd
	}
	close(s.out)
	return nil
}

// deaf is a recognizer that cannot start.
type deaf struct{}

func (deaf) Open(context.Context, speech.Options) (speech.Stream, error) {
	return nil, errors.New("no model")
}

func at(ms int, kind speech.EventKind, text string) speech.Event {
	return speech.Event{Kind: kind, Text: text, At: time.Duration(ms) * time.Millisecond}
}

// open is the test tree with a greeting that may be interrupted.
func open(t *testing.T) *dialogs.Tree {
	t.Helper()
	src, err := os.ReadFile("testdata/visit.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := dialogs.Parse("visit.yaml", []byte(strings.Replace(string(src), "protected: true", "protected: false", 1)))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// kinds lists the journal's events until the first that was heard.
func kinds(r Result) string {
	var out []string
	for _, e := range r.Journal {
		out = append(out, string(e.Event.Kind))
		if e.Event.Kind == dialogs.Heard || e.Event.Kind == dialogs.Silence {
			break
		}
	}
	return strings.Join(out, " ")
}

func TestAVoiceStopsALineUnlessItIsProtected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var calls sync.WaitGroup
	defer calls.Wait()
	free := open(t)
	for _, c := range []struct {
		name   string
		tree   *dialogs.Tree
		events []speech.Event
		want   string
	}{
		{"speech stops an unprotected line", free,
			[]speech.Event{at(600, speech.Speech, ""), at(1400, speech.Final, "不要再打了")}, "start barge said heard"},
		{"a cough does not", free,
			[]speech.Event{at(600, speech.Speech, ""), at(700, speech.Quiet, ""), at(3200, speech.Final, "不要再打了")}, "start said heard"},
		{"words without an onset do", free,
			[]speech.Event{at(900, speech.Final, "不要再打了")}, "start barge said heard"},
		{"a protected line goes on, but the tree hears", w.tree,
			[]speech.Event{at(600, speech.Speech, ""), at(1400, speech.Final, "不要再打了")}, "start heard"},
	} {
		j := w.job("barge", "313")
		j.Tree = c.tree
		calls.Go(func() {
			r := w.hearing(script{events: c.events}).Place(t.Context(), j, &house{})
			if got := kinds(r); got != c.want || !r.OptOut || r.OptOutPending {
				t.Errorf("%s: %s, want %s\n%s", c.name, got, c.want, tell(r))
				return
			}
			if cut := r.Journal[1].Event; cut.Kind == dialogs.Barge && (cut.Heard < 0.1 || cut.Heard > 0.9) {
				t.Errorf("%s: %.2f of the line was heard", c.name, cut.Heard)
			}
			replays(t, j, r)
		})
	}
}

func TestWhatIsSaidWhileHangingUpIsHeard(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &house{slow: 300 * time.Millisecond}
	last := at(0, speech.Final, "不要再打了")
	w.dialer.Ears = script{atEnd: &last}
	r := w.dialer.Place(t.Context(), w.job("last", "302"), h)
	if !r.OptOut || r.OptOutPending || r.Outcome != "opt_out" || r.EndedBy != sip.ByCallee {
		t.Errorf("%+v\n%s", r, tell(r))
	}
}

func TestEarsThatBreakAreNotConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var calls sync.WaitGroup
	defer calls.Wait()
	for name, ears := range map[string]speech.Recognizer{
		"they cannot start":       deaf{},
		"they break in the call":  script{events: []speech.Event{at(1000, speech.Failed, "")}},
		"they hear only a murmur": script{events: []speech.Event{at(3500, speech.Speech, ""), at(4000, speech.Quiet, "")}},
	} {
		calls.Go(func() {
			r := w.hearing(ears).Place(t.Context(), w.job("ears", "313"), &house{})
			if r.Outcome != "no_interaction" || r.AnsweredBy != "unsure" || r.Invite || r.Disposition != Answered {
				t.Errorf("%s: %s by %s\n%s", name, r.Outcome, r.AnsweredBy, tell(r))
			}
		})
	}
}

func TestTheTalkLimitEndsACall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.job("long", "313")
	j.MaxTalk = 700 * time.Millisecond
	r := w.dialer.Place(t.Context(), j, &house{})
	if took := r.EndedAt.Sub(r.AnsweredAt); r.EndedBy != sip.ByTimeout || took > 2*time.Second {
		t.Errorf("ended by %s after %v\n%s", r.EndedBy, took, tell(r))
	}
}

func TestAVoiceThatFailsInTheCallEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dialer.Prompts = speech.NewPrompts(hoarse{}, "")
	r := w.dialer.Place(t.Context(), w.job("hoarse", "300"), &house{})
	if r.Outcome != "system_error" || r.Err == nil || r.EndedBy != sip.ByUs || r.Disposition != Answered {
		t.Errorf("%+v\n%s", r, tell(r))
	}
}

// hoarse can say everything but what is bought.
type hoarse struct{ brisk }

func (hoarse) Synthesize(ctx context.Context, u speech.Utterance) ([]int16, int, error) {
	if strings.Contains(u.Text, "牛轧糖") {
		return nil, 0, errors.New("hoarse")
	}
	return brisk{}.Synthesize(ctx, u)
}
