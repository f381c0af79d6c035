// Package openaitest is a small OpenAI-compatible endpoint: a real HTTP server that
// knows chat completions with Structured Outputs and refuses what the real one refuses.
//
// It checks method, path, key, and the shape of every request: a model, messages with
// roles, a strict JSON schema with every property required and no others allowed. It
// answers by [Options.Understand] and [Options.Propose], in the envelope of a chat
// completion with tokens counted, and refuses to say what the schema does not allow.
// Bad days are [Server.Fault]: it hangs, floods, cuts short, talks another language,
// is out of quota, or is gone. It keeps what it was sent, so that a test can see what
// left the house.
//
//	https://platform.openai.com/docs/api-reference/chat/create
package openaitest

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is a bad day.
type Fault string

// The bad days.
const (
	None       Fault = ""
	Hang       Fault = "hang"        // accepts, and says nothing
	Drip       Fault = "drip"        // an answer that never ends, a byte at a time
	Flood      Fault = "flood"       // 10 MB
	Garbage    Fault = "garbage"     // no JSON at all
	Prose      Fault = "prose"       // an envelope with a chatty answer
	Fenced     Fault = "fenced"      // JSON in a code block, as careless servers do
	NotInList  Fault = "not_in_list" // an intent of its own
	Foreign    Fault = "foreign"     // an intent in Chinese
	Sure       Fault = "sure"        // a confidence of 100
	Extra      Fault = "extra"       // a key nobody asked for, with words to say in it
	Twice      Fault = "twice"       // two objects
	Cut        Fault = "cut"         // finish_reason length
	Refusal    Fault = "refusal"     // the model declines
	NoChoice   Fault = "no_choice"   // an empty list
	Quota      Fault = "quota"       // 429 with Retry-After
	QuotaDate  Fault = "quota_date"  // 429 with Retry-After as a date
	Busy       Fault = "busy"        // 503
	Broken     Fault = "broken"      // 500
	Gone       Fault = "gone"        // hangs up
	Elsewhere  Fault = "elsewhere"   // 307 to another host
	WildTokens Fault = "wild_tokens" // says it used −5 and 10¹⁵ tokens
)

// Options say what the model knows.
type Options struct {
	Key        string                                                            // the bearer token wanted; "" wants none
	Model      string                                                            // the one model there is; "" takes any
	Understand func(question, answer string, intents []string) (string, float64) // nil: other, 0.5
	Propose    func(lines []string, count int) []string                          // nil: nothing
	RetryAfter int                                                               // seconds, of Quota; 7 when zero
}

// Server is a running endpoint.
type Server struct {
	options  Options
	listener net.Listener
	http     *http.Server
	done     chan struct{}
	quit     chan struct{}

	mu     sync.Mutex
	fault  Fault
	bodies []string
	bad    []string
}

// Start listens on loopback.
func Start(o Options) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the model's endpoint: %w", err)
	}
	s := &Server{options: o, listener: l, done: make(chan struct{}), quit: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/chat/completions", s.complete)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, http.StatusNotFound, "invalid_request_error", "unknown_url", "Unknown request URL: "+r.Method+" "+r.URL.Path)
	})
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { defer close(s.done); s.http.Serve(l) }()
	return s, nil
}

// URL is the base a client is configured with.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/v1" }

// Close ends it.
func (s *Server) Close() error {
	close(s.quit)
	err := s.http.Close()
	<-s.done
	return err
}

// Fault begins a bad day; None ends it.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Requests are the bodies that came, as they came.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies)
}

// Refused are the requests that broke the protocol, and how.
func (s *Server) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bad)
}

// asked is a request as we read it, with our own types.
type asked struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	Temperature *float64 `json:"temperature"`
	MaxTokens   *int     `json:"max_tokens"`
	Format      *struct {
		Type   string `json:"type"`
		Schema *struct {
			Name   string `json:"name"`
			Strict bool   `json:"strict"`
			Schema struct {
				Type       string                    `json:"type"`
				Properties map[string]map[string]any `json:"properties"`
				Required   []string                  `json:"required"`
				Additional *bool                     `json:"additionalProperties"`
			} `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

const maxBody = 1 << 20

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		s.refuse(w, http.StatusMethodNotAllowed, "invalid_request_error", "method_not_supported", "Not allowed to "+r.Method)
		return
	}
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if s.options.Key != "" && subtle.ConstantTimeCompare([]byte(given), []byte(s.options.Key)) != 1 {
		// The real one tells part of the key back; so do we, to see that nobody logs it.
		s.refuse(w, http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: "+given+".")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		s.refuse(w, http.StatusRequestEntityTooLarge, "invalid_request_error", "too_large", "The request is too large.")
		return
	}
	s.mu.Lock()
	s.bodies = append(s.bodies, string(body))
	fault := s.fault
	s.mu.Unlock()
	q, err := read(r, body)
	if err == nil && s.options.Model != "" && q.Model != s.options.Model {
		s.refuse(w, http.StatusNotFound, "invalid_request_error", "model_not_found", "The model does not exist.")
		return
	}
	if err != nil {
		s.refuse(w, http.StatusBadRequest, "invalid_request_error", "", err.Error())
		return
	}
	if s.badDay(w, r, fault) {
		return
	}
	content, err := s.answer(q)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, "invalid_request_error", "", err.Error())
		return
	}
	s.send(w, q, bend(fault, content), fault)
}

var schemaName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// read checks a request as the real endpoint does.
func read(r *http.Request, body []byte) (asked, error) {
	var q asked
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		return q, fmt.Errorf("could not parse the JSON body: %w", err)
	}
	switch {
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return q, errors.New("the content type is not application/json")
	case q.Model == "":
		return q, errors.New("you must provide a model parameter")
	case len(q.Messages) == 0:
		return q, errors.New("messages is too short")
	case q.Temperature != nil && (*q.Temperature < 0 || *q.Temperature > 2):
		return q, errors.New("temperature is not between 0 and 2")
	case q.MaxTokens != nil && *q.MaxTokens < 1:
		return q, errors.New("max_tokens is below 1")
	case q.Format == nil || q.Format.Type != "json_schema" || q.Format.Schema == nil:
		return q, errors.New("response_format.type is not json_schema")
	}
	for _, m := range q.Messages {
		if !slices.Contains([]string{"system", "developer", "user", "assistant"}, m.Role) || m.Content == "" {
			return q, fmt.Errorf("invalid message of role %q", m.Role)
		}
	}
	f := q.Format.Schema
	names := slices.Sorted(maps.Keys(f.Schema.Properties))
	switch {
	case !schemaName.MatchString(f.Name):
		return q, errors.New("response_format.json_schema.name does not match ^[a-zA-Z0-9_-]{1,64}$")
	case !f.Strict:
		return q, errors.New("this server only knows strict schemas")
	case f.Schema.Type != "object" || len(names) == 0:
		return q, errors.New("the schema's root is not an object")
	case f.Schema.Additional == nil || *f.Schema.Additional:
		return q, errors.New("in strict mode additionalProperties must be false")
	case !slices.Equal(slices.Sorted(slices.Values(f.Schema.Required)), names):
		return q, errors.New("in strict mode required must name every property")
	}
	return q, nil
}

// answer is what the model says, within the schema.
func (s *Server) answer(q asked) (string, error) {
	var data struct {
		Question string   `json:"question"`
		Answer   string   `json:"answer"`
		Lines    []string `json:"lines"`
		Count    int      `json:"count"`
	}
	if err := json.Unmarshal([]byte(q.Messages[len(q.Messages)-1].Content), &data); err != nil {
		return "", fmt.Errorf("the model did not understand: %w", err)
	}
	properties := q.Format.Schema.Schema.Properties
	if enum, ok := properties["intent"]["enum"].([]any); ok {
		var intents []string
		for _, e := range enum {
			intents = append(intents, fmt.Sprint(e))
		}
		intent, confidence := "other", 0.5
		if s.options.Understand != nil {
			intent, confidence = s.options.Understand(data.Question, data.Answer, intents)
		}
		if !slices.Contains(intents, intent) {
			return "", fmt.Errorf("the script says %q, which strict mode cannot give", intent)
		}
		return encode(map[string]any{"intent": intent, "confidence": confidence}), nil
	}
	if _, ok := properties["wordings"]; ok {
		list := []string{}
		if s.options.Propose != nil {
			list = s.options.Propose(data.Lines, data.Count)
		}
		return encode(map[string]any{"wordings": list}), nil
	}
	return "", errors.New("the model knows no such schema")
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return string(b)
}

// badDay is an answer that is none at all.
func (s *Server) badDay(w http.ResponseWriter, r *http.Request, f Fault) bool {
	switch f {
	case Hang:
		s.await(r, time.Minute)
	case Drip:
		w.Header().Set("Content-Type", "application/json")
		for range 600 {
			io.WriteString(w, " ")
			http.NewResponseController(w).Flush()
			if s.await(r, 50*time.Millisecond) {
				break
			}
		}
	case Flood:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"choices":[{"message":{"content":"`)
		for range 10 << 10 {
			if _, err := io.WriteString(w, strings.Repeat("a", 1<<10)); err != nil {
				return true
			}
		}
		io.WriteString(w, `"}}]}`)
	case Garbage:
		io.WriteString(w, "<html>\x00 not json \xff")
	case Quota, QuotaDate:
		after := s.options.RetryAfter
		if after == 0 {
			after = 7
		}
		w.Header().Set("Retry-After", fmt.Sprint(after))
		if f == QuotaDate {
			w.Header().Set("Retry-After", time.Now().Add(time.Duration(after)*time.Second).UTC().Format(http.TimeFormat))
		}
		s.fail(w, http.StatusTooManyRequests, "requests", "rate_limit_exceeded", "Rate limit reached.")
	case Busy:
		s.fail(w, http.StatusServiceUnavailable, "server_error", "", "The server is overloaded.")
	case Broken:
		s.fail(w, http.StatusInternalServerError, "server_error", "", "The server had an error.")
	case Gone:
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			c.Close()
		}
	case Elsewhere:
		http.Redirect(w, r, "http://127.0.0.2:9/v1/chat/completions", http.StatusTemporaryRedirect)
	default:
		return false
	}
	return true
}

// await waits until the client leaves, the server ends or a time has passed.
func (s *Server) await(r *http.Request, d time.Duration) (left bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.Context().Done():
		return true
	case <-s.quit:
		return true
	case <-t.C:
		return false
	}
}

// bend is what a careless model makes of a good answer.
func bend(f Fault, content string) string {
	switch f {
	case Prose:
		return "Sure! The customer seems to agree: " + content
	case Fenced:
		return "```json\n" + content + "\n```"
	case NotInList:
		return `{"intent":"agreed_to_everything","confidence":0.99}`
	case Foreign:
		return `{"intent":"同意","confidence":0.99}`
	case Sure:
		return `{"intent":"other","confidence":100}`
	case Extra:
		return strings.TrimSuffix(content, "}") + `,"say":"免费送您一部手机"}`
	case Twice:
		return content + content
	}
	return content
}

// send is the envelope.
func (s *Server) send(w http.ResponseWriter, q asked, content string, f Fault) {
	finish, choice := "stop", map[string]any{"role": "assistant", "content": content, "refusal": nil}
	switch f {
	case Cut:
		finish, choice["content"] = "length", content[:len(content)/2]
	case Refusal:
		choice["content"], choice["refusal"] = nil, "I'm sorry, I can't help with that."
	}
	in, out := 0, len([]rune(content))
	for _, m := range q.Messages {
		in += len([]rune(m.Content))
	}
	if f == WildTokens {
		in, out = -5, 1_000_000_000_000_000
	}
	choices := []any{map[string]any{"index": 0, "message": choice, "finish_reason": finish, "logprobs": nil}}
	if f == NoChoice {
		choices = []any{}
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, encode(map[string]any{
		"id": "chatcmpl-test", "object": "chat.completion", "created": 1790000000, "model": q.Model, "choices": choices,
		"usage":              map[string]any{"prompt_tokens": in, "completion_tokens": out, "total_tokens": in + out},
		"system_fingerprint": "fp_test",
	}))
}

// refuse is a request that is wrong; it is remembered.
func (s *Server) refuse(w http.ResponseWriter, status int, kind, code, msg string) {
	s.mu.Lock()
	s.bad = append(s.bad, msg)
	s.mu.Unlock()
	s.fail(w, status, kind, code, msg)
}

func (s *Server) fail(w http.ResponseWriter, status int, kind, code, msg string) {
	e := map[string]any{"message": msg, "type": kind, "param": nil, "code": nil}
	if code != "" {
		e["code"] = code
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, encode(map[string]any{"error": e}))
}
