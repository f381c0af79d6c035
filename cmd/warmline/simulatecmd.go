package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"warmline/messaging/smstest"
	"warmline/sip/siptest"
	"warmline/speech/speechtest"
	"warmline/wecom/wecomtest"
)

// simulateCmd groups the simulators, each its own process that speaks the true
// protocol and keeps its own log of the truth.
type simulateCmd struct {
	Carrier simulateCarrierCmd `cmd:"" help:"A carrier's gateway with people behind it."`
	WeCom   simulateWeComCmd   `cmd:"" name:"wecom" help:"WeCom's server API, callbacks, members and customers."`
	SMS     simulateSMSCmd     `cmd:"" name:"sms" help:"An SMS provider with handsets."`

	// WorldOffset moves the simulators' world as serve's flag of that name does.
	WorldOffset time.Duration `hidden:""`
}

// now is the simulators' time.
func (c *simulateCmd) now() time.Time { return time.Now().Add(c.WorldOffset) }

// lines writes whole lines to a file, for logs of the truth; "-" is standard
// output.
func recordTo(file string, out io.Writer) (io.Writer, func() error, error) {
	switch file {
	case "":
		return io.Discard, func() error { return nil }, nil
	case "-":
		return &lockedWriter{w: out}, func() error { return nil }, nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("the log of the truth: %w", err)
	}
	return &lockedWriter{w: f}, f.Close, nil
}

// lockedWriter keeps lines of several goroutines apart.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes one line.
func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

type simulateCarrierCmd struct {
	Listen   string        `help:"SIP address, UDP." default:"127.0.0.1:5060"`
	Control  string        `help:"HTTP address of the control API." default:"127.0.0.1:5061"`
	Record   string        `help:"Log of the truth, JSON lines; - is standard output." placeholder:"FILE"`
	Ring     time.Duration `help:"The longest ring." default:"2.5s"`
	Pause    time.Duration `help:"Silence after which people take the caller to have finished." default:"600ms"`
	Patience time.Duration `help:"The silence after which a person hangs up." default:"15s"`
	JSON     bool          `help:"Print the addresses as JSON."`
}

// Help shows an example.
func (simulateCarrierCmd) Help() string {
	return `The last three digits of a number choose who answers; docs/numbers.md has the
table. People speak and understand tones that encode text (speech.ears: tones).

  GET  /truth     what the gateway saw
  GET  /cases     the numbers
  PUT  /faults    {"unavailable":0.3,"drop":0.05,"drop_rtp":0.01,"delay":"0s"}

Example:

  warmline simulate carrier --listen 127.0.0.1:5060 --record carrier.jsonl`
}

// Run simulates until told to stop.
func (c *simulateCarrierCmd) Run(a *app) error {
	rec, done, err := recordTo(c.Record, a.std.out)
	if err != nil {
		return err
	}
	defer done()
	g, err := siptest.Start(siptest.Options{Addr: c.Listen, Record: rec, Ring: c.Ring, Patience: c.Patience, Voice: speechtest.ALaw,
		Now: a.cli.Simulate.now, Log: a.log})
	if err != nil {
		return err
	}
	defer g.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /truth", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, g.Truth()) })
	mux.HandleFunc("GET /cases", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, siptest.Cases()) })
	mux.HandleFunc("PUT /faults", func(w http.ResponseWriter, r *http.Request) {
		var f struct {
			siptest.Faults
			Delay string `json:"delay"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&f); err != nil {
			http.Error(w, "faults: "+err.Error(), http.StatusBadRequest)
			return
		}
		if f.Delay != "" {
			d, err := time.ParseDuration(f.Delay)
			if err != nil {
				http.Error(w, "delay: "+err.Error(), http.StatusBadRequest)
				return
			}
			f.Faults.Delay = d
		}
		g.SetFaults(f.Faults)
		writeJSON(w, g.Faults())
	})
	return serveControl(a, "carrier", c.Control, mux, map[string]string{"sip": g.Addr()}, c.JSON)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

// serveControl answers a control API until the command is told to stop.
func serveControl(a *app, name, addr string, h http.Handler, at map[string]string, asJSON bool) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("the control API: %w", err)
	}
	at["control"] = "http://" + l.Addr().String()
	if err := tellAddresses(a, name, at, asJSON); err != nil {
		return err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1) // the server's own end
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-a.ctx.Done():
	}
	bye, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.Shutdown(bye)
}

func tellAddresses(a *app, name string, at map[string]string, asJSON bool) error {
	if asJSON {
		at["simulates"] = name
		return a.json(at)
	}
	a.printf("simulating %s:", name)
	for k, v := range at {
		a.printf(" %s %s", k, v)
	}
	a.printf("\nCtrl-C ends it\n")
	return nil
}

type simulateWeComCmd struct {
	Listen   string   `help:"HTTP address of API and control." default:"127.0.0.1:5062"`
	Callback string   `help:"URL that callbacks go to." placeholder:"URL"`
	Token    string   `help:"Token of the callback."`
	AESKey   string   `name:"aes-key" help:"EncodingAESKey of the callback."`
	CorpID   string   `name:"corp-id" help:"Corp ID."`
	Secret   string   `help:"Secret of the app."`
	Members  []string `help:"Members' user IDs." sep:","`
	Record   string   `help:"Log of the truth, JSON lines; - is standard output." placeholder:"FILE"`
	JSON     bool     `help:"Print the addresses as JSON."`
}

// Help shows an example.
func (simulateWeComCmd) Help() string {
	return `Members here open the cards they are sent, reveal the number on their page and
add the customer; customers accept, or not, and some delete again. The control
API (POST /control/fault, /control/open …, GET /control/truth) is explained by
«go doc ./wecom/wecomtest».

Example:

  warmline simulate wecom --callback http://127.0.0.1:8080/callbacks/wecom --record wecom.jsonl`
}

// Run simulates until told to stop.
func (c *simulateWeComCmd) Run(a *app) error {
	rec, done, err := recordTo(c.Record, a.std.out)
	if err != nil {
		return err
	}
	defer done()
	s, err := wecomtest.Start(wecomtest.Options{
		Addr: c.Listen, CallbackURL: c.Callback, Token: c.Token, AESKey: c.AESKey, CorpID: c.CorpID, Secret: c.Secret,
		Members: c.Members, Now: a.cli.Simulate.now, Record: rec, Log: a.log,
	})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := tellAddresses(a, "wecom", map[string]string{"api": s.URL()}, c.JSON); err != nil {
		return err
	}
	membersWork(a.ctx, s, a.log)
	return nil
}

// membersWork is the members' own hands: they open each card's page, reveal the
// number and add the person. It ends with ctx.
func membersWork(ctx context.Context, s *wecomtest.Server, log *slog.Logger) {
	client := &http.Client{Timeout: 5 * time.Second}
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for done := 0; ; {
		messages := s.Truth().Messages
		for ; done < len(messages); done++ {
			m := messages[done]
			page := cardPage(m.Body)
			if page == "" {
				continue
			}
			t, err := reveal(ctx, client, page)
			if err != nil {
				log.Warn("a member could not open a task", "member", m.Member, "err", err)
				continue
			}
			s.TaskSeen(m.Member, t.Phone, t.Greeting)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// cardPage finds the page a card opens.
func cardPage(body json.RawMessage) string {
	var card struct {
		Action struct {
			URL string `json:"url"`
		} `json:"card_action"`
	}
	if json.Unmarshal(body, &card) != nil {
		return ""
	}
	return card.Action.URL
}

// revealed is what a member reads off the task page.
type revealed struct {
	Phone    string `json:"phone"`
	Greeting string `json:"greeting"`
}

func reveal(ctx context.Context, client *http.Client, page string) (revealed, error) {
	var t revealed
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, page+"/reveal", nil)
	if err != nil {
		return t, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return t, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return t, errors.New(resp.Status)
	}
	return t, json.NewDecoder(resp.Body).Decode(&t)
}

type simulateSMSCmd struct {
	Listen   string `help:"HTTP address of API and control." default:"127.0.0.1:5063"`
	Receipts string `help:"URL that delivery receipts go to." placeholder:"URL"`
	Replies  string `help:"URL that people's answers go to." placeholder:"URL"`
	OnLink   string `help:"URL told of every link a person receives, such as WeCom's /control/open." placeholder:"URL"`
	Template string `help:"Text of template 1000001." default:"您好，这是您要的客服企业微信链接，打开后输入口令{1}即可添加。拒收请回复R"`
	Record   string `help:"Log of the truth, JSON lines; - is standard output." placeholder:"FILE"`
	JSON     bool   `help:"Print the addresses as JSON."`
}

// Help shows an example.
func (simulateSMSCmd) Help() string {
	return `Speaks Tencent Cloud's API with its signature, limits, receipts and replies.

Example:

  warmline simulate sms --receipts http://127.0.0.1:8080/callbacks/sms/receipt/SECRET`
}

// Run simulates until told to stop.
func (c *simulateSMSCmd) Run(a *app) error {
	rec, done, err := recordTo(c.Record, a.std.out)
	if err != nil {
		return err
	}
	defer done()
	s, err := smstest.Start(smstest.Options{
		Addr: c.Listen, ReceiptURL: c.Receipts, ReplyURL: c.Replies, OnLinkURL: c.OnLink,
		Templates: map[string]string{"1000001": c.Template}, Now: a.cli.Simulate.now, Record: rec, Log: a.log,
	})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := tellAddresses(a, "sms", map[string]string{"api": s.URL()}, c.JSON); err != nil {
		return err
	}
	<-a.ctx.Done()
	return nil
}

// textOf finds the last text a person got.
func textOf(t smstest.Truth, phone string) string {
	text := ""
	for _, m := range t.Messages {
		if m.Phone == phone || strings.TrimPrefix(m.Phone, "+86") == strings.TrimPrefix(phone, "+86") {
			text = m.Text
		}
	}
	return text
}

var codeInText = regexp.MustCompile(`口令([A-Z0-9]{8})`)

// codeOf finds the code a text carries.
func codeOf(text string) string {
	if m := codeInText.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
