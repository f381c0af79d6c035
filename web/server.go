package web

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"warmline/dialer"
)

// Config is what the pages and the API stand on.
type Config struct {
	Store Store
	Now   func() time.Time
	Log   *slog.Logger
	Brand string
	// Token is the bearer token of the API; empty means loopback only.
	Token string

	Live   func() []dialer.Live      // calls of this process
	Hangup func(attempt string) bool // ends one of them
	Refuse func() string             // why no new call starts here, or ""
	// Collectors are further metrics of the process.
	Collectors []prometheus.Collector

	WeCom    http.Handler // callback of the corp's app; nil when not configured
	Receipts http.Handler // delivery receipts of the SMS provider
	Replies  http.Handler // what people answered to a text
	SMSPath  string       // secret last part of the two

	// Reveal gives the number behind a member's task and notes who saw it.
	Reveal func(ctx context.Context, task string) (Task, error)
	// Code turns the one-time code of a text message into the person's link.
	Code func(ctx context.Context, code string) (link string, err error)
}

// Task is what a member needs to add one customer.
type Task struct {
	Member     string `json:"member"`
	Salutation string `json:"salutation"`
	Phone      string `json:"phone"`    // whole, for the clipboard
	Greeting   string `json:"greeting"` // the words the caller announced
}

// New makes the handler for everything.
func New(c Config) (http.Handler, error) {
	if c.Store == nil || c.Now == nil {
		return nil, errors.New("web: a store and a clock are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Config: c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, m := range append(s.metrics(), c.Collectors...) {
		if err := reg.Register(m); err != nil {
			return nil, err
		}
	}
	mux.Handle("GET /metrics", s.inside(promhttp.HandlerFor(reg, promhttp.HandlerOpts{})))
	mux.HandleFunc("GET /m/{task}", s.taskPage)
	mux.HandleFunc("POST /m/{task}/reveal", s.reveal)
	mux.HandleFunc("GET /f", s.codePage)
	mux.HandleFunc("POST /f", s.code)
	if c.WeCom != nil {
		mux.Handle("/callbacks/wecom", c.WeCom)
	}
	if c.SMSPath != "" && c.Receipts != nil {
		mux.Handle("POST /callbacks/sms/receipt/"+c.SMSPath, c.Receipts)
		mux.Handle("POST /callbacks/sms/reply/"+c.SMSPath, c.Replies)
	}
	inner := http.NewServeMux()
	conf := huma.DefaultConfig("Warmline", "0.1.0")
	conf.Info.Description = "Campaigns, people, attempts, live calls and the funnel of Warmline."
	api := humago.New(inner, conf)
	s.routes(api)
	inner.HandleFunc("GET /api/v1/events", s.events)
	for _, path := range []string{"/api/", "/docs", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/schemas/"} {
		mux.Handle(path, s.inside(inner))
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/docs", http.StatusFound) })
	return http.NewCrossOriginProtection().Handler(mux), nil
}

type server struct {
	Config
	guesses guessGuard
}

// inside lets in who has the token; without a token, this machine.
func (s *server) inside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Token != "" {
			got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || subtle.ConstantTimeCompare([]byte(got), []byte(s.Token)) != 1 {
				w.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(w, "the API wants the bearer token of api_token", http.StatusUnauthorized)
				return
			}
		} else if !loopback(r.RemoteAddr) || !fromHere(r) {
			http.Error(w, "without api_token the API answers on this machine only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fromHere refuses what a proxy passes on and what a page of elsewhere asks
// under a name of its own (DNS rebinding).
func fromHere(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func loopback(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// healthz is for load balancers: the store answers, and why no call starts.
func (s *server) healthz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		s.Log.Warn("health", "err", err)
		http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ok\n"))
}

// metrics are the gauges of live calls.
func (s *server) metrics() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "warmline_calls_live", Help: "Calls of this process between INVITE and end."},
			func() float64 {
				if s.Live == nil {
					return 0
				}
				return float64(len(s.Live()))
			}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "warmline_admitting", Help: "1 when this process takes new calls, 0 when lines, lateness, the spool or draining forbid it."},
			func() float64 {
				if s.Refuse == nil || s.Refuse() != "" {
					return 0
				}
				return 1
			}),
	}
}
