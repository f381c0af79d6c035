package occasions

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"warmline/contacts"
)

// festivalAhead is how many days before a festival it becomes a reason to call.
const festivalAhead = 3

// A Feast is a day of the year that people keep.
type Feast struct {
	Name     string `json:"name"`
	English  string `json:"english"`
	On       string `json:"on"`                 // see ReadFeasts
	Solemn   bool   `json:"solemn,omitempty"`   // for the dead: known, never a reason to call
	Mourning bool   `json:"mourning,omitempty"` // nobody is called for selling

	falls func(time.Time) bool
}

//go:embed festivals.json
var festivalsCN string

var feastsCN = func() []Feast {
	feasts, err := ReadFeasts(strings.NewReader(festivalsCN))
	if err != nil {
		panic("the embedded festivals: " + err.Error())
	}
	return feasts
}()

// ReadFeasts reads a JSON list. "on" is one of
//
//	solar 10-01            a day of the common calendar
//	lunar 08-15            of the lunar one, never in a leap month
//	eve lunar 01-01        the day before
//	term 清明               the day a solar term begins
//	weekday 5 sunday 2     the second Sunday of May
func ReadFeasts(r io.Reader) ([]Feast, error) {
	var feasts []Feast
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&feasts); err != nil {
		return nil, fmt.Errorf("reading festivals: %w", err)
	}
	for i := range feasts {
		f := &feasts[i]
		if f.Name == "" {
			return nil, fmt.Errorf("festival %d has no name", i+1)
		}
		if f.falls = fallsOn(strings.Fields(f.On)); f.falls == nil {
			return nil, fmt.Errorf("festival %s: %q says no day; write solar 10-01, lunar 08-15, eve lunar 01-01, term 清明 or weekday 5 sunday 2", f.Name, f.On)
		}
	}
	return feasts, nil
}

var weekdays = map[string]time.Weekday{
	"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday,
	"thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
}

// fallsOn compiles an "on"; nil when it cannot be read.
func fallsOn(words []string) func(time.Time) bool {
	switch {
	case len(words) == 3 && words[0] == "eve":
		next := fallsOn(words[1:])
		if next == nil {
			return nil
		}
		return func(t time.Time) bool { return next(t.AddDate(0, 0, 1)) }
	case len(words) == 2 && words[0] == "term":
		for _, name := range solarTerms {
			if name == words[1] {
				return func(t time.Time) bool { return SolarTerm(t) == name }
			}
		}
	case len(words) == 2 && (words[0] == "solar" || words[0] == "lunar"):
		return fallsOnDate(words[0] == "lunar", words[1])
	case len(words) == 4 && words[0] == "weekday":
		month, err1 := strconv.Atoi(words[1])
		day, known := weekdays[words[2]]
		nth, err2 := strconv.Atoi(words[3])
		if err1 == nil && err2 == nil && known && month >= 1 && month <= 12 && nth >= 1 && nth <= 4 {
			return func(t time.Time) bool {
				return int(t.Month()) == month && t.Weekday() == day && (t.Day()+6)/7 == nth
			}
		}
	}
	return nil
}

func fallsOnDate(lunar bool, text string) func(time.Time) bool {
	month, day, cut := strings.Cut(text, "-")
	m, err1 := strconv.Atoi(month)
	d, err2 := strconv.Atoi(day)
	if !cut || err1 != nil || err2 != nil || m < 1 || m > 12 || d < 1 || d > 31 || lunar && d > 30 {
		return nil
	}
	if !lunar {
		return func(t time.Time) bool { return int(t.Month()) == m && t.Day() == d }
	}
	return func(t time.Time) bool {
		l, ok := contacts.Lunar(t)
		return ok && !l.Leap && l.Month == m && l.Day == d
	}
}

// feastOn is the festival of t's own date, nil on plain days.
func feastOn(feasts []Feast, t time.Time) *Feast {
	for i := range feasts {
		if feasts[i].falls(t) {
			return &feasts[i]
		}
	}
	return nil
}

// A CalendarDay is what the calendars alone say of a date.
type CalendarDay struct {
	Date     time.Time
	Lunar    contacts.LunarDate // zero outside 1900 to 2100
	Term     string             // 雨水; "" when none begins
	Festival string             // 春节; "" on plain days
	Mourning bool
}

// Calendar reads t's own date.
func Calendar(t time.Time) CalendarDay {
	day := CalendarDay{Date: t, Term: SolarTerm(t)}
	day.Lunar, _ = contacts.Lunar(t)
	if f := feastOn(feastsCN, t); f != nil {
		day.Festival, day.Mourning = f.Name, f.Mourning
	}
	return day
}

// calendar finds what the calendars give a reason for: the nearest glad festival
// from today on, and a solar term that begins today; and whether today is a day of
// mourning.
func calendar(now time.Time) (found []Occasion) {
	y, m, d := now.In(beijing).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, beijing)
	tomorrow := today.AddDate(0, 0, 1)
	add := func(kind Kind, facts map[string]any, hold bool) {
		found = append(found, Occasion{
			Kind: kind, Source: "calendar", ObservedAt: now, Until: tomorrow, Facts: facts, Confidence: 1, Hold: hold,
		})
	}
	if f := feastOn(feastsCN, today); f != nil && f.Mourning {
		add(Mourning, map[string]any{"name": f.Name}, true)
	}
	if term := SolarTerm(today); term != "" && term != "清明" {
		add(Term, map[string]any{"name": term}, false)
	}
	for days := range festivalAhead + 1 {
		if f := feastOn(feastsCN, today.AddDate(0, 0, days)); f != nil && !f.Solemn && !f.Mourning {
			add(Festival, map[string]any{"name": f.Name, "english": f.English, "days": days}, false)
			break
		}
	}
	return found
}
