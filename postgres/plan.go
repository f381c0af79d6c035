package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/compliance"
	"warmline/scheduler"
)

// plannedCampaignSQL reads the campaign of a plan and keeps it from being moved
// until the plan is written.
const plannedCampaignSQL = campaignSQL + `
FOR SHARE`

// lockTasksSQL takes the rows of a plan, in one order for everybody. Rows that
// are no longer due for a decision are left out.
const lockTasksSQL = `
SELECT contact, tries
FROM contact_tasks
WHERE campaign = $1 AND contact = ANY ($2) AND state IN ('pending', 'waiting')
ORDER BY contact
FOR UPDATE`

// queueAttemptSQL writes one attempt, unless the person is in another already.
const queueAttemptSQL = `
INSERT INTO attempts (id, campaign, contact, seq, number, state, trunk, caller_id, tree_version, planned_at, queued_at, verdict, policy_hash)
VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9, $9, $10, $11)
ON CONFLICT DO NOTHING`

// attemptingSQL marks a person as being called.
const attemptingSQL = `
UPDATE contact_tasks
SET state = 'attempting', due_at = NULL, held_reason = '', held_until = NULL, tries = $3,
	eligible = true, verdict = $4, policy_hash = $5, updated_at = $6
WHERE campaign = $1 AND contact = $2`

// holdSQL keeps a person until a moment, or for good, with the door's reason.
const holdSQL = `
UPDATE contact_tasks
SET state = CASE WHEN $3 THEN 'done' ELSE 'waiting' END,
	due_at = CASE WHEN $3 THEN NULL ELSE $4::timestamptz END,
	held_reason = $5, held_until = CASE WHEN $3 THEN NULL ELSE $4::timestamptz END,
	done_reason = CASE WHEN $3 THEN $5 ELSE '' END,
	eligible = NOT $3, verdict = $6, policy_hash = $7, updated_at = $8
WHERE campaign = $1 AND contact = $2`

// outboxSQL announces work; what was done once may be announced again.
const outboxSQL = `
INSERT INTO outbox AS o (kind, key, payload, not_before)
VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, key) DO UPDATE SET not_before = excluded.not_before, dispatched_at = NULL, done_at = NULL`

// untilLater is when a held person without a moment is looked at again: the
// door could not say, so once a day it is asked.
const untilLater = 24 * time.Hour

// elsewhere is how long a person waits who is in an attempt of another campaign.
const elsewhere = 10 * time.Minute

// SavePlan writes the outcome of a tick in one transaction: for every call the
// verdict, the attempt (queued) and its wake-up; for everyone held the reason
// and the moment. People whom another tick has dealt with meanwhile are passed
// over, so a plan written twice is written once; a campaign that no longer dials
// queues nothing. It returns how many attempts were queued.
//
// An attempt's row ID is scheduler.AttemptID of the person's next row, which is
// Call.AttemptID unless an earlier attempt was not spent on the person.
func (db *DB) SavePlan(ctx context.Context, now time.Time, campaign, policyHash string, plan scheduler.Plan) (queued int, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		queued = 0
		c, err := db.campaign(ctx, tx, plannedCampaignSQL, campaign)
		if err != nil {
			return err
		}
		if !c.State.Dialing() {
			return nil
		}
		tries, err := lockTasks(ctx, tx, campaign, plan)
		if err != nil {
			return err
		}
		held := slices.Clone(plan.Held)
		// In one order for all campaigns, so that two plans for the same people
		// wait for each other and not both.
		calls := slices.SortedFunc(slices.Values(plan.Calls), func(a, b scheduler.Call) int { return cmp.Compare(a.ContactID, b.ContactID) })
		for _, call := range calls {
			seq, ok := tries[call.ContactID]
			if !ok {
				continue
			}
			taken, err := queueAttempt(ctx, tx, now, c, policyHash, call, seq+1)
			if err != nil {
				return fmt.Errorf("contact %d: %w", call.ContactID, err)
			}
			if taken {
				queued++
			} else {
				held = append(held, scheduler.Held{ContactID: call.ContactID, Reason: compliance.ReasonDuplicate, Until: now.Add(elsewhere)})
			}
		}
		return hold(ctx, tx, now, campaign, policyHash, held, tries)
	})
	if err != nil {
		return 0, fmt.Errorf("saving a plan of campaign %s: %w", campaign, err)
	}
	return queued, nil
}

func lockTasks(ctx context.Context, tx pgx.Tx, campaign string, plan scheduler.Plan) (map[int64]int, error) {
	ids := make([]int64, 0, len(plan.Calls)+len(plan.Held))
	for _, c := range plan.Calls {
		ids = append(ids, c.ContactID)
	}
	for _, h := range plan.Held {
		ids = append(ids, h.ContactID)
	}
	rows, err := tx.Query(ctx, lockTasksSQL, campaign, ids)
	if err != nil {
		return nil, err
	}
	tries := make(map[int64]int, len(ids))
	var id int64
	var n int
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error { tries[id] = n; return nil })
	return tries, err
}

func queueAttempt(ctx context.Context, tx pgx.Tx, now time.Time, c scheduler.Campaign, policyHash string, call scheduler.Call, seq int) (bool, error) {
	verdict, err := json.Marshal(call.Verdict)
	if err != nil {
		return false, err
	}
	id := scheduler.AttemptID(c.ID, call.ContactID, seq)
	tag, err := tx.Exec(ctx, queueAttemptSQL, id, c.ID, call.ContactID, seq, call.Number,
		c.Trunk, c.CallerID, c.TreeVersion, now, verdict, policyHash)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	if _, err := tx.Exec(ctx, attemptingSQL, c.ID, call.ContactID, seq, verdict, policyHash, now); err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, outboxSQL, "attempt", id, nil, now)
	return true, err
}

func hold(ctx context.Context, tx pgx.Tx, now time.Time, campaign, policyHash string, held []scheduler.Held, known map[int64]int) error {
	var batch pgx.Batch
	for _, h := range held {
		if _, ok := known[h.ContactID]; !ok {
			continue
		}
		verdict, err := json.Marshal(h.Verdict)
		if err != nil {
			return fmt.Errorf("contact %d: %w", h.ContactID, err)
		}
		until := h.Until
		if !until.After(now) {
			until = now.Add(untilLater)
		}
		batch.Queue(holdSQL, campaign, h.ContactID, h.Terminal, until, h.Reason, verdict, policyHash, now)
	}
	return tx.SendBatch(ctx, &batch).Close()
}
