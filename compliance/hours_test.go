package compliance

import (
	"strings"
	"testing"
	"time"
)

func TestHoursOfTheYear(t *testing.T) {
	selling, care := CNMarketing(), CNCare()
	for _, test := range []struct {
		when          string
		selling, care bool
		why           string
	}{
		{"2026-12-01 09:59", false, false, "a workday before ten"},
		{"2026-12-01 10:00", true, true, "a workday at ten"},
		{"2026-12-01 11:59", true, true, "the last minute of the morning"},
		{"2026-12-01 12:00", false, false, "noon"},
		{"2026-12-01 13:59", false, false, "the noon rest"},
		{"2026-12-01 14:00", true, true, "two"},
		{"2026-12-01 19:29", true, true, "the last minute"},
		{"2026-12-01 19:30", false, false, "the evening"},
		{"2026-12-05 10:15", false, false, "a Saturday at a quarter past ten"},
		{"2026-12-05 10:30", true, true, "a Saturday at half past ten"},
		{"2026-12-05 18:30", false, false, "a Saturday evening"},
		{"2026-10-01 15:00", false, true, "the national day"},
		{"2026-10-10 19:00", true, true, "a Saturday that is worked"},
		{"2026-09-20 10:00", true, true, "a Sunday that is worked"},
		{"2026-02-17 15:00", false, true, "new year's day"},
		{"2026-02-14 10:00", true, true, "the worked Saturday before it"},
		{"2025-01-26 19:00", true, true, "the worked Sunday of 2025"},
		{"2024-02-09 15:00", true, true, "new year's eve of 2024, a workday by the notice"},
		{"2025-10-08 15:00", false, true, "the last day of the week of 2025"},
	} {
		if open, known := selling.isOpen(at(test.when)); open != test.selling || !known {
			t.Errorf("%s (%s): selling %v, want %v", test.when, test.why, open, test.selling)
		}
		if open, known := care.isOpen(at(test.when)); open != test.care || !known {
			t.Errorf("%s (%s): care %v, want %v", test.when, test.why, open, test.care)
		}
	}
}

func TestNextOpen(t *testing.T) {
	p := CNMarketing()
	for _, test := range []struct{ now, want string }{
		{"2026-12-01 11:00", "2026-12-01 11:00"},
		{"2026-12-01 12:00", "2026-12-01 14:00"},
		{"2026-12-01 20:00", "2026-12-02 10:00"},
		{"2026-12-04 20:00", "2026-12-05 10:30"},
		{"2026-09-30 20:00", "2026-10-08 10:00"},
		{"2026-02-14 20:00", "2026-02-24 10:00"},
	} {
		if got := p.NextOpen(at(test.now), "Asia/Shanghai"); !got.Equal(at(test.want)) {
			t.Errorf("NextOpen(%s) = %v, want %s", test.now, got, test.want)
		}
	}
	for _, test := range []struct{ now, zone string }{{"2026-12-31 20:00", "Asia/Shanghai"}, {"2026-12-01 11:00", ""}, {"2026-12-01 11:00", "Mars/Olympus"}} {
		if got := p.NextOpen(at(test.now), test.zone); !got.IsZero() {
			t.Errorf("NextOpen(%s, %q) = %v, want none", test.now, test.zone, got)
		}
	}
	if got := p.NextOpen(at("2026-12-01 11:00"), "Europe/Berlin"); got.Format("15:04 MST") != "10:00 CET" {
		t.Errorf("in Berlin it opens at %v", got)
	}
}

func TestABirthdayOnAClosedDayMovesBefore(t *testing.T) {
	p := CNMarketing()
	for day, want := range map[string]string{
		"2026-12-01 00:00": "2026-12-01 10:00", "2026-12-05 00:00": "2026-12-05 10:30",
		"2026-10-03 00:00": "2026-09-30 10:00", "2026-02-20 00:00": "2026-02-14 10:00",
	} {
		if got := p.LastOpenDay(at(day), "Asia/Shanghai"); !got.Equal(at(want)) {
			t.Errorf("a birthday on %s moves to %v, want %s", day, got, want)
		}
	}
}

func TestTheBuiltInTableHasTheNoticesCounts(t *testing.T) {
	for year, want := range map[string]struct{ weekdaysOff, worked int }{"2024": {19, 8}, "2025": {18, 5}, "2026": {19, 6}} {
		y := CalendarCN().Years[year]
		off := 0
		for date := range y.Off {
			day, err := time.Parse(time.DateOnly, date)
			if err != nil {
				t.Fatal(err)
			}
			if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday {
				off++
			}
		}
		if off != want.weekdaysOff || len(y.Work) != want.worked {
			t.Errorf("%s: %d weekdays off and %d worked, want %+v", year, off, len(y.Work), want)
		}
	}
	if got := CalendarCN().Holiday(at("2026-02-17 00:00")); got != "春节" {
		t.Errorf("2026-02-17 is %q", got)
	}
}

func TestParseCalendarRefusesWhatCannotBe(t *testing.T) {
	for why, text := range map[string]string{
		"an empty year":           `{"country":"CN","source":"s","years":{"2027":{"off":{},"work":[]}}}`,
		"a date of another year":  `{"country":"CN","source":"s","years":{"2027":{"off":{"2026-01-01":"元旦"},"work":[]}}}`,
		"no date":                 `{"country":"CN","source":"s","years":{"2027":{"off":{"1 Jan":"元旦"},"work":[]}}}`,
		"a weekday made up":       `{"country":"CN","source":"s","years":{"2026":{"off":{"2026-01-01":"元旦"},"work":["2026-12-01"]}}}`,
		"a day both off and work": `{"country":"CN","source":"s","years":{"2026":{"off":{"2026-01-03":"元旦"},"work":["2026-01-03"]}}}`,
		"no source":               `{"country":"CN","years":{"2026":{"off":{"2026-01-01":"元旦"},"work":[]}}}`,
		"an unknown field":        `{"country":"CN","source":"s","year":{}}`,
		"no JSON":                 `holidays`,
	} {
		if _, err := ParseCalendar(strings.NewReader(text)); err == nil {
			t.Errorf("%s was accepted", why)
		}
	}
}

func FuzzParseCalendar(f *testing.F) {
	f.Add(holidaysCN)
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCalendar(strings.NewReader(s))
		if err == nil {
			c.Kind(at("2026-12-01 10:00"))
		}
	})
}
