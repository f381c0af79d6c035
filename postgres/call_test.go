package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/compliance"
	"warmline/dialer"
	"warmline/dialogs"
	"warmline/media"
	"warmline/scheduler"
	"warmline/sip"
)

// agreed is a call in which the person said yes.
func agreed(now time.Time) dialer.Result {
	return dialer.Result{
		Disposition: "answered", Answered: true, AnsweredBy: "person", Outcome: "agreed_add", Grade: "A", EndedBy: "us",
		Cause: sip.Cause{Status: 200}, Tags: []string{"喜欢羽绒服"}, Variants: map[string]string{"hello": "a"},
		Heard:      []dialogs.HeardLine{{Line: "hook/1/a", Hook: "cold"}},
		Transcript: []dialer.Turn{{Who: "bot", Text: "您好"}, {Who: "callee", Text: "好的\x00"}},
		InviteAt:   now, RingAt: now.Add(time.Second), AnsweredAt: now.Add(3 * time.Second), EndedAt: now.Add(40 * time.Second),
		RTP: media.Stats{Sent: 2000, Received: 1990, Lost: 10},
	}
}

func busy(now time.Time) dialer.Result {
	return dialer.Result{Disposition: "busy", EndedBy: "callee", Cause: sip.Cause{Status: 486, Q850: 17}, InviteAt: now, RingAt: now, EndedAt: now}
}

func TestFromThePlanToTheResult(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	c := running(t, db, "winter")
	must(t)(nil, db.SaveMembers(t.Context(), noon, []Member{{UserID: "li", Name: "小李", Daily: 5, Active: true}}))
	id := plan(t, db, noon, c, 5)[0]
	if want := scheduler.AttemptID(c.ID, 1, 1); id != want {
		t.Errorf("attempt is %s, want %s", id, want)
	}
	if again := plan(t, db, noon, c, 5); len(again) != 1 {
		t.Errorf("a second tick queued %d attempts, want the same one", len(again))
	}

	wakes, err := db.Relay(t.Context(), noon, 10)
	if err != nil || len(wakes) != 1 {
		t.Fatalf("relay gives %v, %v", wakes, err)
	}
	if diff := cmp.Diff(Wake{Kind: "attempt", Key: id, Dispatch: 1, Outbox: wakes[0].Outbox}, wakes[0]); diff != "" {
		t.Errorf("wake (-want +got):\n%s", diff)
	}
	must(t)(nil, db.Relayed(t.Context(), []int64{wakes[0].Outbox}))
	if wakes, err := db.Relay(t.Context(), noon, 10); err != nil || len(wakes) != 0 {
		t.Errorf("announced work is announced again at once: %v, %v", wakes, err)
	}

	got := claim(t, db, noon, id, "d1")
	if got.Number != 1 || got.Epoch != 1 || got.Contact.Salutation() != "王女士" || len(got.Contact.Orders) != 1 || got.Campaign.Name != "winter" {
		t.Errorf("claimed %+v", got)
	}
	if err := db.Dial(t.Context(), noon, id, got.Epoch, "d1", decide(noon)); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"ringing", "in_dialog", "ringing"} {
		must(t)(nil, db.Progress(t.Context(), noon, Step{id, got.Epoch, s}))
	}
	if s, _ := state(t, db, id); s != "in_dialog" {
		t.Errorf("state is %s; a late ringing must not undo in_dialog", s)
	}
	finish(t, db, noon, got, agreed(noon))
	finish(t, db, noon, got, agreed(noon)) // a result told twice

	d, err := db.Attempt(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if d.State != "ended" || d.Outcome != "agreed_add" || d.RTPLost != 10 || d.AnsweredAt.IsZero() {
		t.Errorf("stored %+v", d.Attempt)
	}
	var turns []dialer.Turn
	if err := json.Unmarshal(d.Transcript, &turns); err != nil || len(turns) != 2 {
		t.Errorf("transcript %s: %v", d.Transcript, err)
	}
	if in := task(t, db, c, 0); in.State != "done" || in.DoneReason != "agreed_add" || in.Attempts != 1 {
		t.Errorf("task %+v", in)
	}
	ledger, err := db.Ledger(t.Context(), noon.AddDate(0, 0, 30), []int64{1})
	if err != nil || !ledger[1].Hooks["cold"] || !ledger[1].Lines["hook/1/a"] {
		t.Errorf("ledger %v, %v", ledger, err)
	}
	if ledger, err = db.Ledger(t.Context(), noon.AddDate(0, 0, 61), []int64{1}); err != nil || len(ledger[1].Lines) != 0 {
		t.Errorf("after 61 days the ledger still holds %v, %v", ledger, err)
	}
	if wakes, err = db.Relay(t.Context(), noon, 10); err != nil || len(wakes) != 1 || wakes[0].Kind != "invite" {
		t.Errorf("after a yes the outbox holds %v, %v", wakes, err)
	}
}

func TestARetryIsAnAttemptOfItsOwn(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	c := running(t, db, "winter")
	first := dial(t, db, noon, plan(t, db, noon, c, 1)[0], "d1")
	finish(t, db, noon, first, busy(noon))
	if in := task(t, db, c, 0); in.State != "waiting" || !in.DueAt.Equal(noon.Add(20*time.Minute)) || in.Attempts != 1 {
		t.Errorf("after busy: %+v", in)
	}
	later := noon.AddDate(0, 0, 3)
	ids := plan(t, db, later, c, 1)
	if len(ids) != 1 || ids[0] == first.Attempt {
		t.Fatalf("second attempt: %v", ids)
	}
	if second := claim(t, db, later, ids[0], "d1"); second.Number != 2 {
		t.Errorf("second attempt has number %d", second.Number)
	}
}

func TestATrunkFaultIsNotSpentOnThePerson(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	c := running(t, db, "winter")
	now := noon
	seen := map[string]bool{}
	for range 3 {
		ids := plan(t, db, now, c, 1)
		if len(ids) != 1 || seen[ids[0]] {
			t.Fatalf("at %s planned %v after %v", now, ids, seen)
		}
		seen[ids[0]] = true
		a := dial(t, db, now, ids[0], "d1")
		if a.Number != 1 {
			t.Errorf("attempt has number %d, want 1: nothing was spent", a.Number)
		}
		finish(t, db, now, a, dialer.Result{Disposition: "network_busy", EndedBy: "carrier", EndedAt: now, TrunkFault: true})
		now = now.Add(5 * time.Minute)
	}
}

func TestAnOptOutBetweenClaimAndDial(t *testing.T) {
	db := fresh(t)
	people(t, db, 2)
	winter, spring := running(t, db, "winter"), running(t, db, "spring")
	ids := plan(t, db, noon, winter, 2)
	c := claim(t, db, noon, ids[0], "d1")
	if err := db.OptOut(t.Context(), noon, OptOutIn{Phone: phone(0), Source: "console"}); err != nil {
		t.Fatal(err)
	}
	err := db.Dial(t.Context(), noon, c.Attempt, c.Epoch, "d1", decide(noon))
	if !errors.Is(err, ErrLost) {
		t.Errorf("dialing after the opt-out gives %v", err)
	}
	if s, _ := state(t, db, c.Attempt); s != "refused" {
		t.Errorf("attempt is %s", s)
	}
	for _, in := range []scheduler.Campaign{winter, spring} {
		if got := task(t, db, in, 0); got.State != "done" || got.DoneReason != "dnc_global" {
			t.Errorf("in %s the person is %+v", in.Name, got)
		}
	}
	if got := task(t, db, winter, 1); got.State != "attempting" {
		t.Errorf("the other person is %+v", got)
	}
	if n := count(t, db, `SELECT count(*) FROM outbox WHERE done_at IS NULL`); n != 1 {
		t.Errorf("%d rows of work are open, want the other person's", n)
	}
}

func TestTheDoorClosesBetweenClaimAndDial(t *testing.T) {
	evening := noon.Add(9 * time.Hour)
	for _, tt := range []struct {
		name   string
		now    time.Time
		do     func(t *testing.T, db *DB, c scheduler.Campaign)
		reason string
		state  string
	}{
		{"the window ends", evening, func(*testing.T, *DB, scheduler.Campaign) {}, compliance.ReasonWindow, "waiting"},
		{"the consent is withdrawn", noon, func(t *testing.T, db *DB, _ scheduler.Campaign) {
			must(t)(db.pool.Exec(t.Context(), `UPDATE consents SET withdrawn_at = $1`, noon))
		}, compliance.ReasonNoConsent, "waiting"},
		{"the campaign pauses", noon, func(t *testing.T, db *DB, c scheduler.Campaign) {
			must(t)(nil, db.MoveCampaign(t.Context(), noon, c.ID, scheduler.Paused, "user", "bob"))
		}, compliance.ReasonPaused, "waiting"},
		{"a complaint comes in", noon, func(t *testing.T, db *DB, _ scheduler.Campaign) {
			must(t)(db.pool.Exec(t.Context(), `UPDATE contacts SET complained_at = $1`, noon))
		}, compliance.ReasonComplaint, "done"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := fresh(t)
			people(t, db, 1)
			c := running(t, db, "winter")
			a := claim(t, db, noon, plan(t, db, noon, c, 1)[0], "d1")
			tt.do(t, db, c)
			err := db.Dial(t.Context(), tt.now, a.Attempt, a.Epoch, "d1", decide(tt.now))
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Verdict.Reason != tt.reason {
				t.Fatalf("dialing gives %v, want refused: %s", err, tt.reason)
			}
			if s, _ := state(t, db, a.Attempt); s != "refused" {
				t.Errorf("attempt is %s", s)
			}
			in := task(t, db, c, 0)
			if in.State != tt.state || in.HeldReason != tt.reason || in.Attempts != 0 {
				t.Errorf("the person is %+v", in)
			}
			if in.State == "waiting" && !in.DueAt.After(tt.now) {
				t.Errorf("due again at %s, which is not after %s", in.DueAt, tt.now)
			}
		})
	}
}

func TestTheDoorIsAskedAgainBeforeADialedCallGoesFurther(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	c := running(t, db, "winter")
	a := dial(t, db, noon, plan(t, db, noon, c, 1)[0], "d1")
	again := func(dialer string) error {
		return db.Again(t.Context(), noon, a.Attempt, a.Epoch, dialer, decide(noon))
	}
	if err := again("d1"); err != nil {
		t.Fatal(err)
	}
	if err := again("d2"); !errors.Is(err, ErrLost) {
		t.Errorf("another dialer gets %v", err)
	}
	must(t)(db.pool.Exec(t.Context(), `UPDATE contacts SET complained_at = $1`, noon))
	var refused *RefusedError
	if err := again("d1"); !errors.As(err, &refused) || refused.Verdict.Reason != compliance.ReasonComplaint {
		t.Errorf("after a complaint: %v", err)
	}
	if s, _ := state(t, db, a.Attempt); s != "dialing" {
		t.Errorf("attempt is %s", s)
	}
}

func TestAnOptOutInTheCallEndsEverything(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	winter, spring := running(t, db, "winter"), running(t, db, "spring")
	a := dial(t, db, noon, plan(t, db, noon, winter, 1)[0], "d1")
	r := agreed(noon)
	r.Outcome, r.OptOut = "opt_out", true
	finish(t, db, noon, a, r)
	for _, c := range []scheduler.Campaign{winter, spring} {
		if in := task(t, db, c, 0); in.State != "done" || in.DoneReason != "dnc_global" {
			t.Errorf("in %s: %+v", c.Name, in)
		}
	}
	w, err := db.Why(t.Context(), noon, phone(0))
	if err != nil || len(w.Suppressions) != 1 || w.Suppressions[0].Channel != "all" {
		t.Errorf("suppressions %+v, %v", w.Suppressions, err)
	}
	if n := count(t, db, `SELECT count(*) FROM suppressions WHERE encode(hash, 'escape') LIKE '%138%'`); n != 0 {
		t.Error("a suppression holds the number")
	}
}

func TestAResultSurvivesTheSpool(t *testing.T) {
	in := FinishIn{Attempt: "a", Epoch: 3, Result: agreed(noon), Follow: []scheduler.FollowUp{{Kind: scheduler.FollowInvite}}}
	in.Result.Err = errors.New("the trunk was away")
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out FinishIn
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if out.Result.Err == nil || out.Result.Err.Error() != "the trunk was away" {
		t.Errorf("the error came back as %v", out.Result.Err)
	}
	in.Result.Err, out.Result.Err = nil, nil
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("a result through JSON (-in +out):\n%s", diff)
	}
}

func TestWorkAnnouncedAndForgottenIsAnnouncedAgain(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	c := running(t, db, "winter")
	plan(t, db, noon, c, 1)
	wakes, err := db.Relay(t.Context(), noon, 10)
	if err != nil || len(wakes) != 1 {
		t.Fatalf("relay gives %v, %v", wakes, err)
	}
	must(t)(nil, db.Relayed(t.Context(), []int64{wakes[0].Outbox}))
	must(t)(db.pool.Exec(t.Context(), `UPDATE outbox SET dispatched_at = clock_timestamp() - interval '31 seconds'`))
	if wakes, err = db.Relay(t.Context(), noon, 10); err != nil || len(wakes) != 1 || wakes[0].Dispatch != 2 {
		t.Errorf("after 31 s relay gives %v, %v; want dispatch 2", wakes, err)
	}
	must(t)(nil, db.MoveCampaign(t.Context(), noon, c.ID, scheduler.Paused, "user", "bob"))
	if wakes, err = db.Relay(t.Context(), noon, 10); err != nil || len(wakes) != 0 {
		t.Errorf("a paused campaign is announced: %v, %v", wakes, err)
	}
}

func TestSlotsOfATrunkAreSharedByAllDialers(t *testing.T) {
	db := fresh(t)
	g := scheduler.Rate(0.001, 5) // nothing comes back within the test
	var wg sync.WaitGroup
	granted := make(chan int, 8)
	for range 8 {
		wg.Go(func() {
			n, err := db.LeaseSlots(context.Background(), "t1", "0571", g, 3)
			if err != nil {
				t.Error(err)
			}
			granted <- n
		})
	}
	wg.Wait()
	close(granted)
	sum := 0
	for n := range granted {
		sum += n
	}
	if sum != 5 {
		t.Errorf("8 dialers got %d slots, the burst is 5", sum)
	}
	if n, err := db.LeaseSlots(t.Context(), "t1", "0572", g, 3); err != nil || n != 3 {
		t.Errorf("another caller ID got %d, %v", n, err)
	}
}

func TestACancelledCampaignTakesItsPeopleAlong(t *testing.T) {
	db := fresh(t)
	people(t, db, 3)
	c := running(t, db, "winter")
	ids := plan(t, db, noon, c, 2)
	a := dial(t, db, noon, ids[0], "d1")
	must(t)(nil, db.MoveCampaign(t.Context(), noon, c.ID, scheduler.Cancelled, "user", "bob"))
	if s, _ := state(t, db, ids[1]); s != "refused" {
		t.Errorf("the queued attempt is %s", s)
	}
	finish(t, db, noon, a, busy(noon))
	b, err := db.Backlog(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Backlog{Done: 3}, b); diff != "" {
		t.Errorf("backlog (-want +got):\n%s", diff)
	}
	if err := db.MoveCampaign(t.Context(), noon, c.ID, scheduler.Running, "", "bob"); err == nil {
		t.Error("a cancelled campaign runs again")
	}
}
