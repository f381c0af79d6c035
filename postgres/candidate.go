package postgres

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/compliance"
	"warmline/contacts"
	"warmline/scheduler"
)

// peopleSQL reads people in the order they were asked for, with what this
// campaign has spent on them.
const peopleSQL = `
SELECT c.id, c.phone, c.name, c.surname, c.gender, c.gender_declared, c.role, c.province, c.city, c.district,
	c.birthday_month, c.birthday_day, c.birthday_lunar, c.birthday_leap, c.frequency, c.amount_fen,
	c.last_order_at, c.last_signed_at, c.tags, c.risks, c.zone,
	c.wrong_person_at IS NOT NULL, c.complained_at IS NOT NULL, coalesce(t.attempts, 0)
FROM unnest($1::bigint[]) WITH ORDINALITY AS w(id, place)
JOIN contacts c ON c.id = w.id
LEFT JOIN contact_tasks t ON t.campaign = $2 AND t.contact = c.id
ORDER BY w.place`

// candidates reads everything about some people that the plan and the door ask
// for. The attempt except is not counted as a contact: it is the one asked about.
func (db *DB) candidates(ctx context.Context, q querier, now time.Time, c scheduler.Campaign, ids []int64, except string) ([]scheduler.Candidate, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if err := db.mayHash(); err != nil {
		return nil, err
	}
	list, err := collectRows(ctx, q, peopleSQL, scanPerson, ids, c.ID)
	if err != nil {
		return nil, err
	}
	by := make(map[int64]*scheduler.Candidate, len(list))
	for i := range list {
		p := &list[i]
		p.Subject.Channel, p.Subject.Brand, p.Subject.Campaign = compliance.Voice, c.Brand, c.ID
		by[p.ContactID] = p
	}
	for _, read := range []func() error{
		func() error { return readOrders(ctx, q, ids, by) },
		func() error { return readConsents(ctx, q, c.Brand, ids, by) },
		func() error { return db.readSuppressions(ctx, q, c.Brand, by) },
		func() error { return readHistory(ctx, q, now, c.ID, except, ids, by) },
		func() error { return readFriends(ctx, q, ids, by) },
		func() error { return readAbandonment(ctx, q, now, c.ID, list) },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func scanPerson(r pgx.Row) (p scheduler.Candidate, err error) {
	c, s := &p.Contact, &p.Subject
	var phone string
	var recency, signed *time.Time
	err = r.Scan(&p.ContactID, &phone, &c.Name, &c.Surname, &c.Gender, &c.GenderDeclared, &c.Role, &c.Province, &c.City, &c.District,
		&c.Birthday.Month, &c.Birthday.Day, &c.Birthday.Lunar, &c.Birthday.Leap, &c.Frequency, &c.Amount,
		&recency, &signed, &c.Tags, &c.Risks, &c.Zone, &s.WrongPerson, &s.Complained, &p.Attempts)
	if err != nil {
		return p, err
	}
	c.Phone, c.Recency, c.LastSigned = contacts.Phone(phone), instant(recency), instant(signed)
	s.Phone, s.Role, s.Zone, s.Risks = c.Phone, c.Role, c.Zone, c.Risks
	_, s.Class, _ = contacts.ParsePhone(phone, "CN")
	return p, nil
}

// ordersSQL reads what people bought, oldest first as contacts.Fold has it.
const ordersSQL = `
SELECT contact, line, source, number, role, buyer, receiver, item, sku, quantity, amount_fen, shop,
	province, city, district, paid_at, signed_at, refunded, level
FROM orders
WHERE contact = ANY ($1)
ORDER BY contact, paid_at NULLS FIRST, source, number, line`

func readOrders(ctx context.Context, q querier, ids []int64, by map[int64]*scheduler.Candidate) error {
	rows, err := q.Query(ctx, ordersSQL, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var o contacts.Order
		var paid, signed *time.Time
		if err := rows.Scan(&id, &o.Line, &o.Source, &o.Number, &o.Role, &o.Buyer, &o.Receiver, &o.Item, &o.SKU, &o.Quantity, &o.Amount,
			&o.Channel, &o.Province, &o.City, &o.District, &paid, &signed, &o.Refunded, &o.Level); err != nil {
			return err
		}
		if p := by[id]; p != nil {
			o.Phone, o.Paid, o.Signed = p.Contact.Phone, instant(paid), instant(signed)
			o.Gender, o.Birthday = p.Contact.Gender, p.Contact.Birthday
			p.Contact.Orders = append(p.Contact.Orders, o)
		}
	}
	return rows.Err()
}

// consentsSQL reads what people allowed a brand and did not take back.
const consentsSQL = `
SELECT contact, purpose, channels, text_version, source, given_at, expires_at, proof
FROM consents
WHERE contact = ANY ($1) AND brand = $2 AND withdrawn_at IS NULL
ORDER BY contact, given_at DESC`

func readConsents(ctx context.Context, q querier, brand string, ids []int64, by map[int64]*scheduler.Candidate) error {
	rows, err := q.Query(ctx, consentsSQL, ids, brand)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		c := contacts.Consent{Brand: brand}
		var expires *time.Time
		if err := rows.Scan(&id, &c.Purpose, &c.Channels, &c.TextVersion, &c.Source, &c.At, &expires, &c.Proof); err != nil {
			return err
		}
		if p := by[id]; p != nil {
			c.Phone, c.At, c.Expires = p.Contact.Phone, c.At.UTC(), instant(expires)
			p.Subject.Consents = append(p.Subject.Consents, c)
		}
	}
	return rows.Err()
}

// suppressionsSQL reads the do-not-contact list for several numbers.
const suppressionsSQL = `
SELECT hash, channel, brand, source
FROM suppressions
WHERE hash = ANY ($1) AND key_id = $2 AND brand IN ('', $3)
ORDER BY at`

func (db *DB) readSuppressions(ctx context.Context, q querier, brand string, by map[int64]*scheduler.Candidate) error {
	hashes := make([][]byte, 0, len(by))
	whose := make(map[string]*scheduler.Candidate, len(by))
	for _, p := range by {
		h := db.hash(p.Contact.Phone)
		hashes = append(hashes, h)
		whose[hex.EncodeToString(h)] = p
	}
	rows, err := q.Query(ctx, suppressionsSQL, hashes, db.keyID, brand)
	if err != nil {
		return err
	}
	var hash []byte
	var channel, scope, source string
	_, err = pgx.ForEachRow(rows, []any{&hash, &channel, &scope, &source}, func() error {
		s := compliance.Suppression{Scope: "global", Source: source}
		if scope != "" {
			s.Scope = "brand"
		}
		if channel != "all" {
			s.Channels = []compliance.Channel{compliance.Channel(channel)}
		}
		p := whose[hex.EncodeToString(hash)]
		p.Subject.Suppressed = append(p.Subject.Suppressed, s)
		return nil
	})
	return err
}
