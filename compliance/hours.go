package compliance

import (
	"fmt"
	"time"
)

// Clock is a time of day in minutes since midnight.
type Clock int

// At makes a Clock: At(19, 30).
func At(hour, minute int) Clock { return Clock(hour*60 + minute) }

// String gives 19:30.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// Span is open from From up to, not including, To.
type Span struct {
	From Clock `json:"from"`
	To   Clock `json:"to"`
}

// Hours says when contacts are allowed: spans by kind of day. A kind without spans
// is closed. Calendar nil knows weekdays only and treats no day as a holiday.
type Hours struct {
	Calendar *Calendar          `json:"calendar,omitempty"`
	Open     map[DayKind][]Span `json:"open"`
}

// lookahead is how far NextOpen searches: past the longest run of days off.
const lookahead = 40

// day gives the spans of t's date; ok is false when the holiday table is missing.
func (h Hours) day(t time.Time) (spans []Span, ok bool) {
	kind := Workday
	if h.Calendar != nil {
		if kind, ok = h.Calendar.Kind(t); !ok {
			return nil, false
		}
	} else if wd := t.Weekday(); wd == time.Saturday || wd == time.Sunday {
		kind = Weekend
	}
	return h.Open[kind], true
}

// open is the intersection of all hours on t's date.
func (p Policy) open(t time.Time) (spans []Span, ok bool) {
	spans = []Span{{0, At(24, 0)}}
	for _, h := range p.Hours {
		day, ok := h.day(t)
		if !ok {
			return nil, false
		}
		spans = intersect(spans, day)
	}
	return spans, true
}

func intersect(a, b []Span) []Span {
	var both []Span
	for _, x := range a {
		for _, y := range b {
			if s := (Span{max(x.From, y.From), min(x.To, y.To)}); s.From < s.To {
				both = append(both, s)
			}
		}
	}
	return both
}

// isOpen says whether t is within the hours of its own location.
func (p Policy) isOpen(t time.Time) (open, known bool) {
	spans, known := p.open(t)
	now := At(t.Hour(), t.Minute())
	for _, s := range spans {
		if s.From <= now && now < s.To {
			return true, known
		}
	}
	return false, known
}

// NextOpen gives the first moment at or after now when a person in zone (an IANA
// name) may be contacted. It is zero when the zone or the holiday table is unknown
// or nothing opens within forty days.
func (p Policy) NextOpen(now time.Time, zone string) time.Time {
	loc, ok := location(zone)
	if !ok {
		return time.Time{}
	}
	local := now.In(loc)
	for i := range lookahead {
		day := startOfDay(local).AddDate(0, 0, i)
		spans, known := p.open(day)
		if !known {
			return time.Time{}
		}
		best := time.Time{}
		for _, s := range spans {
			from, to := clockOn(day, s.From), clockOn(day, s.To)
			if from.Before(local) {
				from = local
			}
			if from.Before(to) && (best.IsZero() || from.Before(best)) {
				best = from
			}
		}
		if !best.IsZero() {
			return best
		}
	}
	return time.Time{}
}

// LastOpenDay gives the opening moment of the last allowed day on or before day: a
// birthday on a closed day moves there, before and never after. It is zero when
// nothing is open in the forty days before.
func (p Policy) LastOpenDay(day time.Time, zone string) time.Time {
	loc, ok := location(zone)
	if !ok {
		return time.Time{}
	}
	for i := range lookahead {
		d := startOfDay(day.In(loc)).AddDate(0, 0, -i)
		if at := p.NextOpen(d, zone); !at.IsZero() && at.Before(d.AddDate(0, 0, 1)) {
			return at
		}
	}
	return time.Time{}
}

func startOfDay(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
}

func clockOn(day time.Time, c Clock) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d, int(c)/60, int(c)%60, 0, 0, day.Location())
}

// location knows the zone of mainland China without asking for a zone file.
func location(zone string) (*time.Location, bool) {
	switch zone {
	case "":
		return nil, false
	case "Asia/Shanghai":
		return beijing, true
	}
	loc, err := time.LoadLocation(zone)
	return loc, err == nil
}

var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)
