package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"warmline/contacts"
	"warmline/dialer"
	"warmline/scheduler"
)

// Caller is whoever calls us, as far as we know them. The zero Caller is a
// stranger.
type Caller struct {
	ContactID int64
	Contact   contacts.Contact // with orders
	Attempt   string           // our last call to them, "" when there was none
	Campaign  string           // its campaign
	Dialed    time.Time        // and when
}

// lastCallSQL finds our last call to a person.
const lastCallSQL = `
SELECT id::text, campaign::text, dialed_at
FROM attempts
WHERE contact = $1 AND dialed_at IS NOT NULL
ORDER BY dialed_at DESC
LIMIT 1`

// Caller recognises who calls by number, with the last call we made to them.
// Somebody we do not know is no error.
func (db *DB) Caller(ctx context.Context, now time.Time, phone contacts.Phone) (c Caller, err error) {
	err = db.pool.QueryRow(ctx, contactIDSQL, phone.E164()).Scan(&c.ContactID)
	if errors.Is(err, pgx.ErrNoRows) {
		return Caller{}, nil
	}
	if err == nil {
		err = db.callerOf(ctx, now, &c)
	}
	if err != nil {
		return Caller{}, fmt.Errorf("recognising caller %s: %w", phone, err)
	}
	return c, nil
}

func (db *DB) callerOf(ctx context.Context, now time.Time, c *Caller) error {
	list, err := db.candidates(ctx, db.pool, now, scheduler.Campaign{ID: noAttempt}, []int64{c.ContactID}, "")
	if err != nil {
		return err
	}
	if len(list) > 0 {
		c.Contact = list[0].Contact
	}
	err = db.pool.QueryRow(ctx, lastCallSQL, c.ContactID).Scan(&c.Attempt, &c.Campaign, &c.Dialed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	c.Dialed = c.Dialed.UTC()
	return err
}

// InboundIn is a call that somebody made to us, at its end. Result.Attempt is
// the call's own ID.
type InboundIn struct {
	Trunk       string
	Phone       contacts.Phone // "" when withheld, or no number
	Called      string         // the caller ID they dialled
	Caller      Caller
	Dialog      string
	TreeVersion string
	CameAt      time.Time
	Result      dialer.Result
}

// inboundSQL keeps a call that was made to us. A person or attempt that is gone
// meanwhile leaves a stranger's call.
const inboundSQL = `
INSERT INTO inbound_calls (id, trunk, caller, called, contact, campaign, attempt, dialog, tree_version, came_at, answered_at, ended_at,
	disposition, outcome, ended_by, sip_status, q850, reason, tags, transcript, journal, ladder, handovers,
	codec, mos, r_factor, rtt_us, rtp_sent, rtp_received, rtp_lost, jitter_us, recording, recording_sum, recording_ms, recording_at)
VALUES ($1, $2, $3, $4, (SELECT id FROM contacts WHERE id = $5), (SELECT id FROM campaigns WHERE id = $6),
	(SELECT id FROM attempts WHERE id = $7), $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
	$24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35)
ON CONFLICT (id) DO NOTHING`

// FinishInbound keeps a call that was made to us, and an opt-out that was said
// in it, in one transaction. Twice is once.
func (db *DB) FinishInbound(ctx context.Context, now time.Time, in InboundIn) error {
	r := in.Result
	if err := uuid.Validate(r.Attempt); err != nil {
		return fmt.Errorf("keeping inbound call %q: %w", r.Attempt, err)
	}
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if in.Phone != "" && r.OptOut {
			if err := db.mayHash(); err != nil {
				return err
			}
			if err := db.lockPerson(ctx, tx, in.Phone); err != nil {
				return err
			}
			if err := db.optOut(ctx, tx, now, OptOutIn{Phone: in.Phone, Source: "inbound call"}); err != nil {
				return err
			}
		}
		return db.finishInbound(ctx, tx, now, in)
	})
	if err != nil {
		return fmt.Errorf("keeping inbound call %s: %w", r.Attempt, err)
	}
	return nil
}

func (db *DB) finishInbound(ctx context.Context, tx pgx.Tx, now time.Time, in InboundIn) error {
	r := in.Result
	if r.EndedAt.IsZero() {
		r.EndedAt = now
	}
	if in.CameAt.IsZero() {
		in.CameAt = r.EndedAt
	}
	reason := r.Cause.Reason
	if r.Err != nil {
		reason = r.Err.Error()
	}
	evidence, err := evidenceOf(r.Transcript, r.Journal, r.Ladder, r.Handovers)
	if err != nil {
		return err
	}
	rec := recordingOf(r)
	var contact *int64
	if in.Caller.ContactID != 0 {
		contact = &in.Caller.ContactID
	}
	tag, err := tx.Exec(ctx, inboundSQL, r.Attempt, text(in.Trunk), in.Phone.E164(), text(in.Called), contact, orNull(in.Caller.Campaign),
		orNull(in.Caller.Attempt), text(in.Dialog), in.TreeVersion, in.CameAt, moment(r.AnsweredAt), r.EndedAt,
		r.Disposition, r.Outcome, r.EndedBy, r.Cause.Status, r.Cause.Q850, text(reason), texts(r.Tags),
		evidence[0], evidence[1], evidence[2], evidence[3],
		codecOf(r), r.MOS, r.R, r.RTP.RoundTrip.Microseconds(), int64(r.RTP.Sent), int64(r.RTP.Received), int64(r.RTP.Lost),
		r.RTP.Jitter.Microseconds(), rec.file, rec.sum, rec.length, rec.begins)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return change(ctx, tx, now, "inbound", r.Attempt, map[string]any{"contact": in.Caller.ContactID, "trunk": in.Trunk,
		"disposition": r.Disposition, "outcome": r.Outcome})
}

// InboundCall is one call that somebody made to us.
type InboundCall struct {
	ID          string          `json:"id"`
	Direction   string          `json:"direction"` // inbound
	Trunk       string          `json:"trunk"`
	Masked      string          `json:"phone"` // "" when withheld
	Called      string          `json:"called"`
	ContactID   int64           `json:"contact,omitempty"`
	Name        string          `json:"name,omitempty"`
	Campaign    string          `json:"campaign,omitempty"` // of our last call to them, by name
	Attempt     string          `json:"attempt,omitempty"`  // that call
	Dialog      string          `json:"dialog"`
	CameAt      time.Time       `json:"came_at"`
	AnsweredAt  time.Time       `json:"answered_at,omitzero"`
	EndedAt     time.Time       `json:"ended_at"`
	Disposition string          `json:"disposition"`
	Outcome     string          `json:"outcome,omitempty"`
	EndedBy     string          `json:"ended_by,omitempty"`
	SIPStatus   int             `json:"sip_status,omitempty"`
	Reason      string          `json:"reason,omitempty"`
	Tags        []string        `json:"tags,omitempty"`
	Codec       string          `json:"codec,omitempty"`
	MOS         float32         `json:"mos,omitempty"`
	Handovers   json.RawMessage `json:"handovers,omitempty"`
	Transcript  json.RawMessage `json:"transcript,omitempty"`
	Recording   *Recording      `json:"recording,omitempty"`
}

// inboundColumns are the columns scanInbound reads.
const inboundColumns = `i.id, i.trunk, i.caller, i.called, coalesce(i.contact, 0), coalesce(c.name, ''), coalesce(g.name, ''),
	coalesce(i.attempt::text, ''), i.dialog, i.came_at, i.answered_at, i.ended_at, i.disposition, i.outcome, i.ended_by, i.sip_status,
	i.reason, i.tags, i.codec, i.mos, i.handovers, i.transcript, i.recording, i.recording_sum, i.recording_ms, i.recording_at
FROM inbound_calls i
LEFT JOIN contacts c ON c.id = i.contact
LEFT JOIN campaigns g ON g.id = i.campaign`

func scanInbound(r pgx.Row) (c InboundCall, err error) {
	var phone string
	var answered *time.Time
	var rec recordingPlaces
	err = r.Scan(append([]any{&c.ID, &c.Trunk, &phone, &c.Called, &c.ContactID, &c.Name, &c.Campaign, &c.Attempt, &c.Dialog,
		&c.CameAt, &answered, &c.EndedAt, &c.Disposition, &c.Outcome, &c.EndedBy, &c.SIPStatus, &c.Reason, &c.Tags, &c.Codec, &c.MOS,
		&c.Handovers, &c.Transcript}, rec.places()...)...)
	c.Direction, c.CameAt, c.AnsweredAt, c.EndedAt = "inbound", c.CameAt.UTC(), instant(answered), c.EndedAt.UTC()
	if phone != "" {
		c.Masked = contacts.Phone(phone).Masked()
	}
	c.Recording = rec.recording()
	return c, err
}

// inboundCallsSQL lists calls made to us, newest first.
const inboundCallsSQL = `
SELECT ` + inboundColumns + `
ORDER BY i.came_at DESC, i.id
LIMIT $1`

// InboundCalls lists the newest calls that were made to us.
func (db *DB) InboundCalls(ctx context.Context, limit int) ([]InboundCall, error) {
	list, err := collectRows(ctx, db.pool, inboundCallsSQL, scanInbound, limit)
	if err != nil {
		return nil, fmt.Errorf("reading inbound calls: %w", err)
	}
	return list, nil
}

// inboundOfSQL lists the calls a number made to us, newest first.
const inboundOfSQL = `
SELECT ` + inboundColumns + `
WHERE i.caller = $1
ORDER BY i.came_at DESC, i.id
LIMIT 100`

func (db *DB) inboundOf(ctx context.Context, phone contacts.Phone) ([]InboundCall, error) {
	return collectRows(ctx, db.pool, inboundOfSQL, scanInbound, phone.E164())
}
