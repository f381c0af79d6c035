package occasions

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
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

// QWeather asks 和风天气 (dev.qweather.com): /v7/weather/3d for the weather and
// /weatheralert/v1/current for official warnings. Its values are strings.
type QWeather struct {
	BaseURL string // the account's own host, with scheme
	HTTP    *http.Client
	Rules   Rules // what names the weather; nil is DefaultRules

	// One of the two ways to be let in.
	APIKey    string
	ProjectID string // with KeyID and Key: a JSON Web Token, EdDSA
	KeyID     string
	Key       ed25519.PrivateKey

	weather  asker[[]Day]
	warnings asker[[]Notice]
	where    sync.Map // Place.Code → Coordinates
}

// ParseQWeatherKey reads the PKCS #8 PEM of the account's private Ed25519 key.
func ParseQWeatherKey(pemBytes []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(pemBytes)
	if block == nil {
		return nil, errors.New("the QWeather key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the QWeather key: %w", err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the QWeather key is %T, an Ed25519 key was expected", parsed)
	}
	return key, nil
}

// Today gives the weather and the warnings of a city that has a code. Weather that
// fails does not hide a warning.
func (q *QWeather) Today(ctx context.Context, place Place, now time.Time) (found []Occasion, err error) {
	if place.Code == "" {
		return nil, nil
	}
	series, observed, weatherErr := q.weather.ask(ctx, place.Code, now, func(ctx context.Context) ([]Day, error) {
		at, err := q.locate(ctx, place, now)
		if err != nil {
			return nil, err
		}
		body, err := q.get(ctx, now, "/v7/weather/3d", url.Values{"location": {at.lonLat()}, "lang": {"zh"}, "unit": {"m"}})
		if err != nil {
			return nil, err
		}
		return parseQWeather(body)
	})
	if weatherErr == nil {
		var o Occasion
		if o, weatherErr = forecast(place, series, now, observed, "qweather", q.Rules); weatherErr == nil {
			found = append(found, o)
		}
	}
	notices, _, err := q.warnings.ask(ctx, place.Code, now, func(ctx context.Context) ([]Notice, error) {
		at, err := q.locate(ctx, place, now)
		if err != nil {
			return nil, err
		}
		body, err := q.get(ctx, now, "/weatheralert/v1/current/"+at.latLonPath(), url.Values{"localTime": {"true"}, "lang": {"zh"}})
		if err != nil {
			return nil, err
		}
		return parseAlerts(body, Place{Province: place.Province, City: place.City})
	})
	for _, n := range notices {
		if !now.Before(n.Starts) && now.Before(n.Ends) {
			found = append(found, n.occasion(now, 1))
		}
	}
	if err = errors.Join(weatherErr, err); err != nil {
		return found, of(place, "weather", err)
	}
	return found, nil
}

func (c Coordinates) lonLat() string {
	return strconv.FormatFloat(c.Longitude, 'f', 2, 64) + "," + strconv.FormatFloat(c.Latitude, 'f', 2, 64)
}

// latLonPath is the other order, which the warnings want.
func (c Coordinates) latLonPath() string {
	return strconv.FormatFloat(c.Latitude, 'f', 2, 64) + "/" + strconv.FormatFloat(c.Longitude, 'f', 2, 64)
}

func (q *QWeather) get(ctx context.Context, now time.Time, path string, query url.Values) ([]byte, error) {
	header := http.Header{"X-Qw-Api-Key": {q.APIKey}}
	if q.APIKey == "" {
		header = http.Header{"Authorization": {"Bearer " + q.token(now)}}
	}
	return get(ctx, q.HTTP, "QWeather", strings.TrimSuffix(q.BaseURL, "/")+path+"?"+query.Encode(), header)
}

// tokenLife is how long a token may be used; QWeather allows a day at most.
const tokenLife = 15 * time.Minute

// token signs a JSON Web Token (RFC 7519, EdDSA by RFC 8037). It begins half a
// minute ago, so that a clock a little ahead is not refused.
func (q *QWeather) token(now time.Time) string {
	part := func(v any) string {
		b, _ := json.Marshal(v) // of strings and numbers alone
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]string{"alg": "EdDSA", "kid": q.KeyID}) + "." + part(map[string]any{
		"sub": q.ProjectID, "iat": now.Unix() - 30, "exp": now.Add(tokenLife).Unix(),
	})
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(q.Key, []byte(text)))
}

// locate asks the service where a city is, by its code, and takes the answer only
// when it names that city.
func (q *QWeather) locate(ctx context.Context, place Place, now time.Time) (Coordinates, error) {
	if at, ok := q.where.Load(place.Code); ok {
		return at.(Coordinates), nil
	}
	body, err := q.get(ctx, now, "/geo/v2/city/lookup", url.Values{"location": {place.Code}, "range": {"cn"}, "number": {"1"}, "lang": {"zh"}})
	if err != nil {
		return Coordinates{}, err
	}
	var r struct {
		Code     string `json:"code"`
		Location []struct {
			Name string `json:"name"`
			Adm2 string `json:"adm2"`
			Adm1 string `json:"adm1"`
			Lat  string `json:"lat"`
			Lon  string `json:"lon"`
		} `json:"location"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return Coordinates{}, fmt.Errorf("reading a place: %w", err)
	}
	if r.Code != "200" || len(r.Location) == 0 {
		return Coordinates{}, fmt.Errorf("QWeather knows no place %s (code %.10q)", place.Code, r.Code)
	}
	l := r.Location[0]
	there, ok := Locate(l.Adm1, l.Adm2, "")
	lat, err1 := strconv.ParseFloat(l.Lat, 64)
	lon, err2 := strconv.ParseFloat(l.Lon, 64)
	if !ok || there.Code != place.Code || err1 != nil || err2 != nil || math.Abs(lat) > 90 || math.Abs(lon) > 180 {
		return Coordinates{}, fmt.Errorf("QWeather took %s for %.20s %.20s", place.Code, l.Adm1, l.Adm2)
	}
	at := Coordinates{lat, lon}
	q.where.Store(place.Code, at)
	return at, nil
}

// parseQWeather reads /v7/weather/3d. There is no yesterday in it.
func parseQWeather(body []byte) ([]Day, error) {
	var r struct {
		Code  string `json:"code"`
		Daily []struct {
			Date string `json:"fxDate"`
			High string `json:"tempMax"`
			Low  string `json:"tempMin"`
			Text string `json:"textDay"`
			Rain string `json:"precip"`
			Wind string `json:"windSpeedDay"`
		} `json:"daily"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("reading the weather: %w", err)
	}
	if r.Code != "200" {
		return nil, fmt.Errorf("QWeather answered code %.10q", r.Code)
	}
	if len(r.Daily) < 2 {
		return nil, fmt.Errorf("the weather has %d days", len(r.Daily))
	}
	days := make([]Day, len(r.Daily))
	for i, d := range r.Daily {
		days[i] = Day{Date: d.Date, Text: d.Text, Low: figure(d.Low), High: figure(d.High), Rain: figure(d.Rain), Wind: figure(d.Wind)}
	}
	return days, nil
}

// figure reads a number written as a string; an empty one is no 0.
func figure(s string) *int {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return nil
	}
	return rounded(&v)
}

// parseAlerts reads /weatheralert/v1/current. A warning counts when it names the
// body that issued it; one that was cancelled, or superseded by another in the
// same answer, does not.
func parseAlerts(body []byte, place Place) ([]Notice, error) {
	var r struct {
		Metadata *struct {
			ZeroResult bool `json:"zeroResult"`
		} `json:"metadata"`
		Alerts []struct {
			ID      string `json:"id"`
			Sender  string `json:"senderName"`
			Issued  string `json:"issuedTime"`
			Onset   string `json:"effectiveTime"`
			Expires string `json:"expireTime"`
			Message struct {
				Code       string   `json:"code"`
				Supersedes []string `json:"supersedes"`
			} `json:"messageType"`
			Event struct {
				Name string `json:"name"`
			} `json:"eventType"`
			Color struct {
				Code string `json:"code"`
			} `json:"color"`
		} `json:"alerts"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("reading warnings: %w", err)
	}
	if r.Metadata == nil {
		return nil, errors.New("the answer about warnings has no metadata")
	}
	gone := map[string]bool{}
	for _, a := range r.Alerts {
		for _, id := range a.Message.Supersedes {
			gone[id] = true
		}
		if a.Message.Code == "cancel" {
			gone[a.ID] = true
		}
	}
	var all []Notice
	for _, a := range r.Alerts {
		issued, err := time.Parse(time.RFC3339, a.Issued)
		if gone[a.ID] || a.Sender == "" || err != nil || checkTitle(a.Event.Name) != nil {
			continue
		}
		n := Notice{
			Kind: Warning, Place: place, Title: a.Event.Name, Issuer: a.Sender, Level: strings.ToLower(a.Color.Code),
			Starts: issued, Ends: issued.Add(24 * time.Hour),
		}
		if begins, err := time.Parse(time.RFC3339, a.Onset); err == nil {
			n.Starts = begins
		}
		if ends, err := time.Parse(time.RFC3339, a.Expires); err == nil {
			n.Ends = ends
		}
		all = append(all, n)
	}
	return all, nil
}
