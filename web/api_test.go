package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"warmline/dialer"
	"warmline/postgres"
	"warmline/scheduler"
	"warmline/web"
)

// broken is a store that answers no ping.
type broken struct{ *postgres.DB }

func (broken) Ping(context.Context) error { return errDown }

func TestHealthIsOfTheStore(t *testing.T) {
	w := newWorld(t, 1, nil)
	if a := w.want(200, "GET", "/healthz"); a.body != "ok\n" {
		t.Errorf("got %q", a.body)
	}
	sick := newWorld(t, 1, func(c *web.Config) { c.Store = broken{c.Store.(*postgres.DB)} })
	if a := sick.want(503, "GET", "/healthz"); strings.Contains(a.body, "down") {
		t.Errorf("what is wrong inside was told: %q", a.body)
	}
}

func TestMetricsCountLiveCallsAndSayWhetherWeTakeMore(t *testing.T) {
	for _, tt := range []struct{ name, refuse, admitting string }{
		{"room for more", "", "1"},
		{"draining", "draining", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 1, func(c *web.Config) {
				c.Live = func() []dialer.Live { return make([]dialer.Live, 3) }
				c.Refuse = func() string { return tt.refuse }
			})
			body := w.want(200, "GET", "/metrics").body
			for _, line := range []string{"warmline_calls_live 3", "warmline_admitting " + tt.admitting, "go_goroutines "} {
				if !strings.Contains(body, "\n"+line) {
					t.Errorf("no line %q", line)
				}
			}
		})
	}
}

func TestOpenAPIDescribesEveryOperation(t *testing.T) {
	w := newWorld(t, 1, nil)
	doc := read[struct {
		OpenAPI string                               `json:"openapi"`
		Paths   map[string]map[string]map[string]any `json:"paths"`
	}](t, w.want(200, "GET", "/openapi.json"))
	if !strings.HasPrefix(doc.OpenAPI, "3.") {
		t.Errorf("openapi %q", doc.OpenAPI)
	}
	var got []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op["summary"] == "" {
				t.Errorf("%s %s has no summary", method, path)
			}
			got = append(got, fmt.Sprint(op["operationId"], " ", method, " ", path))
		}
	}
	slices.Sort(got)
	for _, want := range []string{
		"get-campaign get /api/v1/campaigns/{id}", "get-funnel get /api/v1/funnel", "hang-up post /api/v1/calls/{attempt}/hangup",
		"list-attempts get /api/v1/attempts", "list-calls get /api/v1/calls", "list-campaigns get /api/v1/campaigns", "list-inbound get /api/v1/inbound",
		"list-people get /api/v1/people", "move-campaign post /api/v1/campaigns/{id}/{move}",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not described; described are %s", want, got)
		}
	}
	w.want(200, "GET", "/docs")
	if a := w.want(302, "GET", "/"); a.header.Get("Location") != "/docs" {
		t.Errorf("/ leads to %q", a.header.Get("Location"))
	}
}

type campaignAnswer struct {
	Campaign scheduler.Campaign `json:"campaign"`
	Backlog  postgres.Backlog   `json:"backlog"`
}

type items[T any] struct {
	Items []T `json:"items"`
}

func TestACampaignIsPausedResumedAndCancelledOnce(t *testing.T) {
	w := newWorld(t, 3, nil)
	all := read[items[campaignAnswer]](t, w.want(200, "GET", "/api/v1/campaigns"))
	if len(all.Items) != 1 || all.Items[0].Campaign.Name != "winter" || all.Items[0].Backlog.Pending != 3 {
		t.Fatalf("got %+v", all)
	}
	at := "/api/v1/campaigns/" + w.campaign.ID
	for _, step := range []struct {
		move   string
		status int
		state  scheduler.CampaignState
	}{
		{"resume", 409, scheduler.Running},
		{"pause", 200, scheduler.Pausing},
		{"pause", 409, scheduler.Pausing},
		{"resume", 200, scheduler.Running},
		{"cancel", 200, scheduler.Cancelled},
		{"cancel", 409, scheduler.Cancelled},
		{"resume", 409, scheduler.Cancelled},
	} {
		a := w.want(step.status, "POST", at+"/"+step.move)
		if step.status == 409 && a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("a conflict is %s", a.header.Get("Content-Type"))
		}
		if got := read[campaignAnswer](t, w.want(200, "GET", at)); got.Campaign.State != step.state {
			t.Errorf("after %s: %s, want %s", step.move, got.Campaign.State, step.state)
		}
	}
}

func TestTwoWhoPauseAtOnceGetOneYesAndConflicts(t *testing.T) {
	w := newWorld(t, 1, nil)
	var wg sync.WaitGroup
	status := make(chan int, 8)
	for range cap(status) {
		wg.Go(func() {
			r := httptest.NewRequest("POST", "/api/v1/campaigns/"+w.campaign.ID+"/pause", nil)
			r.RemoteAddr, r.Host = "127.0.0.1:9", "127.0.0.1:8080"
			rec := httptest.NewRecorder()
			w.server.Config.Handler.ServeHTTP(rec, r)
			status <- rec.Code
		})
	}
	wg.Wait()
	close(status)
	n := map[int]int{}
	for s := range status {
		n[s]++
	}
	if n[200] != 1 || n[409] != cap(status)-1 {
		t.Errorf("got %v, want one 200 and only 409 beside it", n)
	}
}

func TestWhatIsNotThereOrNotWellFormedIsSaidSo(t *testing.T) {
	w := newWorld(t, 1, nil)
	for _, tt := range []struct {
		name, method, path string
		status             int
	}{
		{"an unknown campaign", "GET", "/api/v1/campaigns/00000000-0000-0000-0000-000000000009", 404},
		{"a campaign that is no ID", "GET", "/api/v1/campaigns/winter", 422},
		{"moving an unknown campaign", "POST", "/api/v1/campaigns/00000000-0000-0000-0000-000000000009/pause", 404},
		{"a move nobody knows", "POST", "/api/v1/campaigns/00000000-0000-0000-0000-000000000009/explode", 422},
		{"attempts of what is no ID", "GET", "/api/v1/attempts?campaign=winter", 422},
		{"the funnel of what is no ID", "GET", "/api/v1/funnel?campaign=winter", 422},
		{"the funnel of an unknown campaign", "GET", "/api/v1/funnel?campaign=00000000-0000-0000-0000-000000000009", 404},
		{"too many people", "GET", "/api/v1/people?limit=501", 422},
		{"hanging up a call that is not here", "POST", "/api/v1/calls/nobody/hangup", 404},
		{"a cursor that is none", "GET", "/api/v1/events", 400},
		{"a path of nothing", "GET", "/api/v2", 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := w.want(tt.status, tt.method, tt.path, "Last-Event-ID", "x")
			if strings.Contains(a.body, "SQLSTATE") {
				t.Errorf("the store's own words were told: %s", a.body)
			}
		})
	}
}

func TestPeopleAreFoundAndAttemptsAndFunnelCounted(t *testing.T) {
	w := newWorld(t, 3, nil)
	w.agreed()
	type person struct{ Phone, Name string }
	whole := phone(1).National()
	for _, tt := range []struct {
		name, query string
		want        int
	}{
		{"everyone", "", 3},
		{"by a name", "?q=小美", 3},
		{"by a whole number", "?q=" + whole, 1},
		{"by the end of a number", "?q=" + whole[7:], 1},
		{"nobody", "?q=99999999", 0},
		{"no wildcard", "?q=%25", 0},
		{"a limit", "?limit=2", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := read[items[person]](t, w.want(200, "GET", "/api/v1/people"+tt.query))
			if len(got.Items) != tt.want {
				t.Errorf("got %d, want %d", len(got.Items), tt.want)
			}
			for _, p := range got.Items {
				if len(p.Phone) != 11 || p.Phone[3:7] != "****" {
					t.Errorf("phone %q is not masked", p.Phone)
				}
			}
		})
	}
	attempts := read[items[postgres.Attempt]](t, w.want(200, "GET", "/api/v1/attempts?campaign="+w.campaign.ID))
	done := 0
	for _, a := range attempts.Items {
		if a.Outcome == "agreed_add" && a.State == "ended" {
			done++
		}
	}
	if len(attempts.Items) != 3 || done != 1 {
		t.Errorf("%d attempts, %d agreed", len(attempts.Items), done)
	}
	funnel := read[struct {
		Campaign        string
		Attempts, Ended int
		Steps           []any
	}](t, w.want(200, "GET", "/api/v1/funnel?campaign="+w.campaign.ID))
	if funnel.Campaign != "winter" || funnel.Attempts != 3 || funnel.Ended != 1 || len(funnel.Steps) == 0 {
		t.Errorf("got %+v", funnel)
	}
}

func TestLiveCallsAreShownAndHungUp(t *testing.T) {
	var ended []string
	w := newWorld(t, 1, func(c *web.Config) {
		c.Live = func() []dialer.Live {
			return []dialer.Live{{Attempt: "a1", Masked: phone(0).Masked(), State: dialer.InDialog}}
		}
		c.Hangup = func(a string) bool { ended = append(ended, a); return a == "a1" }
	})
	if got := read[items[map[string]any]](t, w.want(200, "GET", "/api/v1/calls")); len(got.Items) != 1 {
		t.Errorf("got %v", got)
	}
	w.want(204, "POST", "/api/v1/calls/a1/hangup")
	w.want(404, "POST", "/api/v1/calls/a2/hangup")
	if !slices.Equal(ended, []string{"a1", "a2"}) {
		t.Errorf("hung up %v", ended)
	}
}

func TestNoAnswerButRevealHoldsAWholeNumber(t *testing.T) {
	w := newWorld(t, 3, func(c *web.Config) {
		c.Live = func() []dialer.Live { return []dialer.Live{{Attempt: "a1", Masked: phone(0).Masked()}} }
	})
	w.task(w.agreed(), "token-1")
	if err := w.db.FinishInbound(t.Context(), noon, postgres.InboundIn{Trunk: "t1", Phone: phone(1), Called: "0571", Dialog: "inbound",
		Result: dialer.Result{Attempt: "0194b8a4-0000-7000-8000-000000000001", Disposition: "answered", AnsweredAt: noon, Outcome: "no_match"}}); err != nil {
		t.Fatal(err)
	}
	if got := read[items[postgres.InboundCall]](t, w.want(200, "GET", "/api/v1/inbound")); len(got.Items) != 1 || got.Items[0].Masked != phone(1).Masked() {
		t.Errorf("inbound calls are %+v", got)
	}
	for _, path := range []string{
		"/healthz", "/metrics", "/docs", "/openapi.json", "/openapi.yaml", "/m/token-1", "/f", "/api/v1/campaigns",
		"/api/v1/campaigns/" + w.campaign.ID, "/api/v1/people", "/api/v1/people?q=" + phone(1).National(), "/api/v1/attempts", "/api/v1/inbound", "/api/v1/calls", "/api/v1/funnel", "/api/v1/funnel?campaign=", "/api/v1/attempts?campaign=",
	} {
		w.clean(path, w.want(200, "GET", path).body)
	}
	s := w.stream("0")
	for s.next().id != fmt.Sprint(s.last()) {
	}
	w.clean("/api/v1/events", s.raw.String())
	if a := w.want(200, "POST", "/m/token-1/reveal"); !strings.Contains(a.body, `"phone":"1380`) {
		t.Errorf("reveal answers %s", a.body)
	}
}

// clean fails when text holds anybody's whole number.
func (w *world) clean(what, text string) {
	w.t.Helper()
	for i := range 3 {
		if strings.Contains(text, phone(i).National()) {
			w.t.Errorf("%s tells a whole number: %s", what, text)
		}
	}
}

func TestTheTokenOpensTheAPI(t *testing.T) {
	w := newWorld(t, 1, func(c *web.Config) { c.Token = "secret" })
	paths := []string{"/api/v1/campaigns", "/api/v1/events", "/api/v1/people", "/metrics", "/docs", "/openapi.json", "/schemas/Person.json"}
	for _, path := range paths {
		for _, tt := range []struct{ name, auth string }{
			{"none", ""}, {"a wrong one", "Bearer secre"}, {"a longer one", "Bearer secrets"}, {"another scheme", "Basic secret"}, {"no scheme", "secret"},
		} {
			a := w.want(401, "GET", path, "Authorization", tt.auth)
			if a.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s with %s: WWW-Authenticate %q", path, tt.name, a.header.Get("WWW-Authenticate"))
			}
		}
	}
	w.want(200, "GET", "/api/v1/campaigns", "Authorization", "Bearer secret")
	w.want(401, "POST", "/api/v1/campaigns/"+w.campaign.ID+"/pause")
	w.want(200, "GET", "/healthz")
}

func TestWithoutATokenOnlyThisMachineIsAnswered(t *testing.T) {
	w := newWorld(t, 1, nil)
	for _, tt := range []struct {
		name, from, host, passedOn string
		status                     int
	}{
		{"loopback", "127.0.0.1:9", "127.0.0.1:8080", "", 200},
		{"loopback of IPv6", "[::1]:9", "[::1]:8080", "", 200},
		{"loopback mapped into IPv6", "[::ffff:127.0.0.1]:9", "localhost:8080", "", 200},
		{"the neighbour", "192.168.1.9:9", "127.0.0.1:8080", "", 403},
		{"a name", "localhost:9", "127.0.0.1:8080", "", 403},
		{"nothing", "", "127.0.0.1:8080", "", 403},
		{"somebody else's name for this machine", "127.0.0.1:9", "evil.example", "", 403},
		{"a proxy on this machine", "127.0.0.1:9", "127.0.0.1:8080", "203.0.113.7", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/api/v1/campaigns", nil)
			r.RemoteAddr = tt.from
			r.Host = tt.host
			if tt.passedOn != "" {
				r.Header.Set("X-Forwarded-For", tt.passedOn)
			}
			rec := httptest.NewRecorder()
			w.server.Config.Handler.ServeHTTP(rec, r)
			if rec.Code != tt.status {
				t.Errorf("got %d, want %d", rec.Code, tt.status)
			}
		})
	}
}

func TestAForeignPageMovesNothing(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.want(403, "POST", "/api/v1/campaigns/"+w.campaign.ID+"/cancel", "Sec-Fetch-Site", "cross-site")
	w.want(403, "POST", "/m/token-1/reveal", "Origin", "https://elsewhere.example")
	if c, err := w.db.Campaign(t.Context(), w.campaign.ID); err != nil || c.State != scheduler.Running {
		t.Errorf("the campaign is %s, %v", c.State, err)
	}
}

func TestATaskShowsItsNumberOnlyWhileItIsOpen(t *testing.T) {
	w := newWorld(t, 1, nil)
	id := w.task(w.agreed(), "token-1")
	page := w.want(200, "GET", "/m/token-1")
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || page.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", page.header)
	}
	got := read[web.Task](t, w.want(200, "POST", "/m/token-1/reveal"))
	if got.Phone != phone(0).National() || got.Member != "小李" {
		t.Errorf("got %+v", got)
	}
	w.want(404, "POST", "/m/token-2/reveal")
	w.want(405, "GET", "/m/token-1/reveal")
	if _, err := w.db.AdvanceInvitation(t.Context(), noon.Add(time.Hour), id, "opt_out"); err != nil {
		t.Fatal(err)
	}
	w.want(404, "POST", "/m/token-1/reveal")
}

func TestWhoGuessesTasksIsNotAnsweredForAWhile(t *testing.T) {
	w := newWorld(t, 1, func(c *web.Config) {
		c.Code = func(_ context.Context, code string) (string, error) {
			if code == "GOODCODE" {
				return "https://work.weixin.qq.com/ca/x", nil
			}
			return "", postgres.ErrNotFound
		}
	})
	w.task(w.agreed(), "token-1")
	if a := w.want(302, "GET", "/f?c=GOODCODE"); a.header.Get("Location") != "https://work.weixin.qq.com/ca/x" {
		t.Errorf("leads to %q", a.header.Get("Location"))
	}
	for i := range 10 { // wrong tasks and wrong codes are counted together
		w.want(404, "POST", fmt.Sprintf("/m/guess%d/reveal", i))
		w.want(404, "GET", fmt.Sprintf("/f?c=BADCODE%d", i))
	}
	w.want(429, "POST", "/m/token-1/reveal")
	w.want(429, "GET", "/f?c=GOODCODE")
	r := httptest.NewRequest("POST", "/m/token-1/reveal", nil) // somebody else is
	rec := httptest.NewRecorder()
	w.server.Config.Handler.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		t.Errorf("another address got %d", rec.Code)
	}
}
