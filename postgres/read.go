package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"warmline/contacts"
)

// Person is one line of a list of people.
type Person struct {
	ID        int64          `json:"id"`
	Phone     contacts.Phone `json:"-"`
	Masked    string         `json:"phone"`
	Name      string         `json:"name"`
	Role      contacts.Role  `json:"role"`
	City      string         `json:"city"`
	Frequency int            `json:"frequency"`
	AmountFen int64          `json:"amount_fen"`
	LastOrder time.Time      `json:"last_order,omitzero"`
	Tags      []string       `json:"tags"`
	Calls     int            `json:"calls"` // dialed, ever
}

// peopleSearchSQL finds people by a part of the number or name, or an order's
// whole number; an empty query is everyone.
const peopleSearchSQL = `
SELECT c.id, c.phone, c.name, c.role, c.city, c.frequency, c.amount_fen, c.last_order_at, c.tags,
	(SELECT count(*) FROM attempts a WHERE a.contact = c.id AND a.dialed_at IS NOT NULL)
FROM contacts c
WHERE $1 = '' OR $2 <> '' AND position($2 IN c.phone) > 0 OR position($1 IN c.name) > 0
   OR EXISTS (SELECT FROM orders o WHERE o.contact = c.id AND o.number = $1)
ORDER BY c.last_order_at DESC NULLS LAST, c.id
LIMIT $3`

// People finds people by a part of the number, a part of the name, or an order
// number.
func (db *DB) People(ctx context.Context, query string, limit int) ([]Person, error) {
	query = strings.TrimSpace(query)
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		if strings.ContainsRune(" -+", r) {
			return -1
		}
		return 'x' // not a number: matches no phone
	}, query)
	if len(digits) < 3 {
		digits = ""
	}
	list, err := collectRows(ctx, db.pool, peopleSearchSQL, func(r pgx.Row) (p Person, err error) {
		var phone string
		var last *time.Time
		err = r.Scan(&p.ID, &phone, &p.Name, &p.Role, &p.City, &p.Frequency, &p.AmountFen, &last, &p.Tags, &p.Calls)
		p.Phone, p.Masked, p.LastOrder = contacts.Phone(phone), contacts.Phone(phone).Masked(), instant(last)
		return p, err
	}, query, digits, limit)
	if err != nil {
		return nil, fmt.Errorf("searching people: %w", err)
	}
	return list, nil
}

// Attempt is one line of a list of calls.
type Attempt struct {
	ID          string    `json:"id"`
	Campaign    string    `json:"campaign"` // name
	CampaignID  string    `json:"campaign_id"`
	ContactID   int64     `json:"contact"`
	Masked      string    `json:"phone"`
	Name        string    `json:"name"`
	Number      int       `json:"number"`
	State       string    `json:"state"`
	Disposition string    `json:"disposition,omitempty"`
	AnsweredBy  string    `json:"answered_by,omitempty"`
	Outcome     string    `json:"outcome,omitempty"`
	Grade       string    `json:"grade,omitempty"`
	EndedBy     string    `json:"ended_by,omitempty"`
	SIPStatus   int       `json:"sip_status,omitempty"`
	Q850        int       `json:"q850,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Trunk       string    `json:"trunk"`
	CallerID    string    `json:"caller_id"`
	Owner       string    `json:"owner,omitempty"`
	Tags        []string  `json:"tags,omitempty"`
	PlannedAt   time.Time `json:"planned_at"`
	DialedAt    time.Time `json:"dialed_at,omitzero"`
	RingAt      time.Time `json:"ring_at,omitzero"`
	AnsweredAt  time.Time `json:"answered_at,omitzero"`
	EndedAt     time.Time `json:"ended_at,omitzero"`
	PDDms       int       `json:"pdd_ms,omitempty"` // INVITE to the first ring or final answer
	Codec       string    `json:"codec,omitempty"`
	MOS         float32   `json:"mos,omitempty"` // ITU-T G.107, 1 to 4.5
	Recorded    bool      `json:"recorded,omitempty"`
}

// attemptColumns are the columns scanAttempt reads.
const attemptColumns = `a.id, g.name, a.campaign, a.contact, c.phone, c.name, a.number, a.state, coalesce(a.disposition, ''),
	a.answered_by, a.outcome, a.grade, a.ended_by, a.sip_status, a.q850, a.reason, a.trunk, a.caller_id, a.owner, a.tags,
	a.planned_at, a.dialed_at, a.ring_at, a.answered_at, a.ended_at, a.pdd_ms, a.codec, a.mos, a.recording IS NOT NULL`

// attemptFrom is what those columns are read from.
const attemptFrom = `
FROM attempts a
JOIN campaigns g ON g.id = a.campaign
JOIN contacts c ON c.id = a.contact`

func (a *Attempt) places() ([]any, func()) {
	var phone string
	var dialed, ring, answered, ended *time.Time
	return []any{&a.ID, &a.Campaign, &a.CampaignID, &a.ContactID, &phone, &a.Name, &a.Number, &a.State, &a.Disposition,
			&a.AnsweredBy, &a.Outcome, &a.Grade, &a.EndedBy, &a.SIPStatus, &a.Q850, &a.Reason, &a.Trunk, &a.CallerID, &a.Owner, &a.Tags,
			&a.PlannedAt, &dialed, &ring, &answered, &ended, &a.PDDms, &a.Codec, &a.MOS, &a.Recorded}, func() {
			a.Masked, a.PlannedAt = contacts.Phone(phone).Masked(), a.PlannedAt.UTC()
			a.DialedAt, a.RingAt, a.AnsweredAt, a.EndedAt = instant(dialed), instant(ring), instant(answered), instant(ended)
		}
}

func scanAttempt(r pgx.Row) (a Attempt, err error) {
	places, finish := a.places()
	err = r.Scan(places...)
	finish()
	return a, err
}

// attemptsSQL lists attempts, newest first.
const attemptsSQL = `
SELECT ` + attemptColumns + attemptFrom + `
WHERE $1::uuid IS NULL OR a.campaign = $1
ORDER BY a.planned_at DESC, a.id
LIMIT $2`

// Attempts lists the newest attempts of a campaign, or of all for "".
func (db *DB) Attempts(ctx context.Context, campaign string, limit int) ([]Attempt, error) {
	list, err := collectRows(ctx, db.pool, attemptsSQL, scanAttempt, orNull(campaign), limit)
	if err != nil {
		return nil, fmt.Errorf("reading attempts: %w", err)
	}
	return list, nil
}

// liveAttemptsSQL lists attempts that are claimed or on the line.
const liveAttemptsSQL = `
SELECT ` + attemptColumns + attemptFrom + `
WHERE a.state IN ('claimed', 'dialing', 'ringing', 'early_media', 'in_dialog', 'transferring')
ORDER BY a.claimed_at, a.id`

// LiveAttempts lists what is claimed or on the line, longest first.
func (db *DB) LiveAttempts(ctx context.Context) ([]Attempt, error) {
	list, err := collectRows(ctx, db.pool, liveAttemptsSQL, scanAttempt)
	if err != nil {
		return nil, fmt.Errorf("reading live attempts: %w", err)
	}
	return list, nil
}

// Detail is one attempt with its evidence, each part as it was stored.
type Detail struct {
	Attempt
	TreeVersion string          `json:"tree_version"`
	Verdict     json.RawMessage `json:"verdict,omitempty"`
	Variants    json.RawMessage `json:"variants,omitempty"`
	Transcript  json.RawMessage `json:"transcript,omitempty"`
	Journal     json.RawMessage `json:"journal,omitempty"`
	Ladder      json.RawMessage `json:"ladder,omitempty"`
	RTPSent     int64           `json:"rtp_sent"`
	RTPReceived int64           `json:"rtp_received"`
	RTPLost     int64           `json:"rtp_lost"`
	RTPLate     int64           `json:"rtp_late"`
	Jitter      time.Duration   `json:"jitter"`
	RFactor     float32         `json:"r_factor,omitempty"`
	RoundTrip   time.Duration   `json:"round_trip,omitempty"`
	RTPSkipped  int64           `json:"rtp_skipped"`
	RemoteLost  int64           `json:"remote_lost"`
	LateP99     time.Duration   `json:"late_p99"` // of the engine at the end of the call
	Hops        json.RawMessage `json:"hops,omitempty"`
	Handovers   json.RawMessage `json:"handovers,omitempty"`
	Recording   *Recording      `json:"recording,omitempty"`
}

// Recording is where the sound of a call is kept.
type Recording struct {
	File     string `json:"file"` // below the recordings' folder of the dialer that made it
	SHA256   string `json:"sha256"`
	LengthMS int    `json:"length_ms"`
	BeginsMS int    `json:"begins_ms"` // after the answer; moment m of the journal is at m − begins in the file
}

// recordingPlaces are where a recording's columns are read to.
type recordingPlaces struct {
	file, sum      *string
	length, begins *int
}

func (p *recordingPlaces) places() []any { return []any{&p.file, &p.sum, &p.length, &p.begins} }

func (p *recordingPlaces) recording() *Recording {
	if p.file == nil || p.sum == nil || p.length == nil || p.begins == nil {
		return nil
	}
	return &Recording{*p.file, *p.sum, *p.length, *p.begins}
}

// detailSQL reads one attempt with its evidence.
const detailSQL = `
SELECT ` + attemptColumns + `, a.tree_version, a.verdict, a.variants, a.transcript, a.journal, a.ladder,
	a.rtp_sent, a.rtp_received, a.rtp_lost, a.rtp_late, a.jitter_us, a.r_factor, a.rtt_us, a.rtp_skipped, a.remote_lost, a.late_p99_us,
	a.hops, a.handovers, a.recording, a.recording_sum, a.recording_ms, a.recording_at` + attemptFrom + `
WHERE a.id = $1`

// Attempt reads one attempt with its evidence.
func (db *DB) Attempt(ctx context.Context, id string) (d Detail, err error) {
	if uuid.Validate(id) != nil {
		return d, fmt.Errorf("attempt %s: %w", id, ErrNotFound)
	}
	places, finish := d.places()
	var jitter, trip, late int64
	var rec recordingPlaces
	places = append(places, &d.TreeVersion, &d.Verdict, &d.Variants, &d.Transcript, &d.Journal, &d.Ladder,
		&d.RTPSent, &d.RTPReceived, &d.RTPLost, &d.RTPLate, &jitter, &d.RFactor, &trip, &d.RTPSkipped, &d.RemoteLost, &late,
		&d.Hops, &d.Handovers)
	err = db.pool.QueryRow(ctx, detailSQL, id).Scan(append(places, rec.places()...)...)
	finish()
	d.Jitter, d.RoundTrip, d.LateP99 = time.Duration(jitter)*time.Microsecond, time.Duration(trip)*time.Microsecond, time.Duration(late)*time.Microsecond
	d.Recording = rec.recording()
	if err != nil {
		return d, fmt.Errorf("attempt %s: %w", id, notFound(err))
	}
	return d, nil
}

// Held counts people of a campaign, or of all for "", by why they are not called
// now, or never.
func (db *DB) Held(ctx context.Context, campaign string) (map[string]int, error) {
	counts, err := countBy(ctx, db.pool, heldNowSQL, orNull(campaign))
	if err != nil {
		return nil, fmt.Errorf("reading who is held in campaign %s: %w", campaign, err)
	}
	return counts, nil
}

// countBy reads a query of a word and its count.
func countBy(ctx context.Context, q querier, sql string, args ...any) (map[string]int, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	var word string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&word, &n}, func() error { counts[word] = n; return nil })
	return counts, err
}

// rejectsSQL reads what a file's owner has to correct.
const rejectsSQL = `
SELECT line, col, field, reason, value, cells
FROM import_rejects
WHERE batch = $1
ORDER BY line, col
LIMIT $2`

// Rejects lists the refused cells of an import, by line.
func (db *DB) Rejects(ctx context.Context, batch int64, limit int) ([]contacts.RowError, error) {
	list, err := collectRows(ctx, db.pool, rejectsSQL, func(r pgx.Row) (e contacts.RowError, err error) {
		return e, r.Scan(&e.Line, &e.Column, &e.Field, &e.Reason, &e.Value, &e.Row)
	}, batch, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the refused rows of import %d: %w", batch, err)
	}
	return list, nil
}
