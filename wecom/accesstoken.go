package wecom

import (
	"context"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"
)

// secretRest is how long a refused secret is not tried again: repeated wrong
// secrets ban our address for an hour (help text of 45009).
const secretRest = 10 * time.Minute

// accessToken caches the one token of (corp, secret). One caller fetches while
// the others wait for what it brings.
type accessToken struct {
	mu      sync.Mutex
	value   string
	renewAt time.Time
	flight  chan struct{} // closed when the running fetch has ended; nil when none runs
	err     error         // of the last fetch
	refused time.Time     // until when a refused secret rests
}

// accessToken gives a token that is younger than 90 % of its life.
func (c *Client) accessToken(ctx context.Context) (string, error) {
	t := &c.token
	for {
		t.mu.Lock()
		now := c.now()
		switch {
		case t.value != "" && now.Before(t.renewAt):
			v := t.value
			t.mu.Unlock()
			return v, nil
		case now.Before(t.refused):
			err := t.err
			t.mu.Unlock()
			return "", err
		case t.flight == nil:
			t.flight = make(chan struct{})
			t.mu.Unlock()
			return c.fetchToken(ctx)
		}
		flight := t.flight
		t.mu.Unlock()
		select {
		case <-flight:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		t.mu.Lock()
		err := t.err
		t.mu.Unlock()
		if err != nil {
			return "", err // one failed fetch answers all who waited for it
		}
	}
}

// fetchToken asks for a new token on behalf of everyone, so the caller's own
// cancellation does not end it.
func (c *Client) fetchToken(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), defaultTimeout)
	defer cancel()
	var out struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	budget := c.maxWait()
	var err error
	for try := 1; ; try++ {
		err = c.exchange(ctx, "gettoken", url.Values{"corpid": {c.CorpID}, "corpsecret": {c.Secret}}, nil, &out)
		if code := Code(err); (code != CodeBusy && code != CodeConcurrency) || try >= busyTries {
			break
		}
		if c.backOff(ctx, try, &budget) != nil {
			break
		}
	}
	if err == nil && out.Token == "" {
		err = &APIError{Code: CodeTokenBad, Msg: "the answer held no token", API: "gettoken"}
	}
	t := &c.token
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
	if err == nil {
		t.value = out.Token
		t.renewAt = c.now().Add(renewAfter(time.Duration(out.Seconds) * time.Second))
	} else if code := Code(err); code == CodeSecret || code == CodeCorpID || code == CodeIP {
		t.refused = c.now().Add(secretRest)
		c.log().Error("wecom refuses our secret", "code", code, "rest", secretRest)
	}
	close(t.flight)
	t.flight = nil
	return out.Token, err
}

// renewAfter is 90 % of the life less up to 2 %, so that many processes do not
// renew in the same second.
func renewAfter(life time.Duration) time.Duration {
	d := life / 10 * 9
	if jitter := life / 50; jitter > 0 {
		d -= rand.N(jitter)
	}
	return d
}

// forget drops the token when it is still the one that was refused; a newer one
// fetched by another caller stays.
func (t *accessToken) forget(refused string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == refused {
		t.value = ""
	}
}
