package dialer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/dialogs"
	"warmline/sip"
	"warmline/sip/siptest"
	"warmline/speech"
)

// TestEveryKindOfPerson calls each of the test carrier's people once and holds
// what we say of it against what they know they did.
func TestEveryKindOfPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type visit struct {
		job    Job
		result Result
	}
	visits := map[string]*visit{}
	var calls sync.WaitGroup
	for _, who := range siptest.Cases() {
		v := &visit{job: w.job("case-"+who.Suffix, who.Suffix)}
		if who.Disposition == NoAnswer {
			v.job.RingTimeout = 2 * time.Second
		}
		visits[who.Suffix] = v
		calls.Go(func() { v.result = w.dialer.Place(t.Context(), v.job, &house{}) })
	}
	calls.Wait()
	for _, who := range siptest.Cases() {
		// A machine too busy to send in time damages words, and damaged words
		// are not heard, ours or the network's: such a call is placed once more, alone.
		v := visits[who.Suffix]
		unheard := v.result.RTP.Skipped > 0 && v.result.Outcome == "no_interaction" ||
			!v.result.Answered && v.result.Announced == "" && v.result.RTP.Received > 0 && v.result.Disposition != who.Disposition
		if unheard && who.NextDisposition == "" {
			v.result = w.dialer.Place(t.Context(), v.job, &house{})
		}
		t.Run(who.Name, func(t *testing.T) {
			r := visits[who.Suffix].result
			if r.Disposition != who.Disposition {
				t.Errorf("disposition %s, want %s (cause %+v, announced %q, err %v)", r.Disposition, who.Disposition, r.Cause, r.Announced, r.Err)
			}
			want := who.Outcome
			if who.Suffix == "301" { // this tree offers no text message
				want = r.Outcome
			}
			if r.Outcome != want {
				t.Errorf("outcome %q, want %q\n%s", r.Outcome, want, tell(r))
			}
			if r.OptOut && r.OptOutPending {
				t.Error("the refusal is still pending")
			}
			if told := w.record(t, "case-"+who.Suffix); r.Answered != !told.AnsweredAt.IsZero() && who.Suffix != "105" {
				t.Errorf("answered %v, the carrier says %v", r.Answered, told.AnsweredAt)
			} else if r.Answered && (!told.Acked || !told.Byed) {
				t.Errorf("the carrier was left with an open call: %+v", told)
			}
			if r.TrunkFault != (who.Suffix == "205" || who.Suffix == "206") {
				t.Errorf("trunk fault %v", r.TrunkFault)
			}
			replays(t, visits[who.Suffix].job, r)
		})
	}
}

// tell prints a conversation for a failed test.
func tell(r Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "packets sent %d skipped %d, received %d lost %d late %d, samples missed %d\n",
		r.RTP.Sent, r.RTP.Skipped, r.RTP.Received, r.RTP.Lost, r.RTP.Late, r.RTP.TapMissed)
	for _, turn := range r.Transcript {
		b.WriteString(turn.At.Round(time.Millisecond).String() + " " + turn.Who + ": " + turn.Text + "\n")
	}
	for _, e := range r.Journal {
		b.WriteString(e.Event.At.Round(time.Millisecond).String() + " " + string(e.Event.Kind) + " " + e.Event.Text + e.Event.Key + " →")
		for _, a := range e.Actions {
			b.WriteString(" " + string(a.Do))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// replays steps the journal again: the same events give the same actions.
func replays(t *testing.T, j Job, r Result) {
	t.Helper()
	if len(r.Journal) == 0 {
		return
	}
	var events []dialogs.Event
	var want [][]dialogs.Action
	for _, e := range r.Journal {
		events, want = append(events, e.Event), append(want, e.Actions)
	}
	if diff := cmp.Diff(want, dialogs.Replay(j.Tree, j.Attempt, j.Facts, j.Ledger, events)); diff != "" {
		t.Error(diff)
	}
}

func TestAConversationThatEndsInAFriend(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &house{}
	r := w.dialer.Place(t.Context(), w.job("agrees", "300"), h)
	if r.Disposition != Answered || r.Outcome != "agreed_add" || r.AnsweredBy != "person" || !r.Invite || r.Member != "小糖" || r.EndedBy == "" {
		t.Fatalf("%+v\n%s", r, tell(r))
	}
	if got := h.list(); got != "dial ringing in_dialog invite" && got != "dial in_dialog invite" {
		t.Errorf("the house was asked %q", got)
	}
	who := ""
	for _, turn := range r.Transcript {
		who += turn.Who[:1]
	}
	if !strings.HasPrefix(who, "bcbcbcb") {
		t.Errorf("turns %s\n%s", who, tell(r))
	}
	if r.InviteAt.After(r.AnsweredAt) || r.AnsweredAt.After(r.EndedAt) || r.RTP.Sent == 0 || r.RTP.Received == 0 {
		t.Errorf("times %v %v %v, media %+v", r.InviteAt, r.AnsweredAt, r.EndedAt, r.RTP)
	}
	for _, l := range r.Heard {
		if strings.Contains(l.Line, "/hello/") {
			t.Error("the plain greeting is exempt from what was heard")
		}
	}
	if len(r.Heard) == 0 || len(r.Ladder) == 0 || len(w.dialer.Live()) != 0 {
		t.Errorf("heard %v, ladder %d, live %v", r.Heard, len(r.Ladder), w.dialer.Live())
	}
}

func TestARefusalIsCommittedBeforeItIsConfirmed(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &house{slow: 300 * time.Millisecond}
	r := w.dialer.Place(t.Context(), w.job("stop", "303"), h)
	if r.Outcome != "opt_out" || !r.OptOut || r.OptOutPending {
		t.Fatalf("%+v\n%s", r, tell(r))
	}
	confirmed := r.Transcript[len(r.Transcript)-1]
	if confirmed.Who != "bot" || confirmed.Text != "已经记下，以后不再打给您。" {
		t.Fatalf("the last words are %+v", confirmed)
	}
	if said := r.AnsweredAt.Add(confirmed.At); h.optOut.IsZero() || said.Before(h.optOut) {
		t.Errorf("confirmed at %v, committed at %v", said, h.optOut)
	}
}

func TestASlowHouseMakesARefusalNoted(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &house{slow: time.Minute}
	r := w.dialer.Place(t.Context(), w.job("slow", "303"), h)
	if r.Outcome != "opt_out" || !r.OptOut || !r.OptOutPending {
		t.Fatalf("%+v\n%s", r, tell(r))
	}
	if last := r.Transcript[len(r.Transcript)-1]; last.Text != "已记录，不会再打给您。" {
		t.Errorf("the person was told %q", last.Text)
	}
}

func TestARefusalOverTheGreetingCutsIt(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &house{}
	w.dialer.Prompts = speech.NewPrompts(slow{}, "")
	r := w.dialer.Place(t.Context(), w.job("over", "318"), h)
	if r.Outcome != "opt_out" || !strings.Contains(h.list(), "opt_out:all") {
		t.Fatalf("%+v\n%s", r, tell(r))
	}
	if len(r.Heard) > 1 {
		t.Errorf("lines count as heard that were cut off early: %v", r.Heard)
	}
}

// slow speaks three times as long as brisk.
type slow struct{ brisk }

func (slow) Synthesize(ctx context.Context, u speech.Utterance) ([]int16, int, error) {
	pcm, rate, err := brisk{}.Synthesize(ctx, u)
	return append(append(pcm, pcm...), pcm...), rate, err
}

func TestWithoutRoomNothingIsPromised(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &house{noRoom: true}
	r := w.dialer.Place(t.Context(), w.job("full", "300"), h)
	if r.Invite || r.Member != "" || strings.Contains(tell(r), "小糖加您") {
		t.Errorf("%+v\n%s", r, tell(r))
	}
}

func TestHangingUpMidSentence(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &house{}
	w.dialer.Prompts = speech.NewPrompts(slow{}, "")
	r := w.dialer.Place(t.Context(), w.job("gone", "302"), h)
	if r.EndedBy != sip.ByCallee || r.Outcome != "hung_up" || r.Disposition != Answered {
		t.Fatalf("%+v\n%s", r, tell(r))
	}
	last := r.Journal[len(r.Journal)-1].Event
	if last.Kind != dialogs.Bye || last.Heard <= 0 || last.Heard >= 1 || last.LineID == "" {
		t.Errorf("the tree was told %+v", last)
	}
}

func TestWhatForbidsDialingForbidsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	late := func() { w.dialer.since = func(time.Time) time.Duration { return 2100 * time.Millisecond } }
	for _, c := range []struct {
		name string
		ctx  context.Context
		door *house
		job  func(*Job)
		want string
	}{
		{"the house says no", t.Context(), &house{refuse: errors.New("on the list")}, nil, "on the list"},
		{"the decision is stale", t.Context(), &house{dialing: late}, nil, "more than 2s passed"},
		{"we are shutting down", stopped, &house{}, nil, "canceled"},
		{"there is no tree", t.Context(), &house{}, func(j *Job) { j.Tree = nil }, "no dialog tree"},
		{"the trunk has no address", t.Context(), &house{}, func(j *Job) { j.Trunk.Addr = "" }, "trunk"},
	} {
		j := w.job("never", "300")
		if c.job != nil {
			c.job(&j)
		}
		r := w.dialer.Place(c.ctx, j, c.door)
		if r.Disposition != NotDialed || r.Err == nil || !strings.Contains(r.Err.Error(), c.want) || !r.InviteAt.IsZero() {
			t.Errorf("%s: %s, %v", c.name, r.Disposition, r.Err)
		}
		w.dialer.since = nil
	}
	w.dialer.Prompts = speech.NewPrompts(mute{}, "")
	h := &house{}
	if r := w.dialer.Place(t.Context(), w.job("never", "300"), h); r.Disposition != NotDialed || h.list() != "" {
		t.Errorf("a bot without a voice: %s, the house was asked %q", r.Disposition, h.list())
	}
	if n := w.gateway.Truth().Invites; n != 0 {
		t.Errorf("the carrier saw %d INVITEs", n)
	}
}

func TestStoppingEndsEveryCallWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ name, suffix, at, want string }{
		{"while it rings", "102", "ringing", Cancelled},
		{"as they pick up", "313", "in_dialog", Abandoned},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		h := &house{told: make(chan string, 16)}
		done := make(chan Result)
		go func() { done <- w.dialer.Place(ctx, w.job("stop-"+c.suffix, c.suffix), h) }()
		for state := range h.told {
			if state == c.at {
				break
			}
		}
		if live := w.dialer.Live(); len(live) != 1 || live[0].State != c.at || live[0].Masked != "138****8"+c.suffix {
			t.Errorf("%s: the console sees %+v", c.name, live)
		}
		cancel()
		began := time.Now()
		r := <-done
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: it took %v", c.name, took)
		}
		if r.Disposition != c.want || r.EndedBy != sip.ByUs {
			t.Errorf("%s: %s by %s", c.name, r.Disposition, r.EndedBy)
		}
	}
}

func TestWithoutEarsACallGoesByKeys(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), &house{}
	w.dialer.Ears = nil
	r := w.dialer.Place(t.Context(), w.job("keys", "306"), h)
	if r.Outcome != "agreed_add" || r.AnsweredBy != "person" {
		t.Errorf("%+v\n%s", r, tell(r))
	}
	r = w.dialer.Place(t.Context(), w.job("spoken", "303"), h)
	if r.OptOut || r.Outcome == "agreed_add" {
		t.Errorf("a consent or refusal was guessed: %+v", r)
	}
}

func TestTheConsoleSeesACallGoBy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var states []string
	w.dialer.Observe = func(l Live) {
		if len(states) == 0 || states[len(states)-1] != l.State {
			states = append(states, l.State)
		}
	}
	w.dialer.Place(t.Context(), w.job("busy", "101"), nil)
	if diff := cmp.Diff([]string{Dialing, Ringing, Ended}, states); diff != "" {
		t.Error(diff)
	}
}
