package wecom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The client's own limits.
const (
	defaultBase    = "https://qyapi.weixin.qq.com"
	defaultTimeout = 10 * time.Second
	defaultMaxWait = 5 * time.Second
	busyTries      = 3       // tries of one call on -1, 6000 and 45033
	maxAnswer      = 8 << 20 // bytes of one answer
)

// Client speaks the server API for one corp and one self-built app. Fill the
// exported fields before the first call; it is then safe for concurrent use.
type Client struct {
	CorpID  string
	Secret  string           // the app's secret, never the system app's
	BaseURL string           // "" is https://qyapi.weixin.qq.com
	HTTP    *http.Client     // nil is a client with a 10 s timeout
	Now     func() time.Time // nil is time.Now; token age and pauses go by it
	Log     *slog.Logger     // nil discards

	// MaxWait bounds all waiting of one call for pauses and back-off; 0 is 5 s.
	// A longer pause is returned at once as *PausedError.
	MaxWait time.Duration
	// Wait pauses for d or until ctx ends; nil is a timer. Tests turn time here.
	Wait func(ctx context.Context, d time.Duration) error

	token accessToken
	gates sync.Map // API path → *gate
}

// call asks one API and reads the answer into out (nil: only the verdict). A
// nil in is a GET. It obeys the retry table of the error codes.
func (c *Client) call(ctx context.Context, api string, query url.Values, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = encode(in); err != nil {
			return fmt.Errorf("wecom %s: writing the request: %w", api, err)
		}
	}
	budget := c.maxWait()
	g := c.gate(api)
	replayed := false
	for try := 1; ; try++ {
		if err := c.rest(ctx, g, &budget); err != nil {
			return err
		}
		token, err := c.accessToken(ctx)
		if err != nil {
			return err
		}
		err = c.once(ctx, g, api, token, query, body, out)
		var refusal *APIError
		if !errors.As(err, &refusal) {
			if err == nil {
				g.worked()
			}
			return err
		}
		switch refusal.Code {
		case CodeTokenBad, CodeTokenExpired:
			c.token.forget(token)
			if replayed {
				return err
			}
			replayed = true
		case CodeRate:
			until := g.pause(c.now(), refusal)
			c.log().Warn("wecom rate refused", "api", api, "until", until)
			if until.Sub(c.now()) > budget {
				return &PausedError{API: api, Until: until, Cause: refusal}
			}
		case CodeConcurrency, CodeBusy, CodeConflict, CodeDispatching:
			if refusal.Code == CodeConcurrency {
				g.halve()
			}
			if try >= busyTries {
				return err
			}
			if err2 := c.backOff(ctx, try, &budget); err2 != nil {
				return errors.Join(err, err2)
			}
		default:
			if refusal.Kind() == KindConfig {
				c.log().Error("wecom refuses our configuration", "api", api, "code", refusal.Code)
			}
			return err
		}
	}
}

// once sends one request through the gate.
func (c *Client) once(ctx context.Context, g *gate, api, token string, query url.Values, body []byte, out any) error {
	if err := g.enter(ctx); err != nil {
		return fmt.Errorf("wecom %s: waiting for a free place: %w", api, err)
	}
	defer g.leave()
	q := url.Values{}
	for k, v := range query {
		q[k] = v
	}
	q.Set("access_token", token)
	return c.exchange(ctx, api, q, body, out)
}

// exchange is one HTTP request and its answer. Anything but a whole JSON answer
// with status 200 is ErrNoAnswer. No error names the address: it holds secrets.
func (c *Client) exchange(ctx context.Context, api string, q url.Values, body []byte, out any) error {
	base := c.BaseURL
	if base == "" {
		base = defaultBase
	}
	method, reader := http.MethodGet, io.Reader(nil)
	if body != nil {
		method, reader = http.MethodPost, bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(base, "/")+"/cgi-bin/"+api+"?"+q.Encode(), reader)
	if err != nil {
		return fmt.Errorf("wecom %s: the base address is not usable", api)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	resp, err := c.http().Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // the *url.Error would print the access token
		}
		return fmt.Errorf("wecom %s: %w: %w", api, ErrNoAnswer, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("wecom %s: %w: %w", api, ErrNoAnswer, err)
	case len(answer) > maxAnswer:
		return fmt.Errorf("wecom %s: %w: more than %d bytes", api, ErrNoAnswer, maxAnswer)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("wecom %s: %w: HTTP %d", api, ErrNoAnswer, resp.StatusCode)
	}
	return decode(api, answer, out)
}

// decode reads the verdict and then the answer. A missing errcode is 0.
func decode(api string, answer []byte, out any) error {
	var verdict struct {
		Code int    `json:"errcode"`
		Msg  string `json:"errmsg"`
	}
	if err := json.Unmarshal(answer, &verdict); err != nil {
		return fmt.Errorf("wecom %s: %w: %w", api, ErrNoAnswer, err)
	}
	if verdict.Code != 0 {
		return &APIError{Code: verdict.Code, Msg: verdict.Msg, API: api}
	}
	if strings.Contains(verdict.Msg, "Warning: wrong json format") {
		return fmt.Errorf("wecom %s took our JSON with a warning, our types are wrong: %s", api, verdict.Msg)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("wecom %s: %w: %w", api, ErrNoAnswer, err)
	}
	return nil
}

// encode writes JSON as WeCom wants it: Chinese and & as they are (40033).
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// rest waits out a pause of the API when the budget allows it.
func (c *Client) rest(ctx context.Context, g *gate, budget *time.Duration) error {
	until, cause := g.resting(c.now())
	if cause == nil {
		return nil
	}
	d := until.Sub(c.now())
	if d > *budget {
		return &PausedError{API: g.api, Until: until, Cause: cause}
	}
	*budget -= d
	return c.wait(ctx, d)
}

// backOff waits 200 ms, 400 ms, … with as much jitter again.
func (c *Client) backOff(ctx context.Context, try int, budget *time.Duration) error {
	base := 100 * time.Millisecond << try
	d := base + rand.N(base)
	if d > *budget {
		return fmt.Errorf("the call's time for waiting is used up")
	}
	*budget -= d
	return c.wait(ctx, d)
}

func (c *Client) wait(ctx context.Context, d time.Duration) error {
	if c.Wait != nil {
		return c.Wait(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) maxWait() time.Duration {
	if c.MaxWait > 0 {
		return c.MaxWait
	}
	return defaultMaxWait
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

var defaultHTTP = &http.Client{Timeout: defaultTimeout}

func (c *Client) http() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return defaultHTTP
}

func (c *Client) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.New(slog.DiscardHandler)
}
