package dialer

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"warmline/dialogs"
	"warmline/sip"
	"warmline/sip/siptest"
)

// line is a world whose people call us: what we make of each call comes by
// results.
type line struct {
	*world
	results chan Result
	house   *house
}

// newLine is a line whose dialer is set up before anybody may call.
func newLine(t *testing.T, set ...func(*line)) *line {
	t.Helper()
	w := newWorld(t, func(o *siptest.Options) { o.Keep = true })
	l := &line{world: w, results: make(chan Result, 8), house: &house{}}
	src, err := os.ReadFile("../examples/dialogs/inbound.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if w.tree, err = dialogs.Parse("inbound.yaml", src); err != nil {
		t.Fatal(err)
	}
	for _, f := range set {
		f(l)
	}
	agent, err := sip.Listen(context.Background(), sip.Config{Addr: "127.0.0.1:0", OnCall: func(in *sip.Incoming) {
		j := l.received()
		l.results <- w.dialer.Receive(context.Background(), in, j, l.house)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Close() })
	w.dialer.SIP = agent
	if err := agent.Serve(t.Context(), w.trunk); err != nil {
		t.Fatal(err)
	}
	return l
}

// received is what we answer with.
func (l *line) received() Job {
	j := l.job("in-1", "401")
	j.Facts["caller"] = map[string]any{"recent": true}
	return j
}

// call has somebody call us and gives both sides' records.
func (l *line) call(t *testing.T, in siptest.CallIn) (Result, siptest.CallRecord) {
	t.Helper()
	in.To, in.Number = l.dialer.SIP.Addr(), "02160000000"
	id, err := l.gateway.Call(in)
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	select {
	case r = <-l.results:
	case <-time.After(60 * time.Second):
		t.Fatal("the call has no end")
	}
	for _, c := range l.gateway.Truth().Calls {
		if c.CallID == id {
			return r, c
		}
	}
	t.Fatalf("the carrier knows no call %s", id)
	return r, siptest.CallRecord{}
}

// TestWhoCallsBackHearsWhoWeAreAndCanRefuseByOneKey: an AI says so first, and 9
// is committed before it is confirmed, as on a call of ours.
func TestWhoCallsBackHearsWhoWeAreAndCanRefuseByOneKey(t *testing.T) {
	t.Parallel()
	for _, offerless := range []bool{false, true} {
		l := newLine(t, func(l *line) { l.dialer.Prompts = tonePrompts() })
		r, c := l.call(t, siptest.CallIn{Person: "13800138411", Offerless: offerless})
		if r.Disposition != Answered || r.Outcome != "opt_out" || !r.OptOut || r.OptOutPending || r.AnsweredAt.Before(r.InviteAt) {
			t.Fatalf("offerless %v: %s %s %v\n%s", offerless, r.Disposition, r.Outcome, r.Err, tell(r))
		}
		if got := l.house.list(); got != "in_dialog opt_out:all" {
			t.Errorf("the house was asked %q", got)
		}
		if first := r.Transcript[0]; first.Who != "bot" || !strings.Contains(first.Text, "苏小糖，我是AI助手") {
			t.Errorf("the first words are %+v", first)
		}
		if got := heardBy(c); !strings.Contains(got, "我是AI助手") || !strings.Contains(got, "以后不再打给您") {
			t.Errorf("they heard %q", got)
		}
		if c.Status != 200 || !c.Byed || c.SaidOptOut.IsZero() || r.RTP.Received == 0 || len(r.Ladder) == 0 {
			t.Errorf("the carrier saw %+v", c)
		}
		replays(t, l.received(), r)
	}
}

func TestWhoCallsBackIsPutThroughToAPerson(t *testing.T) {
	t.Parallel()
	l := newLine(t, func(l *line) {
		l.dialer.Queues = map[string]*Queue{"queue/care": {Name: "care", Agents: []Agent{{Name: "小李", To: "8001", Trunk: l.trunk}}}}
	})
	r, _ := l.call(t, siptest.CallIn{Person: "13800138413"})
	if r.Outcome != "transferred" || len(r.Handovers) != 1 || r.Handovers[0].Agent != "小李" || r.Handovers[0].Talk <= 0 {
		t.Errorf("%s %+v\n%s", r.Outcome, r.Handovers, tell(r))
	}
	if a := l.seen(t, "8001"); !a.Byed {
		t.Errorf("the agent's call %+v", a)
	}
}

func TestWhoWantsNothingIsLetGo(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	r, _ := l.call(t, siptest.CallIn{Person: "13800138412", From: "anonymous"})
	if r.Disposition != Answered || r.OptOut || r.EndedBy == "" {
		t.Errorf("%s %s\n%s", r.Disposition, r.Outcome, tell(r))
	}
}

// TestACallWeCannotAnswerIsRefusedForAWhile: 503 with Retry-After (RFC 3261 20.33).
func TestACallWeCannotAnswerIsRefusedForAWhile(t *testing.T) {
	t.Parallel()
	l := newLine(t, func(l *line) { l.dialer.Prompts = mutePrompts() })
	r, c := l.call(t, siptest.CallIn{Person: "13800138411"})
	if r.Disposition != NotDialed || r.Err == nil || r.Answered {
		t.Errorf("%+v", r)
	}
	if c.Status != 503 || c.RetryAfter != "10" || !c.Acked {
		t.Errorf("the caller got %+v", c)
	}
	if st := l.dialer.Media.Stats(); st.Legs != 0 {
		t.Errorf("%d legs are open", st.Legs)
	}
}
