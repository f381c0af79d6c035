package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/wecom"
)

// Member is a person of the shop who makes friends in WeCom.
type Member struct {
	UserID      string    `json:"userid"`
	Name        string    `json:"name"`  // as spoken and shown
	Brand       string    `json:"brand"` // "" serves every brand
	Daily       int       `json:"daily"` // new invitations a day
	LinkID      string    `json:"link_id,omitempty"`
	LinkURL     string    `json:"link_url,omitempty"` // acquisition link
	PausedUntil time.Time `json:"paused_until,omitzero"`
	Active      bool      `json:"active"`
	UsedToday   int       `json:"used_today"` // read only
}

// saveMemberSQL adds a member or takes over what changed. An empty link or pause
// leaves the one that is known.
const saveMemberSQL = `
INSERT INTO members AS m (userid, name, brand, daily, link_id, link_url, paused_until, active, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (userid) DO UPDATE SET name = excluded.name, brand = excluded.brand, daily = excluded.daily,
	link_id = CASE excluded.link_id WHEN '' THEN m.link_id ELSE excluded.link_id END,
	link_url = CASE excluded.link_url WHEN '' THEN m.link_url ELSE excluded.link_url END,
	paused_until = coalesce(excluded.paused_until, m.paused_until),
	active = excluded.active, updated_at = excluded.updated_at`

// SaveMembers adds members or changes them; those not named stay as they are, and
// so do a link and a pause that are not given.
func (db *DB) SaveMembers(ctx context.Context, now time.Time, members []Member) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		for _, m := range members {
			if _, err := tx.Exec(ctx, saveMemberSQL, m.UserID, m.Name, m.Brand, m.Daily, m.LinkID, m.LinkURL,
				moment(m.PausedUntil), m.Active, now); err != nil {
				return fmt.Errorf("member %s: %w", m.UserID, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("saving members: %w", err)
	}
	return nil
}

// pauseMemberSQL keeps a member from new invitations until a moment.
const pauseMemberSQL = `
UPDATE members
SET paused_until = greatest(paused_until, $2)
WHERE userid = $1`

// throttledFor is how long a member rests whom WeCom told 操作频繁.
const throttledFor = 24 * time.Hour

// memberColumns are the columns scanMember reads; $1 is the begin of the day.
const memberColumns = `m.userid, m.name, m.brand, m.daily, m.link_id, m.link_url, m.paused_until, m.active,
	(SELECT count(*) FROM invitations i WHERE i.member = m.userid AND i.reserved_at >= $1 AND i.state <> 'duplicate')`

func scanMember(r pgx.Row) (m Member, err error) {
	var paused *time.Time
	err = r.Scan(&m.UserID, &m.Name, &m.Brand, &m.Daily, &m.LinkID, &m.LinkURL, &paused, &m.Active, &m.UsedToday)
	m.PausedUntil = instant(paused)
	return m, err
}

// membersSQL reads all members with what they have used today.
const membersSQL = `
SELECT ` + memberColumns + `
FROM members m
ORDER BY m.userid`

// Members lists all members with how many invitations they were given today.
func (db *DB) Members(ctx context.Context, now time.Time) ([]Member, error) {
	list, err := collectRows(ctx, db.pool, membersSQL, scanMember, dayOf(now))
	if err != nil {
		return nil, fmt.Errorf("reading members: %w", err)
	}
	return list, nil
}

// shop is the zone of the shop's day.
var shop = time.FixedZone("Asia/Shanghai", 8*3600)

// dayOf is the begin of the shop's day.
func dayOf(now time.Time) time.Time {
	y, m, d := now.In(shop).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, shop)
}

// lockMembersSQL keeps the room of a brand's members still, in one order, so that
// two reservations never take the same last place.
const lockMembersSQL = `
SELECT userid FROM members
WHERE active AND brand IN ('', $1)
ORDER BY userid
FOR UPDATE`

// roomSQL reads a brand's members with what they have used today.
const roomSQL = `
SELECT ` + memberColumns + `
FROM members m
WHERE m.active AND m.brand IN ('', $2)
ORDER BY m.userid`

// previousSQL finds the member who follows or followed a person.
const previousSQL = `
SELECT member FROM friendships
WHERE contact = $1
ORDER BY lost_at IS NULL DESC, added_at DESC
LIMIT 1`

// pick chooses the member who invites a person, under the lock of all members of
// the brand; ok is false when nobody has room.
func pick(ctx context.Context, tx pgx.Tx, now time.Time, brand string, contact int64) (m Member, ok bool, err error) {
	if _, err := tx.Exec(ctx, lockMembersSQL, brand); err != nil {
		return m, false, err
	}
	list, err := collectRows(ctx, tx, roomSQL, scanMember, dayOf(now), brand)
	if err != nil {
		return m, false, err
	}
	var wish wecom.Wish
	if err := tx.QueryRow(ctx, previousSQL, contact).Scan(&wish.Previous); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return m, false, err
	}
	rooms, by := make([]wecom.Room, len(list)), map[string]Member{}
	for i, m := range list {
		rooms[i] = wecom.Room{Member: m.UserID, Daily: m.Daily, UsedToday: m.UsedToday, PausedUntil: m.PausedUntil}
		by[m.UserID] = m
	}
	room, ok := wecom.Pick(rooms, wish, now)
	return by[room.Member], ok, nil
}
