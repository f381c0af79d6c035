package occasions

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Happening is something that goes on in a city for some days.
type Happening struct {
	Province string // "" where the city's name is enough
	City     string
	Name     string
	Place    string
	Starts   time.Time // midnight of its first day
	Ends     time.Time // end of its last day
	Audience string    // a tag the person must have; "" is everybody
	Expires  time.Time // not spoken of from then on, sold out say; zero is Ends
	Source   string
}

// eventAhead is how many days before its first day an event becomes a reason.
const eventAhead = 7

// The longest name and place a line of speech has room for, in characters.
const (
	longestEvent = 12
	longestPlace = 12
)

// written is an event as files and feeds have it; dates are 2006-01-02.
type written struct {
	Province string `json:"province"`
	City     string `json:"city"`
	Name     string `json:"name"`
	Place    string `json:"place"`
	Starts   string `json:"starts"`
	Ends     string `json:"ends"`
	Audience string `json:"audience"`
	Expires  string `json:"expires"`
	Source   string `json:"source"`
}

// happening checks an event; the field at fault comes with the error.
func (w written) happening() (h Happening, field string, err error) {
	for _, f := range []struct{ name, value string }{
		{"city", w.City}, {"name", w.Name}, {"place", w.Place}, {"starts", w.Starts}, {"ends", w.Ends}, {"source", w.Source},
	} {
		if strings.TrimSpace(f.value) == "" || !utf8.ValidString(f.value) {
			return h, f.name, errors.New("is empty or not UTF-8")
		}
	}
	where, ok := Locate(w.Province, w.City, "")
	if !ok {
		return h, "city", fmt.Errorf("%s is no city that is known, or could be two; give its province", w.City)
	}
	h = Happening{
		Province: where.Province, City: where.City, Name: strings.TrimSpace(w.Name), Place: strings.TrimSpace(w.Place),
		Audience: strings.TrimSpace(w.Audience), Source: strings.TrimSpace(w.Source),
	}
	if utf8.RuneCountInString(h.Name) > longestEvent {
		return h, "name", fmt.Errorf("has room for %d characters", longestEvent)
	}
	if utf8.RuneCountInString(h.Place) > longestPlace {
		return h, "place", fmt.Errorf("has room for %d characters", longestPlace)
	}
	if h.Starts, err = time.ParseInLocation(time.DateOnly, w.Starts, beijing); err != nil {
		return h, "starts", fmt.Errorf("%q is no date; write 2026-12-05", w.Starts)
	}
	last, err := time.ParseInLocation(time.DateOnly, w.Ends, beijing)
	if err != nil || last.Before(h.Starts) {
		return h, "ends", fmt.Errorf("%s to %s is no span of days", w.Starts, w.Ends)
	}
	h.Ends = last.AddDate(0, 0, 1)
	if w.Expires != "" {
		if h.Expires, err = time.ParseInLocation(time.DateOnly, w.Expires, beijing); err != nil {
			return h, "expires", fmt.Errorf("%q is no date; write 2026-12-05", w.Expires)
		}
	}
	return h, "", nil
}

var eventColumns = []string{"city", "name", "place", "starts", "ends", "source"}

// ReadEvents reads a table with the columns city, name, place, starts, ends and
// source, and if wanted province, audience and expires, in any order; UTF-8, dates
// as 2006-01-02. The first fault ends the reading and names its line and column:
// this table is kept by hand.
func ReadEvents(r io.Reader) ([]Happening, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the header of the events: %w", err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	var w written
	cells := map[string]*string{
		"province": &w.Province, "city": &w.City, "name": &w.Name, "place": &w.Place, "starts": &w.Starts, "ends": &w.Ends,
		"audience": &w.Audience, "expires": &w.Expires, "source": &w.Source,
	}
	for i, name := range header {
		header[i] = strings.ToLower(strings.TrimSpace(name))
		if cells[header[i]] == nil {
			return nil, fmt.Errorf("events: column %d is %q; known are province, city, name, place, starts, ends, audience, expires, source", i+1, name)
		}
	}
	for _, name := range eventColumns {
		if !slices.Contains(header, name) {
			return nil, fmt.Errorf("events: there is no column %s", name)
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
		for i, cell := range row {
			*cells[header[i]] = strings.TrimSpace(cell)
		}
		h, field, err := w.happening()
		if err != nil {
			return nil, fmt.Errorf("events, line %d, %s: %w", line, field, err)
		}
		events = append(events, h)
	}
}

// readEventsJSON reads a list of objects with the names of ReadEvents' columns.
// Keys it does not know are let be: feeds carry more than we need.
func readEventsJSON(b []byte) (events []Happening, err error) {
	var list []written
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	for i, w := range list {
		h, field, err := w.happening()
		if err != nil {
			return nil, fmt.Errorf("event %d, %s: %w", i+1, field, err)
		}
		events = append(events, h)
	}
	return events, nil
}

// coming are the events of a city that go on or start within the week, the soonest
// first.
func coming(events []Happening, place Place, now, observed time.Time) (found []Occasion) {
	var mine []Happening
	for _, e := range events {
		over := e.Ends
		if !e.Expires.IsZero() && e.Expires.Before(over) {
			over = e.Expires
		}
		same := e.City == place.City && (e.Province == "" || place.Province == "" || e.Province == place.Province)
		if same && now.Before(over) && !e.Starts.After(now.AddDate(0, 0, eventAhead)) {
			e.Ends = over
			mine = append(mine, e)
		}
	}
	slices.SortStableFunc(mine, func(a, b Happening) int {
		return cmp.Or(a.Starts.Compare(b.Starts), cmp.Compare(a.Name, b.Name))
	})
	for _, e := range mine {
		found = append(found, Occasion{
			Kind: Event, Place: place, Source: e.Source, ObservedAt: observed, Until: e.Ends, Confidence: 0.9, Audience: e.Audience,
			Facts: map[string]any{
				"name": e.Name, "place": e.Place, "date": e.Starts, "observed_at": observed, "source": e.Source,
			},
		})
	}
	return found
}
