package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"warmline/compliance"
	"warmline/postgres"
	"warmline/reports"
	"warmline/sip/siptest"
)

// small is a demo over one city, with tones for a voice.
func small(t *testing.T, decide decider) (*demo, demoReport) {
	t.Helper()
	d := &demo{
		demoCmd: &demoCmd{Examples: "../../examples", Lines: 60, Rate: 15, Voice: "tones", segment: `city in ["北京"]`, decide: decide},
		app:     &app{ctx: t.Context(), std: std{out: io.Discard, err: io.Discard}, cli: &cli{}, log: slog.New(slog.DiscardHandler)},
		began:   time.Now(), clock: new(clock), screen: newScreen(testLog{t}),
	}
	var rep demoReport
	var err error
	d.look = func(ctx context.Context) error {
		rep, err = d.report(ctx)
		if err != nil {
			return err
		}
		return sameEverywhere(ctx, t, d)
	}
	if _, err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d, rep
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}

// sameEverywhere compares the report, the rows and the gateway's own log.
func sameEverywhere(ctx context.Context, t *testing.T, d *demo) error {
	f, err := d.stores.db.Funnel(ctx, d.clock.now(), "")
	if err != nil {
		return err
	}
	rows, err := d.stores.db.Attempts(ctx, "", 10_000)
	if err != nil {
		return err
	}
	truth := d.gateway.Truth()
	dialed, answered := 0, 0
	byDisposition := map[string]int{}
	for _, r := range rows {
		if r.Disposition != "" {
			byDisposition[r.Disposition]++
		}
		if !r.DialedAt.IsZero() && r.Disposition != "not_dialed" {
			dialed++
		}
		if !r.AnsweredAt.IsZero() {
			answered++
		}
	}
	// A phone picked up while our CANCEL was on its way was answered for the
	// gateway and given up for us: its 200 is ACKed and BYEd.
	gatewayAnswered := 0
	for _, c := range truth.Calls {
		if !c.AnsweredAt.IsZero() && c.Case != "late-answer" {
			gatewayAnswered++
		}
		if !c.AnsweredAt.IsZero() && (!c.Acked || !c.Byed) {
			t.Errorf("call of case %s was answered and not ACKed and BYEd", c.Case)
		}
	}
	if f.Calls(reports.Dialed) != dialed || dialed != truth.Invites {
		t.Errorf("dialed: report %d, rows %d, gateway %d", f.Calls(reports.Dialed), dialed, truth.Invites)
	}
	if f.Calls(reports.Answered) != answered || answered != gatewayAnswered {
		t.Errorf("answered: report %d, rows %d, gateway %d", f.Calls(reports.Answered), answered, gatewayAnswered)
	}
	for k, n := range byDisposition {
		if f.Dispositions[k] != n {
			t.Errorf("disposition %s: report %d, rows %d", k, f.Dispositions[k], n)
		}
	}
	if ghosts := truth.Up; ghosts != 0 {
		t.Errorf("%d calls are still up at the gateway", ghosts)
	}
	return nil
}

func TestTwoDaysAgreeWithTheGatewaysOwnLog(t *testing.T) {
	t.Parallel() // mostly waiting for people who talk
	d, rep := small(t, nil)
	if rep.CalledAfterOptOut != 0 || rep.DuplicateInvites != 0 {
		t.Errorf("called after opt-out %d, duplicate invites %d; want none", rep.CalledAfterOptOut, rep.DuplicateInvites)
	}
	if rep.OptedOut == 0 || rep.Friends == 0 || rep.Invited == 0 || rep.People < 250 {
		t.Errorf("opted out %d, friends %d, invited %d, people %d: too little happened to prove anything", rep.OptedOut, rep.Friends, rep.Invited, rep.People)
	}
	if len(d.odd) > 0 {
		t.Errorf("calls not as the gateway's table says: %v", d.odd)
	}
	log, err := os.ReadFile(filepath.Join(d.out, "warmline.log"))
	if err != nil || len(log) == 0 {
		t.Fatalf("the log: %d bytes, %v", len(log), err)
	}
	// Call-IDs are hexadecimal and may hold as many digits in a row.
	if n := regexp.MustCompile(`[^0-9a-f]1[3-9]\d{9}[^0-9a-f]`).Find(log); n != nil {
		t.Errorf("the log tells a whole number: %s", n)
	}
	stopped := d.sms.Truth().MessagedAfterOptOut
	if stopped != 0 {
		t.Errorf("%d texts went to people who had said stop", stopped)
	}
}

// The figure called_after_opt_out must be able to fail: with the suppression
// gate taken out, people who said stop are called again and the gateway sees it.
func TestWithoutTheSuppressionGatePeopleAreCalledAfterOptOut(t *testing.T) {
	t.Parallel()
	_, rep := small(t, func(now time.Time, p compliance.Policy, s compliance.Subject) compliance.Verdict {
		if len(s.Suppressed) > 0 {
			s.Suppressed = nil
			p.Consent.Required = false // an opt-out withdraws consents, too
		}
		return compliance.Decide(now, p, s)
	})
	if rep.CalledAfterOptOut == 0 {
		t.Error("the gate is out and nobody was called after an opt-out: the figure cannot fail")
	}
	if rep.judge() == nil {
		t.Error("the demo does not fail on it")
	}
}

func TestCompareSeesWhatDiffers(t *testing.T) {
	busy := siptest.CallRecord{Number: "13800000101", Attempt: "a"}
	for _, tt := range []struct {
		name     string
		attempts []postgres.Attempt
		odd      int
	}{
		{"the table's own disposition", []postgres.Attempt{{ID: "a", Disposition: "busy"}}, 0},
		{"another disposition", []postgres.Attempt{{ID: "a", Disposition: "rejected"}}, 1},
		{"no attempt at all", nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := compare([]siptest.CallRecord{busy}, tt.attempts); len(got) != tt.odd {
				t.Errorf("got %v, want %d", got, tt.odd)
			}
		})
	}
}
