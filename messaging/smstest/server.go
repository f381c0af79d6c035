package smstest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options says what kind of provider the server plays. The zero value of each
// field is useful.
type Options struct {
	Addr      string // "" is 127.0.0.1:0
	AppID     string // "" is 1400000001
	SecretID  string // "" is AKIDEXAMPLE00000000
	SecretKey string // "" is SECRETEXAMPLE0000000

	Signs     []string          // approved brands; nil approves any
	Templates map[string]string // ID → text; nil accepts any ID, read as its variables
	ParamURL  bool              // variables may hold web addresses
	PerDay    int               // texts to one number a day; 0 is 10
	Balance   int               // parts paid for; 0 is 1,000,000

	ReceiptURL string // delivery reports go here; "" nowhere
	ReplyURL   string // replies go here; "" nowhere

	// OnLink is told of every link that a delivered text shows to a person.
	OnLink func(url, phone string)
	// OnLinkURL gets the same as POST {"url","phone"}, for a person simulated
	// by another process.
	OnLinkURL string
	// People decides whether a person writes back; "" is silence. nil is
	// [Habit].
	People func(phone, text string) (reply string, after time.Duration)
	// Deliver gives the network's word for a number: DELIVRD or why not. nil is
	// [Network].
	Deliver func(phone string) string

	Pace   float64          // how waits are stretched; 0 is 1, 0.01 is hurried
	Now    func() time.Time // nil is time.Now
	Log    *slog.Logger
	Record io.Writer // what happened to whom, JSON lines
}

// Server is a running provider.
type Server struct {
	o      Options
	ln     net.Listener
	http   *http.Server
	served chan struct{} // closed when Serve has returned
	ctx    context.Context
	stop   context.CancelFunc
	client *http.Client

	mu      sync.Mutex
	idle    *sync.Cond // signalled when active falls
	active  int        // deliveries, pushes and people under way
	closed  bool
	faults  []*Fault
	last    map[string]time.Time   // number|text → newest
	today   map[string][]time.Time // number → taken
	stopped map[string]time.Time   // number → when it said stop
	balance int
	serial  int
	truth   Truth
}

// Start opens the server. Close ends it.
func Start(o Options) (*Server, error) {
	fill(&o)
	ln, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("smstest: %w", err)
	}
	s := &Server{
		o: o, ln: ln, served: make(chan struct{}), client: &http.Client{Timeout: pushTimeout},
		last: map[string]time.Time{}, today: map[string][]time.Time{}, stopped: map[string]time.Time{}, balance: o.Balance,
	}
	s.idle = sync.NewCond(&s.mu)
	s.ctx, s.stop = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", s.send)
	s.control(mux)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		s.http.Serve(ln)
	}()
	return s, nil
}

func fill(o *Options) {
	or := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	or(&o.Addr, "127.0.0.1:0")
	or(&o.AppID, "1400000001")
	or(&o.SecretID, "AKIDEXAMPLE00000000")
	or(&o.SecretKey, "SECRETEXAMPLE0000000")
	if o.PerDay == 0 {
		o.PerDay = 10
	}
	if o.Balance == 0 {
		o.Balance = 1_000_000
	}
	if o.People == nil {
		o.People = Habit
	}
	if o.Deliver == nil {
		o.Deliver = Network
	}
	if o.Pace == 0 {
		o.Pace = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// handlersEnd is how long Close waits for callers who do not read their answer.
const handlersEnd = 500 * time.Millisecond

// Addr is the host:port the server listens on.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// URL is the base address for a client.
func (s *Server) URL() string { return "http://" + s.Addr() }

// SetPush says where delivery reports and replies go from now on.
func (s *Server) SetPush(receipts, replies string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.ReceiptURL, s.o.ReplyURL = receipts, replies
}

// SetTemplate adds an approved text.
func (s *Server) SetTemplate(id, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{id: text}
	for k, v := range s.o.Templates {
		if k != id {
			all[k] = v
		}
	}
	s.o.Templates = all
}

// Close ends the server; nothing runs any more when it returns.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), handlersEnd)
	defer cancel()
	err := s.http.Shutdown(ctx) // waits for handlers, which the stop has freed
	if err != nil {
		err = s.http.Close()
	}
	<-s.served
	s.Wait()
	s.client.CloseIdleConnections()
	return err
}

// Wait returns when no delivery, push or person is under way any more.
func (s *Server) Wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.active > 0 {
		s.idle.Wait()
	}
}

// start runs f unless the server is closed. The lock is held.
func (s *Server) start(f func()) {
	if s.closed {
		return
	}
	s.active++
	go func() {
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.active--
			s.idle.Broadcast()
		}()
		f()
	}()
}

// pause waits d at the server's pace and says whether the server still runs.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(time.Duration(float64(d) * s.o.Pace))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// Truth is what really happened, counted by the server itself.
type Truth struct {
	Requests            int            `json:"requests"`
	Forged              int            `json:"forged"` // requests whose signature was wrong
	Taken               int            `json:"taken"`
	Delivered           int            `json:"delivered"`
	Refused             map[string]int `json:"refused"` // by code
	Links               int            `json:"links"`
	Replies             int            `json:"replies"`
	Stops               int            `json:"stops"`
	MessagedAfterOptOut int            `json:"messaged_after_opt_out"`
	PushesTaken         int            `json:"pushes_taken"`
	PushesGivenUp       int            `json:"pushes_given_up"`
	Messages            []Message      `json:"messages"`
}

// Message is one text that was taken.
type Message struct {
	Phone     string    `json:"phone"`
	Serial    string    `json:"serial"`
	Session   string    `json:"session"` // the sender's own ID
	Template  string    `json:"template"`
	Sign      string    `json:"sign"`
	Text      string    `json:"text"`
	At        time.Time `json:"at"`
	Status    string    `json:"status"` // the network's word, "" while under way
	AfterStop bool      `json:"after_stop,omitempty"`
}

// Truth tells what happened so far.
func (s *Server) Truth() Truth {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.truth
	t.Messages = slices.Clone(s.truth.Messages)
	t.Refused = map[string]int{}
	for code, n := range s.truth.Refused {
		t.Refused[code] = n
	}
	return t
}

// To lists the texts to one number.
func (t Truth) To(phone string) []Message {
	return slices.DeleteFunc(slices.Clone(t.Messages), func(m Message) bool { return m.Phone != phone })
}

// record writes one line about a person. The lock is held.
func (s *Server) record(what, phone string, more map[string]any) {
	line := map[string]any{"at": s.o.Now().Format(time.RFC3339Nano), "what": what, "person": phone}
	for k, v := range more {
		line[k] = v
	}
	if s.o.Record == nil {
		return
	}
	if b, err := json.Marshal(line); err == nil {
		s.o.Record.Write(append(b, '\n'))
	}
}

// control registers what another process may do to the server.
func (s *Server) control(mux *http.ServeMux) {
	type order struct {
		ID       string `json:"id"`
		Text     string `json:"text"`
		Phone    string `json:"phone"`
		Receipts string `json:"receipts"`
		Replies  string `json:"replies"`
		Fault
	}
	do := func(name string, f func(o order)) {
		mux.HandleFunc("POST /control/"+name, func(w http.ResponseWriter, r *http.Request) {
			var o order
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&o); err != nil {
				http.Error(w, "the body must be a JSON object: "+err.Error(), http.StatusBadRequest)
				return
			}
			f(o)
		})
	}
	do("template", func(o order) { s.SetTemplate(o.ID, o.Text) })
	do("reply", func(o order) { s.Reply(o.Phone, o.Text) })
	do("stop", func(o order) { s.Stop(o.Phone) })
	do("push", func(o order) { s.SetPush(o.Receipts, o.Replies) })
	do("fault", func(o order) { s.Inject(o.Fault) })
	mux.HandleFunc("GET /control/truth", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(s.Truth())
	})
}
