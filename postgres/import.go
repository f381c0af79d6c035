package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/contacts"
)

// Import names a file that is taken in.
type Import struct {
	File   string // name, for people
	SHA256 string // of the bytes; the same content is not taken twice
	Brand  string
	Source string // "taobao", "member list"
}

// ImportResult counts what a file gave.
type ImportResult struct {
	Batch   int64 `json:"batch"`
	Rows    int   `json:"rows"`    // orders and refused rows
	People  int   `json:"people"`  // different numbers
	Folded  int   `json:"folded"`  // orders beyond a person's first
	Refused int   `json:"refused"` // rows that gave no order
	Already bool  `json:"already"` // this file was taken before: nothing changed
}

// newBatchSQL opens a batch unless the file is known.
const newBatchSQL = `
INSERT INTO import_batches (file, sha256, brand, source, rows, people, folded, refused, imported_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (sha256, brand, source) DO NOTHING
RETURNING id`

// oldBatchSQL reads what the same file gave the first time.
const oldBatchSQL = `
SELECT id, rows, people, folded, refused
FROM import_batches
WHERE sha256 = $1 AND brand = $2 AND source = $3`

// stagePeopleSQL holds the people of one file until they are merged.
const stagePeopleSQL = `
CREATE TEMP TABLE stage_people (
	phone text, name text, surname text, gender text, gender_declared boolean, role text,
	province text, city text, district text,
	birthday_month smallint, birthday_day smallint, birthday_lunar boolean, birthday_leap boolean,
	frequency integer, amount_fen bigint, last_order_at timestamptz, last_signed_at timestamptz,
	tags text[], risks text[], zone text
) ON COMMIT DROP`

// stageOrdersSQL holds the orders of one file until they are merged.
const stageOrdersSQL = `
CREATE TEMP TABLE stage_orders (
	phone text, key text, source text, number text, line integer, role text, buyer text, receiver text,
	item text, sku text, quantity integer, amount_fen bigint, shop text,
	province text, city text, district text, paid_at timestamptz, signed_at timestamptz, refunded boolean, level text
) ON COMMIT DROP`

// stageIDsSQL holds which contact row each number of the file became.
const stageIDsSQL = `
CREATE TEMP TABLE stage_ids (phone text, id bigint, fresh boolean) ON COMMIT DROP`

// mergePeopleSQL adds new people and teaches the known ones. A newer order wins,
// and an order of one's own outranks a gift received (see contacts.Fold).
const mergePeopleSQL = `
WITH merged AS (
	INSERT INTO contacts AS c (phone, name, surname, gender, gender_declared, role, province, city, district,
		birthday_month, birthday_day, birthday_lunar, birthday_leap, frequency, amount_fen,
		last_order_at, last_signed_at, tags, risks, zone, created_at, updated_at)
	SELECT phone, name, surname, gender, gender_declared, role, province, city, district,
		birthday_month, birthday_day, birthday_lunar, birthday_leap, frequency, amount_fen,
		last_order_at, last_signed_at, tags, risks, zone, $1, $1
	FROM stage_people
	ORDER BY phone
	ON CONFLICT (phone) DO UPDATE SET
		(name, surname) = (SELECT excluded.name, excluded.surname
			WHERE excluded.name <> '' AND (c.name = '' OR excluded.last_order_at >= coalesce(c.last_order_at, '-infinity')
				AND array_position(ARRAY['consignee', 'buyer', 'member'], excluded.role)
				 >= array_position(ARRAY['consignee', 'buyer', 'member'], c.role))
			UNION ALL SELECT c.name, c.surname LIMIT 1),
		(province, city, district) = (SELECT excluded.province, excluded.city, excluded.district
			WHERE excluded.city <> '' AND (c.city = '' OR excluded.last_order_at >= coalesce(c.last_order_at, '-infinity'))
			UNION ALL SELECT c.province, c.city, c.district LIMIT 1),
		(gender, gender_declared) = (SELECT excluded.gender, true WHERE excluded.gender_declared
			UNION ALL SELECT c.gender, c.gender_declared LIMIT 1),
		(birthday_month, birthday_day, birthday_lunar, birthday_leap) = (
			SELECT excluded.birthday_month, excluded.birthday_day, excluded.birthday_lunar, excluded.birthday_leap
			WHERE excluded.birthday_month > 0
			UNION ALL SELECT c.birthday_month, c.birthday_day, c.birthday_lunar, c.birthday_leap LIMIT 1),
		role = (ARRAY['consignee', 'buyer', 'member'])[greatest(
			array_position(ARRAY['consignee', 'buyer', 'member'], excluded.role),
			array_position(ARRAY['consignee', 'buyer', 'member'], c.role))],
		tags = c.tags || ARRAY(SELECT t FROM unnest(excluded.tags) t WHERE t <> ALL (c.tags)),
		risks = c.risks || ARRAY(SELECT r FROM unnest(excluded.risks) r WHERE r <> ALL (c.risks)),
		updated_at = $1
	RETURNING c.phone, c.id, c.xmax = 0
)
INSERT INTO stage_ids SELECT * FROM merged`

// mergeOrdersSQL adds order lines; a line seen before takes its newer fate.
const mergeOrdersSQL = `
INSERT INTO orders AS o (contact, batch, brand, source, key, number, line, role, buyer, receiver, item, sku, quantity,
	amount_fen, shop, province, city, district, paid_at, signed_at, refunded, level)
SELECT DISTINCT ON (i.id, s.source, s.key) i.id, $1, $2, s.source, s.key, s.number, s.line, s.role, s.buyer, s.receiver,
	s.item, s.sku, s.quantity, s.amount_fen, s.shop, s.province, s.city, s.district, s.paid_at, s.signed_at, s.refunded, s.level
FROM stage_orders s
JOIN stage_ids i USING (phone)
ORDER BY i.id, s.source, s.key, s.line
ON CONFLICT (contact, source, key) DO UPDATE SET
	signed_at = coalesce(excluded.signed_at, o.signed_at),
	paid_at = coalesce(excluded.paid_at, o.paid_at),
	refunded = o.refunded OR excluded.refunded,
	amount_fen = excluded.amount_fen,
	quantity = excluded.quantity`

// recountSQL counts again for people who were known before, over all they bought.
const recountSQL = `
UPDATE contacts c
SET frequency = t.frequency, amount_fen = t.amount, last_order_at = t.paid, last_signed_at = t.signed
FROM (
	SELECT o.contact,
		count(DISTINCT o.source || '/' || o.number) FILTER (WHERE NOT o.refunded) AS frequency,
		coalesce(sum(o.amount_fen) FILTER (WHERE NOT o.refunded), 0) AS amount,
		max(o.paid_at) FILTER (WHERE NOT o.refunded) AS paid,
		max(o.signed_at) FILTER (WHERE NOT o.refunded) AS signed
	FROM orders o
	JOIN stage_ids i ON i.id = o.contact AND NOT i.fresh
	GROUP BY o.contact
) t
WHERE c.id = t.contact`

// SaveContacts takes a file in: orders, the people they fold into, and the rows
// that were refused, in one transaction. The same file twice changes nothing.
// Nothing an import brings touches consents or suppressions.
func (db *DB) SaveContacts(ctx context.Context, now time.Time, in Import, orders []contacts.Order, people []contacts.Contact, rejects []contacts.RowError) (ImportResult, error) {
	var result ImportResult
	if in.SHA256 == "" {
		return result, fmt.Errorf("import of %s: the file's hash is missing", in.File)
	}
	refused := 0
	for _, r := range rejects {
		if !r.Kept {
			refused++
		}
	}
	err := db.tx(ctx, func(tx pgx.Tx) error {
		result = ImportResult{Rows: len(orders) + refused, People: len(people), Folded: len(orders) - len(people), Refused: refused}
		err := tx.QueryRow(ctx, newBatchSQL, in.File, in.SHA256, in.Brand, in.Source,
			result.Rows, result.People, result.Folded, result.Refused, now).Scan(&result.Batch)
		if errors.Is(err, pgx.ErrNoRows) {
			result.Already = true
			return tx.QueryRow(ctx, oldBatchSQL, in.SHA256, in.Brand, in.Source).
				Scan(&result.Batch, &result.Rows, &result.People, &result.Folded, &result.Refused)
		}
		if err != nil {
			return err
		}
		if err := stage(ctx, tx, result.Batch, orders, people, rejects); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, mergePeopleSQL, now); err != nil {
			return fmt.Errorf("merging people: %w", err)
		}
		if _, err := tx.Exec(ctx, mergeOrdersSQL, result.Batch, in.Brand); err != nil {
			return fmt.Errorf("merging orders: %w", err)
		}
		if _, err := tx.Exec(ctx, recountSQL); err != nil {
			return fmt.Errorf("counting orders again: %w", err)
		}
		return change(ctx, tx, now, "import", fmt.Sprint(result.Batch), result)
	})
	if err != nil {
		return ImportResult{}, fmt.Errorf("import of %s: %w", in.File, err)
	}
	return result, nil
}

// stage copies a file's content next to the tables it will be merged into.
func stage(ctx context.Context, tx pgx.Tx, batch int64, orders []contacts.Order, people []contacts.Contact, rejects []contacts.RowError) error {
	for _, sql := range []string{stagePeopleSQL, stageOrdersSQL, stageIDsSQL} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("staging: %w", err)
		}
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"stage_people"}, []string{"phone", "name", "surname", "gender", "gender_declared", "role",
		"province", "city", "district", "birthday_month", "birthday_day", "birthday_lunar", "birthday_leap",
		"frequency", "amount_fen", "last_order_at", "last_signed_at", "tags", "risks", "zone"},
		pgx.CopyFromSlice(len(people), func(i int) ([]any, error) {
			c := &people[i]
			zone := c.Zone
			if zone == "" {
				zone = "Asia/Shanghai"
			}
			return []any{c.Phone.E164(), text(c.Name), text(c.Surname), c.Gender, c.GenderDeclared, string(c.Role),
				text(c.Province), text(c.City), text(c.District), int16(c.Birthday.Month), int16(c.Birthday.Day), c.Birthday.Lunar, c.Birthday.Leap,
				int32(c.Frequency), c.Amount, moment(c.Recency), moment(c.LastSigned), texts(c.Tags), texts(c.Risks), zone}, nil
		})); err != nil {
		return fmt.Errorf("staging people: %w", err)
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"stage_orders"}, []string{"phone", "key", "source", "number", "line", "role", "buyer", "receiver",
		"item", "sku", "quantity", "amount_fen", "shop", "province", "city", "district", "paid_at", "signed_at", "refunded", "level"},
		pgx.CopyFromSlice(len(orders), func(i int) ([]any, error) {
			o := &orders[i]
			return []any{o.Phone.E164(), orderKey(o), text(o.Source), text(o.Number), int32(o.Line), string(o.Role), text(o.Buyer), text(o.Receiver),
				text(o.Item), text(o.SKU), int32(o.Quantity), o.Amount, text(o.Channel), text(o.Province), text(o.City), text(o.District),
				moment(o.Paid), moment(o.Signed), o.Refunded, text(o.Level)}, nil
		})); err != nil {
		return fmt.Errorf("staging orders: %w", err)
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"import_rejects"}, []string{"batch", "line", "col", "field", "reason", "value", "cells"},
		pgx.CopyFromSlice(len(rejects), func(i int) ([]any, error) {
			r := &rejects[i]
			return []any{batch, int32(r.Line), int32(r.Column), r.Field, r.Reason, text(r.Value), texts(r.Row)}, nil
		})); err != nil {
		return fmt.Errorf("keeping refused rows: %w", err)
	}
	return nil
}

// orderKey names an item of an order within its source, as contacts.Fold does.
func orderKey(o *contacts.Order) string {
	sum := sha256.Sum256([]byte(o.Number + "\x00" + o.SKU + "\x00" + o.Item))
	return hex.EncodeToString(sum[:12])
}
