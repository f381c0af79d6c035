package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/compliance"
	"warmline/contacts"
)

// hash is the keyed hash a number is suppressed by.
func (db *DB) hash(phone contacts.Phone) []byte { return compliance.HashPhone(db.key, phone) }

// personLockSQL orders everything that may contact one person with their opting
// out, until the transaction ends.
const personLockSQL = `
SELECT pg_advisory_xact_lock($1)`

func (db *DB) lockPerson(ctx context.Context, tx pgx.Tx, phone contacts.Phone) error {
	_, err := tx.Exec(ctx, personLockSQL, int64(binary.BigEndian.Uint64(db.hash(phone))))
	return err
}

// suppressSQL puts a number on the list. It is never taken off.
const suppressSQL = `
INSERT INTO suppressions (hash, key_id, channel, brand, source, attempt, at)
VALUES ($1, $2, $3, '', $4, $5, $6)
ON CONFLICT (hash, key_id, channel, brand) DO NOTHING`

// OptOutIn is somebody's no.
type OptOutIn struct {
	Phone    contacts.Phone
	Channels []string // voice, sms, wecom; empty or "all" means all, now and in future
	Source   string   // call, sms reply, console, file …
	Attempt  string   // the call it was said in, else ""
}

// OptOut puts a person on the do-not-contact list, known to us or not, and takes
// back everything not yet on the wire: tasks, queued and claimed attempts,
// messages, invitations, in every campaign. Once OptOut has returned, no new
// contact is committed. Doing it twice is doing it once.
func (db *DB) OptOut(ctx context.Context, now time.Time, in OptOutIn) error {
	err := db.mayHash()
	if err == nil {
		err = db.tx(ctx, func(tx pgx.Tx) error {
			if err := db.lockPerson(ctx, tx, in.Phone); err != nil {
				return err
			}
			return db.optOut(ctx, tx, now, in)
		})
	}
	if err != nil {
		return fmt.Errorf("opt-out of %s: %w", in.Phone, err)
	}
	return nil
}

func (db *DB) mayHash() error {
	if len(db.key) == 0 || db.keyID == "" {
		return errors.New("the suppression key is missing")
	}
	return nil
}

// contactIDSQL finds a person by number.
const contactIDSQL = `
SELECT id FROM contacts WHERE phone = $1`

// optOut runs under the person's lock.
func (db *DB) optOut(ctx context.Context, tx pgx.Tx, now time.Time, in OptOutIn) error {
	channels := in.Channels
	if len(channels) == 0 || slices.Contains(channels, "all") {
		channels = []string{"all"}
	}
	fresh := false
	for _, ch := range channels {
		tag, err := tx.Exec(ctx, suppressSQL, db.hash(in.Phone), db.keyID, ch, text(in.Source), orNull(in.Attempt), now)
		if err != nil {
			return fmt.Errorf("suppressing channel %q: %w", ch, err)
		}
		fresh = fresh || tag.RowsAffected() == 1
	}
	var contact int64
	switch err := tx.QueryRow(ctx, contactIDSQL, in.Phone.E164()).Scan(&contact); {
	case errors.Is(err, pgx.ErrNoRows): // suppressed before we ever met
	case err != nil:
		return err
	default:
		for _, ch := range channels {
			if err := cancel(ctx, tx, now, contact, ch); err != nil {
				return err
			}
		}
	}
	if !fresh {
		return nil
	}
	detail := map[string]any{"phone": in.Phone.Masked(), "channels": channels, "source": text(in.Source), "attempt": in.Attempt}
	if err := audit(ctx, tx, now, text(in.Source), "opt-out", fmt.Sprint(contact), detail); err != nil {
		return err
	}
	return change(ctx, tx, now, "opt_out", fmt.Sprint(contact), detail)
}

// cancelTasksSQL closes a person's tasks everywhere, except where a call is live:
// its result will close that one.
const cancelTasksSQL = `
UPDATE contact_tasks t
SET state = 'done', done_reason = 'dnc_global', held_reason = 'dnc_global', held_until = NULL, due_at = NULL, eligible = false, updated_at = $2
WHERE t.contact = $1 AND t.state <> 'done'
  AND NOT EXISTS (SELECT FROM attempts a WHERE a.campaign = t.campaign AND a.contact = $1
	AND a.state IN ('dialing', 'ringing', 'early_media', 'in_dialog', 'transferring'))`

// cancelAttemptsSQL refuses what was not dialed and closes its wake-up.
const cancelAttemptsSQL = `
WITH refused AS (
	UPDATE attempts
	SET state = 'refused', reason = 'dnc_global', ended_at = $2, owner = '', lease_until = NULL
	WHERE contact = $1 AND state IN ('planned', 'queued', 'claimed')
	RETURNING id
)
UPDATE outbox o
SET done_at = $2
FROM refused
WHERE o.kind = 'attempt' AND o.key = refused.id::text`

// cancelMessagesSQL drops messages no provider has.
const cancelMessagesSQL = `
WITH dropped AS (
	UPDATE messages
	SET state = 'cancelled', error = 'dnc_global', ended_at = $2
	WHERE contact = $1 AND state = 'queued'
	RETURNING id
)
UPDATE outbox o
SET done_at = $2
FROM dropped
WHERE o.kind = 'message' AND o.key = dropped.id::text`

// cancelInvitationsSQL ends invitations that are no friendship.
const cancelInvitationsSQL = `
WITH ended AS (
	UPDATE invitations i
	SET state = 'opted_out', changed_at = $2
	FROM (
		SELECT id, state FROM invitations
		WHERE contact = $1 AND state IN ('consented', 'offered', 'clicked', 'half', 'awaiting_acceptance', 'not_found',
			'throttled', 'expired', 'refused', 'unreachable', 'duplicate')
		FOR UPDATE) was
	WHERE i.id = was.id
	RETURNING i.id, was.state AS was
), moved AS (
	INSERT INTO invitation_moves (invitation, was, event, next, at)
	SELECT id, was, 'opt_out', 'opted_out', $2 FROM ended
)
UPDATE outbox o
SET done_at = $2
FROM ended
WHERE o.kind = 'invite' AND o.key = ended.id::text`

func cancel(ctx context.Context, tx pgx.Tx, now time.Time, contact int64, channel string) error {
	var batch []string
	if channel == "all" || channel == "voice" {
		batch = append(batch, cancelTasksSQL, cancelAttemptsSQL)
	}
	if channel == "all" || channel == "sms" {
		batch = append(batch, cancelMessagesSQL)
	}
	if channel == "all" || channel == "wecom" {
		batch = append(batch, cancelInvitationsSQL)
	}
	for _, sql := range batch {
		if _, err := tx.Exec(ctx, sql, contact, now); err != nil {
			return err
		}
	}
	return nil
}

// suppressedSQL lists what a number is suppressed for.
const suppressedSQL = `
SELECT channel, source, at
FROM suppressions
WHERE hash = $1 AND key_id = $2
ORDER BY at, channel`

// Suppression is one line of the do-not-contact list.
type Suppression struct {
	Channel string    `json:"channel"` // all, voice, sms or wecom
	Source  string    `json:"source"`
	At      time.Time `json:"at"`
}

// Suppressions lists what a number may not be contacted by; empty is free.
func (db *DB) Suppressions(ctx context.Context, phone contacts.Phone) ([]Suppression, error) {
	list, err := db.suppressed(ctx, db.pool, phone)
	if err != nil {
		return nil, fmt.Errorf("suppressions of %s: %w", phone, err)
	}
	return list, nil
}

// Suppressed reports whether a number may not be called.
func (db *DB) Suppressed(ctx context.Context, phone contacts.Phone) (bool, error) {
	list, err := db.Suppressions(ctx, phone)
	return stops(list, "voice"), err
}

func (db *DB) suppressed(ctx context.Context, q querier, phone contacts.Phone) ([]Suppression, error) {
	if err := db.mayHash(); err != nil {
		return nil, err
	}
	return collectRows(ctx, q, suppressedSQL, func(r pgx.Row) (s Suppression, err error) {
		err = r.Scan(&s.Channel, &s.Source, &s.At)
		s.At = s.At.UTC()
		return s, err
	}, db.hash(phone), db.keyID)
}

// stops reports whether the list forbids a channel.
func stops(list []Suppression, channel string) bool {
	return slices.ContainsFunc(list, func(s Suppression) bool { return s.Channel == "all" || s.Channel == channel })
}

// orNull makes a NULL of an empty string.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
