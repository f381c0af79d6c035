package wecomtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options says what kind of corp the server plays. The zero value of each field
// is useful.
type Options struct {
	Addr    string // "" is 127.0.0.1:0
	CorpID  string // "" is ww0123456789abcdef
	Secret  string // "" is secret
	AgentID int    // 0 is 1000002

	CallbackURL string // "" pushes nothing until SetCallback
	Token       string // of the callback; "" is dialerToken2026
	AESKey      string // 43 characters; "" is the key of the published test vectors

	Members   []string       // with customer contact; nil is zhangsan, lisi, wangwu
	Full      map[string]int // member → most customers (20,000)
	Quota     int            // friends that may come by link; 0 is 100,000
	TokenLife time.Duration  // 0 is 2 h
	PerMinute int            // calls of one API a minute; 0 is 10,000
	Parallel  int            // calls of one API at a time before 45033; 0 is no limit
	MaxLinks  int            // 0 is 1,000

	// People decides what a person does with an offer. The phone is "" when
	// only the link is known. A deletesAfter of 0 stays friends.
	People func(state, phone string) (adds bool, after, deletesAfter time.Duration)
	// OldState makes a person who comes back after deleting bring the state of
	// the first time, as was seen in the field.
	OldState bool
	Pace     float64       // how people's and callbacks' waits are stretched; 0 is 1, 0.01 is hurried
	Deadline time.Duration // a callback's answer, and the pause before a retry; 0 is 5 s

	Now    func() time.Time // nil is time.Now
	Log    *slog.Logger
	Record io.Writer // what happened to whom, JSON lines
}

// Server is a running WeCom.
type Server struct {
	o      Options
	ln     net.Listener
	http   *http.Server
	served chan struct{} // closed when Serve has returned
	ctx    context.Context
	stop   context.CancelFunc
	client *http.Client
	seal   *seal

	mu       sync.Mutex
	idle     *sync.Cond // signalled when active falls
	active   int        // people and callbacks under way
	closed   bool
	token    string
	tokenEnd time.Time
	faults   []*Fault
	running  map[string]int
	windows  map[string]*window
	links    map[string]*link
	linkIDs  []string
	ways     map[string]string // config ID → state
	people   map[string]*person
	byID     map[string]*person // external_userid → person
	order    []string
	welcomes map[string]*welcome
	groups   []*tagGroup
	cards    map[string]*card // response code → card
	sent     map[string][]time.Time
	repeats  map[string]time.Time
	held     *pushed // a callback kept back to be overtaken
	quota    int
	used     int
	truth    Truth
}

// Start opens the server. Close ends it.
func Start(o Options) (*Server, error) {
	fill(&o)
	seal, err := newSeal(o.Token, o.AESKey, o.CorpID)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("wecomtest: %w", err)
	}
	s := &Server{
		o: o, ln: ln, seal: seal, served: make(chan struct{}), client: &http.Client{},
		running: map[string]int{}, windows: map[string]*window{}, links: map[string]*link{}, ways: map[string]string{},
		people: map[string]*person{}, byID: map[string]*person{}, welcomes: map[string]*welcome{},
		cards: map[string]*card{}, sent: map[string][]time.Time{}, repeats: map[string]time.Time{},
		quota: o.Quota, truth: Truth{Calls: map[string]int{}},
	}
	s.idle = sync.NewCond(&s.mu)
	s.ctx, s.stop = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	mux.HandleFunc("/cgi-bin/", s.api)
	mux.HandleFunc("GET /ca/{link}", s.page)
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
	or(&o.CorpID, "ww0123456789abcdef")
	or(&o.Secret, "secret")
	or(&o.Token, "dialerToken2026")
	or(&o.AESKey, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoyMzQ1Njc")
	num := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	num(&o.AgentID, 1000002)
	num(&o.Quota, 100_000)
	num(&o.PerMinute, 10_000)
	num(&o.MaxLinks, 1000)
	if o.Members == nil {
		o.Members = []string{"zhangsan", "lisi", "wangwu"}
	}
	if o.TokenLife == 0 {
		o.TokenLife = 2 * time.Hour
	}
	if o.People == nil {
		o.People = Habit
	}
	if o.Pace == 0 {
		o.Pace = 1
	}
	if o.Deadline == 0 {
		o.Deadline = 5 * time.Second
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

// SetCallback says where callbacks go from now on.
func (s *Server) SetCallback(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.CallbackURL = url
}

// Close ends the server: people stop, callbacks under way are given up, and
// nothing runs any more when it returns.
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

// Wait returns when no person and no callback is under way any more.
func (s *Server) Wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.active > 0 {
		s.idle.Wait()
	}
}

// start runs f unless the server is closed. The lock is not held.
func (s *Server) start(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.startLocked(f)
}

func (s *Server) startLocked(f func()) {
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

// id makes a new identifier. The lock is held.
func (s *Server) id(prefix string, bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return prefix + hex.EncodeToString(b)
}

// record writes one line about a person. The lock is held.
func (s *Server) record(what string, p *person, more map[string]any) {
	line := map[string]any{"at": s.o.Now().Format(time.RFC3339Nano), "what": what}
	if p != nil {
		line["person"], line["external_userid"] = p.who, p.id
	}
	for k, v := range more {
		line[k] = v
	}
	s.o.Log.Debug("wecomtest", "what", what)
	if s.o.Record == nil {
		return
	}
	if b, err := json.Marshal(line); err == nil {
		s.o.Record.Write(append(b, '\n'))
	}
}
