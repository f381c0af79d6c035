package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/wecom"
)

// saveEventSQL keeps an event once.
const saveEventSQL = `
INSERT INTO wecom_events (dedupe, kind, payload, seen_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (dedupe) DO NOTHING`

// SaveEvent keeps a push of WeCom before it is answered; fresh is false when it
// was seen before. What follows from it is idempotent too, so a repeat after a
// crash may be worked through again.
func (db *DB) SaveEvent(ctx context.Context, now time.Time, e wecom.Event) (fresh bool, err error) {
	e.WelcomeCode = "" // lives 20 s and is nobody's business later
	b, err := json.Marshal(e)
	if err == nil {
		var n int64
		tag, execErr := db.pool.Exec(ctx, saveEventSQL, e.Key(), string(e.Topic()), jsonText(b), now)
		n, err = tag.RowsAffected(), execErr
		fresh = n == 1
	}
	if err != nil {
		return false, fmt.Errorf("saving WeCom event %s: %w", e.Topic(), err)
	}
	return fresh, nil
}

// candidateInvitationsSQL reads the invitations a friendship may have come from:
// the token's own, and the member's of the last 30 days.
const candidateInvitationsSQL = `
SELECT ` + invitationColumns + `, coalesce((
	SELECT f.external_userid FROM friendships f WHERE f.invitation = i.id AND f.evidence <> 'forwarded' ORDER BY f.added_at LIMIT 1), '')` +
	invitationFrom + `
WHERE i.token = $1 AND $1 <> '' OR i.member = $2 AND i.reserved_at > $3`

// attributionWindow is how long after the call a friendship may be its fruit
// without carrying its token.
const attributionWindow = 30 * 24 * time.Hour

// befriendSQL keeps a friendship. Seen again it stays as it was first credited;
// added again after a loss it is a friendship again.
const befriendSQL = `
INSERT INTO friendships AS f (external_userid, member, contact, invitation, state, add_way, evidence, added_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (external_userid, member) DO UPDATE SET
	contact = coalesce(f.contact, excluded.contact),
	invitation = coalesce(f.invitation, excluded.invitation),
	evidence = CASE WHEN f.evidence = 'none' THEN excluded.evidence ELSE f.evidence END,
	added_at = CASE WHEN f.lost_at < excluded.added_at THEN excluded.added_at ELSE f.added_at END,
	lost_by = CASE WHEN f.lost_at < excluded.added_at THEN '' ELSE f.lost_by END,
	lost_at = CASE WHEN f.lost_at < excluded.added_at THEN NULL ELSE f.lost_at END`

// Befriended says what a friendship was laid to.
type Befriended struct {
	Invitation Invitation     // zero when unattributed
	Evidence   wecom.Evidence // "" when unattributed
	First      bool           // this friendship moved its invitation to added
}

// Befriend keeps a friendship that WeCom reported or that was found by reading
// its lists, lays it to an invitation by wecom.Attribute (the token first), and
// moves that invitation. Nothing is guessed: without evidence it is kept
// unattributed. Doing it twice is doing it once.
func (db *DB) Befriend(ctx context.Context, now time.Time, f wecom.Friendship) (b Befriended, err error) {
	since := f.Since
	if since.IsZero() {
		since = now
	}
	err = db.tx(ctx, func(tx pgx.Tx) error {
		b = Befriended{}
		rows := map[string]Invitation{}
		var among []wecom.Invitation
		list, err := tx.Query(ctx, candidateInvitationsSQL, f.State, f.Member, now.Add(-attributionWindow))
		if err != nil {
			return err
		}
		if _, err := pgx.CollectRows(list, func(r pgx.CollectableRow) (struct{}, error) {
			var customer string
			i, err := scanInvitation(withTail{r, []any{&customer}})
			w := wecom.Invitation{ID: fmt.Sprint(i.ID), Phone: i.Phone, Member: i.Member, State: i.State, Token: i.Token,
				Channel: i.Channel, Customer: customer, Created: i.ReservedAt}
			rows[w.ID], among = i, append(among, w)
			return struct{}{}, err
		}); err != nil {
			return err
		}
		evidence := "none"
		var contact, invitation *int64
		if match, ok := wecom.Attribute(f, among); ok {
			b.Invitation, b.Evidence, evidence = rows[match.Invitation], match.Evidence, string(match.Evidence)
			invitation = &b.Invitation.ID
			if match.Credit() {
				contact = &b.Invitation.ContactID
			}
		}
		if _, err := tx.Exec(ctx, befriendSQL, f.Customer, f.Member, contact, invitation, text(f.State), int(f.AddWay), evidence, since); err != nil {
			return err
		}
		if contact != nil {
			i, err := scanInvitation(tx.QueryRow(ctx, lockInvitationSQL, b.Invitation.ID))
			if err != nil {
				return err
			}
			i.State, b.First, err = step(ctx, tx, since, i, wecom.StepAdd, offer{})
			if b.Invitation = i; err != nil {
				return err
			}
		}
		return change(ctx, tx, now, "friend", f.Member, map[string]any{"evidence": evidence, "invitation": b.Invitation.ID, "campaign": b.Invitation.Campaign})
	})
	if err != nil {
		return Befriended{}, fmt.Errorf("keeping a friend of member %s: %w", f.Member, err)
	}
	return b, nil
}

// withTail scans a row's last columns into its own places.
type withTail struct {
	pgx.Row
	tail []any
}

func (r withTail) Scan(dest ...any) error { return r.Row.Scan(append(dest, r.tail...)...) }

// loseFriendSQL ends a friendship at a moment, unless it began after that.
const loseFriendSQL = `
UPDATE friendships
SET lost_at = $3, lost_by = $4
WHERE external_userid = $1 AND member = $2 AND lost_at IS NULL AND added_at <= $3
RETURNING coalesce(invitation, 0), contact IS NOT NULL`

// LoseFriend notes who ended a friendship: step is wecom.StepCustomerDeleted,
// wecom.StepMemberDeleted or wecom.StepTransfer, which is no loss. lost is false
// when nothing ended.
func (db *DB) LoseFriend(ctx context.Context, at time.Time, customer, member, event string) (lost bool, err error) {
	by, ok := map[string]string{wecom.StepCustomerDeleted: "customer", wecom.StepMemberDeleted: "member", wecom.StepTransfer: "transfer"}[event]
	if !ok {
		return false, fmt.Errorf("losing a friend of member %s: %q is no way to lose one", member, event)
	}
	err = db.tx(ctx, func(tx pgx.Tx) error {
		var id int64
		var credited bool
		err := tx.QueryRow(ctx, loseFriendSQL, customer, member, at, by).Scan(&id, &credited)
		lost = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if id != 0 && credited {
			i, err := scanInvitation(tx.QueryRow(ctx, lockInvitationSQL, id))
			if err != nil {
				return err
			}
			if _, _, err := step(ctx, tx, at, i, event, offer{}); err != nil {
				return err
			}
		}
		return change(ctx, tx, at, "friend", member, map[string]any{"lost_by": by, "invitation": id})
	})
	if err != nil {
		return false, fmt.Errorf("losing a friend of member %s: %w", member, err)
	}
	return lost, nil
}
