package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/contacts"
	"warmline/scheduler"
)

// Why is everything that decides whether and when a person is called.
type Why struct {
	Known        bool               `json:"known"` // in contacts; a stranger may be suppressed all the same
	ContactID    int64              `json:"contact,omitempty"`
	Contact      contacts.Contact   `json:"-"`
	Masked       string             `json:"phone"`
	Name         string             `json:"name,omitempty"`
	Suppressions []Suppression      `json:"suppressions"`
	Consents     []contacts.Consent `json:"-"`
	Campaigns    []WhyCampaign      `json:"campaigns"`
	Attempts     []Attempt          `json:"attempts"`
	Inbound      []InboundCall      `json:"inbound"` // calls from this number, known or not
}

// WhyCampaign is where a person stands in one campaign.
type WhyCampaign struct {
	Campaign   string                  `json:"campaign"` // name
	CampaignID string                  `json:"campaign_id"`
	InState    scheduler.CampaignState `json:"campaign_state"`
	State      string                  `json:"state"` // pending, waiting, attempting or done
	DueAt      time.Time               `json:"due_at,omitzero"`
	HeldReason string                  `json:"held_reason,omitempty"`
	HeldUntil  time.Time               `json:"held_until,omitzero"`
	DoneReason string                  `json:"done_reason,omitempty"`
	Attempts   int                     `json:"attempts"` // spent
	Verdict    json.RawMessage         `json:"verdict,omitempty"`
}

// whyCampaignsSQL reads where a person stands, newest campaign first.
const whyCampaignsSQL = `
SELECT g.name, g.id, g.state, t.state, t.due_at, t.held_reason, t.held_until, t.done_reason, t.attempts, t.verdict
FROM contact_tasks t
JOIN campaigns g ON g.id = t.campaign
WHERE t.contact = $1
ORDER BY g.created_at DESC, g.name`

// whyAttemptsSQL reads a person's attempts, newest first.
const whyAttemptsSQL = `
SELECT ` + attemptColumns + attemptFrom + `
WHERE a.contact = $1
ORDER BY a.planned_at DESC, a.id
LIMIT 100`

// allConsentsSQL reads all consents of a person.
const allConsentsSQL = `
SELECT brand, purpose, channels, text_version, source, given_at, expires_at, proof
FROM consents
WHERE contact = $1 AND withdrawn_at IS NULL
ORDER BY given_at DESC`

// Why tells everything that decides whether and when a number is called.
func (db *DB) Why(ctx context.Context, now time.Time, phone contacts.Phone) (w Why, err error) {
	w.Masked = phone.Masked()
	if w.Suppressions, err = db.Suppressions(ctx, phone); err != nil {
		return w, err
	}
	if w.Inbound, err = db.inboundOf(ctx, phone); err != nil {
		return w, fmt.Errorf("why of %s: %w", phone, err)
	}
	err = db.pool.QueryRow(ctx, contactIDSQL, phone.E164()).Scan(&w.ContactID)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, nil
	}
	if err == nil {
		err = db.why(ctx, now, &w)
	}
	if err != nil {
		return w, fmt.Errorf("why of %s: %w", phone, err)
	}
	return w, nil
}

func (db *DB) why(ctx context.Context, now time.Time, w *Why) error {
	list, err := db.candidates(ctx, db.pool, now, scheduler.Campaign{ID: noAttempt}, []int64{w.ContactID}, "")
	if err != nil || len(list) == 0 {
		return err
	}
	w.Known, w.Contact, w.Name = true, list[0].Contact, list[0].Contact.Name
	if w.Consents, err = collectRows(ctx, db.pool, allConsentsSQL, func(r pgx.Row) (c contacts.Consent, err error) {
		var expires *time.Time
		err = r.Scan(&c.Brand, &c.Purpose, &c.Channels, &c.TextVersion, &c.Source, &c.At, &expires, &c.Proof)
		c.Phone, c.At, c.Expires = w.Contact.Phone, c.At.UTC(), instant(expires)
		return c, err
	}, w.ContactID); err != nil {
		return err
	}
	if w.Campaigns, err = collectRows(ctx, db.pool, whyCampaignsSQL, func(r pgx.Row) (c WhyCampaign, err error) {
		var due, until *time.Time
		err = r.Scan(&c.Campaign, &c.CampaignID, &c.InState, &c.State, &due, &c.HeldReason, &until, &c.DoneReason, &c.Attempts, &c.Verdict)
		c.DueAt, c.HeldUntil = instant(due), instant(until)
		return c, err
	}, w.ContactID); err != nil {
		return err
	}
	w.Attempts, err = collectRows(ctx, db.pool, whyAttemptsSQL, scanAttempt, w.ContactID)
	return err
}
