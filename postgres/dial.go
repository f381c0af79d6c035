package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/compliance"
	"warmline/contacts"
)

// RefusedError says that the door closed between plan and call. The attempt is
// refused and the person held; nothing may be sent.
type RefusedError struct {
	Attempt string
	Verdict compliance.Verdict
}

// Error gives the door's reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("dialing attempt %s: refused: %s", e.Attempt, e.Verdict.Reason)
}

// calledSQL says whose attempt it is, without locking: the person's lock comes
// before the row's, here and wherever both are taken.
const calledSQL = `
SELECT c.phone
FROM attempts a
JOIN contacts c ON c.id = a.contact
WHERE a.id = $1`

// ownedSQL locks an attempt for the owner of its claim, inside its lease.
const ownedSQL = `
SELECT campaign, contact
FROM attempts
WHERE id = $1 AND epoch = $2 AND owner = $3 AND state = 'claimed' AND lease_until > clock_timestamp()
FOR UPDATE`

// dialSQL is the commit directly before the first INVITE byte.
const dialSQL = `
UPDATE attempts
SET state = 'dialing', dialed_at = $3
WHERE id = $1 AND epoch = $2 AND state = 'claimed' AND lease_until > clock_timestamp()`

// refuseSQL closes an attempt at the door.
const refuseSQL = `
UPDATE attempts
SET state = 'refused', reason = $2, ended_at = $3, verdict = $4, owner = '', lease_until = NULL
WHERE id = $1`

// Dial is the second commit: claimed → dialing, for the claim's owner and epoch,
// inside the lease. Under the person's lock the campaign's state, suppressions,
// consents and counts are read again, this attempt itself not counted, and check
// is asked once more. The error is [ErrLost] when the claim is not ours any more
// and a [*RefusedError] when the door said no; in both cases nothing is sent.
func (db *DB) Dial(ctx context.Context, now time.Time, attempt string, epoch int, dialerID string, check func(compliance.Subject) compliance.Verdict) error {
	var refused *RefusedError
	err := db.tx(ctx, func(tx pgx.Tx) error {
		refused = nil
		var campaign string
		var contact int64
		if err := db.lockCalled(ctx, tx, attempt); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, ownedSQL, attempt, epoch, dialerID).Scan(&campaign, &contact)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrLost
		}
		if err != nil {
			return err
		}
		verdict, err := db.ask(ctx, tx, now, campaign, contact, attempt, check)
		if err != nil {
			return err
		}
		if !verdict.Allowed {
			refused = &RefusedError{attempt, verdict}
			return db.refuse(ctx, tx, now, campaign, contact, attempt, verdict)
		}
		tag, err := tx.Exec(ctx, dialSQL, attempt, epoch, now)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrLost
		}
		if err != nil {
			return err
		}
		return change(ctx, tx, now, "attempt", attempt, map[string]any{"campaign": campaign, "state": "dialing"})
	})
	if err != nil {
		return fmt.Errorf("dialing attempt %s: %w", attempt, err)
	}
	if refused != nil {
		return refused
	}
	return nil
}

// dialingSQL reads a dialed attempt for its owner, while nobody has been reached.
const dialingSQL = `
SELECT campaign, contact
FROM attempts
WHERE id = $1 AND epoch = $2 AND owner = $3 AND state = 'dialing'`

// Again is Dial's question once more for a dialed attempt, before it tries another
// trunk or target. It changes nothing; its errors are those of Dial.
func (db *DB) Again(ctx context.Context, now time.Time, attempt string, epoch int, dialerID string, check func(compliance.Subject) compliance.Verdict) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if err := db.lockCalled(ctx, tx, attempt); err != nil {
			return err
		}
		var campaign string
		var contact int64
		err := tx.QueryRow(ctx, dialingSQL, attempt, epoch, dialerID).Scan(&campaign, &contact)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrLost
		}
		if err != nil {
			return err
		}
		verdict, err := db.ask(ctx, tx, now, campaign, contact, attempt, check)
		if err == nil && !verdict.Allowed {
			err = &RefusedError{attempt, verdict}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("dialing attempt %s further: %w", attempt, err)
	}
	return nil
}

// lockCalled takes the lock of the person an attempt is about.
func (db *DB) lockCalled(ctx context.Context, tx pgx.Tx, attempt string) error {
	var phone string
	if err := tx.QueryRow(ctx, calledSQL, attempt).Scan(&phone); err != nil {
		return notFound(err)
	}
	return db.lockPerson(ctx, tx, contacts.Phone(phone))
}

// ask puts the question again with everything read anew.
func (db *DB) ask(ctx context.Context, tx pgx.Tx, now time.Time, campaign string, contact int64, except string, check func(compliance.Subject) compliance.Verdict) (compliance.Verdict, error) {
	c, err := db.campaign(ctx, tx, plannedCampaignSQL, campaign)
	if err != nil {
		return compliance.Verdict{}, err
	}
	if !c.State.Dialing() && c.State != "completing" {
		return compliance.Verdict{Reason: "paused", Until: now.Add(pausedFor), Terminal: c.State.Over()}, nil
	}
	list, err := db.candidates(ctx, tx, now, c, []int64{contact}, except)
	if err != nil {
		return compliance.Verdict{}, err
	}
	if len(list) == 0 {
		return compliance.Verdict{}, fmt.Errorf("contact %d: %w", contact, ErrNotFound)
	}
	return check(list[0].Subject), nil
}

// pausedFor is when somebody is looked at again whose campaign paused between
// claim and dial.
const pausedFor = time.Minute

func (db *DB) refuse(ctx context.Context, tx pgx.Tx, now time.Time, campaign string, contact int64, attempt string, v compliance.Verdict) error {
	evidence, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, refuseSQL, attempt, v.Reason, now, evidence); err != nil {
		return err
	}
	until := v.Until
	if !until.After(now) {
		until = now.Add(untilLater)
	}
	if _, err := tx.Exec(ctx, holdSQL, campaign, contact, v.Terminal, until, v.Reason, evidence, "", now); err != nil {
		return err
	}
	return change(ctx, tx, now, "attempt", attempt, map[string]any{"campaign": campaign, "state": "refused", "reason": v.Reason})
}

// progressSQL notes how far a live call is.
const progressSQL = `
UPDATE attempts
SET state = $3,
	ring_at = CASE WHEN $3::text IN ('ringing', 'early_media') THEN coalesce(ring_at, $4::timestamptz) ELSE ring_at END,
	answered_at = CASE WHEN $3 = 'in_dialog' THEN coalesce(answered_at, $4) ELSE answered_at END
WHERE id = $1 AND epoch = $2 AND state <> $3 AND attempt_may(state, $3) AND $3 IN ('ringing', 'early_media', 'in_dialog', 'transferring')
RETURNING campaign`

// Step is how far a live call has come: ringing, early_media, in_dialog or
// transferring. Epoch is that of its claim.
type Step struct {
	Attempt string
	Epoch   int
	State   string
}

// Progress notes a step of a live call. What comes late or twice is passed over.
func (db *DB) Progress(ctx context.Context, now time.Time, s Step) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		var campaign string
		err := tx.QueryRow(ctx, progressSQL, s.Attempt, s.Epoch, s.State, now).Scan(&campaign)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return change(ctx, tx, now, "attempt", s.Attempt, map[string]any{"campaign": campaign, "state": s.State})
	})
	if err != nil {
		return fmt.Errorf("noting %s of attempt %s: %w", s.State, s.Attempt, err)
	}
	return nil
}
