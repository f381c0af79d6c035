package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/contacts"
	"warmline/wecom"
)

// Invitation is one yes on its way to a friendship.
type Invitation struct {
	ID         int64          `json:"id"`
	Campaign   string         `json:"campaign"`
	ContactID  int64          `json:"contact"`
	Phone      contacts.Phone `json:"-"`
	Name       string         `json:"name"` // salutation
	Attempt    string         `json:"attempt"`
	Member     string         `json:"member"` // userid
	MemberName string         `json:"member_name"`
	Channel    string         `json:"channel"` // wecom.ByLink, wecom.ByTask, or "" until offered
	State      wecom.State    `json:"state"`
	Token      string         `json:"-"`
	URL        string         `json:"url,omitempty"`
	ReservedAt time.Time      `json:"reserved_at"`
	OfferedAt  time.Time      `json:"offered_at,omitzero"`
	AddedAt    time.Time      `json:"added_at,omitzero"`
	ChangedAt  time.Time      `json:"changed_at"`
}

// invitationColumns are the columns scanInvitation reads.
const invitationColumns = `i.id, i.campaign, i.contact, c.phone, c.surname, c.gender, c.gender_declared, i.attempt,
	i.member, m.name, i.channel, i.state, coalesce(i.token, ''), i.url, i.reserved_at, i.offered_at, i.added_at, i.changed_at`

// invitationFrom is what those columns are read from.
const invitationFrom = `
FROM invitations i
JOIN contacts c ON c.id = i.contact
JOIN members m ON m.userid = i.member`

func scanInvitation(r pgx.Row) (i Invitation, err error) {
	var phone string
	var c contacts.Contact
	var offered, added *time.Time
	err = r.Scan(&i.ID, &i.Campaign, &i.ContactID, &phone, &c.Surname, &c.Gender, &c.GenderDeclared, &i.Attempt,
		&i.Member, &i.MemberName, &i.Channel, &i.State, &i.Token, &i.URL, &i.ReservedAt, &offered, &added, &i.ChangedAt)
	i.Phone, i.Name = contacts.Phone(phone), c.Salutation()
	i.ReservedAt, i.OfferedAt, i.AddedAt, i.ChangedAt = i.ReservedAt.UTC(), instant(offered), instant(added), i.ChangedAt.UTC()
	return i, err
}

// openInvitationSQL finds what already invites a person: an invitation of this
// attempt, or any that is open.
const openInvitationSQL = `
SELECT ` + invitationColumns + invitationFrom + `
WHERE i.contact = $1 AND (i.attempt = $2 OR i.state IN ('consented', 'offered', 'clicked', 'half', 'awaiting_acceptance', 'not_found', 'throttled'))
ORDER BY i.attempt = $2 DESC
LIMIT 1`

// attemptOfSQL reads what a reservation belongs to.
const attemptOfSQL = `
SELECT a.campaign, g.brand, c.phone
FROM attempts a
JOIN campaigns g ON g.id = a.campaign
JOIN contacts c ON c.id = a.contact
WHERE a.id = $1 AND a.contact = $2`

// reserveSQL writes a reservation.
const reserveSQL = `
INSERT INTO invitations (campaign, contact, attempt, member, state, reserved_at, changed_at)
VALUES ($1, $2, $3, $4, 'consented', $5, $5)
RETURNING id`

// ReserveInvitation keeps a member and one place of the member's day for a
// person, before anything is promised on the call. It returns the member's name
// and the invitation; ok is false when nobody has room, the person is a friend
// or has opted out, or another attempt's invitation is still open. The same
// attempt gets the same answer twice.
func (db *DB) ReserveInvitation(ctx context.Context, now time.Time, attempt string, contact int64) (member string, id int64, ok bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		if err := db.lockCalled(ctx, tx, attempt); err != nil {
			return err
		}
		i, free, err := db.reserve(ctx, tx, now, attempt, contact)
		member, id, ok = i.MemberName, i.ID, free
		return err
	})
	if err != nil {
		return "", 0, false, fmt.Errorf("reserving an invitation for attempt %s: %w", attempt, err)
	}
	return member, id, ok, nil
}

// reserve runs under the person's lock.
func (db *DB) reserve(ctx context.Context, tx pgx.Tx, now time.Time, attempt string, contact int64) (Invitation, bool, error) {
	i, err := scanInvitation(tx.QueryRow(ctx, openInvitationSQL, contact, attempt))
	if err == nil {
		return i, i.Attempt == attempt && i.State.Open(), nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return i, false, err
	}
	var campaign, brand, phone string
	if err := tx.QueryRow(ctx, attemptOfSQL, attempt, contact).Scan(&campaign, &brand, &phone); err != nil {
		return i, false, notFound(err)
	}
	friends, err := collect[int64](ctx, tx, friendsSQL, []int64{contact})
	if err != nil || len(friends) > 0 {
		return i, false, err
	}
	list, err := db.suppressed(ctx, tx, contacts.Phone(phone))
	if err != nil || stops(list, "wecom") {
		return i, false, err
	}
	m, ok, err := pick(ctx, tx, now, brand, contact)
	if err != nil || !ok {
		return i, false, err
	}
	if err := tx.QueryRow(ctx, reserveSQL, campaign, contact, attempt, m.UserID, now).Scan(&i.ID); err != nil {
		return i, false, err
	}
	i.MemberName, i.Member, i.Attempt = m.Name, m.UserID, attempt
	return i, true, change(ctx, tx, now, "invitation", fmt.Sprint(i.ID),
		map[string]any{"campaign": campaign, "member": m.UserID, "state": wecom.Consented})
}

// queueInvitation puts the yes of an ended call into the add-friend queue. With
// no room left it is written down for people, and nothing is sent.
func (db *DB) queueInvitation(ctx context.Context, tx pgx.Tx, now time.Time, e ended, attempt, way string) error {
	i, ok, err := db.reserve(ctx, tx, now, attempt, e.contact)
	if err != nil {
		return err
	}
	if !ok {
		return change(ctx, tx, now, "invitation", "", map[string]any{"campaign": e.campaign, "contact": e.contact, "state": "no_room"})
	}
	var payload any
	if way != "" {
		payload = map[string]string{"way": way}
	}
	_, err = tx.Exec(ctx, outboxSQL, "invite", fmt.Sprint(i.ID), payload, now)
	return err
}

// invitationSQL reads one invitation.
const invitationSQL = `
SELECT ` + invitationColumns + invitationFrom + `
WHERE i.id = $1`

// Invitation reads one invitation.
func (db *DB) Invitation(ctx context.Context, id int64) (Invitation, error) {
	i, err := scanInvitation(db.pool.QueryRow(ctx, invitationSQL, id))
	if err != nil {
		return i, fmt.Errorf("invitation %d: %w", id, notFound(err))
	}
	return i, nil
}

// invitationByTokenSQL reads the invitation a token was made for.
const invitationByTokenSQL = `
SELECT ` + invitationColumns + invitationFrom + `
WHERE i.token = $1`

// InvitationByToken reads the invitation a state token was made for.
func (db *DB) InvitationByToken(ctx context.Context, token string) (Invitation, error) {
	i, err := scanInvitation(db.pool.QueryRow(ctx, invitationByTokenSQL, token))
	if err != nil {
		return i, fmt.Errorf("invitation by token: %w", notFound(err))
	}
	return i, nil
}

// lockInvitationSQL reads one invitation for moving it.
const lockInvitationSQL = invitationSQL + `
FOR UPDATE OF i`

// moveInvitationSQL writes the state after a step.
const moveInvitationSQL = `
UPDATE invitations
SET state = $2, changed_at = greatest(changed_at, $3),
	offered_at = CASE WHEN $2 = 'offered' THEN coalesce(offered_at, $3) ELSE offered_at END,
	added_at = CASE WHEN $2 IN ('added', 'chatting') THEN coalesce(added_at, $3) ELSE added_at END,
	channel = coalesce($4, channel), url = coalesce($5, url), token = coalesce($6, token)
WHERE id = $1`

// movedSQL writes a step down for ever.
const movedSQL = `
INSERT INTO invitation_moves (invitation, was, event, next, at)
VALUES ($1, $2, $3, $4, $5)`

// offer is what is stored with the step that offers.
type offer struct{ channel, url, token *string }

// step moves a locked invitation by wecom.State.Next; moved is false when the
// step says nothing new. What was lost is not found again by an older report:
// WeCom's times have whole seconds, so only a later one counts.
func step(ctx context.Context, tx pgx.Tx, at time.Time, i Invitation, event string, o offer) (next wecom.State, moved bool, err error) {
	lost := i.State == wecom.LostByCustomer || i.State == wecom.LostByMember
	next, moved = i.State.Next(event)
	if !moved || lost && !at.After(i.ChangedAt) {
		return i.State, false, nil
	}
	if _, err := tx.Exec(ctx, moveInvitationSQL, i.ID, string(next), at, o.channel, o.url, o.token); err != nil {
		return next, false, err
	}
	if _, err := tx.Exec(ctx, movedSQL, i.ID, string(i.State), event, string(next), at); err != nil {
		return next, false, err
	}
	if next == wecom.Throttled {
		if _, err := tx.Exec(ctx, pauseMemberSQL, i.Member, at.Add(throttledFor)); err != nil {
			return next, false, err
		}
	}
	return next, true, change(ctx, tx, at, "invitation", fmt.Sprint(i.ID),
		map[string]any{"campaign": i.Campaign, "member": i.Member, "state": next})
}

// OfferInvitation commits that the offer goes out: by link when url is given,
// else as the member's task. The token is what WeCom hands back. Under the
// person's lock the do-not-contact list is read again; ok is false when there is
// nothing to offer any more.
func (db *DB) OfferInvitation(ctx context.Context, now time.Time, id int64, url, token string) (ok bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		ok = false
		i, err := scanInvitation(tx.QueryRow(ctx, invitationSQL, id))
		if err != nil {
			return notFound(err)
		}
		if err := db.lockPerson(ctx, tx, i.Phone); err != nil {
			return err
		}
		if i, err = scanInvitation(tx.QueryRow(ctx, lockInvitationSQL, id)); err != nil {
			return err
		}
		list, err := db.suppressed(ctx, tx, i.Phone)
		if err != nil {
			return err
		}
		event, o := wecom.StepOffer, offer{channel: new(wecom.ByTask), token: orNull(token)}
		if url != "" {
			o.channel, o.url = new(wecom.ByLink), &url
		}
		if stops(list, "wecom") {
			event, o = wecom.StepOptOut, offer{}
		}
		var next wecom.State
		if next, ok, err = step(ctx, tx, now, i, event, o); err != nil {
			return err
		}
		ok = ok && next == wecom.Offered
		if ok && url == "" {
			return nil // open until the member's card is sent
		}
		return done(ctx, tx, now, "invite", fmt.Sprint(id))
	})
	if err != nil {
		return false, fmt.Errorf("offering invitation %d: %w", id, err)
	}
	return ok, nil
}

// InvitationCarried closes the work on an invitation: the member has the card,
// or there is nothing to do any more.
func (db *DB) InvitationCarried(ctx context.Context, now time.Time, id int64) error {
	if err := done(ctx, db.pool, now, "invite", fmt.Sprint(id)); err != nil {
		return fmt.Errorf("closing the work on invitation %d: %w", id, err)
	}
	return nil
}

// reservedSQL finds the reservation of an attempt.
const reservedSQL = `
SELECT ` + invitationColumns + invitationFrom + `
WHERE i.attempt = $1 AND i.state = 'consented'
FOR UPDATE OF i`

// releaseReservation gives a member's place back when the call ended without a
// yes after all.
func releaseReservation(ctx context.Context, tx pgx.Tx, now time.Time, attempt string) error {
	i, err := scanInvitation(tx.QueryRow(ctx, reservedSQL, attempt))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	_, _, err = step(ctx, tx, now, i, wecom.StepExpire, offer{})
	return err
}

// AdvanceInvitation moves an invitation by a step of wecom.State.Next that
// happened at now. It returns the state after it; a step that says nothing new
// leaves it as it is.
func (db *DB) AdvanceInvitation(ctx context.Context, now time.Time, id int64, event string) (next wecom.State, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		i, err := scanInvitation(tx.QueryRow(ctx, lockInvitationSQL, id))
		if err != nil {
			return notFound(err)
		}
		next, _, err = step(ctx, tx, now, i, event, offer{})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("advancing invitation %d by %s: %w", id, event, err)
	}
	return next, nil
}

// invitationsSQL lists invitations, newest first.
const invitationsSQL = `
SELECT ` + invitationColumns + invitationFrom + `
WHERE ($1::uuid IS NULL OR i.campaign = $1)
ORDER BY i.id DESC
LIMIT $2`

// Invitations lists the newest invitations of a campaign, or of all for "".
func (db *DB) Invitations(ctx context.Context, campaign string, limit int) ([]Invitation, error) {
	list, err := collectRows(ctx, db.pool, invitationsSQL, scanInvitation, orNull(campaign), limit)
	if err != nil {
		return nil, fmt.Errorf("reading invitations: %w", err)
	}
	return list, nil
}
