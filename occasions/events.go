package occasions

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Happening is something that goes on in a city for some days.
type Happening struct {
	City   string
	Name   string
	Place  string
	Starts time.Time // midnight of its first day
	Ends   time.Time // end of its last day
	Source string
}

// eventAhead is how many days before its first day an event becomes a reason.
const eventAhead = 7

// The longest name and place a line of speech has room for, in characters.
const (
	longestEvent = 12
	longestPlace = 12
)

var eventColumns = []string{"city", "name", "place", "starts", "ends", "source"}

// ReadEvents reads a table with the columns city, name, place, starts, ends and
// source, UTF-8, dates as 2006-01-02. The first fault ends the reading and names
// its line: this table is kept by hand.
func ReadEvents(r io.Reader) ([]Happening, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = len(eventColumns)
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the header of the events: %w", err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	for i, name := range eventColumns {
		if strings.ToLower(strings.TrimSpace(header[i])) != name {
			return nil, fmt.Errorf("events: column %d is %q, %q was expected", i+1, header[i], name)
		}
	}
	var events []Happening
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the events: %w", err)
		}
		line, _ := in.FieldPos(0)
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
			if row[i] == "" || !utf8.ValidString(row[i]) {
				return nil, fmt.Errorf("events, line %d: %s is empty or not UTF-8", line, eventColumns[i])
			}
		}
		e := Happening{City: strings.TrimSuffix(row[0], "市"), Name: row[1], Place: row[2], Source: row[5]}
		starts, err1 := time.ParseInLocation(time.DateOnly, row[3], beijing)
		ends, err2 := time.ParseInLocation(time.DateOnly, row[4], beijing)
		switch {
		case err1 != nil || err2 != nil || ends.Before(starts):
			return nil, fmt.Errorf("events, line %d: %s to %s is no span of days", line, row[3], row[4])
		case utf8.RuneCountInString(e.Name) > longestEvent || utf8.RuneCountInString(e.Place) > longestPlace:
			return nil, fmt.Errorf("events, line %d: name and place have room for %d characters each", line, longestEvent)
		}
		e.Starts, e.Ends = starts, ends.AddDate(0, 0, 1)
		events = append(events, e)
	}
}

// next is the event of a city that goes on or starts soonest within the week.
func next(events []Happening, place Place, now time.Time) (Occasion, bool) {
	var best Happening
	for _, e := range events {
		if e.City != place.City || !now.Before(e.Ends) || e.Starts.After(now.AddDate(0, 0, eventAhead)) {
			continue
		}
		if best.Name == "" || e.Starts.Before(best.Starts) || e.Starts.Equal(best.Starts) && e.Name < best.Name {
			best = e
		}
	}
	if best.Name == "" {
		return Occasion{}, false
	}
	observed := now.Truncate(time.Hour)
	return Occasion{
		Kind: Event, Place: place, Source: best.Source, ObservedAt: observed, Until: best.Ends,
		Facts: map[string]any{
			"name": best.Name, "place": best.Place, "date": best.Starts, "observed_at": observed, "source": best.Source,
		},
	}, true
}
