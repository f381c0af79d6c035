package dialer

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"warmline/dialogs"
	"warmline/media"
	"warmline/sip/siptest"
	"warmline/speech/speechtest"
)

// staffed is a world whose tree's queue/care has these agents, by number. The
// carrier keeps what everybody heard.
func staffed(t *testing.T, agents ...string) *world {
	t.Helper()
	w := newWorld(t, func(o *siptest.Options) { o.Keep = true })
	q := &Queue{Name: "care", Timeout: 3 * time.Second}
	for _, n := range agents {
		q.Agents = append(q.Agents, Agent{Name: nameOf(n), To: n, Trunk: w.trunk})
	}
	w.dialer.Queues = map[string]*Queue{"queue/care": q}
	return w
}

// nameOf is the test carrier's name of a number.
func nameOf(number string) string {
	for _, s := range siptest.Staff() {
		if s.Suffix == number {
			return s.Name
		}
	}
	return number
}

// whole is a job to a person by their whole number.
func (w *world) whole(attempt, number string) Job {
	j := w.job(attempt, "401")
	j.To = number
	return j
}

// seen is the carrier's record of the last call to a number, once it has ended
// there too: our BYE may still be on its way.
func (w *world) seen(t *testing.T, number string) (r siptest.CallRecord) {
	t.Helper()
	found := false
	for range 150 {
		for _, c := range slices.Backward(w.gateway.Truth().Calls) {
			if found = c.Number == number; found {
				r = c
				break
			}
		}
		if found && !r.EndedAt.IsZero() {
			return r
		}
		time.Sleep(20 * time.Millisecond) // the record has no bell; bounded by 3 s
	}
	if !found {
		t.Fatalf("nobody called %s", number)
	}
	return r
}

// heardBy decodes what somebody was sent.
func heardBy(r siptest.CallRecord) string {
	pcm := make([]int16, len(r.Audio))
	media.DecodeALaw(pcm, r.Audio)
	return strings.Join(speechtest.Hear(pcm), " / ")
}

// hears checks that somebody was sent as much voice after the join as the other
// side's sentences have. A busy machine puts a gap into a sentence here and there,
// which tones that encode text do not forgive and people do.
func hears(t *testing.T, who string, audio siptest.ALaw, began, joined time.Time, said []string) {
	t.Helper()
	want := 0
	for _, text := range said {
		want += len(speechtest.ALaw(text)) / 160
	}
	got, pcm := 0, make([]int16, 160)
	for i := int(joined.Sub(began)/frame) * 160; i >= 0 && i+160 <= len(audio); i += 160 {
		media.DecodeALaw(pcm, audio[i:i+160])
		sum := 0
		for _, v := range pcm {
			sum += max(int(v), -int(v))
		}
		if sum/160 > 1000 {
			got++
		}
	}
	if got < want*8/10 || got > want*12/10+25 {
		t.Errorf("%s was sent %d frames of voice after the join, want about %d: %v", who, got, want, said)
	}
}

func TestAnAttendedTransferJoinsTheTwo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, customer, agent string
		agentHears            []string
		customerHears         []string
		agentEnds             string // who ended the agent's call, as the carrier saw it
		endedBy               string
	}{
		{"by key, and the agent hangs up", "13800138401", "8001", []string{"牛轧糖还没收到"}, []string{"您好我是小李", "马上给您补发"}, "callee", "us"},
		{"by speech, and the customer hangs up", "13800138402", "8005", []string{"牛轧糖还没收到"}, []string{"您好我是小王"}, "us", "callee"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, h := staffed(t, c.agent), &house{}
			w.dialer.Prompts = tonePrompts()
			j := w.whole("transfer", c.customer)
			r := w.dialer.Place(t.Context(), j, h)
			if r.Disposition != Answered || r.Outcome != "transferred" || r.Grade != "B" || r.EndedBy != c.endedBy {
				t.Fatalf("%s %s by %s\n%+v\n%s", r.Disposition, r.Outcome, r.EndedBy, r.Handovers, tell(r))
			}
			if got := h.list(); !strings.HasSuffix(got, "in_dialog transferring") {
				t.Errorf("the house was told %q", got)
			}
			agent, customer := w.seen(t, c.agent), w.seen(t, c.customer)
			if len(r.Handovers) != 1 {
				t.Fatalf("handovers %+v", r.Handovers)
			}
			o := r.Handovers[0]
			// The agent hears the brief by the bot's voice, then the customer
			// themselves, and the customer hears the agent.
			if got := heardBy(agent); !strings.Contains(got, "王女士在线，刚才说：我要找人工。接听请按一") {
				t.Errorf("the agent heard %q", got)
			}
			hears(t, "the agent", agent.Audio, agent.AnsweredAt, r.AnsweredAt.Add(o.Joined), c.agentHears)
			hears(t, "the customer", customer.Audio, customer.AnsweredAt, r.AnsweredAt.Add(o.Joined), c.customerHears)
			if agent.EndedBy != c.agentEnds || !agent.Acked || !agent.Byed || !customer.Byed || agent.EndedAt.IsZero() {
				t.Errorf("agent's call %+v", agent)
			}
			if o.Queue != "queue/care" || o.Mode != Attended || o.Agent != nameOf(c.agent) || len(o.Tries) != 1 || o.Tries[0].Came != accepted || o.Tries[0].Took <= 0 || o.Joined <= o.At || o.Talk <= 0 || o.Why != "" {
				t.Errorf("handover %+v", o)
			}
			whole := r.EndedAt.Sub(r.AnsweredAt)
			if end := o.Joined + o.Talk; end < whole-2*time.Second || end > whole+time.Second {
				t.Errorf("joined at %v, talked %v, the call took %v: the whole talk counts", o.Joined, o.Talk, whole)
			}
			if last := r.Journal[len(r.Journal)-1].Event.Kind; last != dialogs.Transferred {
				t.Errorf("the journal ends with %s", last)
			}
			if !slices.ContainsFunc(r.Transcript, func(turn Turn) bool { return turn.Who == "agent" }) {
				t.Error("the transcript does not say who took over")
			}
			if slices.ContainsFunc(r.Transcript, func(turn Turn) bool { return strings.Contains(turn.Text, "牛轧糖还没收到") }) {
				t.Error("what two people say to each other was written down")
			}
			replays(t, j, r)
		})
	}
}

func TestATransferThatNobodyTakesReturnsToTheTree(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		agents []string
		came   []string
		why    string
	}{
		{"declined by key", []string{"8002"}, []string{declined}, "no_agent"},
		{"declined in words", []string{"8007"}, []string{declined}, "no_agent"},
		{"the agent hangs up on the brief", []string{"8008"}, []string{declined}, "no_agent"},
		{"busy", []string{"8004"}, []string{agentBusy}, "no_agent"},
		{"nobody picks up in time", []string{"8003"}, []string{noAnswer}, "timeout"},
		{"one after the other", []string{"8004", "8002"}, []string{agentBusy, declined}, "no_agent"},
		{"no agents at all", nil, nil, "no_agent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, h := staffed(t, c.agents...), &house{}
			w.tree = tree(t, "timeout: 20s", "timeout: 3s")
			j := w.whole("nobody", "13800138401")
			r := w.dialer.Place(t.Context(), j, h)
			if r.Outcome != "callback" || r.Callback.IsZero() || r.Disposition != Answered {
				t.Fatalf("%s %s\n%+v\n%s", r.Disposition, r.Outcome, r.Handovers, tell(r))
			}
			if !strings.Contains(tell(r), "bot: 稍后给您回电话，再见。") {
				t.Errorf("the tree's else was not said\n%s", tell(r))
			}
			o := r.Handovers[0]
			var came []string
			for _, try := range o.Tries {
				came = append(came, try.Came)
			}
			if !slices.Equal(came, c.came) || o.Why != c.why || o.Joined != 0 {
				t.Errorf("handover %+v", o)
			}
			if len(c.agents) > 0 && !strings.HasSuffix(h.list(), "transferring in_dialog") {
				t.Errorf("the house was told %q", h.list())
			}
			for _, n := range c.agents {
				if a := w.seen(t, n); a.EndedAt.IsZero() || a.Status == 200 && !a.Byed {
					t.Errorf("%s was left with an open call: %+v", nameOf(n), a)
				}
			}
			replays(t, j, r)
		})
	}
}

// TestABlindTransferIsTheCarriers: REFER goes once our line has been said, NOTIFY
// tells what came of it (RFC 3515).
func TestABlindTransferIsTheCarriers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, agent, outcome, came, why string }{
		{"the agent takes it", "8001", "transferred", accepted, ""},
		{"the agent is busy", "8004", "callback", agentBusy, "failed"},
		{"the carrier never tells", "8003", "callback", "", "timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, h := staffed(t, c.agent), &house{}
			w.dialer.Queues["queue/care"].Mode = Blind
			w.tree = tree(t, "timeout: 20s", "timeout: 3s")
			j := w.whole("blind", "13800138401")
			r := w.dialer.Place(t.Context(), j, h)
			if r.Outcome != c.outcome || r.Disposition != Answered {
				t.Fatalf("%s %s\n%+v\n%s", r.Disposition, r.Outcome, r.Handovers, tell(r))
			}
			o := r.Handovers[0]
			if o.Mode != Blind || len(o.Tries) != 1 || o.Tries[0].Came != c.came || o.Why != c.why || (o.Joined > 0) != (c.outcome == "transferred") {
				t.Errorf("handover %+v", o)
			}
			if got := w.seen(t, "13800138401"); got.ReferredTo != c.agent || !got.Byed {
				t.Errorf("the carrier saw %+v", got)
			}
			replays(t, j, r)
		})
	}
}

// TestATransferThatComesLateEndsTheCall: the carrier has given the customer to
// the agent after we had stopped waiting. Who transfers hangs up (RFC 5589 6.1).
func TestATransferThatComesLateEndsTheCall(t *testing.T) {
	t.Parallel()
	w := staffed(t, "8009")
	w.dialer.Queues["queue/care"].Mode = Blind
	src, err := os.ReadFile("testdata/visit.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bye := "稍后给您回电话，再见"
	long := strings.NewReplacer("timeout: 20s", "timeout: 1s", bye, strings.Repeat("稍后给您回电话。", 12)+"再见")
	if w.tree, err = dialogs.Parse("visit.yaml", []byte(long.Replace(string(src)))); err != nil {
		t.Fatal(err)
	}
	r := w.dialer.Place(t.Context(), w.whole("late", "13800138404"), &house{})
	if len(r.Handovers) != 1 || r.Handovers[0].Why != "timeout" || r.Cause.Phrase != "transferred" || r.EndedBy != "us" {
		t.Errorf("%s by %s: %+v\n%+v\n%s", r.Outcome, r.EndedBy, r.Cause, r.Handovers, tell(r))
	}
}

// TestACarrierThatTellsNothingOfATransferKeepsTheCustomerHolding until it hangs
// up because they have been connected (RFC 4488 4, Refer-Sub: false).
func TestACarrierThatTellsNothingOfATransferKeepsTheCustomerHolding(t *testing.T) {
	t.Parallel()
	w := staffed(t, "8010")
	w.dialer.Queues["queue/care"].Mode = Blind
	r := w.dialer.Place(t.Context(), w.whole("untold", "13800138401"), &house{})
	if len(r.Handovers) != 1 || r.Handovers[0].Why != withdrawn || r.EndedBy != "callee" {
		t.Errorf("%s by %s: %+v\n%+v\n%s", r.Outcome, r.EndedBy, r.Cause, r.Handovers, tell(r))
	}
}

// slowFolder has no recordings, and takes its time to say so.
type slowFolder struct{ asked atomic.Int32 }

func (f *slowFolder) Open(string) (fs.File, error) {
	f.asked.Add(1)
	time.Sleep(200 * time.Millisecond)
	return nil, fs.ErrNotExist
}

func TestAHoldIsFetchedOnceHoweverSlow(t *testing.T) {
	t.Parallel()
	w, folder := staffed(t, "8003"), &slowFolder{}
	w.dialer.Prompts.Recordings = folder
	w.dialer.Queues["queue/care"].Hold = "hold.wav"
	r := w.dialer.Place(t.Context(), w.whole("hold", "13800138401"), nil)
	if len(r.Handovers) != 1 || r.Outcome != "callback" {
		t.Errorf("%s %+v\n%s", r.Outcome, r.Handovers, tell(r))
	}
	if n := folder.asked.Load(); n != 1 { // the chime in its place lasts longer than the ring
		t.Errorf("the recording was asked for %d times", n)
	}
}

func TestAnAgentWhoSaysNothingIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	w := staffed(t, "8006")
	r := w.dialer.Place(t.Context(), w.whole("silent", "13800138401"), nil)
	if r.Outcome != "callback" || r.Handovers[0].Tries[0].Came != noAnswer {
		t.Errorf("%s %+v\n%s", r.Outcome, r.Handovers, tell(r))
	}
	if took := r.Handovers[0].Tries[0].Took; took > agentWithin+5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestARefusalWhileItRingsEndsTheTransfer: opt-out is honoured at every node,
// over the hold too.
func TestARefusalWhileItRingsEndsTheTransfer(t *testing.T) {
	t.Parallel()
	w, h := staffed(t, "8003"), &house{}
	w.dialer.Queues["queue/care"].Timeout = 15 * time.Second
	r := w.dialer.Place(t.Context(), w.whole("refusal", "13800138403"), h)
	if r.Outcome != "opt_out" || !r.OptOut || r.OptOutPending || !strings.Contains(h.list(), "opt_out:all") {
		t.Fatalf("%s\n%+v\n%s", r.Outcome, r.Handovers, tell(r))
	}
	if o := r.Handovers[0]; o.Why != withdrawn || o.Joined != 0 {
		t.Errorf("handover %+v", o)
	}
	if a := w.seen(t, "8003"); a.Status != 487 || a.EndedBy != "us" {
		t.Errorf("the agent's phone rings on: %+v", a)
	}
	if n := w.gateway.Truth().Up; n != 0 {
		t.Errorf("%d calls are up", n)
	}
}

func TestStoppingEndsBothSidesOfATransfer(t *testing.T) {
	t.Parallel()
	w := staffed(t, "8005")
	ctx, cancel := context.WithCancel(t.Context())
	h := &house{told: make(chan string, 16)}
	w.dialer.Observe = func(l Live) {
		if l.Who == "agent" {
			cancel()
		}
	}
	r := w.dialer.Place(ctx, w.whole("stopped", "13800138401"), h)
	if r.Handovers[0].Agent != nameOf("8005") || r.EndedBy != "us" {
		t.Errorf("%+v", r.Handovers)
	}
	for _, n := range []string{"8005", "13800138401"} {
		if a := w.seen(t, n); a.EndedAt.IsZero() || !a.Byed {
			t.Errorf("%s was left with an open call: %+v", n, a)
		}
	}
}

// TestAQueueTakesTurns: round robin over who works and is free; who waits gets
// the first who is.
func TestAQueueTakesTurns(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	night := func(now time.Time) bool { return now.Hour() >= 18 }
	q := &Queue{Agents: []Agent{{Name: "a"}, {Name: "b", Open: night}, {Name: "c"}}}
	a, _, _ := q.take(now, nil)
	c, _, _ := q.take(now, nil)
	if a != 0 || c != 2 {
		t.Fatalf("took %d and %d", a, c)
	}
	_, wait, ok := q.take(now, nil)
	if ok || wait == nil {
		t.Fatal("all who work talk: there is somebody to wait for")
	}
	if _, wait, ok := q.take(now, map[int]bool{0: true, 2: true}); ok || wait != nil {
		t.Error("all were asked: there is nobody to wait for")
	}
	if b, _, ok := q.take(now.Add(9*time.Hour), map[int]bool{0: true, 2: true}); !ok || b != 1 {
		t.Errorf("at night %d takes over, %v", b, ok)
	}
	q.give(2)
	select {
	case <-wait:
	default:
		t.Error("nobody was told that an agent is free")
	}
	if again, _, ok := q.take(now, nil); !ok || again != 2 {
		t.Errorf("took %d, %v", again, ok)
	}
	q.give(0)
	q.give(2)
	if first, _, _ := q.take(now, nil); first != 0 {
		t.Errorf("turns do not go round: %d", first)
	}
}

func TestTheBriefSaysWhoAndWhy(t *testing.T) {
	said := []Turn{{At: time.Second, Who: "bot", Text: "您好"}, {At: 2 * time.Second, Who: "callee", Text: "我要找人工。"}, {At: 3 * time.Second, Who: "callee", Text: "[0]"}}
	known := dialogs.Facts{"contact": map[string]any{"salutation": "王女士"}}
	for _, c := range []struct {
		name, lang string
		queue      *Queue
		facts      dialogs.Facts
		said       []Turn
		want       string
	}{
		{"who and what they said last", "zh-CN", &Queue{}, known, said, "转接来电。王女士在线，刚才说：我要找人工。接听请按一，不方便请按二。"},
		{"a stranger who only pressed keys", "zh-CN", &Queue{}, nil, said[2:], "转接来电。一位客户在线，接听请按一，不方便请按二。"},
		{"with the queue's own opening and key", "zh-CN", &Queue{Brief: "苏小糖售后来电。", Accept: "5"}, known, nil, "苏小糖售后来电。王女士在线，接听请按5，不方便请按二。"},
		{"in English", "en-US", &Queue{}, known, said[:1], "A call for you.王女士 is on the line. Press one to take the call, two to decline."},
		{"long words are cut", "zh-CN", &Queue{}, nil, []Turn{{Who: "callee", Text: strings.Repeat("长", 50)}},
			"转接来电。一位客户在线，刚才说：" + strings.Repeat("长", 30) + "。接听请按一，不方便请按二。"},
	} {
		if got := brief(c.queue, c.lang, c.facts, c.said); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestWhatAnAgentSaysDecides(t *testing.T) {
	for text, want := range map[string]string{
		"好的接进来": "yes", "接听": "yes", "可以": "yes", "转过来吧": "yes", "go ahead": "yes",
		"不接": "no", "别接进来": "no", "不行我在忙": "no", "在开会": "no",
		"嗯": "", "谁啊": "",
	} {
		yes, no := took(text, "zh-CN", time.Now())
		got := map[[2]bool]string{{true, false}: "yes", {false, true}: "no"}[[2]bool{yes, no}]
		if got != want {
			t.Errorf("%s means %q, want %q", text, got, want)
		}
	}
}
