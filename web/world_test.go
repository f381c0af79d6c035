package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"warmline/compliance"
	"warmline/contacts"
	"warmline/dialer"
	"warmline/postgres"
	"warmline/postgres/pgtest"
	"warmline/scheduler"
	"warmline/web"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// noon is a Friday noon in Shanghai.
var noon = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

// phone is person i's number; neighbours would be a sign of abuse.
func phone(i int) contacts.Phone { return contacts.Phone(fmt.Sprintf("+86138001%05d", i*37+11)) }

// world is a store with people, one running campaign and a called person, and
// the handler in front of it.
type world struct {
	t        *testing.T
	db       *postgres.DB
	campaign scheduler.Campaign
	server   *httptest.Server
	config   web.Config
}

// newWorld imports n people and calls the first; change sees the config before
// the handler is made.
func newWorld(t *testing.T, n int, change func(*web.Config)) *world {
	t.Helper()
	url := pgtest.New(t, func(ctx context.Context, url string) error {
		db, err := postgres.Open(ctx, url, postgres.Options{})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Migrate(ctx)
	})
	db, err := postgres.Open(t.Context(), url, postgres.Options{Key: []byte(strings.Repeat("k", 32)), KeyID: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w := &world{t: t, db: db}
	w.people(n)
	w.start()
	w.config = web.Config{Store: db, Now: func() time.Time { return noon }, Brand: "暖冬", Reveal: w.reveal}
	if change != nil {
		change(&w.config)
	}
	h, err := web.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(h)
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) people(n int) {
	w.t.Helper()
	var orders []contacts.Order
	var consents []contacts.Consent
	for i := range n {
		orders = append(orders, contacts.Order{
			Line: i + 2, Source: "taobao", Number: fmt.Sprintf("T%05d", i), Buyer: "买家", Receiver: "王小美", Phone: phone(i),
			Role: contacts.RoleBuyer, Item: "羽绒服", SKU: "D1", Quantity: 1, Amount: 59900, Province: "黑龙江", City: "哈尔滨",
			Paid: noon.AddDate(0, 0, -20), Signed: noon.AddDate(0, 0, -15), Gender: "f",
		})
		consents = append(consents, contacts.Consent{Phone: phone(i), Brand: "暖冬", Purpose: "marketing",
			Channels: []string{"voice", "sms", "wecom"}, TextVersion: "v1", Source: "form", At: noon.AddDate(0, -1, 0), Proof: "form/1"})
	}
	ctx := w.t.Context()
	if _, err := w.db.SaveContacts(ctx, noon, postgres.Import{File: "orders.csv", SHA256: "sum", Brand: "暖冬", Source: "taobao"},
		orders, contacts.Fold(orders), nil); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.db.SaveConsents(ctx, noon, consents); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start() {
	w.t.Helper()
	ctx := w.t.Context()
	c, err := w.db.CreateCampaign(ctx, noon, scheduler.Campaign{
		Name: "winter", Brand: "暖冬", Segment: "all", Dialog: "winter", TreeSource: []byte("tree"), TreeVersion: "v1",
		Purpose: "marketing", Policy: "cn-marketing", Trunk: "t1", CallerID: "0571", Rate: 10, Channels: 30,
		RingTimeout: 30 * time.Second, Author: "ann",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.db.Enrol(ctx, noon, c.ID); err != nil {
		w.t.Fatal(err)
	}
	for _, to := range []scheduler.CampaignState{scheduler.Validating, scheduler.AwaitingApproval, scheduler.Ready, scheduler.Running} {
		if err := w.db.MoveCampaign(ctx, noon, c.ID, to, "", "bob"); err != nil {
			w.t.Fatal(err)
		}
	}
	w.campaign = c
}

// agreed calls everyone and lets each say yes; it returns one attempt.
func (w *world) agreed() postgres.Claimed {
	w.t.Helper()
	ctx := w.t.Context()
	if err := w.db.SaveMembers(ctx, noon, []postgres.Member{{UserID: "li", Name: "小李", Daily: 9, Active: true}}); err != nil {
		w.t.Fatal(err)
	}
	due, err := w.db.Due(ctx, noon, w.campaign.ID, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	policy := compliance.CNMarketing()
	open := func(now time.Time, s compliance.Subject) compliance.Verdict {
		s.Disclosed, s.CallerIDRegistered, s.RegisterAt = true, true, now
		return compliance.Decide(now, policy, s)
	}
	if _, err := w.db.SavePlan(ctx, noon, w.campaign.ID, policy.Hash(), scheduler.Next(noon, w.campaign, due, open, scheduler.Room{Lines: 9})); err != nil {
		w.t.Fatal(err)
	}
	queued, err := w.db.Attempts(ctx, w.campaign.ID, 10)
	if err != nil || len(queued) == 0 {
		w.t.Fatal("nobody was planned", err)
	}
	if err := w.db.Heartbeat(ctx, "d1", "127.0.0.1:1"); err != nil {
		w.t.Fatal(err)
	}
	a, ok, err := w.db.Claim(ctx, noon, queued[0].ID, "d1", time.Minute)
	if err != nil || !ok {
		w.t.Fatal("claiming", ok, err)
	}
	if err := w.db.Dial(ctx, noon, a.Attempt, a.Epoch, "d1", func(s compliance.Subject) compliance.Verdict { return open(noon, s) }); err != nil {
		w.t.Fatal(err)
	}
	r := dialer.Result{Attempt: a.Attempt, Disposition: "answered", Answered: true, AnsweredBy: "person", Outcome: "agreed_add", Invite: true,
		InviteAt: noon, RingAt: noon, AnsweredAt: noon, EndedAt: noon.Add(time.Minute)}
	follow := scheduler.After(scheduler.Result{Attempt: a.Attempt, Number: a.Number, Disposition: r.Disposition, Outcome: r.Outcome,
		EndedAt: r.EndedAt}, w.campaign.Retry)
	if err := w.db.Finish(ctx, noon.Add(time.Minute), postgres.FinishIn{Attempt: a.Attempt, Epoch: a.Epoch, Result: r, Follow: follow}); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// task offers the yes of an attempt to its member under a token.
func (w *world) task(a postgres.Claimed, token string) int64 {
	w.t.Helper()
	_, id, ok, err := w.db.ReserveInvitation(w.t.Context(), noon, a.Attempt, a.ContactID)
	if err != nil || !ok {
		w.t.Fatal("reserving", ok, err)
	}
	if ok, err := w.db.OfferInvitation(w.t.Context(), noon.Add(2*time.Minute), id, "", token); err != nil || !ok {
		w.t.Fatal("offering", ok, err)
	}
	return id
}

func (w *world) reveal(ctx context.Context, token string) (web.Task, error) {
	i, err := w.db.Reveal(ctx, noon, token)
	if err != nil {
		return web.Task{}, err
	}
	return web.Task{Member: i.MemberName, Salutation: i.Name, Phone: i.Phone.National(), Greeting: "您好"}, nil
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends one request; header is pairs of key and value.
func (w *world) ask(method, path string, header ...string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// want asks and fails unless the status is the expected one.
func (w *world) want(status int, method, path string, header ...string) answer {
	w.t.Helper()
	a := w.ask(method, path, header...)
	if a.status != status {
		w.t.Errorf("%s %s: got %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

// read decodes a JSON answer.
func read[T any](t *testing.T, a answer) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return v
}

var errDown = errors.New("down")
