package occasions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Almanac is a fixed source: what is written in its files and nothing else.
type Almanac struct {
	Source string           `json:"source"`
	Cities map[string][]Day `json:"cities"`

	Rules Rules `json:"-"` // what names the weather; nil is DefaultRules

	events []Happening
}

// ReadAlmanac reads weather by city from JSON and checks every day.
//
//	{"source": "…", "cities": {"哈尔滨": [{"date": "2026-12-01", "low": -9, "high": -2, "text": "多云"}]}}
func ReadAlmanac(r io.Reader) (*Almanac, error) {
	var a Almanac
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return nil, fmt.Errorf("reading the almanac: %w", err)
	}
	if a.Source == "" {
		return nil, errors.New("the almanac names no source")
	}
	for city, days := range a.Cities {
		for _, day := range days {
			if _, err := time.Parse(time.DateOnly, day.Date); err != nil {
				return nil, fmt.Errorf("almanac, %s: %q is not a date", city, day.Date)
			}
			if err := day.check(); err != nil {
				return nil, fmt.Errorf("almanac, %s: %w", city, err)
			}
		}
	}
	return &a, nil
}

// Add puts events beside the weather.
func (a *Almanac) Add(events []Happening) { a.events = append(a.events, events...) }

// Today gives the weather and the coming events of a city. The almanac counts as
// observed at the full hour, like a service asked every hour.
func (a *Almanac) Today(_ context.Context, place Place, now time.Time) ([]Occasion, error) {
	var found []Occasion
	if days, ok := a.Cities[place.City]; ok {
		o, err := forecast(place, days, now, now.Truncate(time.Hour), a.Source, a.Rules)
		if err != nil && !errors.Is(err, errNoDay) {
			return nil, fmt.Errorf("weather of %s: %w", place.City, err)
		}
		if err == nil {
			found = append(found, o)
		}
	}
	found = append(found, coming(a.events, place, now, now.Truncate(time.Hour))...)
	return found, nil
}
