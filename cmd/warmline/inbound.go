package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"warmline/compliance"
	"warmline/contacts"
	"warmline/dialer"
	"warmline/dialogs"
	"warmline/postgres"
	"warmline/sip"
)

const (
	// lookUpWithin is how long a caller may ring while we look who they are.
	lookUpWithin = 2 * time.Second
	// recently is how long after a call of ours a call back is about it.
	recently = 72 * time.Hour
	// Retry-After of calls we cannot take now.
	busyFor    = 10 * time.Second
	leavingFor = 60 * time.Second
)

// checkInbound looks at the trees of the trunks that may call in.
func (c *caller) checkInbound() error {
	for _, t := range c.config.Trunks {
		if t.Inbound.Dialog == "" {
			continue
		}
		tree, _, err := c.trees.load(t.Inbound.Dialog)
		if err != nil {
			return fmt.Errorf("inbound calls of trunk %s: %w", t.Name, err)
		}
		if tree.Purpose() == "marketing" {
			return fmt.Errorf("inbound calls of trunk %s: tree %s sells, and who calls back has agreed to nothing", t.Name, t.Inbound.Dialog)
		}
	}
	return nil
}

// answer takes one call that somebody makes to us, on its own goroutine.
func (c *caller) answer(in *sip.Incoming) {
	t, err := c.config.trunk(in.Trunk.Name)
	if err != nil || t.Inbound.Dialog == "" {
		in.Reject(480, "Temporarily Unavailable")
		return
	}
	came, id := c.clock.now(), uuid.NewString()
	phone := callerNumber(in.From)
	record := postgres.InboundIn{Trunk: t.Name, Phone: phone, Called: in.To, Dialog: t.Inbound.Dialog, CameAt: came}
	leave, why := c.enter()
	if why != "" {
		if why == "lines" {
			in.RejectFor(486, "Busy Here", busyFor) // RFC 3261 21.4.24
		} else {
			in.RejectFor(503, "Service Unavailable", map[bool]time.Duration{true: leavingFor, false: busyFor}[why == "draining"])
		}
		c.log.Warn("an inbound call is refused", "trunk", t.Name, "why", why)
		record.Result = dialer.Result{Attempt: id, Disposition: "busy", EndedBy: sip.ByUs, Cause: sip.Cause{Reason: why}, EndedAt: came}
		c.finishInbound(context.Background(), record)
		return
	}
	defer leave()
	home := context.Background()
	ctx, cancel := context.WithCancel(home)
	defer cancel()
	c.running.Store(id, cancel)
	defer c.running.Delete(id)
	job, err := c.inboundJob(ctx, id, t, phone, &record)
	if err != nil {
		c.log.Error("an inbound call has no tree", "trunk", t.Name, "err", err)
		in.RejectFor(503, "Service Unavailable", busyFor)
		return
	}
	record.Result = c.dialer.Receive(ctx, in, job, &inboundDoor{caller: c, phone: phone})
	c.finishInbound(home, record)
	c.log.Info("inbound call", "from", phone, "trunk", t.Name, "disposition", record.Result.Disposition, "outcome", record.Result.Outcome)
}

// enter takes a line for a call that comes in; why says that there is none now.
// A spool that waits stops no call: they contact us, not we them.
func (c *caller) enter() (leave func(), why string) {
	c.entering.Lock()
	defer c.entering.Unlock()
	if why := c.refuse(); why != "" && why != "spool" {
		return nil, why
	}
	release, ok := c.line()
	if !ok {
		return nil, "lines"
	}
	c.calls.Add(1)
	return func() { release(); c.calls.Done() }, ""
}

// line takes one line of this process, if one is free.
func (c *caller) line() (release func(), ok bool) {
	select {
	case c.lines <- struct{}{}:
		return func() { <-c.lines }, true
	default:
		return nil, false
	}
}

// inboundJob says who calls, as far as we know, and what they are told.
func (c *caller) inboundJob(ctx context.Context, id string, t TrunkConfig, phone contacts.Phone, record *postgres.InboundIn) (dialer.Job, error) {
	tree, _, err := c.trees.load(t.Inbound.Dialog)
	if err != nil {
		return dialer.Job{}, err
	}
	now := c.clock.now()
	facts := dialogs.Facts{"now": now, "brand": c.config.Brand}
	record.TreeVersion = tree.Version()
	if phone != "" {
		ctx, cancel := context.WithTimeout(ctx, lookUpWithin)
		defer cancel()
		known, err := c.db.Caller(ctx, now, phone)
		if err != nil {
			c.log.Warn("a caller is not looked up", "err", err) // they are told what a stranger is
		}
		if known.ContactID != 0 {
			facts = c.facts.of(ctx, known.Contact, now)
		}
		record.Caller = known
		record.Caller.Contact = contacts.Contact{} // the spool needs no names
	}
	facts["caller"] = map[string]any{
		"withheld": phone == "", "recent": !record.Caller.Dialed.IsZero() && now.Sub(record.Caller.Dialed) < recently,
	}
	codecs, ptime, security, err := t.audio()
	if err != nil {
		return dialer.Job{}, err
	}
	job := dialer.Job{
		Attempt: id, Masked: phone.Masked(), Trunk: t.sip(), Tree: tree, Facts: facts, Ledger: ledgerOf(dialogs.Ledger{}),
		MaxTalk: c.config.Dialer.MaxTalk, Codecs: codecs, PTime: ptime, Security: security,
	}
	if compliance.CNService().Record {
		job.Record = c.config.recordings()
	}
	return job, nil
}

// callerNumber is the number a trunk shows, "" when it shows none.
func callerNumber(from string) contacts.Phone {
	for _, s := range []string{from, strings.TrimPrefix(from, "0")} { // 013800138000: how a trunk of another city shows it
		// A landline comes with a refusal: we would not call it, but it calls us.
		if phone, _, _ := contacts.ParsePhone(s, "CN"); phone != "" {
			return phone
		}
	}
	return ""
}

// inboundDispositions are those that inbound_calls knows; the rest of what may
// become of a call is for calls of ours.
var inboundDispositions = []string{"answered", "assistant", "voicemail", "no_media", "abandoned", "cancelled", "line_fault", "busy", "not_dialed"}

// finishInbound brings the record of a call home: to PostgreSQL, else to the
// spool.
func (c *caller) finishInbound(ctx context.Context, in postgres.InboundIn) {
	if !slices.Contains(inboundDispositions, in.Result.Disposition) {
		in.Result.Disposition = "line_fault"
	}
	if in.Result.Err != nil {
		in.Result.Cause.Reason, in.Result.Err = in.Result.Err.Error(), nil // an error does not survive the spool
	}
	tctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := c.db.FinishInbound(tctx, c.clock.now(), in)
	if err == nil {
		return
	}
	c.log.Warn("PostgreSQL does not take an inbound call; it goes to the spool", "call", in.Result.Attempt, "err", err)
	if err := c.spool.add("inbound", c.clock.now(), in); err != nil {
		c.log.Error("the spool does not take an inbound call either", "call", in.Result.Attempt, "err", err)
	}
}

// inboundDoor is what a call that came in may ask of the house.
type inboundDoor struct {
	caller *caller
	phone  contacts.Phone
}

// Dial is never asked: they called us.
func (d *inboundDoor) Dial(context.Context) error { return nil }

// Again is never asked either.
func (d *inboundDoor) Again(context.Context) error { return nil }

// OptOut commits a refusal as on a call of ours. Without a number there is
// nothing to note it under, and nothing to call either.
func (d *inboundDoor) OptOut(ctx context.Context, call string, channels []string) bool {
	if d.phone == "" {
		return false
	}
	return d.caller.optOut(ctx, spooledOptOut{Phone: d.phone.E164(), Channels: channels, Attempt: call, Source: "inbound call"})
}

// Invite promises nobody: a call that came in asks for nothing.
func (d *inboundDoor) Invite(context.Context, string) (string, bool) { return "", false }

// Progress is for calls of ours.
func (d *inboundDoor) Progress(string, string) {}
