package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"warmline/occasions"
)

// openSources opens the configured sources of kind reasons: what is grave first,
// then the fixed almanac, then services.
func openSources(cfg OccasionsConfig) ([]occasions.Source, error) {
	var sources []occasions.Source
	notices, err := readFile(cfg.Notices, "notices", occasions.ReadNotices)
	if err != nil {
		return nil, err
	}
	if len(notices) > 0 {
		sources = append(sources, notices)
	}
	rules, err := readFile(cfg.Rules, "weather rules", occasions.ReadRules)
	if err != nil {
		return nil, err
	}
	almanac, err := readFile(cfg.Almanac, "the almanac", occasions.ReadAlmanac)
	if err != nil {
		return nil, err
	}
	events, err := readFile(cfg.Events, "local events", occasions.ReadEvents)
	if err != nil {
		return nil, err
	}
	if almanac == nil {
		almanac = &occasions.Almanac{}
	}
	almanac.Rules = rules
	almanac.Add(events)
	if cfg.Almanac != "" || cfg.Events != "" {
		sources = append(sources, almanac)
	}
	if cfg.QWeather.URL != "" {
		q, err := openQWeather(cfg.QWeather)
		if err != nil {
			return nil, err
		}
		q.Rules = rules
		sources = append(sources, q)
	}
	if cfg.OpenMeteo != "" {
		sources = append(sources, &occasions.Forecast{BaseURL: cfg.OpenMeteo, Geocoding: cfg.Geocoding, Rules: rules})
	}
	for _, f := range cfg.Feeds {
		if u, err := url.Parse(f.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || f.Source == "" {
			return nil, fmt.Errorf("occasions.feeds: %q needs an http(s) url and a source that may be named", f.URL)
		}
		sources = append(sources, &occasions.Feed{URL: f.URL, Format: f.Format, Source: f.Source, City: f.City})
	}
	return sources, nil
}

func openQWeather(cfg QWeatherConfig) (*occasions.QWeather, error) {
	q := &occasions.QWeather{BaseURL: cfg.URL, APIKey: cfg.APIKey, ProjectID: cfg.ProjectID, KeyID: cfg.KeyID}
	if cfg.APIKey != "" {
		return q, nil
	}
	if cfg.KeyFile == "" || cfg.ProjectID == "" || cfg.KeyID == "" {
		return nil, errors.New("occasions.qweather needs api_key, or project_id, key_id and key_file")
	}
	pem, err := os.ReadFile(cfg.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("occasions.qweather.key_file: %w", err)
	}
	if q.Key, err = occasions.ParseQWeatherKey(pem); err != nil {
		return nil, fmt.Errorf("occasions.qweather.key_file %s: %w", cfg.KeyFile, err)
	}
	return q, nil
}

// readFile reads a configured file, nothing when none is configured.
func readFile[T any](path, what string, read func(io.Reader) (T, error)) (v T, err error) {
	if path == "" {
		return v, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return v, fmt.Errorf("%s: %w", what, err)
	}
	defer f.Close()
	if v, err = read(f); err != nil {
		return v, fmt.Errorf("%s in %s: %w", what, path, err)
	}
	return v, nil
}
