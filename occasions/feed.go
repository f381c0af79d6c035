package occasions

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/teambition/rrule-go"
)

// Feed is a list of local events kept by somebody else, asked for once an hour: an
// iCalendar (RFC 5545), a table as ReadEvents wants it, or the same as JSON.
type Feed struct {
	URL    string
	Format string // ics, csv or json; "" goes by the end of the URL's path
	Source string // who keeps it, spoken of as the source
	City   string // of all events of an iCalendar, which has no city of its own
	HTTP   *http.Client

	events asker[[]Happening]
}

// Today gives what goes on in a city.
func (f *Feed) Today(ctx context.Context, place Place, now time.Time) ([]Occasion, error) {
	events, observed, err := f.events.ask(ctx, "", now, func(ctx context.Context) ([]Happening, error) {
		b, err := get(ctx, f.HTTP, "the event feed "+f.Source, f.URL, nil)
		if err != nil {
			return nil, err
		}
		return f.read(b, now)
	})
	if err != nil {
		return nil, fmt.Errorf("events from %s: %w", f.Source, err)
	}
	return coming(events, place, now, observed), nil
}

func (f *Feed) read(b []byte, now time.Time) ([]Happening, error) {
	format := f.Format
	if format == "" {
		path, _, _ := strings.Cut(f.URL, "?")
		format = path[strings.LastIndexByte(path, '.')+1:]
	}
	switch format {
	case "ics":
		return readICalendar(b, f.City, f.Source, now)
	case "csv":
		return ReadEvents(bytes.NewReader(b))
	case "json":
		return readEventsJSON(b)
	}
	return nil, fmt.Errorf("the format %q is not ics, csv or json", format)
}

// Limits of one calendar, and how far ahead repeated events are looked for.
const (
	maxEvents   = 2000
	repeatAhead = 45 * 24 * time.Hour
)

// readICalendar takes the events of a calendar that a call could speak of: what
// has no name or place, or one that is too long to be said, or lies in no known
// city, is passed over, for a feed is not written for us.
func readICalendar(b []byte, city, source string, now time.Time) ([]Happening, error) {
	cal, err := ics.ParseCalendar(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("reading the calendar: %w", err)
	}
	var events []Happening
	for _, e := range cal.Events() {
		if len(events) >= maxEvents {
			return nil, fmt.Errorf("the calendar has more than %d events", maxEvents)
		}
		start, err1 := e.GetStartAt()
		end, err2 := e.GetEndAt()
		if err1 != nil || strings.EqualFold(value(e, ics.ComponentPropertyStatus), "CANCELLED") {
			continue
		}
		if err2 != nil || end.Before(start) {
			end = start
		}
		name, place, where := value(e, ics.ComponentPropertySummary), value(e, ics.ComponentPropertyLocation), city
		if found, rest, ok := strings.Cut(place, " "); ok { // 哈尔滨 兆麟公园
			if _, known := Locate("", found, ""); known {
				where, place = found, strings.TrimSpace(rest)
			}
		}
		for _, at := range repeats(e, start, now) {
			last := at.Add(end.Sub(start))
			if last.After(at) {
				last = last.Add(-time.Second) // DTEND is the first moment behind it
			}
			w := written{
				City: where, Name: name, Place: place, Source: source, Audience: value(e, ics.ComponentPropertyCategories),
				Starts: at.In(beijing).Format(time.DateOnly), Ends: last.In(beijing).Format(time.DateOnly),
			}
			if h, _, err := w.happening(); err == nil {
				events = append(events, h)
			}
		}
	}
	return events, nil
}

func value(e *ics.VEvent, name ics.ComponentProperty) string {
	if p := e.GetProperty(name); p != nil {
		return strings.TrimSpace(p.Value)
	}
	return ""
}

// repeats are the starts of an event around now: its own, or those of its RRULE.
func repeats(e *ics.VEvent, start, now time.Time) []time.Time {
	text := value(e, ics.ComponentPropertyRrule)
	if text == "" {
		return []time.Time{start}
	}
	option, err := rrule.StrToROption(text)
	if err != nil {
		return []time.Time{start}
	}
	option.Dtstart = start
	rule, err := rrule.NewRRule(*option)
	if err != nil || option.Freq > rrule.DAILY { // hourly and finer is no event of a city
		return []time.Time{start}
	}
	return rule.Between(now.Add(-repeatAhead), now.Add(repeatAhead), true)
}
