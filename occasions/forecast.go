package occasions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of one question to a weather service: it is asked before a call, never
// during one, and a slow answer is no answer.
const (
	forecastDeadline = 2 * time.Second
	forecastBytes    = 1 << 20
	retryAfter       = time.Minute // a failed city is not asked again before
)

// Forecast asks a service shaped like Open-Meteo's /v1/forecast for daily values.
// Each city is asked once an hour, whoever asks how often; those who ask together
// wait for one answer.
type Forecast struct {
	BaseURL string // scheme and host; the path /v1/forecast is added
	Name    string // spoken of as the source; "open-meteo" when empty
	HTTP    *http.Client
	Cities  map[string]Coordinates // nil: the built-in table

	mu    sync.Mutex
	cache map[string]*answer
}

// Coordinates of a city, in degrees.
type Coordinates struct{ Latitude, Longitude float64 }

// answer is one city's weather, or why there is none; done closes when it is known.
type answer struct {
	done   chan struct{}
	asked  time.Time
	series []Day
	err    error
}

// Today gives the weather of a city that the service's table knows; another city
// is no error, only nothing known.
func (f *Forecast) Today(ctx context.Context, place Place, now time.Time) ([]Occasion, error) {
	table := f.Cities
	if table == nil {
		table = cities
	}
	at, ok := table[place.City]
	if !ok {
		return nil, nil
	}
	a := f.ask(ctx, place.City, at, now)
	select {
	case <-a.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("weather of %s: %w", place.City, ctx.Err())
	}
	if a.err != nil {
		return nil, fmt.Errorf("weather of %s: %w", place.City, a.err)
	}
	o, err := forecast(place, a.series, now, a.asked, f.name())
	if err != nil {
		return nil, fmt.Errorf("weather of %s: %w", place.City, err)
	}
	return []Occasion{o}, nil
}

func (f *Forecast) name() string {
	if f.Name == "" {
		return "open-meteo"
	}
	return f.Name
}

// ask finds this hour's answer or fetches it. The fetch has its own deadline and
// does not die with the one who happened to ask first.
func (f *Forecast) ask(ctx context.Context, city string, at Coordinates, now time.Time) *answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.cache[city]; a != nil && f.current(a, now) {
		return a
	}
	if f.cache == nil {
		f.cache = map[string]*answer{}
	}
	a := &answer{done: make(chan struct{}), asked: now}
	f.cache[city] = a
	go func() {
		defer close(a.done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forecastDeadline)
		defer cancel()
		a.series, a.err = f.fetch(ctx, at)
	}()
	return a
}

func (f *Forecast) current(a *answer, now time.Time) bool {
	select {
	case <-a.done:
	default:
		return true
	}
	if a.err != nil {
		return now.Sub(a.asked).Abs() < retryAfter
	}
	return a.asked.Truncate(time.Hour).Equal(now.Truncate(time.Hour))
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
	} `json:"daily"`
}

func (f *Forecast) fetch(ctx context.Context, at Coordinates) ([]Day, error) {
	query := url.Values{
		"latitude":      {strconv.FormatFloat(at.Latitude, 'f', 2, 64)},
		"longitude":     {strconv.FormatFloat(at.Longitude, 'f', 2, 64)},
		"daily":         {"weather_code,temperature_2m_max,temperature_2m_min"},
		"timezone":      {"Asia/Shanghai"},
		"past_days":     {"1"},
		"forecast_days": {"3"},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(f.BaseURL, "/")+"/v1/forecast?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("asking the weather service: %w", err)
	}
	client := f.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the weather service: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the weather service answered %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, forecastBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the weather: %w", err)
	}
	if len(body) > forecastBytes {
		return nil, fmt.Errorf("the weather service answered more than %d bytes", forecastBytes)
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
