package contacts

import (
	"fmt"
	"strings"
	"time"
)

// Segment is a checked question about one person: who belongs to an audience.
//
//	all
//	frequency >= 2 && recency_days <= 90
//	city in ["哈尔滨", "北京"] && !tag("有退款")
//	amount >= 500 || birthday.within(7)
//
// Numbers: frequency (orders), amount (yuan), recency_days (whole days since the
// newest payment). Words: city, province, role. Tests: tag("…") and
// birthday.within(days), today counted as 0, both calendars. Combined with &&, ||,
// ! and brackets. The same segment runs in the database ([Segment.SQL]) and in
// memory ([Segment.Match]) with the same answer.
type Segment struct {
	source string
	root   node
}

// String gives the expression as it was written.
func (s Segment) String() string { return s.source }

// Match says whether c belongs to the segment at the given time. The zero Segment
// matches nobody.
func (s Segment) Match(c Contact, now time.Time) bool {
	return s.root != nil && s.root.match(c, now)
}

// SegmentError points at the place of an expression that cannot be read.
type SegmentError struct {
	Column int // in characters, from 1
	Msg    string
}

// Error names the column and what is wrong there.
func (e *SegmentError) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Msg) }

type node interface {
	match(c Contact, now time.Time) bool
	sql(q *query) string
}

type (
	all    struct{}
	not    struct{ of node }
	both   struct{ a, b node }
	either struct{ a, b node }
	number struct { // frequency, amount (in fen) or recency_days against a number
		name, op string
		value    int64
	}
	word struct { // city, province or role among words
		name  string
		words []string
		none  bool // != and not in
	}
	tagged   struct{ tag string }
	birthday struct{ days int }
)

// never is the recency of somebody without a payment: longer ago than any window.
const never = 1000000

func (all) match(Contact, time.Time) bool              { return true }
func (n not) match(c Contact, now time.Time) bool      { return !n.of.match(c, now) }
func (n both) match(c Contact, now time.Time) bool     { return n.a.match(c, now) && n.b.match(c, now) }
func (n either) match(c Contact, now time.Time) bool   { return n.a.match(c, now) || n.b.match(c, now) }
func (n birthday) match(c Contact, now time.Time) bool { return n.within(c.Birthday, now) }

func (n number) match(c Contact, now time.Time) bool {
	var v int64
	switch n.name {
	case "frequency":
		v = int64(c.Frequency)
	case "amount":
		v = c.Amount
	case "recency_days":
		v = never
		if !c.Recency.IsZero() {
			v = floorDays(now.Sub(c.Recency))
		}
	}
	switch n.op {
	case "==":
		return v == n.value
	case "!=":
		return v != n.value
	case "<":
		return v < n.value
	case "<=":
		return v <= n.value
	case ">":
		return v > n.value
	}
	return v >= n.value
}

func floorDays(d time.Duration) int64 {
	const day = 24 * time.Hour
	if d < 0 {
		return int64(-((-d + day - 1) / day))
	}
	return int64(d / day)
}

func (n word) match(c Contact, _ time.Time) bool {
	v := map[string]string{"city": c.City, "province": c.Province, "role": string(c.Role)}[n.name]
	for _, w := range n.words {
		if w == v {
			return !n.none
		}
	}
	return n.none
}

func (n tagged) match(c Contact, _ time.Time) bool {
	for _, t := range c.Tags {
		if t == n.tag {
			return true
		}
	}
	return false
}

// within asks in Beijing time and of the plain month, as the database does.
func (n birthday) within(b Birthday, now time.Time) bool {
	b.Leap = false
	days, ok := b.DaysUntil(now.In(beijing))
	return ok && days <= n.days
}

// NowArg stands among the arguments of [Segment.SQL] where the caller puts its now.
type NowArg struct{}

type query struct {
	first int
	args  []any
}

// arg adds an argument and gives its placeholder.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return fmt.Sprintf("$%d", q.first+len(q.args)-1)
}

// SQL gives a condition over the columns of table contacts and its arguments, the
// first of which is $firstArg. Words of the expression are arguments, never text;
// an argument of type [NowArg] is to be replaced by the caller's now.
func (s Segment) SQL(firstArg int) (where string, args []any) {
	if s.root == nil {
		return "FALSE", nil
	}
	q := query{first: firstArg}
	return s.root.sql(&q), q.args
}

func (all) sql(*query) string        { return "TRUE" }
func (n not) sql(q *query) string    { return "NOT " + n.of.sql(q) }
func (n both) sql(q *query) string   { return "(" + n.a.sql(q) + " AND " + n.b.sql(q) + ")" }
func (n either) sql(q *query) string { return "(" + n.a.sql(q) + " OR " + n.b.sql(q) + ")" }

func (n number) sql(q *query) string {
	column := map[string]string{"frequency": "frequency", "amount": "amount_fen"}[n.name]
	if n.name == "recency_days" {
		column = fmt.Sprintf("COALESCE(FLOOR(EXTRACT(EPOCH FROM (%s::timestamptz - last_order_at)) / 86400), %d)", q.arg(NowArg{}), never)
	}
	op := map[string]string{"==": "=", "!=": "<>"}[n.op]
	if op == "" {
		op = n.op
	}
	return fmt.Sprintf("(%s %s %s::bigint)", column, op, q.arg(n.value))
}

func (n word) sql(q *query) string {
	s := fmt.Sprintf("(COALESCE(%s, '') = ANY(%s::text[]))", n.name, q.arg(n.words))
	if n.none {
		return "NOT " + s
	}
	return s
}

func (n tagged) sql(q *query) string {
	return fmt.Sprintf("COALESCE(%s::text = ANY(tags), FALSE)", q.arg(n.tag))
}

// sql asks in two halves. A birthday of the common calendar is compared with each
// day of the window (29 February counts on the 28th of common years). For a lunar
// one the first days of the lunar months are arguments: the database need not know
// the calendar, only add days.
func (n birthday) sql(q *query) string {
	now, days := q.arg(NowArg{}), q.arg(n.days)
	starts, months, lengths := lunarMonths()
	today := fmt.Sprintf("(%s::timestamptz AT TIME ZONE 'Asia/Shanghai')::date", now)
	return strings.NewReplacer(
		"TODAY", today, "DAYS", days+"::int",
		"STARTS", q.arg(starts)+"::text[]", "MONTHS", q.arg(months)+"::int[]", "LENGTHS", q.arg(lengths)+"::int[]",
	).Replace(`COALESCE(CASE WHEN birthday_lunar THEN EXISTS (
  SELECT 1 FROM unnest(STARTS, MONTHS, LENGTHS) AS m(start, month, length)
  WHERE m.month = birthday_month
    AND m.start::date + (LEAST(birthday_day, m.length) - 1) BETWEEN TODAY AND TODAY + DAYS)
ELSE EXISTS (
  SELECT 1 FROM generate_series(0, DAYS) AS n, LATERAL (SELECT TODAY + n AS day) AS d
  WHERE (EXTRACT(MONTH FROM d.day) = birthday_month AND EXTRACT(DAY FROM d.day) = birthday_day)
     OR (birthday_month = 2 AND birthday_day = 29 AND EXTRACT(MONTH FROM d.day) = 2 AND EXTRACT(DAY FROM d.day) = 28
         AND EXTRACT(MONTH FROM d.day + 1) = 3)) END, FALSE)`)
}

// lunarMonths lists the first day, number and length of the plain months of the
// lunar years 2020–2099. Leap months are left out: contacts keep no leap flag in
// the database, and a leap birthday is wished in the plain month.
func lunarMonths() (starts []string, months, lengths []int) {
	for year := 2020; year < lastLunarYear; year++ {
		for month := 1; month <= 12; month++ {
			start, _ := LunarDate{Year: year, Month: month, Day: 1}.Solar(time.UTC)
			starts = append(starts, start.Format(time.DateOnly))
			months = append(months, month)
			lengths = append(lengths, lunarMonthDays(year, month, false))
		}
	}
	return starts, months, lengths
}
