package dialer

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"warmline/dialogs"
	"warmline/speech"
	"warmline/speech/openai"
	"warmline/speech/openai/openaitest"
)

// odd is a sentence no rule knows.
const odd = "那天快递小哥放门卫那儿了"

// oracle is an Understander that answers what it is told to, after a while.
type oracle struct {
	reading dialogs.Reading
	err     error
	after   time.Duration
	hangs   bool          // until it is told to stop
	deaf    bool          // answers though it was told to stop
	put     chan struct{} // told of each question, if somebody listens

	mu    sync.Mutex
	asked []dialogs.Doubt
	ended []error // what ended the waiting
}

func (o *oracle) Understand(ctx context.Context, d dialogs.Doubt) (dialogs.Reading, error) {
	o.mu.Lock()
	o.asked = append(o.asked, d)
	o.mu.Unlock()
	if o.put != nil {
		o.put <- struct{}{}
	}
	wait := time.After(o.after)
	if o.deaf {
		<-wait
		return o.reading, o.err
	}
	if o.hangs {
		wait = nil
	}
	select {
	case <-wait:
		return o.reading, o.err
	case <-ctx.Done():
		o.mu.Lock()
		o.ended = append(o.ended, ctx.Err())
		o.mu.Unlock()
		return dialogs.Reading{}, ctx.Err()
	}
}

func (o *oracle) questions() []dialogs.Doubt {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]dialogs.Doubt(nil), o.asked...)
}

// heardEvent is the first sentence of a journal.
func heardEvent(r Result) dialogs.Event {
	for _, e := range r.Journal {
		if e.Event.Kind == dialogs.Heard {
			return e.Event
		}
	}
	return dialogs.Event{}
}

// afterGreeting is when the greeting of the test tree has been played.
const afterGreeting = 3500

func TestWhatTheRulesLeaveOpenIsUnderstoodByAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var calls sync.WaitGroup
	defer calls.Wait()
	for _, c := range []struct {
		name    string
		oracle  *oracle
		words   []speech.Event
		asked   int
		reading dialogs.Reading // of the journal's first sentence
		optOut  bool
	}{
		{"the tree acts on its answer", &oracle{reading: dialogs.Reading{Intent: "opt_out", Confidence: 0.9}, after: 100 * time.Millisecond},
			[]speech.Event{at(afterGreeting, speech.Final, odd)}, 1, dialogs.Reading{Intent: "opt_out", Confidence: 0.9}, true},
		{"an error leaves the rules' word", &oracle{err: errors.New("no service")},
			[]speech.Event{at(afterGreeting, speech.Final, odd)}, 1, dialogs.Reading{}, false},
		{"who hangs is not waited for", &oracle{hangs: true},
			[]speech.Event{at(afterGreeting, speech.Final, odd)}, 1, dialogs.Reading{}, false},
		{"a late answer is dropped", &oracle{reading: dialogs.Reading{Intent: "opt_out", Confidence: 0.9}, after: 1500 * time.Millisecond, deaf: true},
			[]speech.Event{at(afterGreeting, speech.Final, odd)}, 1, dialogs.Reading{}, false},
		{"what the rules know is not asked", &oracle{reading: dialogs.Reading{Intent: "yes", Confidence: 1}},
			[]speech.Event{at(afterGreeting, speech.Final, "不要再打了")}, 0, dialogs.Reading{}, true},
		{"a refusal said while it is waited for counts at once", &oracle{hangs: true},
			[]speech.Event{at(afterGreeting, speech.Final, odd), at(afterGreeting+300, speech.Final, "不要再打了")}, 1, dialogs.Reading{}, true},
		{"what no journal can keep is no answer", &oracle{reading: dialogs.Reading{Intent: "opt_out", Confidence: math.NaN()}},
			[]speech.Event{at(afterGreeting, speech.Final, odd)}, 1, dialogs.Reading{}, false},
		{"a yes to the greeting it is not sure of is none", &oracle{reading: dialogs.Reading{Intent: "yes", Confidence: 0.8}},
			[]speech.Event{at(afterGreeting, speech.Final, odd)}, 1, dialogs.Reading{Intent: "yes", Confidence: 0.8}, false},
	} {
		j := w.job("doubt", "313")
		calls.Go(func() {
			d := w.hearing(script{events: c.words})
			d.Understander, d.Patience = c.oracle, 900*time.Millisecond
			r := d.Place(t.Context(), j, &house{})
			e := heardEvent(r)
			if n := len(c.oracle.questions()); n < c.asked || c.asked == 0 && n > 0 {
				t.Errorf("%s: asked %d times\n%s", c.name, n, tell(r))
			}
			if got := (dialogs.Reading{Intent: e.Understood, Confidence: e.Confidence}); got != c.reading || r.OptOut != c.optOut {
				t.Errorf("%s: %q was read as %+v, opt-out %v\n%s", c.name, e.Text, got, r.OptOut, tell(r))
			}
			if !strings.HasPrefix(e.Text, odd) && c.asked > 0 {
				t.Errorf("%s: the journal has %q", c.name, e.Text)
			}
			replays(t, j, r)
		})
	}
}

func TestWhoHangsUpWhileItIsWaitedForHasSaidIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := &oracle{hangs: true, put: make(chan struct{}, 8)}
	d := w.hearing(script{events: []speech.Event{at(afterGreeting, speech.Final, odd)}})
	d.Understander, d.Patience = o, time.Minute
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	go func() { // the house hangs up once the question is out
		select {
		case <-o.put:
		case <-time.After(20 * time.Second):
		}
		hangUp()
	}()
	began := time.Now()
	r := d.Place(ctx, w.job("gone", "313"), &house{})
	if e := heardEvent(r); e.Text != odd || e.Understood != "" {
		t.Errorf("the journal has %+v\n%s", e, tell(r))
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the call took %v to end", took)
	}
	if len(o.ended) != 1 || !errors.Is(o.ended[0], context.Canceled) {
		t.Errorf("the question ended with %v", o.ended)
	}
}

// TestACallAsksAModelOverTheWire: a whole call, with the client and an endpoint on
// loopback. What was meant reaches the tree, and the person's name never leaves.
func TestACallAsksAModelOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endpoint, err := openaitest.Start(openaitest.Options{Key: "k", Understand: func(question, answer string, intents []string) (string, float64) {
		if strings.HasSuffix(question, "吗？") && strings.Contains(answer, "门卫") && slices.Contains(intents, "opt_out") {
			return "opt_out", 0.9
		}
		return "other", 0.9
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endpoint.Close() })
	place := func(attempt string, fault openaitest.Fault) Result {
		endpoint.Fault(fault)
		m, err := openai.New(openai.Config{URL: endpoint.URL(), Model: "m", APIKey: "k", Deadline: 900 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		d := w.hearing(script{events: []speech.Event{at(afterGreeting, speech.Final, odd+"，王女士的13800138000")}})
		d.Understander, d.Patience = m, time.Second
		j := w.job(attempt, "313")
		r := d.Place(t.Context(), j, &house{})
		replays(t, j, r)
		return r
	}
	r := place("wire", openaitest.None)
	if e := heardEvent(r); e.Understood != "opt_out" || !r.OptOut || r.OptOutPending {
		t.Errorf("%+v\n%s", e, tell(r))
	}
	sent := strings.Join(endpoint.Requests(), "")
	if strings.Contains(sent, "王女士") || strings.Contains(sent, "138001") || !strings.Contains(sent, odd) {
		t.Errorf("the endpoint was sent %s", sent)
	}
	for _, fault := range []openaitest.Fault{openaitest.Hang, openaitest.Flood} {
		if r := place("wire-"+string(fault), fault); heardEvent(r).Understood != "" || r.OptOut || !r.Answered {
			t.Errorf("%s: %s", fault, tell(r))
		}
	}
	if bad := endpoint.Refused(); len(bad) > 0 {
		t.Errorf("the endpoint refused %q", bad)
	}
}

// scribe is a voice that keeps what it was told to say.
type scribe struct {
	brisk
	mu   sync.Mutex
	said map[string]bool
}

func (s *scribe) Synthesize(ctx context.Context, u speech.Utterance) ([]int16, int, error) {
	s.mu.Lock()
	s.said[u.Text] = true
	s.mu.Unlock()
	return s.brisk.Synthesize(ctx, u)
}

// TestNoWordOfAnUnderstanderIsEverSpoken: for marketing only text of an approved tree is
// spoken. Whatever a model answers, the voice is given lines of the tree and nothing else.
func TestNoWordOfAnUnderstanderIsEverSpoken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var calls sync.WaitGroup
	defer calls.Wait()
	for _, words := range []string{"免费送您一部手机", "say: 您中奖了", "care/0", "{{ contact.phone }}", "offer", "else", "start"} {
		calls.Go(func() {
			j := w.job("words", "313")
			voice := &scribe{said: map[string]bool{}}
			d := w.hearing(script{events: []speech.Event{at(afterGreeting, speech.Final, odd)}})
			d.Prompts = speech.NewPrompts(voice, "")
			d.Understander = &oracle{reading: dialogs.Reading{Intent: words, Confidence: 1}}
			r := d.Place(t.Context(), j, &house{})
			if e := heardEvent(r); e.Understood != words {
				t.Errorf("%q never arrived\n%s", words, tell(r))
			}
			ours := map[string]bool{"王女士": true, "牛轧糖": true, "苏小糖": true, "小糖": true} // the facts
			for _, p := range j.Tree.Fixed() {
				ours[p.Text] = true
			}
			for said := range voice.said {
				if !ours[said] {
					t.Errorf("%q was spoken, and no approved line says it", said)
				}
			}
		})
	}
}
