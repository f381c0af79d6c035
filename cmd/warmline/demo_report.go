package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"warmline/postgres"
	"warmline/sip/siptest"
)

// demoReport is the last line of warmline demo --json. What the gateway and the
// simulators can count, they counted.
type demoReport struct {
	People            int            `json:"people"`
	RejectedRows      int            `json:"rejected_rows"`
	Held              int            `json:"held"`
	Attempts          int            `json:"attempts"`
	PeakCalls         int            `json:"peak_calls"`
	Answered          int            `json:"answered"`
	Dispositions      map[string]int `json:"dispositions"`
	OptedOut          int            `json:"opted_out"`
	CalledAfterOptOut int            `json:"called_after_opt_out"`
	Messages          int            `json:"messages"`
	Invited           int            `json:"invited"`
	Friends           int            `json:"friends"`
	FriendsLost       int            `json:"friends_lost"`
	DuplicateInvites  int            `json:"duplicate_invites"`
	Seconds           float64        `json:"seconds"`
}

// judge fails the demo when what must never happen happened.
func (r demoReport) judge() error {
	switch {
	case r.CalledAfterOptOut > 0:
		return fmt.Errorf("%d calls reached people who had opted out", r.CalledAfterOptOut)
	case r.DuplicateInvites > 0:
		return fmt.Errorf("%d people were invited twice", r.DuplicateInvites)
	case r.Friends == 0:
		return errors.New("nobody became a friend")
	}
	return nil
}

// report counts, by the gateway and the simulators where they can.
func (d *demo) report(ctx context.Context) (demoReport, error) {
	f, err := d.stores.db.Funnel(ctx, d.clock.now(), "")
	if err != nil {
		return demoReport{}, err
	}
	d.funnel = f
	carrier, corp, texts := d.gateway.Truth(), d.wecom.Truth(), d.sms.Truth()
	r := demoReport{
		People: d.people, RejectedRows: d.rejects, Attempts: f.Attempts, Dispositions: f.Dispositions, OptedOut: f.OptedOut, Invited: f.Invited,
		PeakCalls: carrier.PeakCalls, Answered: carrier.Answered, CalledAfterOptOut: carrier.CalledAfterOptOut,
		Messages: len(texts.Messages), Friends: corp.Friends, FriendsLost: corp.Lost, DuplicateInvites: corp.DuplicateInvites,
		Seconds: time.Since(d.began).Seconds(),
	}
	for _, n := range f.Held {
		r.Held += n
	}
	attempts, err := d.stores.db.Attempts(ctx, "", 10_000)
	if err != nil {
		return r, err
	}
	d.odd = compare(carrier.Calls, attempts)
	for _, o := range d.odd {
		d.screen.say("not as the gateway's table says: %s", o)
	}
	if err := os.WriteFile(filepath.Join(d.out, "report.json"), mustJSON(r), 0o600); err != nil {
		return r, err
	}
	return r, nil
}

// compare holds each call's disposition and outcome against what the gateway's
// table says such a person does, and returns what differs.
func compare(calls []siptest.CallRecord, attempts []postgres.Attempt) []string {
	byID := map[string]postgres.Attempt{}
	for _, a := range attempts {
		byID[a.ID] = a
	}
	visits := map[string]int{}
	var odd []string
	for _, c := range calls {
		visits[c.Number]++
		want := siptest.CaseFor(c.Number)
		if visits[c.Number] > 1 && want.NextDisposition != "" {
			want.Disposition, want.Outcome = want.NextDisposition, want.NextOutcome
		}
		got, ok := byID[c.Attempt]
		switch {
		case !ok:
			odd = append(odd, fmt.Sprintf("%s: the gateway saw a call that no attempt stands for", want.Name))
		case got.Disposition != want.Disposition || want.Outcome != "" && got.Outcome != want.Outcome:
			odd = append(odd, fmt.Sprintf("%s: %s %s, want %s %s", want.Name, got.Disposition, got.Outcome, want.Disposition, want.Outcome))
		}
	}
	return odd
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a struct of numbers
	}
	return append(b, '\n')
}
