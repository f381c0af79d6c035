package postgres

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"warmline/compliance"
	"warmline/contacts"
	"warmline/dialer"
	"warmline/postgres/pgtest"
	"warmline/scheduler"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// noon is a Friday noon in Shanghai; business time of most tests.
var noon = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

var testKey = []byte("0123456789abcdef0123456789abcdef")

// fresh opens a migrated database of the test's own.
func fresh(t testing.TB) *DB {
	t.Helper()
	return reopen(t, pgtest.New(t, migrated))
}

// migrated makes the template of all tests.
func migrated(ctx context.Context, url string) error {
	db, err := Open(ctx, url, Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Migrate(ctx)
}

func reopen(t testing.TB, url string) *DB {
	t.Helper()
	db, err := Open(context.Background(), url, Options{Key: testKey, KeyID: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// phone is person i's number; neighbours would be a sign of abuse.
func phone(i int) contacts.Phone { return contacts.Phone(fmt.Sprintf("+86138001%05d", i*37)) }

// order is a signed order of person i.
func order(i int, number string) contacts.Order {
	return contacts.Order{
		Line: i + 2, Source: "taobao", Number: number, Buyer: "买家", Receiver: "王小美", Phone: phone(i), Role: contacts.RoleBuyer,
		Item: "羽绒服", SKU: "D1", Quantity: 1, Amount: 59900, Channel: "旗舰店", Province: "黑龙江", City: "哈尔滨", District: "南岗区",
		Paid: noon.AddDate(0, 0, -20), Signed: noon.AddDate(0, 0, -15), Gender: "f", Birthday: contacts.Birthday{Month: 11, Day: 21},
	}
}

// people imports n people with a consent for everything.
func people(t testing.TB, db *DB, n int) {
	t.Helper()
	var orders []contacts.Order
	var consents []contacts.Consent
	for i := range n {
		orders = append(orders, order(i, fmt.Sprintf("T%05d", i)))
		consents = append(consents, contacts.Consent{Phone: phone(i), Brand: "暖冬", Purpose: "marketing", Channels: []string{"voice", "sms", "wecom"},
			TextVersion: "v1", Source: "form", At: noon.AddDate(0, -1, 0), Proof: fmt.Sprint("form/", i)})
	}
	must(t)(db.SaveContacts(t.Context(), noon, Import{File: "orders.csv", SHA256: fmt.Sprint("sum", n), Brand: "暖冬", Source: "taobao"},
		orders, contacts.Fold(orders), nil))
	must(t)(db.SaveConsents(t.Context(), noon, consents))
}

// running creates a campaign of all people and brings it to running.
func running(t testing.TB, db *DB, name string) scheduler.Campaign {
	t.Helper()
	c, err := db.CreateCampaign(t.Context(), noon, scheduler.Campaign{
		Name: name, Brand: "暖冬", Segment: "all", Dialog: "winter", TreeSource: []byte("tree"), TreeVersion: "v1",
		Purpose: "marketing", Policy: "cn-marketing", Trunk: "t1", CallerID: "0571", Rate: 10, Channels: 30,
		RingTimeout: 30 * time.Second, Author: "ann",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Enrol(t.Context(), noon, c.ID); err != nil {
		t.Fatal(err)
	}
	for _, to := range []scheduler.CampaignState{scheduler.Validating, scheduler.AwaitingApproval, scheduler.Ready, scheduler.Running} {
		if err := db.MoveCampaign(t.Context(), noon, c.ID, to, "", "bob"); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// policy is the CN marketing preset; the facts the store does not know are said
// by decide.
var policy = compliance.CNMarketing()

func decide(now time.Time) func(compliance.Subject) compliance.Verdict {
	return func(s compliance.Subject) compliance.Verdict {
		s.Disclosed, s.CallerIDRegistered, s.RegisterAt = true, true, now
		return compliance.Decide(now, policy, s)
	}
}

// plan runs one tick and returns the attempts queued.
func plan(t testing.TB, db *DB, now time.Time, c scheduler.Campaign, lines int) []string {
	t.Helper()
	due, err := db.Due(t.Context(), now, c.ID, 1000)
	if err != nil {
		t.Fatal(err)
	}
	door := func(now time.Time, s compliance.Subject) compliance.Verdict { return decide(now)(s) }
	p := scheduler.Next(now, c, due, door, scheduler.Room{Lines: lines})
	if _, err := db.SavePlan(t.Context(), now, c.ID, policy.Hash(), p); err != nil {
		t.Fatal(err)
	}
	list, err := collect[string](t.Context(), db.pool, `SELECT id::text FROM attempts WHERE campaign = $1 AND state = 'queued' ORDER BY contact`, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// claim claims for a dialer that is alive.
func claim(t testing.TB, db *DB, now time.Time, attempt, dialer string) Claimed {
	t.Helper()
	if err := db.Heartbeat(t.Context(), dialer, "127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	c, ok, err := db.Claim(t.Context(), now, attempt, dialer, time.Minute)
	if err != nil || !ok {
		t.Fatalf("claiming %s: ok %v, err %v", attempt, ok, err)
	}
	return c
}

// dial claims and dials.
func dial(t testing.TB, db *DB, now time.Time, attempt, dialer string) Claimed {
	t.Helper()
	c := claim(t, db, now, attempt, dialer)
	if err := db.Dial(t.Context(), now, attempt, c.Epoch, dialer, decide(now)); err != nil {
		t.Fatal(err)
	}
	return c
}

// finish brings a result with what the scheduler says follows it.
func finish(t testing.TB, db *DB, now time.Time, c Claimed, r dialer.Result) {
	t.Helper()
	if r.EndedAt.IsZero() {
		r.EndedAt = now
	}
	if err := db.Finish(t.Context(), now, FinishIn{Attempt: c.Attempt, Epoch: c.Epoch, Result: r, Follow: after(c, r, now)}); err != nil {
		t.Fatal(err)
	}
}

func after(c Claimed, r dialer.Result, now time.Time) []scheduler.FollowUp {
	return scheduler.After(scheduler.Result{Attempt: c.Attempt, Number: c.Number, Disposition: r.Disposition, Outcome: r.Outcome,
		TrunkFault: scheduler.TrunkFault(r.Disposition), Callback: r.Callback, EndedAt: now}, c.Campaign.Retry)
}

// state reads one attempt's state and disposition.
func state(t testing.TB, db *DB, attempt string) (state, disposition string) {
	t.Helper()
	d, err := db.Attempt(t.Context(), attempt)
	if err != nil {
		t.Fatal(err)
	}
	return d.State, d.Disposition
}

// task reads where person i stands in a campaign.
func task(t testing.TB, db *DB, c scheduler.Campaign, i int) WhyCampaign {
	t.Helper()
	w, err := db.Why(t.Context(), noon, phone(i))
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range w.Campaigns {
		if in.CampaignID == c.ID {
			return in
		}
	}
	t.Fatalf("person %d is not in campaign %s", i, c.Name)
	return WhyCampaign{}
}

// count runs a SELECT count(*).
func count(t testing.TB, db *DB, sql string, args ...any) (n int) {
	t.Helper()
	if err := db.pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// must returns the value of a call that may not fail.
func must(t testing.TB) func(any, error) any {
	return func(v any, err error) any {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
