package wecomtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Fault is something that goes wrong a number of times.
type Fault struct {
	// API is the path below /cgi-bin/, "" for any call, or "callback".
	API string `json:"api"`
	// Kind of a call: "code" (answer Code, the default), "http500", "hang" (no
	// answer until the caller gives up), "half" (the work is done, half the
	// answer is sent), "lost" (the work is done, the connection breaks).
	// Kind of a callback: "lose", "duplicate", "delay" (10 s), "reorder" (after
	// the next one), "receiver" (meant for another corp), "forge" (bad signature).
	Kind  string `json:"kind"`
	Code  int    `json:"code"`
	Times int    `json:"times"` // 0 is once
}

// Inject adds a fault.
func (s *Server) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	if f.Kind == "" {
		f.Kind = "code"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// RevokeTokens ends every token early, as WeCom may.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = ""
}

// fault takes the next fault for the API, if any. The lock is held.
func (s *Server) fault(api string) *Fault {
	for i, f := range s.faults {
		if f.API == api || (f.API == "" && api != "callback") {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
			return f
		}
	}
	return nil
}

// window counts the calls of one API in the running minute.
type window struct {
	began time.Time
	calls int
}

// refusal is an errcode with its text.
type refusal struct {
	code int
	text string
}

func (r *refusal) Error() string { return r.text }

func refuse(code int, text string) error { return &refusal{code, text} }

type answer = map[string]any

// endpoint does one API's work with the lock held.
type endpoint struct {
	post bool
	do   func(s *Server, q url.Values, body []byte) (answer, error)
}

var endpoints = map[string]endpoint{
	"getcallbackip":                                    {false, (*Server).callbackIPs},
	"externalcontact/get_follow_user_list":             {false, (*Server).followUsers},
	"externalcontact/customer_acquisition/create_link": {true, (*Server).createLink},
	"externalcontact/customer_acquisition/get":         {true, (*Server).getLink},
	"externalcontact/customer_acquisition/customer":    {true, (*Server).linkCustomers},
	"externalcontact/customer_acquisition_quota":       {false, (*Server).quotaLeft},
	"externalcontact/add_contact_way":                  {true, (*Server).addWay},
	"externalcontact/get":                              {false, (*Server).getCustomer},
	"externalcontact/batch/get_by_user":                {true, (*Server).byMembers},
	"externalcontact/remark":                           {true, (*Server).remark},
	"externalcontact/mark_tag":                         {true, (*Server).markTag},
	"externalcontact/get_corp_tag_list":                {true, (*Server).corpTags},
	"externalcontact/add_corp_tag":                     {true, (*Server).addCorpTag},
	"externalcontact/send_welcome_msg":                 {true, (*Server).sendWelcome},
	"message/send":                                     {true, (*Server).sendMessage},
	"message/update_template_card":                     {true, (*Server).updateCard},
}

func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	api := strings.TrimPrefix(r.URL.Path, "/cgi-bin/")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		reply(w, nil, refuse(40058, "body too long"))
		return
	}
	s.mu.Lock()
	s.truth.Calls[api]++
	s.running[api]++
	parallel := s.running[api]
	s.truth.Peak = max(s.truth.Peak, parallel)
	f := s.fault(api)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running[api]--
		s.mu.Unlock()
	}()
	kind := ""
	if f != nil {
		kind = f.Kind
	}
	switch kind {
	case "code":
		reply(w, nil, refuse(f.Code, "injected"))
		return
	case "http500":
		http.Error(w, "bad gateway", http.StatusBadGateway)
		return
	case "hang":
		select {
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
		return
	}
	a, err := s.work(api, parallel, r, body)
	switch kind {
	case "half":
		var b bytes.Buffer
		json.NewEncoder(&b).Encode(a)
		w.Write(b.Bytes()[:b.Len()/2])
	case "lost":
		panic(http.ErrAbortHandler)
	default:
		reply(w, a, err)
	}
}

// work checks the call as WeCom does and performs it.
func (s *Server) work(api string, parallel int, r *http.Request, body []byte) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	if s.o.Parallel > 0 && parallel > s.o.Parallel {
		return nil, refuse(45033, "api concurrent out of limit")
	}
	win := s.windows[api]
	if win == nil || now.Sub(win.began).Abs() >= time.Minute {
		win = &window{began: now}
		s.windows[api] = win
	}
	if win.calls++; win.calls > s.o.PerMinute {
		return nil, refuse(45009, "api freq out of limit")
	}
	q := r.URL.Query()
	if api == "gettoken" {
		return s.getToken(q, now)
	}
	e, ok := endpoints[api]
	switch {
	case !ok:
		return nil, refuse(40058, "no such api: "+api)
	case q.Get("access_token") == "":
		return nil, refuse(41001, "access_token missing")
	case s.token == "" || q.Get("access_token") != s.token:
		return nil, refuse(40014, "invalid access_token")
	case !now.Before(s.tokenEnd):
		return nil, refuse(42001, "access_token expired")
	case e.post != (r.Method == http.MethodPost):
		return nil, refuse(40058, "wrong http method")
	case bytes.Contains(body, []byte(`\u`)):
		return nil, refuse(40033, "invalid charset: escaped unicode")
	}
	return e.do(s, q, body)
}

// getToken gives the same token as long as it lives.
func (s *Server) getToken(q url.Values, now time.Time) (answer, error) {
	switch {
	case q.Get("corpid") != s.o.CorpID:
		return nil, refuse(40013, "invalid corpid")
	case q.Get("corpsecret") != s.o.Secret:
		s.truth.WrongSecrets++
		return nil, refuse(40001, "invalid credential")
	}
	if s.token == "" || !now.Before(s.tokenEnd) {
		s.token, s.tokenEnd = s.id("tk", 24), now.Add(s.o.TokenLife)
		s.truth.Tokens++
	}
	return answer{"access_token": s.token, "expires_in": int(s.tokenEnd.Sub(now) / time.Second)}, nil
}

// read decodes a body as strictly as WeCom: a wrong type is an error.
func read(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return refuse(47001, "data format error: "+err.Error())
	}
	return nil
}

// reply answers with HTTP 200 whatever happened.
func reply(w http.ResponseWriter, a answer, err error) {
	if a == nil {
		a = answer{}
	}
	a["errcode"], a["errmsg"] = 0, "ok"
	if err != nil {
		code := -1
		if r, ok := err.(*refusal); ok {
			code = r.code
		}
		a = answer{"errcode": code, "errmsg": err.Error() + ", hint: [1790000000_1_simulated]"}
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(a)
}
