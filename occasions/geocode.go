package occasions

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// locate gives the coordinates of a city: from the table, else from the geocoding
// service, whose answer is taken only when it names the same city and province.
func (f *Forecast) locate(ctx context.Context, place Place) (Coordinates, error) {
	if at, ok := f.table()[place.City]; ok {
		return at, nil
	}
	key := place.Province + "/" + place.City
	if at, ok := f.where.Load(key); ok {
		return at.(Coordinates), nil
	}
	query := url.Values{"name": {place.City}, "count": {"10"}, "language": {"zh"}, "format": {"json"}, "countryCode": {"CN"}}
	body, err := get(ctx, f.HTTP, "the geocoding service", strings.TrimSuffix(f.Geocoding, "/")+"/v1/search?"+query.Encode(), nil)
	if err != nil {
		return Coordinates{}, err
	}
	at, err := parsePlaces(body, place)
	if err == nil {
		f.where.Store(key, at)
	}
	return at, err
}

func parsePlaces(body []byte, place Place) (Coordinates, error) {
	var found struct {
		Results []struct {
			Name      string   `json:"name"`
			Latitude  *float64 `json:"latitude"`
			Longitude *float64 `json:"longitude"`
			Country   string   `json:"country_code"`
			Province  string   `json:"admin1"`
		} `json:"results"`
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return Coordinates{}, fmt.Errorf("reading places: %w", err)
	}
	for _, r := range found.Results {
		there, ok := Locate(r.Province, r.Name, "")
		if r.Country != "CN" || r.Latitude == nil || r.Longitude == nil || !ok || there.City != place.City {
			continue
		}
		if place.Province == "" || there.Province == place.Province {
			return Coordinates{*r.Latitude, *r.Longitude}, nil
		}
	}
	return Coordinates{}, fmt.Errorf("no place named %s was found", place.City)
}
