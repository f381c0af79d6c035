package wecom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	maxBody       = 64 << 10
	defaultWindow = 5 * time.Minute
	consumeLimit  = 4 * time.Second // WeCom gives up after 5 s
	maxSeen       = 1 << 16         // callbacks remembered; beyond it the consumer's own dedupe holds
)

// CallbackConfig is the callback page of the app's settings, and who listens.
type CallbackConfig struct {
	Token   string
	AESKey  string // EncodingAESKey, 43 characters
	Receive string // receiveid: the corp ID for a self-built app
	Now     func() time.Time
	Window  time.Duration // how far a callback's time may be off; 0 is 5 min
	Log     *slog.Logger

	// Consume must have stored the event when it returns nil: only then WeCom
	// hears 200. An error makes WeCom try again, three times at most. It may be
	// given an event twice; [Event.Key] tells.
	Consume func(ctx context.Context, e Event) error
}

// Callback is the http.Handler behind the callback URL. A GET proves to WeCom
// that we own the URL, a POST brings one event. What is not signed, not fresh or
// not for this corp gets 403 and changes nothing; a repeat of a request that was
// consumed gets 200 and is not consumed again.
type Callback struct {
	config CallbackConfig
	env    *envelope

	mu   sync.Mutex
	seen map[string]time.Time // signature → when it may be forgotten
}

// NewCallback checks the settings.
func NewCallback(c CallbackConfig) (*Callback, error) {
	env, err := newEnvelope(c.Token, c.AESKey, c.Receive)
	if err != nil {
		return nil, fmt.Errorf("wecom callback: %w", err)
	}
	if c.Token == "" || c.Consume == nil {
		return nil, errors.New("wecom callback: needs a token and a consumer")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Window <= 0 {
		c.Window = defaultWindow
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Callback{config: c, env: env, seen: map[string]time.Time{}}, nil
}

// Open verifies the signature of one callback and decrypts what is inside.
func (c *Callback) Open(signature, timestamp, nonce, encrypted string) ([]byte, error) {
	if err := c.env.verify(signature, timestamp, nonce, encrypted); err != nil {
		return nil, err
	}
	return c.env.open(encrypted)
}

func (c *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		c.prove(w, r)
	case http.MethodPost:
		c.receive(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "GET or POST", http.StatusMethodNotAllowed)
	}
}

// prove answers the check of the URL with the decrypted echostr, bare.
func (c *Callback) prove(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	msg, err := c.Open(q.Get("msg_signature"), q.Get("timestamp"), q.Get("nonce"), q.Get("echostr"))
	if err == nil {
		err = c.fresh(q.Get("timestamp"))
	}
	if err != nil {
		c.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(msg)
}

func (c *Callback) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "a callback has at most 64 KiB", http.StatusRequestEntityTooLarge)
		return
	}
	fields, err := flatten(body)
	if err != nil {
		http.Error(w, "not a callback", http.StatusBadRequest)
		return
	}
	q := r.URL.Query()
	signature := q.Get("msg_signature")
	msg, err := c.Open(signature, q.Get("timestamp"), q.Get("nonce"), fields["Encrypt"])
	if err == nil {
		err = c.fresh(q.Get("timestamp"))
	}
	if err != nil {
		c.refuse(w, err)
		return
	}
	if c.known(signature) {
		return
	}
	e, err := ParseEvent(msg)
	if err != nil {
		// It is WeCom's own and will not get better: keep the fact in the log,
		// or WeCom would count us as a broken receiver.
		c.config.Log.Error("wecom callback not understood", "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), consumeLimit)
	defer cancel()
	if err := c.config.Consume(ctx, e); err != nil {
		c.config.Log.Error("wecom event not stored", "topic", e.Topic(), "error", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	c.remember(signature)
}

func (c *Callback) refuse(w http.ResponseWriter, err error) {
	c.config.Log.Warn("wecom callback refused", "error", err)
	http.Error(w, "forbidden", http.StatusForbidden)
}

// fresh refuses old callbacks: the signature has no age of its own.
func (c *Callback) fresh(timestamp string) error {
	s, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("the callback's time %q is no number", timestamp)
	}
	if off := c.config.Now().Sub(time.Unix(s, 0)).Abs(); off > c.config.Window {
		return fmt.Errorf("the callback's time is off by %s", off.Round(time.Second))
	}
	return nil
}

func (c *Callback) known(signature string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.seen[signature]
	return ok
}

func (c *Callback) remember(signature string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.config.Now()
	if len(c.seen) >= maxSeen {
		for s, until := range c.seen {
			if now.After(until) {
				delete(c.seen, s)
			}
		}
	}
	if len(c.seen) < maxSeen {
		c.seen[signature] = now.Add(2 * c.config.Window)
	}
}
