package postgres

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"warmline/contacts"
	"warmline/dialer"
	"warmline/media"
	"warmline/sip"
)

// talked is a call of ours with everything a line tells.
func talked(now time.Time) dialer.Result {
	r := agreed(now)
	r.Outcome, r.Grade = "transferred", "B"
	r.PDD, r.MOS, r.R, r.Late = 1200*time.Millisecond, 4.1, 85, 3*time.Millisecond
	r.RTP = media.Stats{Codec: media.PCMA, LocalPort: 16384, Sent: 2000, Received: 1990, Lost: 10, Jitter: 7 * time.Millisecond,
		RoundTrip: 40 * time.Millisecond, Skipped: 2, RemoteLost: 5}
	r.Hops = []sip.Hop{{Trunk: "t0", Target: "192.0.2.1:5060", At: now}, {Trunk: "t1", Target: "192.0.2.2:5060", At: now}}
	r.Handovers = []dialer.Handover{{Queue: "queue/care", Mode: dialer.Attended, Agent: "小李", Joined: 9 * time.Second, Talk: time.Minute,
		Tries: []dialer.Try{{Agent: "小王", Came: "busy", Status: 486}, {Agent: "小李", Came: "accepted", Status: 200}}}}
	r.Recording = &dialer.Recording{File: "2026-11-20/a.wav", SHA256: "00ff", Duration: 37 * time.Second, Begins: 20 * time.Millisecond}
	return r
}

func TestTheLineOfACallIsKept(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	id := plan(t, db, noon, running(t, db, "winter"), 1)[0]
	c := dial(t, db, noon, id, "d1")
	must(t)(nil, db.Progress(t.Context(), noon, Step{id, c.Epoch, "in_dialog"}))
	must(t)(nil, db.Progress(t.Context(), noon, Step{id, c.Epoch, "transferring"}))
	if s, _ := state(t, db, id); s != "transferring" {
		t.Errorf("state %s while somebody takes over", s)
	}
	// The spool must carry all of it too.
	b, err := json.Marshal(FinishIn{Attempt: id, Epoch: c.Epoch, Result: talked(noon)})
	if err != nil {
		t.Fatal(err)
	}
	var in FinishIn
	must(t)(nil, json.Unmarshal(b, &in))
	must(t)(nil, db.Finish(t.Context(), noon, in))
	d, err := db.Attempt(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	want := &Recording{File: "2026-11-20/a.wav", SHA256: "00ff", LengthMS: 37000, BeginsMS: 20}
	if diff := cmp.Diff(want, d.Recording); diff != "" {
		t.Error(diff)
	}
	if d.PDDms != 1200 || d.Codec != "PCMA" || d.MOS != 4.1 || d.RFactor != 85 || d.RoundTrip != 40*time.Millisecond || d.RTPSkipped != 2 ||
		d.RemoteLost != 5 || d.LateP99 != 3*time.Millisecond || d.Jitter != 7*time.Millisecond || !d.Recorded || d.Outcome != "transferred" {
		t.Errorf("kept %+v", d)
	}
	var hops []sip.Hop
	must(t)(nil, json.Unmarshal(d.Hops, &hops))
	if len(hops) != 2 || hops[1].Trunk != "t1" || hops[1].Target != "192.0.2.2:5060" {
		t.Errorf("hops %+v", hops)
	}
	var h []dialer.Handover
	must(t)(nil, json.Unmarshal(d.Handovers, &h))
	if diff := cmp.Diff(talked(noon).Handovers, h); diff != "" {
		t.Error(diff)
	}
	w, err := db.Why(t.Context(), noon, phone(0))
	if err != nil || len(w.Attempts) != 1 || w.Attempts[0].MOS != 4.1 {
		t.Errorf("why says %+v, %v", w.Attempts, err)
	}
}

func TestACallerIsRecognisedByNumber(t *testing.T) {
	db := fresh(t)
	people(t, db, 2)
	c := running(t, db, "winter")
	ids := plan(t, db, noon, c, 2)
	got := dial(t, db, noon, ids[0], "d1")
	finish(t, db, noon, got, busy(noon))
	known, err := db.Caller(t.Context(), noon, phone(0))
	if err != nil {
		t.Fatal(err)
	}
	if known.Attempt != ids[0] || known.Campaign != c.ID || !known.Dialed.Equal(noon) || known.Contact.Salutation() != "王女士" || len(known.Contact.Orders) != 1 {
		t.Errorf("recognised as %+v", known)
	}
	if never, err := db.Caller(t.Context(), noon, phone(1)); err != nil || never.Attempt != "" || never.ContactID == 0 {
		t.Errorf("somebody we never called: %+v, %v", never, err)
	}
	if stranger, err := db.Caller(t.Context(), noon, "+8613900000000"); err != nil || stranger.ContactID != 0 {
		t.Errorf("a stranger: %+v, %v", stranger, err)
	}
}

// inbound is a call back in which somebody pressed 9.
func inbound(from contacts.Phone, c Caller) InboundIn {
	return InboundIn{Trunk: "t1", Phone: from, Called: "0571", Caller: c, Dialog: "inbound", TreeVersion: "v1", CameAt: noon,
		Result: dialer.Result{Attempt: uuid.NewString(), Disposition: "answered", Answered: true, AnsweredAt: noon, EndedAt: noon.Add(20 * time.Second),
			Outcome: "opt_out", OptOut: true, EndedBy: "us", Cause: sip.Cause{Status: 200}, Transcript: []dialer.Turn{{Who: "callee", Text: "[9]"}},
			Recording: &dialer.Recording{File: "x.wav", SHA256: "aa", Duration: time.Second}}}
}

func TestACallBackIsKeptAndItsRefusalHeld(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	c := running(t, db, "winter")
	id := plan(t, db, noon, c, 1)[0]
	finish(t, db, noon, dial(t, db, noon, id, "d1"), busy(noon))
	known, err := db.Caller(t.Context(), noon, phone(0))
	if err != nil {
		t.Fatal(err)
	}
	in := inbound(phone(0), known)
	must(t)(nil, db.FinishInbound(t.Context(), noon, in))
	must(t)(nil, db.FinishInbound(t.Context(), noon, in)) // told twice
	if stopped, err := db.Suppressed(t.Context(), phone(0)); err != nil || !stopped {
		t.Errorf("suppressed %v, %v", stopped, err)
	}
	if at := task(t, db, c, 0); at.State != "done" || at.DoneReason != "dnc_global" {
		t.Errorf("the campaign still wants them: %+v", at)
	}
	w, err := db.Why(t.Context(), noon, phone(0))
	if err != nil || len(w.Inbound) != 1 {
		t.Fatalf("why knows %d inbound calls, %v", len(w.Inbound), err)
	}
	got := w.Inbound[0]
	if got.Direction != "inbound" || got.Attempt != id || got.Campaign != "winter" || got.Outcome != "opt_out" || got.Masked != phone(0).Masked() || got.Recording == nil {
		t.Errorf("kept %+v", got)
	}
}

func TestAStrangerAndAWithheldNumberAreKeptWithoutAName(t *testing.T) {
	db := fresh(t)
	stranger := inbound("+8613900000000", Caller{})
	withheld := inbound("", Caller{})
	lost := inbound("", Caller{ContactID: 99, Campaign: uuid.NewString(), Attempt: uuid.NewString()}) // deleted meanwhile
	for _, in := range []InboundIn{stranger, withheld, lost} {
		must(t)(nil, db.FinishInbound(t.Context(), noon, in))
	}
	if stopped, err := db.Suppressed(t.Context(), "+8613900000000"); err != nil || !stopped {
		t.Errorf("a stranger's refusal: suppressed %v, %v", stopped, err)
	}
	list, err := db.InboundCalls(t.Context(), 10)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d calls, %v", len(list), err)
	}
	if n := count(t, db, `SELECT count(*) FROM suppressions`); n != 1 {
		t.Errorf("%d suppressions; a withheld number has none", n)
	}
	if err := db.FinishInbound(t.Context(), noon, InboundIn{Result: dialer.Result{Attempt: "no"}}); err == nil {
		t.Error("a call without an ID was kept")
	}
}

func TestExpiredRecordingsAreForgottenAndTheirSumsStay(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	id := plan(t, db, noon, running(t, db, "winter"), 1)[0]
	finish(t, db, noon, dial(t, db, noon, id, "d1"), talked(noon))
	must(t)(nil, db.FinishInbound(t.Context(), noon, inbound("+8613900000000", Caller{})))
	files := []string{"2026-11-20/a.wav", "x.wav"}
	must(t)(nil, db.ForgetRecordings(t.Context(), files))
	d, err := db.Attempt(t.Context(), id)
	if err != nil || d.Recording != nil || d.Recorded {
		t.Errorf("still referred to: %+v, %v", d.Recording, err)
	}
	if n := count(t, db, `SELECT count(*) FROM attempts WHERE recording_sum = '00ff'`); n != 1 {
		t.Error("the sum is gone too")
	}
	if list, err := db.InboundCalls(t.Context(), 1); err != nil || list[0].Recording != nil {
		t.Errorf("an inbound call still refers to one: %+v, %v", list, err)
	}
}
