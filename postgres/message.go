package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/compliance"
	"warmline/contacts"
	"warmline/scheduler"
)

// Message is one SMS to one person, from queued to delivered.
type Message struct {
	ID         int64          `json:"id"`
	Campaign   string         `json:"campaign"`
	ContactID  int64          `json:"contact"`
	Phone      contacts.Phone `json:"-"`
	Attempt    string         `json:"attempt"`
	Template   string         `json:"template"`
	Text       string         `json:"text,omitempty"`
	State      string         `json:"state"`
	ProviderID string         `json:"provider_id,omitempty"`
	Error      string         `json:"error,omitempty"`
	DueAt      time.Time      `json:"due_at"`
}

// queueMessageSQL writes a message once per attempt and template.
const queueMessageSQL = `
INSERT INTO messages (campaign, contact, attempt, template, state, due_at, queued_at)
VALUES ($1, $2, $3, $4, 'queued', $5, $6)
ON CONFLICT (attempt, template) DO NOTHING
RETURNING id::text`

func queueMessage(ctx context.Context, tx pgx.Tx, now time.Time, e ended, attempt string, f scheduler.FollowUp) error {
	due := f.Due
	if due.IsZero() {
		due = now
	}
	var id string
	err := tx.QueryRow(ctx, queueMessageSQL, e.campaign, e.contact, attempt, f.Template, due, now).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, outboxSQL, "message", id, nil, due)
	return err
}

// messageColumns are the columns scanMessage reads.
const messageColumns = `m.id, m.campaign, m.contact, c.phone, m.attempt, m.template, m.text, m.state,
	coalesce(m.provider_id, ''), m.error, m.due_at`

func scanMessage(r pgx.Row) (m Message, err error) {
	var phone string
	err = r.Scan(&m.ID, &m.Campaign, &m.ContactID, &phone, &m.Attempt, &m.Template, &m.Text, &m.State, &m.ProviderID, &m.Error, &m.DueAt)
	m.Phone, m.DueAt = contacts.Phone(phone), m.DueAt.UTC()
	return m, err
}

// messagePhoneSQL says whose message it is, before any row is locked.
const messagePhoneSQL = `
SELECT c.phone
FROM messages m
JOIN contacts c ON c.id = m.contact
WHERE m.id = $1`

// queuedMessageSQL locks a message that nobody has sent.
const queuedMessageSQL = `
SELECT ` + messageColumns + `
FROM messages m
JOIN contacts c ON c.id = m.contact
WHERE m.id = $1 AND m.state = 'queued'
FOR UPDATE OF m`

// sendingSQL is the commit directly before the provider is asked.
const sendingSQL = `
UPDATE messages
SET state = 'sending', sending_at = $2
WHERE id = $1`

// dropMessageSQL cancels a message at the door.
const dropMessageSQL = `
UPDATE messages
SET state = 'cancelled', error = $2, ended_at = $3
WHERE id = $1`

// postponeSQL keeps a message until the door opens.
const postponeSQL = `
UPDATE messages
SET due_at = $2, error = $3
WHERE id = $1`

// ClaimMessage gives the right to send a message, once: queued → sending, after
// check has said yes under the person's lock. A no that has an end postpones the
// message, a terminal one cancels it. ok is false when there is nothing to send.
// A sender that dies leaves it sending; ask the provider, never send it again.
func (db *DB) ClaimMessage(ctx context.Context, now time.Time, id int64, check func(compliance.Subject) compliance.Verdict) (m Message, ok bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		ok = false
		var phone string
		if err := tx.QueryRow(ctx, messagePhoneSQL, id).Scan(&phone); err != nil {
			return notFound(err)
		}
		if err := db.lockPerson(ctx, tx, contacts.Phone(phone)); err != nil {
			return err
		}
		m, err = scanMessage(tx.QueryRow(ctx, queuedMessageSQL, id))
		if errors.Is(err, pgx.ErrNoRows) {
			return done(ctx, tx, now, "message", fmt.Sprint(id))
		}
		if err != nil {
			return err
		}
		c, err := db.campaign(ctx, tx, campaignSQL, m.Campaign)
		if err != nil {
			return err
		}
		list, err := db.candidates(ctx, tx, now, c, []int64{m.ContactID}, m.Attempt)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return ErrNotFound
		}
		switch v := check(smsSubject(list[0].Subject)); {
		case v.Allowed:
			ok, m.State = true, "sending"
			_, err = tx.Exec(ctx, sendingSQL, id, now)
		case v.Terminal || !v.Until.After(now):
			_, err = tx.Exec(ctx, dropMessageSQL, id, v.Reason, now)
		default:
			if _, err = tx.Exec(ctx, postponeSQL, id, v.Until, v.Reason); err == nil {
				_, err = tx.Exec(ctx, outboxSQL, "message", fmt.Sprint(id), nil, v.Until)
			}
			return err
		}
		if err != nil {
			return err
		}
		return done(ctx, tx, now, "message", fmt.Sprint(id))
	})
	if err != nil {
		return m, false, fmt.Errorf("claiming message %d: %w", id, err)
	}
	return m, ok, nil
}

// sentSQL notes that the provider took a message.
const sentSQL = `
UPDATE messages
SET state = 'sent', provider_id = $2, text = $3, sent_at = $4, error = ''
WHERE id = $1 AND state IN ('sending', 'unknown')
RETURNING campaign::text`

// MessageSent notes that the provider took a message under its own ID.
func (db *DB) MessageSent(ctx context.Context, now time.Time, id int64, providerID, words string) error {
	return db.moveMessage(ctx, now, id, "sent", sentSQL, id, providerID, text(words), now)
}

// failedSQL notes that a message will not arrive.
const failedSQL = `
UPDATE messages
SET state = 'failed', error = $2, ended_at = $3
WHERE id = $1 AND state IN ('queued', 'sending', 'unknown', 'sent')
RETURNING campaign::text`

// MessageFailed notes that the provider refused a message, and why.
func (db *DB) MessageFailed(ctx context.Context, now time.Time, id int64, why string) error {
	return db.moveMessage(ctx, now, id, "failed", failedSQL, id, text(why), now)
}

// unsureSQL notes that nobody knows whether the provider took a message.
const unsureSQL = `
UPDATE messages
SET state = 'unknown', error = $2
WHERE id = $1 AND state = 'sending'
RETURNING campaign::text`

// MessageUnknown notes that the provider's answer was lost. The message counts as
// a contact and is never sent again.
func (db *DB) MessageUnknown(ctx context.Context, now time.Time, id int64, why string) error {
	return db.moveMessage(ctx, now, id, "unknown", unsureSQL, id, text(why))
}

func (db *DB) moveMessage(ctx context.Context, now time.Time, id int64, state, sql string, args ...any) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		var campaign string
		err := tx.QueryRow(ctx, sql, args...).Scan(&campaign)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // said twice, or late
		}
		if err != nil {
			return err
		}
		return change(ctx, tx, now, "message", fmt.Sprint(id), map[string]any{"campaign": campaign, "state": state})
	})
	if err != nil {
		return fmt.Errorf("message %d is %s: %w", id, state, err)
	}
	return nil
}

// receiptSQL notes what the provider says became of a message.
const receiptSQL = `
UPDATE messages
SET state = CASE WHEN $2 THEN 'delivered' ELSE 'failed' END, error = $3, ended_at = $4
WHERE provider_id = $1 AND state = 'sent'
RETURNING id, campaign::text`

// MessageReceipt notes a delivery receipt. Receipts for messages that are not
// ours, or come twice, change nothing; known says whether it was ours.
func (db *DB) MessageReceipt(ctx context.Context, now time.Time, providerID string, delivered bool, why string) (known bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		var id int64
		var campaign string
		err := tx.QueryRow(ctx, receiptSQL, providerID, delivered, text(why), now).Scan(&id, &campaign)
		known = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return change(ctx, tx, now, "message", fmt.Sprint(id), map[string]any{"campaign": campaign, "delivered": delivered})
	})
	if err != nil {
		return false, fmt.Errorf("receipt of message %s: %w", providerID, err)
	}
	return known, nil
}

// InboundOptOut is the opt-out of a person who answered R or 退订 by SMS: from
// all channels, because whoever says stop means us and not the channel.
func (db *DB) InboundOptOut(ctx context.Context, now time.Time, phone contacts.Phone, words string) error {
	return db.OptOut(ctx, now, OptOutIn{Phone: phone, Source: "sms reply " + words})
}

// smsSubject asks about a text instead of a call.
func smsSubject(s compliance.Subject) compliance.Subject {
	s.Channel = compliance.SMS
	return s
}
