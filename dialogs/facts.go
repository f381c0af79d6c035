package dialogs

import (
	"fmt"
	"strings"
	"time"
)

// Facts are what is known about this person today, as nested maps:
// contact, place, weather, order, birthday, event, member, brand … and now,
// the time the call starts. A missing or stale fact drops the line that needs
// it, never the call.
//
// Three more keys steer a session: person (a stable key that makes experiments
// sticky across calls), care_only (true: nothing may be asked or sent), now.
type Facts map[string]any

// privacy is the class of a fact (see the package comment).
type privacy uint8

const (
	public    privacy = iota
	personal          // surname, city: only after AI, brand, purpose, recording and a way to refuse were said
	private           // order, birthday: only behind identity: confirmed
	unspoken          // may steer, is never said
	sensitive         // may not be used at all
)

type factKind uint8

const (
	text factKind = iota
	number
	truth
	moment
)

func (k factKind) String() string { return [...]string{"text", "number", "true/false", "time"}[k] }

type fact struct {
	kind  factKind
	class privacy
	width int // the most characters its spoken form takes
}

// known is every fact a tree may name. Groups other than the free ones must be
// declared under facts:, so that a reader sees at the top what a call leans on.
var known = map[string]fact{
	"brand":                 {text, public, 6},
	"contact.salutation":    {text, personal, 4},
	"contact.name":          {text, personal, 4},
	"contact.surname":       {text, personal, 2},
	"contact.phone":         {text, sensitive, 11},
	"contact.address":       {text, sensitive, 20},
	"place.city":            {text, personal, 4},
	"place.province":        {text, personal, 4},
	"weather.drop_48h":      {number, public, 5},
	"weather.kind":          {text, unspoken, 0}, // cold_snap, heat, rain …: the operator's rules
	"weather.today.low":     {number, public, 5},
	"weather.today.high":    {number, public, 5},
	"weather.tomorrow.low":  {number, public, 5},
	"weather.tomorrow.high": {number, public, 5},
	"weather.today.text":    {text, public, 5},
	"weather.tomorrow.text": {text, public, 5},
	"weather.tomorrow.rain": {number, public, 5},
	"weather.tomorrow.wind": {number, public, 5},
	"warning.title":         {text, public, 8},
	"warning.issuer":        {text, public, 10},
	"warning.level":         {text, unspoken, 0},
	"outbreak.title":        {text, public, 16},
	"outbreak.issuer":       {text, public, 10},
	"disaster.title":        {text, public, 16},
	"disaster.issuer":       {text, public, 10},
	"order.item.spoken":     {text, private, 6},
	"order.channel":         {text, private, 6},
	"order.signed":          {moment, private, 8},
	"order.days_since_signed": {
		number, private, 4},
	"order.amount":      {number, sensitive, 8},
	"birthday.today":    {truth, private, 0},
	"birthday.days":     {number, private, 3},
	"birthday.lunar":    {truth, private, 0},
	"birthday.spoken":   {text, private, 8},
	"anniversary.years": {number, private, 2},
	"anniversary.days":  {number, private, 2},
	"replenish.item":    {text, private, 6},
	"replenish.days":    {number, private, 2},
	"festival.name":     {text, public, 4},
	"festival.english":  {text, public, 8}, // its name in English
	"festival.days":     {number, public, 2},
	"term.name":         {text, public, 2},
	"event.name":        {text, public, 10},
	"event.place":       {text, public, 8},
	"event.date":        {moment, public, 8},
	"member.name":       {text, public, 4},
	"caller.recent":     {truth, unspoken, 0}, // we called this number lately, and now it calls us
	"caller.withheld":   {truth, unspoken, 0}, // who calls us shows no number
	"heard.time":        {moment, public, 9},
	"heard.text":        {text, unspoken, 0},
	"optout.committed":  {truth, unspoken, 0},
	"health.condition":  {text, sensitive, 0},
	"family.baby":       {truth, sensitive, 0},
	"contact.birthyear": {number, sensitive, 0},
}

// free groups need no declaration: they are there in every call.
var freeGroups = []string{"brand", "contact", "heard", "optout", "slot"}

// declarable groups and the windows each understands.
var groupWindows = map[string][]string{
	"place":    nil,
	"weather":  {"fresh"},
	"order":    {"signed_for"},
	"birthday": nil,
	"event":    {"fresh"},
	"member":   nil,
	"festival": nil, "term": nil, "anniversary": nil, "replenish": nil,
	"warning": nil, "outbreak": nil, "disaster": nil,
	"caller": nil,
}

func groupOf(path string) string {
	g, _, _ := strings.Cut(path, ".")
	return g
}

// lookup follows a dotted path; a missing step is simply not there.
func lookup(m map[string]any, path string) (any, bool) {
	for {
		head, rest, more := strings.Cut(path, ".")
		v, ok := m[head]
		if !ok || v == nil {
			return nil, false
		}
		if !more {
			return v, true
		}
		switch next := v.(type) {
		case map[string]any:
			m = next
		case Facts:
			m = next
		default:
			return nil, false
		}
		path = rest
	}
}

// settle copies the facts a tree may name into their declared types, leaving out
// what is missing, stale or of a wrong type. The result shares nothing with f.
func (t *Tree) settle(f Facts, now time.Time) map[string]any {
	env := map[string]any{}
	for path, k := range known {
		v, ok := lookup(f, path)
		if !ok || k.class == sensitive || !t.fresh(f, groupOf(path), now) {
			continue
		}
		if v, ok = convert(v, k.kind, now); ok {
			put(env, path, v)
		}
	}
	if _, ok := env["brand"]; !ok && t.brand != "" {
		env["brand"] = t.brand
	}
	return env
}

// fresh reports whether a group's declared window still holds.
func (t *Tree) fresh(f Facts, group string, now time.Time) bool {
	d, ok := t.facts[group]
	if !ok {
		return true
	}
	if v, ok := lookup(f, group+".fresh"); ok {
		switch v := v.(type) {
		case bool:
			if !v {
				return false
			}
		case time.Time:
			if d.fresh > 0 && now.Sub(v) > d.fresh {
				return false
			}
		}
	}
	if v, ok := lookup(f, group+".observed_at"); ok && d.fresh > 0 {
		if at, ok := convert(v, moment, now); ok && now.Sub(at.(time.Time)) > d.fresh {
			return false
		}
	}
	if d.signedFor > 0 {
		if v, ok := lookup(f, "order.signed"); ok {
			at, ok := convert(v, moment, now)
			return ok && now.Sub(at.(time.Time)) >= d.signedFor
		}
		v, ok := lookup(f, "order.days_since_signed")
		if !ok {
			return false
		}
		days, ok := convert(v, number, now)
		return ok && time.Duration(days.(float64)*24)*time.Hour >= d.signedFor
	}
	return true
}

func put(env map[string]any, path string, v any) {
	head, rest, more := strings.Cut(path, ".")
	if !more {
		env[head] = v
		return
	}
	next, ok := env[head].(map[string]any)
	if !ok {
		next = map[string]any{}
		env[head] = next
	}
	put(next, rest, v)
}

func convert(v any, k factKind, now time.Time) (any, bool) {
	switch k {
	case text:
		switch v := v.(type) {
		case string:
			return strings.TrimSpace(v), true
		case fmt.Stringer:
			return v.String(), true
		}
	case truth:
		b, ok := v.(bool)
		return b, ok
	case number:
		return toNumber(v)
	case moment:
		switch v := v.(type) {
		case time.Time:
			return v, !v.IsZero()
		case string:
			return readMoment(v, now)
		}
	}
	return nil, false
}

func toNumber(v any) (any, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float32:
		return float64(v), true
	case float64:
		return v, v == v && v > -1e12 && v < 1e12
	}
	return nil, false
}

// readMoment reads 2026-11-23, 2026-11-23 15:04, RFC 3339, and "5d ago" or "3h ago".
func readMoment(s string, now time.Time) (any, bool) {
	s = strings.TrimSpace(s)
	if ago, ok := strings.CutSuffix(s, " ago"); ok {
		if d, err := readDuration(ago); err == nil {
			return now.Add(-d), true
		}
		return nil, false
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime} {
		if at, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return at, true
		}
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, true
	}
	return nil, false
}
