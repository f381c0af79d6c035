package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/contacts"
)

// ConsentResult counts what a consent file gave.
type ConsentResult struct {
	Taken     int `json:"taken"`
	Known     int `json:"known"`     // taken before
	Unmatched int `json:"unmatched"` // nobody with this number was imported
	Refused   int `json:"refused"`   // no brand, purpose or channel, no time, or over before it began
}

// stageConsentsSQL holds a consent file until it is matched.
const stageConsentsSQL = `
CREATE TEMP TABLE stage_consents (
	phone text, brand text, purpose text, channels text[], text_version text, source text,
	given_at timestamptz, expires_at timestamptz, proof text
) ON COMMIT DROP`

// unmatchedSQL counts the rows whose number nobody has.
const unmatchedSQL = `
SELECT count(*) FROM stage_consents s
WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.phone = s.phone)`

// takeConsentsSQL keeps the matched rows that are not known yet.
const takeConsentsSQL = `
INSERT INTO consents (contact, brand, purpose, channels, text_version, source, given_at, expires_at, proof)
SELECT c.id, s.brand, s.purpose, s.channels, s.text_version, s.source, s.given_at, s.expires_at, s.proof
FROM stage_consents s
JOIN contacts c USING (phone)
ON CONFLICT (contact, brand, purpose, given_at, source) DO NOTHING`

// wakeConsentedSQL makes people due again who were held for want of a consent.
const wakeConsentedSQL = `
UPDATE contact_tasks t
SET state = 'waiting', due_at = $1, held_reason = '', held_until = NULL, done_reason = '', updated_at = $1
FROM contacts c
JOIN stage_consents s USING (phone)
WHERE t.contact = c.id AND t.held_reason = 'no_consent'
  AND (t.state IN ('pending', 'waiting') OR t.state = 'done' AND t.done_reason = 'no_consent')
  AND EXISTS (SELECT FROM campaigns g WHERE g.id = t.campaign AND g.state NOT IN ('completed', 'cancelled', 'failed'))`

// SaveConsents keeps proofs of consent. A consent is kept beside a suppression
// and does not lift it: who once said no is asked by nobody.
func (db *DB) SaveConsents(ctx context.Context, now time.Time, consents []contacts.Consent) (ConsentResult, error) {
	var result ConsentResult
	valid := slices.DeleteFunc(slices.Clone(consents), func(c contacts.Consent) bool { return !sound(c) })
	err := db.tx(ctx, func(tx pgx.Tx) error {
		result = ConsentResult{Refused: len(consents) - len(valid)}
		if _, err := tx.Exec(ctx, stageConsentsSQL); err != nil {
			return err
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"stage_consents"},
			[]string{"phone", "brand", "purpose", "channels", "text_version", "source", "given_at", "expires_at", "proof"},
			pgx.CopyFromSlice(len(valid), func(i int) ([]any, error) {
				c := &valid[i]
				return []any{c.Phone.E164(), text(c.Brand), c.Purpose, c.Channels, text(c.TextVersion), text(c.Source),
					c.At, moment(c.Expires), text(c.Proof)}, nil
			})); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, unmatchedSQL).Scan(&result.Unmatched); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, takeConsentsSQL)
		if err != nil {
			return err
		}
		result.Taken = int(tag.RowsAffected())
		result.Known = len(valid) - result.Unmatched - result.Taken
		if _, err := tx.Exec(ctx, wakeConsentedSQL, now); err != nil {
			return err
		}
		return audit(ctx, tx, now, "import", "consents", "", result)
	})
	if err != nil {
		return ConsentResult{}, fmt.Errorf("saving %d consents: %w", len(consents), err)
	}
	return result, nil
}

// sound reports whether a consent says what the schema insists on.
func sound(c contacts.Consent) bool {
	known := len(c.Channels) > 0
	for _, ch := range c.Channels {
		known = known && slices.Contains([]string{"voice", "sms", "wecom"}, ch)
	}
	return known && c.Brand != "" && (c.Purpose == "service" || c.Purpose == "marketing") &&
		!c.At.IsZero() && (c.Expires.IsZero() || c.Expires.After(c.At))
}
