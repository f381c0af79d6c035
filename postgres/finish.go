package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/contacts"
	"warmline/dialer"
	"warmline/scheduler"
)

// FinishIn is one result with what follows it (see scheduler.After).
type FinishIn struct {
	Attempt string
	Epoch   int
	Result  dialer.Result
	Follow  []scheduler.FollowUp
}

// finishingSQL locks the attempt a result is for.
const finishingSQL = `
SELECT a.state, a.epoch, a.campaign, a.contact, c.phone
FROM attempts a
JOIN contacts c ON c.id = a.contact
WHERE a.id = $1
FOR UPDATE OF a`

// finishSQL writes a result.
const finishSQL = `
UPDATE attempts
SET state = 'ended', lease_until = NULL, disposition = $2, answered_by = $3, outcome = $4, grade = $5, ended_by = $6,
	sip_status = $7, q850 = $8, reason = $9, invite_at = $10, ring_at = coalesce($11, ring_at),
	answered_at = coalesce($12, CASE WHEN $2 = 'answered' THEN coalesce(answered_at, $13) END), ended_at = $13, identified = $14, disclosed = $15, pitched = $16, callback_at = $17, tags = $18,
	variants = $19, transcript = $20, journal = $21, ladder = $22,
	rtp_sent = $23, rtp_received = $24, rtp_lost = $25, rtp_late = $26, jitter_us = $27,
	pdd_ms = $28, codec = $29, mos = $30, r_factor = $31, rtt_us = $32, rtp_skipped = $33, remote_lost = $34, late_p99_us = $35,
	hops = $36, handovers = $37, recording = $38, recording_sum = $39, recording_ms = $40, recording_at = $41
WHERE id = $1`

// heardSQL adds to the ledger of what a person has heard.
const heardSQL = `
INSERT INTO lines_heard (contact, attempt, line, hook, heard_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING`

// spendSQL counts the attempt as spent on the person, or not. An unknown one was
// counted when its owner was given up.
const spendSQL = `
UPDATE contact_tasks
SET attempts = attempts + $3, updated_at = $4
WHERE campaign = $1 AND contact = $2`

// retrySQL makes a person due again.
const retrySQL = `
UPDATE contact_tasks
SET state = 'waiting', due_at = $3, held_reason = $4, held_until = $3, done_reason = '', updated_at = $5
WHERE campaign = $1 AND contact = $2
  AND EXISTS (SELECT FROM campaigns g WHERE g.id = $1 AND g.state NOT IN ('completed', 'cancelled', 'failed'))`

// closeTaskSQL ends a campaign for a person.
const closeTaskSQL = `
UPDATE contact_tasks
SET state = 'done', done_reason = $3, due_at = NULL, held_until = NULL, updated_at = $4
WHERE campaign = $1 AND contact = $2`

// remarkSQL keeps what a call taught about the number.
const remarkSQL = `
UPDATE contacts
SET wrong_person_at = CASE WHEN $2 = 'wrong_person' THEN coalesce(wrong_person_at, $3) ELSE wrong_person_at END,
	complained_at = CASE WHEN $2 = 'complaint' THEN coalesce(complained_at, $3) ELSE complained_at END
WHERE id = $1`

// ended is the attempt a result is for.
type ended struct {
	state    scheduler.AttemptState
	epoch    int
	campaign string
	contact  int64
	phone    contacts.Phone
}

// Finish writes the result of an attempt, the lines heard, an opt-out if there
// was one, and what follows, in one transaction. The same result twice is one
// result. An attempt that was given up as unknown takes its true result from its
// own epoch. Whoever comes with an older epoch gets [ErrLost]; an opt-out is
// taken from anyone.
func (db *DB) Finish(ctx context.Context, now time.Time, in FinishIn) error {
	var lost bool
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if err := db.lockCalled(ctx, tx, in.Attempt); err != nil {
			return err
		}
		var e ended
		var phone string
		if err := tx.QueryRow(ctx, finishingSQL, in.Attempt).Scan(&e.state, &e.epoch, &e.campaign, &e.contact, &phone); err != nil {
			return notFound(err)
		}
		e.phone = contacts.Phone(phone)
		if in.Result.OptOut || in.Result.OptOutPending {
			if err := db.mayHash(); err != nil {
				return err
			}
			if err := db.optOut(ctx, tx, now, OptOutIn{Phone: e.phone, Source: "call", Attempt: in.Attempt}); err != nil {
				return err
			}
		}
		lost = e.epoch != in.Epoch || e.state == scheduler.Refused
		if lost || e.state == scheduler.Ended {
			return nil
		}
		return db.finish(ctx, tx, now, e, in)
	})
	if err == nil && lost {
		err = ErrLost
	}
	if err != nil {
		return fmt.Errorf("finishing attempt %s: %w", in.Attempt, err)
	}
	return nil
}

func (db *DB) finish(ctx context.Context, tx pgx.Tx, now time.Time, e ended, in FinishIn) error {
	r := in.Result
	if r.EndedAt.IsZero() {
		r.EndedAt = now
	}
	reason := r.Cause.Reason
	if r.Err != nil {
		reason = r.Err.Error()
	}
	evidence, err := evidenceOf(r.Variants, r.Transcript, r.Journal, r.Ladder, r.Hops, r.Handovers)
	if err != nil {
		return err
	}
	rec := recordingOf(r)
	if _, err := tx.Exec(ctx, finishSQL, in.Attempt, r.Disposition, r.AnsweredBy, r.Outcome, r.Grade, r.EndedBy,
		r.Cause.Status, r.Cause.Q850, text(reason), moment(r.InviteAt), moment(r.RingAt), moment(r.AnsweredAt), r.EndedAt,
		identified(r), disclosed(r), pitched(r), moment(r.Callback), texts(r.Tags),
		evidence[0], evidence[1], evidence[2], evidence[3],
		int64(r.RTP.Sent), int64(r.RTP.Received), int64(r.RTP.Lost), int64(r.RTP.Late), r.RTP.Jitter.Microseconds(),
		r.PDD.Milliseconds(), codecOf(r), r.MOS, r.R, r.RTP.RoundTrip.Microseconds(), int64(r.RTP.Skipped),
		int64(r.RTP.RemoteLost), r.Late.Microseconds(), evidence[4], evidence[5], rec.file, rec.sum, rec.length, rec.begins); err != nil {
		return err
	}
	for _, h := range r.Heard {
		if _, err := tx.Exec(ctx, heardSQL, e.contact, in.Attempt, h.Line, h.Hook, r.EndedAt); err != nil {
			return fmt.Errorf("line %s: %w", h.Line, err)
		}
	}
	trunkFault := r.TrunkFault || scheduler.TrunkFault(r.Disposition)
	if _, err := tx.Exec(ctx, spendSQL, e.campaign, e.contact, spent(e.state, trunkFault), now); err != nil {
		return err
	}
	if r.Outcome == "wrong_person" || r.Outcome == "complaint" {
		if _, err := tx.Exec(ctx, remarkSQL, e.contact, r.Outcome, now); err != nil {
			return err
		}
	}
	if err := db.follow(ctx, tx, now, e, in); err != nil {
		return err
	}
	if err := done(ctx, tx, now, "attempt", in.Attempt); err != nil {
		return err
	}
	return change(ctx, tx, now, "attempt", in.Attempt, map[string]any{"campaign": e.campaign, "contact": e.contact,
		"state": "ended", "disposition": r.Disposition, "outcome": r.Outcome, "grade": r.Grade})
}

// evidenceOf makes jsonb of each value; nothing becomes NULL.
func evidenceOf(values ...any) ([][]byte, error) {
	out := make([][]byte, len(values))
	for i, v := range values {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("keeping the evidence: %w", err)
		}
		if string(b) != "null" {
			out[i] = jsonText(b)
		}
	}
	return out, nil
}

// codecOf is what was spoken on the line; "" when nothing was agreed.
func codecOf(r dialer.Result) string {
	if !r.Answered || r.RTP.LocalPort == 0 {
		return ""
	}
	return r.RTP.Codec.String()
}

// recordingColumns are a recording as the table keeps it; NULL without one.
type recordingColumns struct {
	file, sum      *string
	length, begins *int64
}

func recordingOf(r dialer.Result) (c recordingColumns) {
	if rec := r.Recording; rec != nil {
		length, begins := rec.Duration.Milliseconds(), rec.Begins.Milliseconds()
		c = recordingColumns{&rec.File, &rec.SHA256, &length, &begins}
	}
	return c
}

// disclosed: a person heard our first line, which says who calls and that it is
// a machine.
func disclosed(r dialer.Result) bool {
	return r.AnsweredBy == "person" && slices.ContainsFunc(r.Transcript, func(t dialer.Turn) bool { return t.Who == "bot" })
}

// identified: a person talked with us and did not say that the number is
// somebody else's.
func identified(r dialer.Result) bool {
	return disclosed(r) && slices.ContainsFunc(r.Transcript, func(t dialer.Turn) bool { return t.Who == "callee" }) &&
		r.Outcome != "wrong_person"
}

// pitched: the person heard a hook or answered what we asked for.
func pitched(r dialer.Result) bool {
	return identified(r) && (len(r.Heard) > 0 ||
		slices.Contains([]string{"agreed_add", "agreed_sms", "already_friend", "not_interested", "callback"}, r.Outcome))
}

// spent is by how much the person's attempts go up.
func spent(was scheduler.AttemptState, trunkFault bool) int {
	n := 1
	if trunkFault {
		n = 0
	}
	if was == scheduler.Unknown {
		n--
	}
	return n
}

// follow writes the consequences. Whoever is suppressed gets none.
func (db *DB) follow(ctx context.Context, tx pgx.Tx, now time.Time, e ended, in FinishIn) error {
	list, err := db.suppressed(ctx, tx, e.phone)
	if err != nil {
		return err
	}
	task := scheduler.FollowUp{Kind: scheduler.FollowDone, Reason: in.Result.Disposition}
	agreed := false
	for _, f := range in.Follow {
		agreed = agreed || f.Kind == scheduler.FollowInvite || f.Kind == scheduler.FollowSMS
		switch f.Kind {
		case scheduler.FollowRetry, scheduler.FollowDone:
			task = f
		case scheduler.FollowInvite:
			if !stops(list, "wecom") {
				err = db.queueInvitation(ctx, tx, now, e, in.Attempt, f.Reason)
			}
		case scheduler.FollowSMS:
			if !stops(list, "sms") {
				err = queueMessage(ctx, tx, now, e, in.Attempt, f)
			}
		default:
			err = errors.New("not a follow-up this store knows")
		}
		if err != nil {
			return fmt.Errorf("follow-up %s: %w", f.Kind, err)
		}
	}
	if !agreed {
		if err := releaseReservation(ctx, tx, now, in.Attempt); err != nil {
			return err
		}
	}
	if stops(list, "voice") {
		task = scheduler.FollowUp{Kind: scheduler.FollowDone, Reason: "dnc_global"}
	}
	if task.Kind == scheduler.FollowRetry {
		tag, err := tx.Exec(ctx, retrySQL, e.campaign, e.contact, task.Due, task.Reason, now)
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
		task.Reason = "campaign_over"
	}
	if task.Reason == "" {
		task.Reason = in.Result.Disposition
	}
	_, err = tx.Exec(ctx, closeTaskSQL, e.campaign, e.contact, task.Reason, now)
	return err
}
