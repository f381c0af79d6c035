package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/dialer"
	"warmline/reports"
	"warmline/scheduler"
)

// days plays three campaigns over the same people for two weeks, with random
// results, dead dialers, retries, opt-outs and friends, and returns the last
// moment.
func days(t *testing.T, db *DB, r *rand.Rand, campaigns []scheduler.Campaign, n int) time.Time {
	t.Helper()
	results := []dialer.Result{
		{Disposition: "busy"}, {Disposition: "no_answer"}, {Disposition: "network_busy", TrunkFault: true}, {Disposition: "voicemail", AnsweredBy: "machine"},
		{Disposition: "not_dialed"}, {Disposition: "invalid_number"}, {Disposition: "abandoned", AnsweredBy: "person"},
	}
	now := noon
	for tick := range 14 * 4 {
		now = noon.AddDate(0, 0, tick/4).Add(time.Duration(tick%4) * 25 * time.Minute)
		for _, c := range campaigns {
			for _, id := range plan(t, db, now, c, n/2) {
				a, ok, err := db.Claim(t.Context(), now, id, "d1", time.Minute)
				if err != nil || !ok {
					t.Fatal(ok, err)
				}
				err = db.Dial(t.Context(), now, id, a.Epoch, "d1", decide(now))
				var refused *RefusedError
				if errors.As(err, &refused) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				switch k := r.IntN(10); {
				case k == 0: // the owner dies
					must(t)(nil, db.Goodbye(t.Context(), "d1"))
					if _, _, err := db.Sweep(t.Context(), now, Dead); err != nil {
						t.Fatal(err)
					}
					must(t)(nil, db.Heartbeat(t.Context(), "d1", "a"))
				case k == 1:
					yes := agreed(now)
					yes.Outcome, yes.OptOut = "opt_out", true
					finish(t, db, now, a, yes)
				case k == 2:
					finish(t, db, now, a, agreed(now))
				default:
					res := results[r.IntN(len(results))]
					res.EndedAt, res.RingAt = now, now
					if res.AnsweredBy != "" {
						res.AnsweredAt = now
					}
					finish(t, db, now, a, res)
				}
			}
		}
	}
	return now
}

func TestNobodyIsEverCalledOverACap(t *testing.T) {
	const n = 12
	for seed := range uint64(3) {
		db := fresh(t)
		people(t, db, n)
		must(t)(nil, db.SaveMembers(t.Context(), noon, []Member{{UserID: "li", Name: "小李", Daily: 50, Active: true}}))
		must(t)(nil, db.Heartbeat(t.Context(), "d1", "a"))
		campaigns := []scheduler.Campaign{running(t, db, "winter"), running(t, db, "spring"), running(t, db, "autumn")}
		last := days(t, db, rand.New(rand.NewPCG(seed, 1)), campaigns, n)
		counted := `dialed_at IS NOT NULL AND (ring_at IS NOT NULL OR disposition NOT IN ('network_busy', 'not_dialed'))`
		for _, tt := range []struct{ what, sql string }{
			{"more than one contact a day", `SELECT count(*) FROM (SELECT FROM attempts WHERE ` + counted + `
				GROUP BY contact, (dialed_at AT TIME ZONE 'Asia/Shanghai')::date HAVING count(*) > 1) x`},
			{"more than two in seven days", `SELECT count(*) FROM attempts a WHERE ` + counted + ` AND (SELECT count(*) FROM attempts b
				WHERE b.contact = a.contact AND ` + counted + ` AND b.dialed_at BETWEEN a.dialed_at AND a.dialed_at + interval '7 days' - interval '1 second') > 2`},
			{"more than three of one campaign", `SELECT count(*) FROM (SELECT FROM attempts WHERE ` + counted + `
				GROUP BY contact, campaign HAVING count(*) > 3) x`},
			{"a call after the opt-out", `SELECT count(*) FROM attempts a JOIN attempts o ON o.contact = a.contact AND o.outcome = 'opt_out'
				WHERE a.dialed_at > o.ended_at`},
			{"a person in an attempt that is over", `SELECT count(*) FROM contact_tasks t WHERE t.state = 'attempting' AND NOT EXISTS (
				SELECT FROM attempts a WHERE a.campaign = t.campaign AND a.contact = t.contact AND a.state IN ('queued', 'claimed', 'dialing'))`},
			{"an open attempt of a person who is not in one", `SELECT count(*) FROM attempts a JOIN contact_tasks t USING (campaign, contact)
				WHERE a.state IN ('queued', 'claimed', 'dialing') AND t.state <> 'attempting'`},
			{"a dialed attempt without an end", `SELECT count(*) FROM attempts WHERE state NOT IN ('ended', 'refused', 'unknown', 'queued')`},
		} {
			if got := count(t, db, tt.sql); got != 0 {
				t.Errorf("seed %d: %s: %d times", seed, tt.what, got)
			}
		}
		if got := count(t, db, `SELECT count(*) FROM attempts WHERE `+counted); got < n {
			t.Errorf("seed %d: only %d contacts were made; the property was hardly tested", seed, got)
		}
		sameFunnel(t, db, last.AddDate(0, 0, 8), "")
		for _, c := range campaigns {
			sameFunnel(t, db, last.AddDate(0, 0, 8), c.ID)
		}
	}
}

// sameFunnel compares the roll-up in SQL with the fold of single events.
func sameFunnel(t *testing.T, db *DB, now time.Time, campaign string) {
	t.Helper()
	got, err := db.Funnel(t.Context(), now, campaign)
	if err != nil {
		t.Fatal(err)
	}
	events, err := db.Events(t.Context(), campaign)
	if err != nil {
		t.Fatal(err)
	}
	want := reports.Fold(now, slices.Values(events))
	want.Campaign = got.Campaign
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("funnel of %q (-fold +SQL):\n%s", campaign, diff)
	}
	sum := 0
	for _, n := range got.Dispositions {
		sum += n
	}
	if sum != got.Ended {
		t.Errorf("dispositions add up to %d, ended are %d", sum, got.Ended)
	}
}

func TestTheFunnelOfFriendsAndTexts(t *testing.T) {
	db := fresh(t)
	calls := yes(t, db, 3, 9)
	for _, c := range calls {
		finish(t, db, noon, c, agreed(noon))
	}
	for id := range int64(3) {
		must(t)(db.OfferInvitation(t.Context(), noon, id+1, "https://x", "iv"+string(rune('a'+id))))
		must(t)(db.Befriend(t.Context(), noon, friendOf("wm"+string(rune('a'+id)), "iv"+string(rune('a'+id)))))
	}
	must(t)(db.LoseFriend(t.Context(), noon.AddDate(0, 0, 2), "wma", "li", "customer_deleted"))
	must(t)(nil, db.OptOut(t.Context(), noon, OptOutIn{Phone: phone(7), Source: "file"}))
	for _, c := range []string{"", calls[0].Campaign.ID} {
		sameFunnel(t, db, noon.AddDate(0, 0, 8), c)
	}
	f, err := db.Funnel(t.Context(), noon.AddDate(0, 0, 8), "")
	if err != nil {
		t.Fatal(err)
	}
	got := []int{f.People(reports.Agreed), f.People(reports.LinkSent), f.People(reports.Added), f.Matured, f.People(reports.Retained), f.Friends, f.FriendsLost, f.OptedOut}
	if want := []int{3, 3, 3, 3, 2, 2, 1, 1}; !slices.Equal(got, want) {
		t.Errorf("agreed, sent, added, matured, retained, friends, lost, opted out = %v, want %v", got, want)
	}
}

func TestAContactCommittedAfterAnOptOutCannotExist(t *testing.T) {
	db := fresh(t)
	const n = 20
	people(t, db, n)
	c := running(t, db, "winter")
	must(t)(nil, db.Heartbeat(t.Context(), "d1", "a"))
	for i, id := range plan(t, db, noon, c, n) {
		a := claim(t, db, noon, id, "d1")
		var wg sync.WaitGroup
		var dialed error
		wg.Go(func() { dialed = db.Dial(context.Background(), noon, id, a.Epoch, "d1", decide(noon)) })
		wg.Go(func() {
			if err := db.OptOut(context.Background(), noon, OptOutIn{Phone: phone(i), Source: "test"}); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		s, _ := state(t, db, id)
		if (dialed == nil) != (s == "dialing") {
			t.Errorf("dialing gave %v and the attempt is %s", dialed, s)
		}
		if err := db.Dial(t.Context(), noon, id, a.Epoch, "d1", decide(noon)); err == nil {
			t.Error("dialed after the opt-out")
		}
	}
}

func TestChangesSkipNothingWhenTransactionsOverlap(t *testing.T) {
	db := fresh(t)
	ctx := t.Context()
	slow, err := db.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Rollback(context.Background())
	must(t)(nil, change(ctx, slow, noon, "test", "slow", nil))
	must(t)(nil, change(ctx, db.pool, noon, "test", "quick", nil))
	list, err := db.Changes(ctx, 0, 10)
	if err != nil || len(list) != 0 {
		t.Errorf("while an older transaction is open: %v, %v", list, err)
	}
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	must(t)(nil, change(ctx, db.pool, noon, "test", "last", nil))
	var refs []string
	var after int64
	for {
		list, err := db.Changes(ctx, after, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		refs, after = append(refs, list[0].Ref), list[0].ID
	}
	if want := []string{"slow", "quick", "last"}; !slices.Equal(refs, want) {
		t.Errorf("read %v, want %v", refs, want)
	}
	if id, err := db.LastChange(ctx); err != nil || id != after {
		t.Errorf("last change is %d, %v; want %d", id, err, after)
	}
}

func TestPeopleAreFound(t *testing.T) {
	db := fresh(t)
	people(t, db, 3)
	for query, want := range map[string]int{"": 3, "小美": 3, "0013": 0, "00100074": 1, "1380 0100 074": 1, "T00001": 1, "nobody": 0, "%": 0, "' OR 1=1 --": 0} {
		list, err := db.People(t.Context(), query, 10)
		if err != nil || len(list) != want {
			t.Errorf("%q finds %d, want %d (%v)", query, len(list), want, err)
		}
	}
}
