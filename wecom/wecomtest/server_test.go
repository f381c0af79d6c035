package wecomtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hand is a bare HTTP caller: these tests know nothing of the client that the
// server is made for.
type hand struct {
	t     *testing.T
	s     *Server
	token string
}

func (h *hand) call(api string, q url.Values, body any) map[string]any {
	h.t.Helper()
	if q == nil {
		q = url.Values{}
	}
	if h.token != "" {
		q.Set("access_token", h.token)
	}
	target := h.s.URL() + "/cgi-bin/" + api + "?" + q.Encode()
	var resp *http.Response
	var err error
	if body == nil {
		resp, err = http.Get(target)
	} else {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.Encode(body)
		resp, err = http.Post(target, "application/json", &b)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	var a map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		h.t.Fatal(err)
	}
	return a
}

func (h *hand) code(api string, body any) int {
	h.t.Helper()
	return int(h.call(api, nil, body)["errcode"].(float64))
}

func open(t *testing.T, o Options) (*Server, *hand) {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h := &hand{t: t, s: s}
	a := h.call("gettoken", url.Values{"corpid": {"ww0123456789abcdef"}, "corpsecret": {"secret"}}, nil)
	h.token, _ = a["access_token"].(string)
	if h.token == "" || a["expires_in"].(float64) != 7200 {
		t.Fatalf("got %v", a)
	}
	return s, h
}

func (h *hand) link(members ...string) string {
	h.t.Helper()
	a := h.call("externalcontact/customer_acquisition/create_link", nil, map[string]any{
		"link_name": "x", "range": map[string]any{"user_list": members},
	})
	l, ok := a["link"].(map[string]any)
	if !ok {
		h.t.Fatalf("got %v", a)
	}
	return l["url"].(string)
}

func TestSealMatchesPublishedVectors(t *testing.T) {
	b, err := os.ReadFile("../testdata/callback_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Name, Token, Key, Receiver, Timestamp, Nonce, Encrypt, Message, Signature string }
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		t.Run(v.Name, func(t *testing.T) {
			s, err := newSeal(v.Token, v.Key, v.Receiver)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.sign(v.Timestamp, v.Nonce, v.Encrypt); got != v.Signature {
				t.Errorf("signature %s, want %s", got, v.Signature)
			}
			if !strings.HasPrefix(v.Name, "v") {
				return // the random head of the others is not ASCII 0…f
			}
			if got := s.encrypt(v.Message, v.Receiver, []byte("0123456789abcdef")); got != v.Encrypt {
				t.Errorf("encrypted %s, want %s", got, v.Encrypt)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	_, h := open(t, Options{MaxLinks: 1})
	h.link("zhangsan")
	long := strings.Repeat("字", 31)
	tests := []struct {
		name, api string
		body      any
		want      int
	}{
		{"a link with a long name", "externalcontact/customer_acquisition/create_link", map[string]any{"link_name": long, "range": map[string]any{"user_list": []string{"lisi"}}}, 40058},
		{"a link for nobody", "externalcontact/customer_acquisition/create_link", map[string]any{"link_name": "x"}, 40058},
		{"one link too many", "externalcontact/customer_acquisition/create_link", map[string]any{"link_name": "x", "range": map[string]any{"user_list": []string{"lisi"}}}, 41095},
		{"an unknown link", "externalcontact/customer_acquisition/get", map[string]any{"link_id": "x"}, 40058},
		{"a wrong type", "externalcontact/customer_acquisition/get", map[string]any{"link_id": 7}, 47001},
		{"a page too large", "externalcontact/batch/get_by_user", map[string]any{"userid_list": []string{"lisi"}, "limit": 101}, 40058},
		{"an invented cursor", "externalcontact/batch/get_by_user", map[string]any{"userid_list": []string{"lisi"}, "cursor": "zz"}, 40058},
		{"a way without type", "externalcontact/add_contact_way", map[string]any{"scene": 2}, 41037},
		{"a way without scene", "externalcontact/add_contact_way", map[string]any{"type": 1}, 41038},
		{"a long state", "externalcontact/add_contact_way", map[string]any{"type": 1, "scene": 2, "user": []string{"lisi"}, "state": long}, 40058},
		{"an unknown customer", "externalcontact/remark", map[string]any{"userid": "lisi", "external_userid": "wo", "remark": "x"}, 40096},
		{"an unknown member", "externalcontact/remark", map[string]any{"userid": "nobody", "external_userid": "wo", "remark": "x"}, 60111},
		{"an invented welcome code", "externalcontact/send_welcome_msg", map[string]any{"welcome_code": "x", "text": map[string]string{"content": "hi"}}, 41050},
		{"GET for POST", "externalcontact/remark", nil, 40058},
		{"POST for GET", "externalcontact/get", map[string]any{}, 40058},
		{"an API that is not there", "user/get", nil, 40058},
		{"a foreign agent", "message/send", map[string]any{"touser": "lisi", "msgtype": "text", "agentid": 1, "text": map[string]string{"content": "x"}}, 40056},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := h.code(tt.api, tt.body); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
	resp, err := http.Post(h.s.URL()+"/cgi-bin/externalcontact/remark?access_token="+h.token, "application/json", strings.NewReader(`{"remark":"\u738b"}`))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !bytes.Contains(b, []byte("40033")) {
		t.Errorf("escaped Chinese got %s", b)
	}
}

func TestTokensEnd(t *testing.T) {
	var past atomic.Int64 // seconds
	now := func() time.Time { return time.Unix(1790000000+past.Load(), 0) }
	s, h := open(t, Options{Now: now})
	if got := h.code("getcallbackip", nil); got != 0 {
		t.Fatalf("got %d", got)
	}
	past.Add(2 * 60 * 60)
	if got := h.code("getcallbackip", nil); got != 42001 {
		t.Errorf("after two hours: got %d", got)
	}
	s.RevokeTokens()
	if got := h.code("getcallbackip", nil); got != 40014 {
		t.Errorf("revoked: got %d", got)
	}
	h.token = ""
	if got := h.code("getcallbackip", nil); got != 41001 {
		t.Errorf("without: got %d", got)
	}
	if a := h.call("gettoken", url.Values{"corpid": {"ww0123456789abcdef"}, "corpsecret": {"x"}}, nil); a["errcode"].(float64) != 40001 {
		t.Errorf("wrong secret: got %v", a)
	}
}

func TestRateWindow(t *testing.T) {
	var past atomic.Int64 // seconds
	now := func() time.Time { return time.Unix(1790000000+past.Load(), 0) }
	_, h := open(t, Options{PerMinute: 3, Now: now})
	for n := range 5 {
		want := 0
		if n >= 3 {
			want = 45009
		}
		if got := h.code("getcallbackip", nil); got != want {
			t.Errorf("call %d: got %d, want %d", n, got, want)
		}
	}
	past.Add(60)
	if got := h.code("getcallbackip", nil); got != 0 {
		t.Errorf("in the next minute: got %d", got)
	}
}

func TestStateIsCutAt64Bytes(t *testing.T) {
	s, h := open(t, Options{})
	if err := s.Open(h.link("zhangsan")+"?customer_channel="+strings.Repeat("x", 70), "+8613800000001"); err != nil {
		t.Fatal(err)
	}
	a := h.call("externalcontact/get", url.Values{"external_userid": {s.Truth().People[0].External}}, nil)
	follow := a["follow_user"].([]any)[0].(map[string]any)
	if got := len(follow["state"].(string)); got != 64 {
		t.Errorf("got %d bytes", got)
	}
}

func TestQuotaRunsOut(t *testing.T) {
	taken := &box{}
	s, h := open(t, Options{Quota: 21, CallbackURL: taken.serve(t)})
	link := h.link("zhangsan")
	for n := range 21 {
		if err := s.Open(link, fmt.Sprint("p", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Open(link, "one more"); err == nil {
		t.Error("a friend came without quota")
	}
	s.AddQuota(5)
	s.Wait()
	// 21 friend requests, 21 friends, and low, exhausted, increased
	if got := taken.count(); got != 45 {
		t.Errorf("got %d callbacks, want 45", got)
	}
}

func TestAFullMemberIsPassedOver(t *testing.T) {
	s, h := open(t, Options{Full: map[string]int{"zhangsan": 1}})
	both, one := h.link("zhangsan", "lisi"), h.link("zhangsan")
	for n := range 4 {
		if err := s.Open(both, fmt.Sprint("p", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Open(one, "late"); err == nil {
		t.Error("a full member got a friend")
	}
}

func TestOneWayRelation(t *testing.T) {
	s, h := open(t, Options{OldState: true})
	link := h.link("zhangsan")
	if err := s.Open(link+"?customer_channel=first", "p"); err != nil {
		t.Fatal(err)
	}
	s.Delete("p")
	id := s.Truth().People[0].External
	if a := h.call("externalcontact/get", url.Values{"external_userid": {id}}, nil); a["errcode"].(float64) != 0 {
		t.Errorf("a customer who left is hidden: %v", a)
	}
	if truth := s.Truth(); truth.Friends != 1 || truth.Lost != 1 {
		t.Errorf("got %+v", truth)
	}
	if err := s.Open(link+"?customer_channel=second", "p"); err != nil {
		t.Fatal(err)
	}
	a := h.call("externalcontact/get", url.Values{"external_userid": {id}}, nil)
	if got := a["follow_user"].([]any)[0].(map[string]any)["state"]; got != "first" {
		t.Errorf("came back with state %v, want the old one", got)
	}
	s.Transfer("zhangsan", "lisi", "p")
	s.MemberDeletes("lisi", "p")
	if a := h.call("externalcontact/get", url.Values{"external_userid": {id}}, nil); a["errcode"].(float64) != 84061 {
		t.Errorf("deleted by the member: %v", a)
	}
}

func TestHabitIsSteadyAndRight(t *testing.T) {
	adds, leaves := 0, 0
	const n = 10_000
	for i := range n {
		phone := fmt.Sprintf("+86138%08d", i)
		yes, after, gone := Habit("", phone)
		again, after2, gone2 := Habit("other", phone)
		if yes != again || after != after2 || gone != gone2 {
			t.Fatalf("%s changed its mind", phone)
		}
		if yes {
			adds++
			if after < time.Second || after > 3*time.Second {
				t.Fatalf("after %s", after)
			}
		}
		if gone > 0 {
			leaves++
		}
	}
	if adds < n*67/100 || adds > n*73/100 {
		t.Errorf("%d of %d add", adds, n)
	}
	if leaves < adds*8/100 || leaves > adds*12/100 {
		t.Errorf("%d of %d leave", leaves, adds)
	}
}

func TestALinkWithVerificationIsHalfFirst(t *testing.T) {
	taken := &box{}
	s, h := open(t, Options{Pace: 0.001, CallbackURL: taken.serve(t)})
	a := h.call("externalcontact/customer_acquisition/create_link", nil, map[string]any{
		"link_name": "x", "skip_verify": false, "range": map[string]any{"user_list": []string{"lisi"}},
	})
	if err := s.Open(a["link"].(map[string]any)["url"].(string), "p"); err != nil {
		t.Fatal(err)
	}
	s.Wait()
	if got := s.Truth(); got.Friends != 1 || taken.count() != 3 {
		t.Errorf("%d friends after %d callbacks, want request, half, add", got.Friends, taken.count())
	}
}

func TestDuplicateOffersAreCounted(t *testing.T) {
	nobody := func(string, string) (bool, time.Duration, time.Duration) { return false, 0, 0 }
	s, h := open(t, Options{People: nobody})
	link := h.link("zhangsan") + "?customer_channel="
	s.OfferSeen(link+"a", "+8613800000001")
	s.OfferSeen(link+"b", "+8613800000002")
	s.OfferSeen(link+"b", "+8613800000003")
	s.Wait()
	if got := s.Truth(); got.DuplicateInvites != 0 || got.SharedStates != 1 {
		t.Errorf("got %d duplicates, %d shared", got.DuplicateInvites, got.SharedStates)
	}
	s.OfferSeen(link+"a", "+8613800000001")
	s.OfferSeen(link+"c", "+8613800000002")
	s.TaskSeen("lisi", "+8613800000003", "")
	s.Wait()
	if got := s.Truth().DuplicateInvites; got != 3 {
		t.Errorf("got %d duplicates, want 3", got)
	}
}

func TestControlFromAnotherProcess(t *testing.T) {
	taken, record := &box{}, &lines{}
	s, h := open(t, Options{Pace: 0.001, Record: record})
	do := func(name, body string) int {
		t.Helper()
		resp, err := http.Post(s.URL()+"/control/"+name, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := do("callback", `{"url":"`+taken.serve(t)+`"}`); got != 200 {
		t.Fatalf("got HTTP %d", got)
	}
	link := h.link("zhangsan")
	var page string
	landing := http.NewServeMux()
	landing.HandleFunc("/i/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, link+"?customer_channel="+strings.TrimPrefix(r.URL.Path, "/i/"), http.StatusFound)
	})
	page = listen(t, landing)
	// Find a number whose owner adds and stays, by the rule itself.
	phone := ""
	for i := 0; phone == ""; i++ {
		p := fmt.Sprintf("+86139%08d", i)
		if adds, _, leaves := Habit("", p); adds && leaves == 0 {
			phone = p
		}
	}
	for _, body := range []string{
		`{"url":"` + page + `/i/tok1","phone":"` + phone + `"}`,
		`{"url":"` + page + `/nothing","phone":"+8613900000000"}`,
	} {
		if got := do("open", body); got != 200 {
			t.Fatalf("got HTTP %d", got)
		}
	}
	s.Wait()
	resp, err := http.Get(s.URL() + "/control/truth")
	if err != nil {
		t.Fatal(err)
	}
	var truth Truth
	if err := json.NewDecoder(resp.Body).Decode(&truth); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if truth.Friends != 1 || truth.DeadLinks != 1 || truth.CallbacksTaken != 2 {
		t.Errorf("got %+v", truth)
	}
	if len(truth.People) == 0 || truth.People[0].Who != phone || truth.People[0].States[0] != "tok1" {
		t.Errorf("got %+v", truth.People)
	}
	for what, want := range map[string]int{`add {"member":"lisi","phone":"+8613900000009"}`: 200, `add {"member":"nobody","phone":"x"}`: 409,
		`press {"member":"lisi","task":"t","key":"done"}`: 200, `delete {"phone":"` + phone + `"}`: 200, `revoke {}`: 200,
		`fault {"api":"getcallbackip","code":-1}`: 200, `open nonsense`: 400} {
		name, body, _ := strings.Cut(what, " ")
		if got := do(name, body); got != want {
			t.Errorf("%s: HTTP %d, want %d", what, got, want)
		}
	}
	s.Wait()
	for _, want := range []string{`"invited"`, `"friends"`, `"deleted_by_customer"`} {
		if !strings.Contains(record.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, record)
		}
	}
}

func TestCloseEndsEverybody(t *testing.T) {
	s, h := open(t, Options{People: func(string, string) (bool, time.Duration, time.Duration) { return true, time.Hour, 0 }})
	s.OfferSeen(h.link("zhangsan"), "+8613800000001")
	s.Close()
	if got := s.Truth().Friends; got != 0 {
		t.Errorf("%d friends after closing", got)
	}
	s.OfferSeen("http://127.0.0.1/ca/x", "+8613800000002") // must not hang or panic
}

// box counts requests.
type box struct {
	mu sync.Mutex
	n  int
}

func (b *box) ServeHTTP(http.ResponseWriter, *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
}

func (b *box) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}

func (b *box) serve(t *testing.T) string { return listen(t, b) }

func listen(t *testing.T, handler http.Handler) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(ln)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return "http://" + ln.Addr().String()
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
