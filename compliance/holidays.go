package compliance

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// DayKind says which hours a day has.
type DayKind string

// Kinds of days. A make-up workday (调休) is a workday whatever its weekday.
const (
	Workday DayKind = "workday"
	Weekend DayKind = "weekend"
	Holiday DayKind = "holiday"
)

// Calendar knows the public holidays and make-up workdays of some years.
type Calendar struct {
	Country string          `json:"country"`
	Source  string          `json:"source"`
	Years   map[string]Year `json:"years"`
}

// Year is one year's table: days off by date (2006-01-02) with their holiday, and
// weekend days that are worked.
type Year struct {
	Off  map[string]string `json:"off"`
	Work []string          `json:"work"`
}

//go:embed holidays_cn.json
var holidaysCN string

var calendarCN = func() *Calendar {
	c, err := ParseCalendar(strings.NewReader(holidaysCN))
	if err != nil {
		panic("the embedded holiday table: " + err.Error())
	}
	return c
}()

// CalendarCN is the built-in table of mainland China, 2024 to 2026. A newer year is
// read from a file with [ParseCalendar]; the State Council publishes it in November.
func CalendarCN() *Calendar { return calendarCN }

// ParseCalendar reads a table and checks that every date is one, in its own year,
// and that a make-up day is a weekend day which is not also off.
func ParseCalendar(r io.Reader) (*Calendar, error) {
	var c Calendar
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("reading the holiday table: %w", err)
	}
	if c.Country == "" || c.Source == "" || len(c.Years) == 0 {
		return nil, fmt.Errorf("the holiday table needs country, source and years")
	}
	for year, y := range c.Years {
		if len(y.Off) == 0 {
			return nil, fmt.Errorf("the holiday table of %s has no day off; leave the year out until it is published", year)
		}
		for date := range y.Off {
			if _, err := tableDate(year, date); err != nil {
				return nil, err
			}
		}
		for _, date := range y.Work {
			day, err := tableDate(year, date)
			if err != nil {
				return nil, err
			}
			if y.Off[date] != "" || day.Weekday() != time.Saturday && day.Weekday() != time.Sunday {
				return nil, fmt.Errorf("holiday table: %s cannot be a make-up workday", date)
			}
		}
	}
	return &c, nil
}

func tableDate(year, date string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil || day.Format("2006") != year {
		return day, fmt.Errorf("holiday table of %s: %q is not a date of that year", year, date)
	}
	return day, nil
}

// Kind says what t's own date is; ok is false when the table of its year is missing.
func (c *Calendar) Kind(t time.Time) (kind DayKind, ok bool) {
	year, known := c.Years[t.Format("2006")]
	if !known {
		return "", false
	}
	date := t.Format(time.DateOnly)
	if year.Off[date] != "" {
		return Holiday, true
	}
	for _, work := range year.Work {
		if work == date {
			return Workday, true
		}
	}
	if wd := t.Weekday(); wd == time.Saturday || wd == time.Sunday {
		return Weekend, true
	}
	return Workday, true
}

// Holiday names the public holiday of t's date, "" when it is none.
func (c *Calendar) Holiday(t time.Time) string {
	return c.Years[t.Format("2006")].Off[t.Format(time.DateOnly)]
}
