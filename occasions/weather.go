package occasions

import (
	"errors"
	"fmt"
	"time"
)

// Day is one day's weather in one city.
type Day struct {
	Date string `json:"date"` // 2006-01-02, local
	Low  *int   `json:"low"`  // °C; a pointer, so that a missing value is not 0 degrees
	High *int   `json:"high"`
	Text string `json:"text,omitempty"` // 晴, 小雪 …; may be missing
	Rain *int   `json:"rain,omitempty"` // mm of water in the day
	Wind *int   `json:"wind,omitempty"` // km/h, the strongest of the day
}

// weatherHolds is how long a weather fact may be spoken of after it was observed.
const weatherHolds = 6 * time.Hour

// The coldest and hottest days ever measured in the country were −53.0 °C (漠河,
// 2023) and 52.2 °C (吐鲁番, 2023); a value outside these is an error of the source.
const (
	coldest = -60
	hottest = 55
	// The most rain in a day was 1,062 mm (林庄, 1975), the strongest wind of a
	// landfall 270 km/h (威马逊, 2014, gusts above).
	wettest  = 1500
	windiest = 400
)

// check refuses a day that cannot be true.
func (d Day) check() error {
	switch {
	case d.Low == nil || d.High == nil:
		return fmt.Errorf("%s: a temperature is missing", d.Date)
	case *d.Low < coldest || *d.High > hottest:
		return fmt.Errorf("%s: %d to %d °C cannot be", d.Date, *d.Low, *d.High)
	case *d.Low > *d.High:
		return fmt.Errorf("%s: the low of %d °C is above the high of %d", d.Date, *d.Low, *d.High)
	case d.Rain != nil && (*d.Rain < 0 || *d.Rain > wettest):
		return fmt.Errorf("%s: %d mm of rain cannot be", d.Date, *d.Rain)
	case d.Wind != nil && (*d.Wind < 0 || *d.Wind > windiest):
		return fmt.Errorf("%s: wind of %d km/h cannot be", d.Date, *d.Wind)
	}
	return nil
}

func (d Day) facts() map[string]any {
	f := map[string]any{"low": *d.Low, "high": *d.High}
	if d.Text != "" {
		f["text"] = d.Text
	}
	if d.Rain != nil {
		f["rain"] = *d.Rain
	}
	if d.Wind != nil {
		f["wind"] = *d.Wind
	}
	return f
}

// forecastConfidence is how often a next-day temperature of the national service is
// within 2 degrees, about (中国气象局, 24 h forecasts); it tells a forecast from a fact.
const forecastConfidence = 0.85

// errNoDay says that a series does not reach today and tomorrow.
var errNoDay = errors.New("the series does not have today and tomorrow")

// forecast makes the occasion of a series of days. drop_48h is how far tomorrow's
// low lies below yesterday's, or below today's where yesterday is not known:
// the 48 hours of the cold wave standard (GB/T 21987). A rise is a drop of 0.
func forecast(place Place, days []Day, now, observed time.Time, source string, rules Rules) (Occasion, error) {
	byDate := map[string]Day{}
	for _, d := range days {
		byDate[d.Date] = d
	}
	at := func(offset int) (Day, bool) {
		d, ok := byDate[now.In(beijing).AddDate(0, 0, offset).Format(time.DateOnly)]
		return d, ok
	}
	today, ok := at(0)
	tomorrow, okTomorrow := at(1)
	if !ok || !okTomorrow {
		return Occasion{}, errNoDay
	}
	before, ok := at(-1)
	if !ok || before.check() != nil {
		before = today
	}
	for _, d := range []Day{today, tomorrow} {
		if err := d.check(); err != nil {
			return Occasion{}, err
		}
	}
	y, m, d := now.In(beijing).Date()
	until := observed.Add(weatherHolds)
	if midnight := time.Date(y, m, d+1, 0, 0, 0, 0, beijing); midnight.Before(until) {
		until = midnight // 明天 means another day then
	}
	drop := max(*before.Low-*tomorrow.Low, 0)
	facts := map[string]any{
		"drop_48h": drop, "today": today.facts(), "tomorrow": tomorrow.facts(),
		"observed_at": observed, "source": source,
	}
	if kind := rules.name(drop, tomorrow); kind != "" {
		facts["kind"] = kind
	}
	return Occasion{
		Kind: Weather, Place: place, Source: source, ObservedAt: observed, Until: until,
		Facts: facts, Confidence: forecastConfidence,
	}, nil
}
