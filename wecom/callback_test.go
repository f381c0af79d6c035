package wecom_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/wecom"
	"warmline/wecom/wecomtest"
)

// house is a callback URL on a real listener and what its consumer was given.
type house struct {
	url string

	mu     sync.Mutex
	events []wecom.Event
	fail   int // refuse so many first
}

func (h *house) consume(_ context.Context, e wecom.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail > 0 {
		h.fail--
		return errors.New("the store is away")
	}
	h.events = append(h.events, e)
	return nil
}

func (h *house) got() []wecom.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]wecom.Event{}, h.events...)
}

func (h *house) topics() []wecom.Topic {
	var list []wecom.Topic
	for _, e := range h.got() {
		list = append(list, e.Topic())
	}
	return list
}

func newHouse(t *testing.T, now func() time.Time) *house {
	t.Helper()
	h := &house{}
	c, err := wecom.NewCallback(wecom.CallbackConfig{
		Token: "dialerToken2026", AESKey: "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoyMzQ1Njc", Receive: "ww0123456789abcdef",
		Now: now, Consume: h.consume,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.url = serve(t, c)
	return h
}

func serve(t *testing.T, handler http.Handler) string {
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

func TestCallbackURLIsProved(t *testing.T) {
	s, _, clock := start(t, wecomtest.Options{})
	h := newHouse(t, clock.Now)
	s.SetCallback(h.url)
	if err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFriendshipFromLinkToLoss(t *testing.T) {
	s, client, clock := start(t, wecomtest.Options{Pace: 0.01})
	h := newHouse(t, clock.Now)
	s.SetCallback(h.url)
	link, err := client.CreateLink(t.Context(), wecom.NewLink{Name: "回访", Members: []string{"zhangsan"}})
	if err != nil {
		t.Fatal(err)
	}
	token, err := wecom.NewState(wecom.TokenInvitation, nil)
	if err != nil {
		t.Fatal(err)
	}
	u, err := wecom.LinkURL(link.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	invitation := wecom.Invitation{
		ID: "1", Token: token, Channel: wecom.ByLink, Phone: "+8613800000001", State: wecom.Offered, Changed: clock.Now(),
	}
	if err := s.Open(u, "+8613800000001"); err != nil {
		t.Fatal(err)
	}
	s.Wait()
	clock.Add(time.Second)
	s.Delete("+8613800000001")
	s.Wait()
	want := []wecom.Topic{wecom.FriendRequested, wecom.FriendAdded, wecom.CustomerDeleted}
	if diff := cmp.Diff(want, h.topics()); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	added := h.got()[1]
	if added.State != token || added.WelcomeCode == "" || added.UserID != "zhangsan" {
		t.Errorf("got %+v", added)
	}
	if err := client.SendWelcome(t.Context(), added.WelcomeCode, "您好，我是刚才电话里说的专属客服。", added.At); err != nil {
		t.Error(err)
	}
	customer, err := client.Get(t.Context(), added.ExternalUserID)
	if err != nil {
		t.Fatal(err)
	}
	match, ok := wecom.Attribute(customer.Friends[0], []wecom.Invitation{invitation})
	if !ok || match != (wecom.Match{Invitation: "1", Evidence: wecom.ByState}) {
		t.Errorf("got %+v, %v", match, ok)
	}
	for _, e := range h.got() {
		invitation, _ = invitation.Apply(e.Step(), e.At)
	}
	if invitation.State != wecom.LostByCustomer || invitation.AddedAt.IsZero() {
		t.Errorf("got %+v", invitation)
	}
	truth := s.Truth()
	if truth.Friends != 1 || truth.Lost != 1 || truth.Welcomes != 1 {
		t.Errorf("got %+v", truth)
	}
}

func TestWelcome(t *testing.T) {
	const api = "externalcontact/send_welcome_msg"
	newFriend := func(t *testing.T) (*wecomtest.Server, *wecom.Client, *clock, wecom.Event) {
		s, client, clock := start(t, wecomtest.Options{Pace: 0.01})
		h := newHouse(t, clock.Now)
		s.SetCallback(h.url)
		if err := s.MemberAdds("zhangsan", "+8613800000001", ""); err != nil {
			t.Fatal(err)
		}
		s.Wait()
		return s, client, clock, h.got()[0]
	}
	t.Run("sent twice is sent once, and both are fine", func(t *testing.T) {
		s, client, _, e := newFriend(t)
		for range 2 {
			if err := client.SendWelcome(t.Context(), e.WelcomeCode, "欢迎", e.At); err != nil {
				t.Error(err)
			}
		}
		if got := s.Truth().Welcomes; got != 1 {
			t.Errorf("%d welcomes", got)
		}
	})
	t.Run("another app is sending: tried again while the code lives", func(t *testing.T) {
		s, client, _, e := newFriend(t)
		s.Inject(wecomtest.Fault{API: api, Code: 41096, Times: 5})
		if err := client.SendWelcome(t.Context(), e.WelcomeCode, "欢迎", e.At); err != nil {
			t.Error(err)
		}
	})
	t.Run("another app never ends: given up before 20 s", func(t *testing.T) {
		s, client, clock, e := newFriend(t)
		s.Inject(wecomtest.Fault{API: api, Code: 41096, Times: 1000})
		if err := client.SendWelcome(t.Context(), e.WelcomeCode, "欢迎", e.At); wecom.Code(err) != 41096 {
			t.Errorf("got %v", err)
		}
		if took := clock.Now().Sub(e.At); took > 20*time.Second {
			t.Errorf("took %s", took)
		}
	})
	t.Run("too late", func(t *testing.T) {
		_, client, clock, e := newFriend(t)
		clock.Add(21 * time.Second)
		if err := client.SendWelcome(t.Context(), e.WelcomeCode, "欢迎", e.At); wecom.Code(err) != wecom.CodeWelcomeExpired {
			t.Errorf("got %v", err)
		}
	})
}

func TestCallbackFaults(t *testing.T) {
	tests := []struct {
		name  string
		fault wecomtest.Fault
		want  []string // customers' phones by tail, in the order the events came
		taken int
	}{
		{"a duplicate is consumed once", wecomtest.Fault{Kind: "duplicate"}, []string{"1", "2"}, 3},
		{"a lost one never comes", wecomtest.Fault{Kind: "lose"}, []string{"2"}, 1},
		{"a held one comes later", wecomtest.Fault{Kind: "reorder"}, []string{"2", "1"}, 2},
		{"one for another corp changes nothing", wecomtest.Fault{Kind: "receiver"}, []string{"2"}, 1},
		{"a forged one changes nothing", wecomtest.Fault{Kind: "forge"}, []string{"2"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _, clock := start(t, wecomtest.Options{Pace: 0.001})
			h := newHouse(t, clock.Now)
			s.SetCallback(h.url)
			tt.fault.API = "callback"
			s.Inject(tt.fault)
			tails := map[string]string{}
			for _, n := range []string{"1", "2"} {
				if err := s.MemberAdds("zhangsan", "+861380000000"+n, ""); err != nil {
					t.Fatal(err)
				}
				s.Wait()
			}
			truth := s.Truth()
			for _, p := range truth.People {
				tails[p.External] = p.Who[len(p.Who)-1:]
			}
			var got []string
			for _, e := range h.got() {
				got = append(got, tails[e.ExternalUserID])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if truth.CallbacksTaken != tt.taken {
				t.Errorf("%d answered with 200, want %d", truth.CallbacksTaken, tt.taken)
			}
		})
	}
}

func TestAnEventThatWasNotStoredComesAgain(t *testing.T) {
	for fail, want := range map[int]int{1: 1, 3: 1, 4: 0} {
		s, _, clock := start(t, wecomtest.Options{Pace: 0.001})
		h := newHouse(t, clock.Now)
		h.fail = fail
		s.SetCallback(h.url)
		if err := s.MemberAdds("zhangsan", "+8613800000001", ""); err != nil {
			t.Fatal(err)
		}
		s.Wait()
		if got := len(h.got()); got != want {
			t.Errorf("after %d failures: %d events, want %d", fail, got, want)
		}
		if got := s.Truth().CallbacksGivenUp; got != 1-want {
			t.Errorf("after %d failures: %d given up", fail, got)
		}
	}
}

// catcher keeps what is posted to it, so that it can be posted again.
type catcher struct {
	mu    sync.Mutex
	query url.Values
	body  []byte
}

func (c *catcher) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.query, c.body = r.URL.Query(), b
}

func TestReplayedAndForgedRequests(t *testing.T) {
	s, _, clock := start(t, wecomtest.Options{})
	c := &catcher{}
	s.SetCallback(serve(t, c))
	if err := s.MemberAdds("zhangsan", "+8613800000001", ""); err != nil {
		t.Fatal(err)
	}
	s.Wait()
	h := newHouse(t, clock.Now)
	post := func(q url.Values, body []byte) int {
		t.Helper()
		resp, err := http.Post(h.url+"?"+q.Encode(), "text/xml", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	with := func(key, value string) url.Values {
		q := url.Values{}
		for k, v := range c.query {
			q[k] = v
		}
		q.Set(key, value)
		return q
	}
	tests := []struct {
		name string
		q    url.Values
		body []byte
		want int
	}{
		{"no signature", with("msg_signature", ""), c.body, 403},
		{"another nonce", with("nonce", "1"), c.body, 403},
		{"another time", with("timestamp", "1790000001"), c.body, 403},
		{"another message", c.query, bytes.Replace(c.body, []byte("<Encrypt><![CDATA["), []byte("<Encrypt><![CDATA[AAAA"), 1), 403},
		{"no XML", c.query, []byte("{}"), 400},
		{"a document type", c.query, append([]byte(`<!DOCTYPE a [<!ENTITY b "c">]>`), c.body...), 400},
		{"more than 64 KiB", c.query, []byte(strings.Repeat(" ", 64<<10+1)), 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := post(tt.q, tt.body); got != tt.want {
				t.Errorf("got HTTP %d, want %d", got, tt.want)
			}
		})
	}
	if got := h.got(); len(got) != 0 {
		t.Fatalf("a forged request was consumed: %+v", got)
	}
	for range 1000 {
		if got := post(c.query, c.body); got != 200 {
			t.Fatalf("got HTTP %d", got)
		}
	}
	if got := len(h.got()); got != 1 {
		t.Errorf("1,000 replays were consumed %d times", got)
	}
	clock.Add(5*time.Minute + time.Second)
	if got := post(c.query, c.body); got != 403 {
		t.Errorf("an old request got HTTP %d", got)
	}
	req, err := http.NewRequest(http.MethodPut, h.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 405 {
		t.Errorf("PUT got HTTP %d", resp.StatusCode)
	}
}

func TestFriendsWhoseCallbacksWereLostAreFound(t *testing.T) {
	s, client, clock := start(t, wecomtest.Options{Pace: 0.001, People: func(string, string) (bool, time.Duration, time.Duration) {
		return true, time.Second, 0
	}})
	h := newHouse(t, clock.Now)
	s.SetCallback(h.url)
	link, err := client.CreateLink(t.Context(), wecom.NewLink{Name: "回访", Members: []string{"zhangsan", "lisi", "wangwu"}})
	if err != nil {
		t.Fatal(err)
	}
	const n = 300
	s.Inject(wecomtest.Fault{API: "callback", Kind: "lose", Times: n / 3})
	tokens := map[string]bool{}
	for i := range n {
		token, err := wecom.NewState(wecom.TokenInvitation, nil)
		if err != nil {
			t.Fatal(err)
		}
		u, err := wecom.LinkURL(link.URL, token)
		if err != nil {
			t.Fatal(err)
		}
		tokens[token] = true
		s.OfferSeen(u, fmt.Sprintf("+86138%08d", i))
	}
	s.Wait()
	for _, e := range h.got() {
		if e.Topic() == wecom.FriendAdded {
			delete(tokens, e.State)
		}
	}
	if len(tokens) == 0 {
		t.Fatal("no callback was lost")
	}
	for lc, err := range client.Customers(t.Context(), link.ID) {
		if err != nil {
			t.Fatal(err)
		}
		delete(tokens, lc.State)
	}
	if len(tokens) != 0 {
		t.Errorf("%d friends were never found", len(tokens))
	}
	truth := s.Truth()
	if truth.Friends != n || truth.DuplicateInvites != 0 || truth.SharedStates != 0 {
		t.Errorf("got %d friends, %d duplicates, %d shared", truth.Friends, truth.DuplicateInvites, truth.SharedStates)
	}
}
