package occasions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Forecast asks a service shaped like Open-Meteo's /v1/forecast for daily values.
// Each city is asked once an hour, whoever asks how often; those who ask together
// wait for one answer.
type Forecast struct {
	BaseURL   string // scheme and host; the path /v1/forecast is added
	Geocoding string // the same of its /v1/search, for cities outside the table; "" leaves them out
	Name      string // spoken of as the source; "open-meteo" when empty
	HTTP      *http.Client
	Cities    map[string]Coordinates // nil: the built-in table
	Rules     Rules                  // what names the weather; nil is DefaultRules

	weather asker[[]Day]
	where   sync.Map // city and province → Coordinates found by Geocoding
}

// Coordinates of a city, in degrees.
type Coordinates struct{ Latitude, Longitude float64 }

// Today gives the weather of a city whose place is known; another city is no
// error, only nothing known.
func (f *Forecast) Today(ctx context.Context, place Place, now time.Time) ([]Occasion, error) {
	if _, known := f.table()[place.City]; !known && f.Geocoding == "" {
		return nil, nil
	}
	series, observed, err := f.weather.ask(ctx, place.Province+"/"+place.City, now, func(ctx context.Context) ([]Day, error) {
		at, err := f.locate(ctx, place)
		if err != nil {
			return nil, err
		}
		return f.fetch(ctx, at)
	})
	if err != nil {
		return nil, of(place, "weather", err)
	}
	o, err := forecast(place, series, now, observed, f.name(), f.Rules)
	if err != nil {
		return nil, of(place, "weather", err)
	}
	return []Occasion{o}, nil
}

func (f *Forecast) table() map[string]Coordinates {
	if f.Cities == nil {
		return cities
	}
	return f.Cities
}

func (f *Forecast) name() string {
	if f.Name == "" {
		return "open-meteo"
	}
	return f.Name
}

// reply is what Open-Meteo answers: arrays side by side, one entry a day. Values
// are pointers, for the service writes null where it knows nothing.
type reply struct {
	Latitude  *float64 `json:"latitude"`
	Longitude *float64 `json:"longitude"`
	Error     bool     `json:"error"`
	Reason    string   `json:"reason"`
	Units     struct {
		Low string `json:"temperature_2m_min"`
	} `json:"daily_units"`
	Daily struct {
		Time []string   `json:"time"`
		Code []*int     `json:"weather_code"`
		High []*float64 `json:"temperature_2m_max"`
		Low  []*float64 `json:"temperature_2m_min"`
		Rain []*float64 `json:"precipitation_sum"`
		Wind []*float64 `json:"wind_speed_10m_max"`
	} `json:"daily"`
}

func (f *Forecast) fetch(ctx context.Context, at Coordinates) ([]Day, error) {
	query := url.Values{
		"latitude":      {strconv.FormatFloat(at.Latitude, 'f', 2, 64)},
		"longitude":     {strconv.FormatFloat(at.Longitude, 'f', 2, 64)},
		"daily":         {"weather_code,temperature_2m_max,temperature_2m_min,precipitation_sum,wind_speed_10m_max"},
		"timezone":      {"Asia/Shanghai"},
		"past_days":     {"1"},
		"forecast_days": {"3"},
	}
	body, err := get(ctx, f.HTTP, "the weather service", strings.TrimSuffix(f.BaseURL, "/")+"/v1/forecast?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	return parseForecast(body, at)
}

// parseForecast refuses an answer that is not about this place, not in °C, or
// whose arrays do not fit together.
func parseForecast(body []byte, at Coordinates) ([]Day, error) {
	var r reply
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("reading the weather: %w", err)
	}
	d := r.Daily
	switch {
	case r.Error:
		return nil, fmt.Errorf("the weather service refused: %.100q", r.Reason)
	case r.Latitude == nil || r.Longitude == nil:
		return nil, errors.New("the weather names no place")
	case math.Abs(*r.Latitude-at.Latitude) > 0.5 || math.Abs(*r.Longitude-at.Longitude) > 0.5:
		return nil, fmt.Errorf("the weather is of another place (%.2f, %.2f)", *r.Latitude, *r.Longitude)
	case r.Units.Low != "" && r.Units.Low != "°C":
		return nil, fmt.Errorf("the weather is in %.10q, not in °C", r.Units.Low)
	case len(d.Time) < 2 || len(d.High) != len(d.Time) || len(d.Low) != len(d.Time):
		return nil, fmt.Errorf("the weather has %d days, %d highs and %d lows", len(d.Time), len(d.High), len(d.Low))
	}
	days := make([]Day, len(d.Time))
	for i, date := range d.Time {
		days[i] = Day{Date: date, Low: rounded(d.Low[i]), High: rounded(d.High[i])}
		if len(d.Code) == len(d.Time) && d.Code[i] != nil {
			days[i].Text = weatherText[*d.Code[i]]
		}
		if len(d.Rain) == len(d.Time) {
			days[i].Rain = rounded(d.Rain[i])
		}
		if len(d.Wind) == len(d.Time) {
			days[i].Wind = rounded(d.Wind[i])
		}
	}
	return days, nil
}

func rounded(v *float64) *int {
	if v == nil || math.IsNaN(*v) || math.Abs(*v) > 1000 {
		return nil
	}
	n := int(math.Round(*v))
	return &n
}
