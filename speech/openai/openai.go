// Package openai understands and proposes with a language model behind an
// OpenAI-compatible endpoint: OpenAI itself, DeepSeek, 通义千问, vLLM, Ollama and
// others speak it. It is off unless an operator names one.
//
// In a call it is a [dialogs.Understander]: asked what the rules leave open, with a
// closed list, it gives the name of an intent and nothing that could be spoken. At
// the desk [Client.Propose] drafts variants of a line, which a person approves into
// a tree version.
//
// # What leaves the house
//
// Our question, the sentence and the list, after [redact] has taken out what could
// name somebody: the person's own facts, telephone and identity numbers, any run of
// five digits in figures or words, addresses, e-mail. No attempt, no number, no name.
//
// # What comes back
//
// The answer must be one JSON object of the schema that was asked for, at most
// 64 KiB with everything around it. Everything else is an error, and an error is as
// good as no answer: the rules' word stands.
//
// # When it fails
//
// Each question has a deadline. After five failures in a row the endpoint is left
// alone for 30 seconds, then asked once; 429 and 503 with Retry-After, and a key
// that is refused, close it at once. Answers are kept, the last 1,024, so that the
// same sentence costs once. Every token is counted, with its price.
package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"warmline/dialogs"
)

// Config names an endpoint. URL and Model are needed; zero values are useful.
type Config struct {
	URL      string        // base, as https://api.openai.com/v1; chat/completions is added
	Model    string        // as the endpoint names it
	APIKey   string        // sent as a bearer token; "" sends none
	Deadline time.Duration // of one answer in a call; 1.2 s
	PriceIn  float64       // of a million tokens read, in whatever currency
	PriceOut float64       // of a million tokens written
	Now      func() time.Time
}

// DefaultDeadline is how long a person may wait for an answer before it feels like
// a pause.
const DefaultDeadline = 1200 * time.Millisecond

// proposeWithin bounds a draft: an author waits, nobody is on the line.
const proposeWithin = 60 * time.Second

// maxAnswer is the most bytes an answer may have.
const maxAnswer = 64 << 10

// Client asks one endpoint. Any number of goroutines may use it.
type Client struct {
	config  Config
	url     string
	http    *http.Client
	breaker breaker
	cache   cache
	meter   meter
}

var _ dialogs.Understander = (*Client)(nil)

// New is a client of an endpoint.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "":
		return nil, errors.New("openai: url is not an address such as https://api.openai.com/v1")
	case u.Scheme != "https" && !(u.Scheme == "http" && private(u.Hostname())):
		return nil, errors.New("openai: url is not https; plain http only goes to this machine or a private network")
	case c.Model == "":
		return nil, errors.New("openai: no model is named")
	case c.PriceIn < 0 || c.PriceOut < 0:
		return nil, errors.New("openai: a price is below zero")
	}
	if c.Deadline <= 0 {
		c.Deadline = DefaultDeadline
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{
		config: c, url: strings.TrimRight(c.URL, "/") + "/chat/completions",
		http: &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16, MaxConnsPerHost: 64,
				IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 32 << 10,
			},
			// The key goes where it was configured to go.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// private tells whether plain HTTP to a host stays in the house.
func private(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsPrivate())
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Understand asks what a sentence meant. It answers within the deadline or ctx,
// whichever ends first.
func (c *Client) Understand(ctx context.Context, d dialogs.Doubt) (dialogs.Reading, error) {
	if len(d.Intents) == 0 {
		return dialogs.Reading{}, errors.New("openai: there is nothing to choose from")
	}
	c.meter.asked.Add(1)
	d.Asked, d.Text = redact(d.Asked, d.Private), redact(d.Text, d.Private)
	d.Private = nil
	key := cacheKey(d)
	if r, ok := c.cache.get(key); ok {
		c.meter.cached.Add(1)
		return r, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Deadline)
	defer cancel()
	content, err := c.chat(ctx, understanding(c.config.Model, d))
	if err != nil {
		return dialogs.Reading{}, fmt.Errorf("understanding: %w", err)
	}
	r, err := readReading(content, d.Intents)
	c.breaker.note(err == nil, c.config.Now())
	if err != nil {
		c.meter.failed.Add(1)
		return dialogs.Reading{}, fmt.Errorf("understanding: %w", err)
	}
	c.meter.answered.Add(1)
	c.cache.put(key, r)
	return r, nil
}

// readReading reads the model's answer: one JSON object, an intent of the list, a
// confidence from 0 to 1, and nothing else.
func readReading(content string, intents []string) (dialogs.Reading, error) {
	var a struct {
		Intent     *string  `json:"intent"`
		Confidence *float64 `json:"confidence"`
	}
	if err := strictJSON(content, &a); err != nil {
		return dialogs.Reading{}, err
	}
	switch {
	case a.Intent == nil || a.Confidence == nil:
		return dialogs.Reading{}, errors.New("the answer lacks intent or confidence")
	case !slices.Contains(intents, *a.Intent):
		return dialogs.Reading{}, errors.New("the answer is not in the list")
	case !(*a.Confidence >= 0 && *a.Confidence <= 1):
		return dialogs.Reading{}, errors.New("the answer's confidence is not between 0 and 1")
	}
	return dialogs.Reading{Intent: *a.Intent, Confidence: *a.Confidence}, nil
}

// strictJSON reads exactly one object without unknown keys.
func strictJSON(s string, into any) error {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.DisallowUnknownFields()
	if !strings.HasPrefix(strings.TrimSpace(s), "{") {
		return errors.New("the answer is not a JSON object")
	}
	if err := dec.Decode(into); err != nil {
		return errors.New("the answer is not the JSON that was asked for")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the answer")
	}
	return nil
}

// chat asks one question and returns the content of the answer. Its failures are
// noted; whether the content is any good the caller judges, and notes.
func (c *Client) chat(ctx context.Context, q request) (string, error) {
	if !c.breaker.allows(c.config.Now()) {
		c.meter.refused.Add(1)
		return "", errOpen
	}
	content, err := c.post(ctx, q)
	if err == nil {
		return content, nil
	}
	if errors.Is(ctx.Err(), context.Canceled) { // the call went on without us: nobody's fault
		c.breaker.release()
		return "", err
	}
	c.meter.failed.Add(1)
	if errors.Is(err, context.DeadlineExceeded) {
		c.meter.late.Add(1)
	}
	var closed *closedError
	if errors.As(err, &closed) {
		c.breaker.shut(c.config.Now(), closed.rest)
	} else {
		c.breaker.note(false, c.config.Now())
	}
	return "", err
}

// closedError is an endpoint that asked to be left alone for a while.
type closedError struct {
	error
	rest time.Duration
}

func (c *Client) post(ctx context.Context, q request) (string, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return "", fmt.Errorf("writing the question: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("writing the question: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	if c.config.APIKey != "" {
		r.Header.Set("Authorization", "Bearer "+c.config.APIKey)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return "", fmt.Errorf("asking the model: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return "", fmt.Errorf("reading the model's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", c.refused(resp, raw)
	}
	if len(raw) > maxAnswer {
		return "", fmt.Errorf("the model's answer has more than %d bytes", maxAnswer)
	}
	a, err := readCompletion(raw)
	c.meter.count(a.Usage)
	if err != nil {
		return "", err
	}
	return a.content()
}

// refused is the error of an answer that is none. The endpoint's own words are not
// repeated: some tell the key back.
func (c *Client) refused(resp *http.Response, raw []byte) error {
	err := fmt.Errorf("the model's endpoint answered %d%s", resp.StatusCode, errorCode(raw))
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return &closedError{err, retryAfter(resp.Header.Get("Retry-After"), c.config.Now())}
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return &closedError{err, resting}
	}
	return err
}
