package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"warmline/contacts"
	"warmline/dialogs"
	"warmline/scheduler"
)

// Claimed is the right to prepare one attempt, with all that preparing asks for.
type Claimed struct {
	Attempt   string // ID
	Epoch     int    // of this claim; Dial and Finish must show it
	Number    int    // 1 for the first attempt spent on the person
	Campaign  scheduler.Campaign
	Phone     contacts.Phone
	Contact   contacts.Contact // with orders
	ContactID int64
	Ledger    dialogs.Ledger // what the person has heard lately
	Candidate scheduler.Candidate
}

// claimSQL takes a queued attempt of a dialing campaign for a dialer that is
// alive and not leaving. A row somebody else is just taking is passed over.
const claimSQL = `
UPDATE attempts
SET state = 'claimed', epoch = epoch + 1, owner = $2, claimed_at = $3, lease_until = clock_timestamp() + $4::interval
WHERE id = (
	SELECT a.id FROM attempts a
	JOIN campaigns g ON g.id = a.campaign
	JOIN dialers d ON d.id = $2 AND NOT d.draining
	WHERE a.id = $1 AND a.state = 'queued' AND g.state IN ('piloting', 'running', 'completing')
	FOR UPDATE OF a SKIP LOCKED)
RETURNING epoch, number, campaign, contact`

// Claim gives dialerID the right to prepare an attempt, for as long as lease and
// then as long as its heartbeat renews it. ok is false when there is nothing to
// claim any more: that is everyday life and no error.
func (db *DB) Claim(ctx context.Context, now time.Time, attemptID, dialerID string, lease time.Duration) (c Claimed, ok bool, err error) {
	if uuid.Validate(attemptID) != nil {
		return c, false, fmt.Errorf("claiming attempt %q: not an attempt ID", attemptID)
	}
	err = db.tx(ctx, func(tx pgx.Tx) error {
		c, ok = Claimed{Attempt: attemptID}, false
		var campaign string
		err := tx.QueryRow(ctx, claimSQL, attemptID, dialerID, now, lease).Scan(&c.Epoch, &c.Number, &campaign, &c.ContactID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := done(ctx, tx, now, "attempt", attemptID); err != nil {
			return err
		}
		if c.Campaign, err = db.campaign(ctx, tx, campaignSQL, campaign); err != nil {
			return err
		}
		list, err := db.candidates(ctx, tx, now, c.Campaign, []int64{c.ContactID}, attemptID)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("contact %d: %w", c.ContactID, ErrNotFound)
		}
		c.Candidate, c.Contact, c.Phone = list[0], list[0].Contact, list[0].Contact.Phone
		ledgers, err := ledger(ctx, tx, now, []int64{c.ContactID})
		c.Ledger, ok = ledgers[c.ContactID], err == nil
		return err
	})
	if err != nil {
		return Claimed{}, false, fmt.Errorf("claiming attempt %s: %w", attemptID, err)
	}
	return c, ok, nil
}

// requeueSQL gives a claim back before anything was dialed.
const requeueSQL = `
UPDATE attempts
SET state = 'queued', epoch = epoch + 1, owner = '', lease_until = NULL, claimed_at = NULL
WHERE id = $1 AND epoch = $2 AND state = 'claimed'`

// reopenSQL lets an attempt's wake-up be announced again, after a short breath.
const reopenSQL = `
UPDATE outbox
SET done_at = NULL, dispatched_at = clock_timestamp() - $2::interval
WHERE kind = 'attempt' AND key = ANY ($1)`

// breath is how long a requeued attempt waits for its next announcement.
const breath = 2 * time.Second

// Requeue gives a claim back that came to nothing before dialing. The epoch
// moves on, so the claim is worth nothing afterwards.
func (db *DB) Requeue(ctx context.Context, attempt string, epoch int) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, requeueSQL, attempt, epoch)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrLost
		}
		_, err = tx.Exec(ctx, reopenSQL, []string{attempt}, Stale-breath)
		return err
	})
	if err != nil {
		return fmt.Errorf("requeueing attempt %s: %w", attempt, err)
	}
	return nil
}
