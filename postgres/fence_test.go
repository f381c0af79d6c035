package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"warmline/compliance"
	"warmline/dialer"
	"warmline/scheduler"
)

func TestFencing(t *testing.T) {
	lapse := func(t *testing.T, db *DB, id string) {
		must(t)(db.pool.Exec(t.Context(), `UPDATE attempts SET lease_until = clock_timestamp() - interval '1 second' WHERE id = $1`, id))
	}
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, db *DB, c Claimed)
	}{
		{"after the lease has lapsed", func(t *testing.T, db *DB, c Claimed) { lapse(t, db, c.Attempt) }},
		{"after the lease has lapsed and a late heartbeat", func(t *testing.T, db *DB, c Claimed) {
			lapse(t, db, c.Attempt)
			must(t)(nil, db.Heartbeat(t.Context(), "d1", "a"))
		}},
		{"after the sweep and another's claim", func(t *testing.T, db *DB, c Claimed) {
			lapse(t, db, c.Attempt)
			if n, _, err := db.Sweep(t.Context(), noon, Dead); err != nil || n != 1 {
				t.Fatalf("requeued %d, %v", n, err)
			}
			claim(t, db, noon, c.Attempt, "d2")
		}},
		{"after giving it back", func(t *testing.T, db *DB, c Claimed) {
			must(t)(nil, db.Requeue(t.Context(), c.Attempt, c.Epoch))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := fresh(t)
			people(t, db, 1)
			id := plan(t, db, noon, running(t, db, "winter"), 1)[0]
			c := claim(t, db, noon, id, "d1")
			tt.do(t, db, c)
			err := db.Dial(t.Context(), noon, id, c.Epoch, "d1", decide(noon))
			if !errors.Is(err, ErrLost) {
				t.Errorf("dialing gives %v, want ErrLost", err)
			}
			if n := count(t, db, `SELECT count(*) FROM attempts WHERE dialed_at IS NOT NULL`); n != 0 {
				t.Error("the attempt was dialed")
			}
		})
	}
}

func TestSweep(t *testing.T) {
	db := fresh(t)
	people(t, db, 4)
	c := running(t, db, "winter")
	ids := plan(t, db, noon, c, 4)
	dead := claim(t, db, noon, ids[0], "dead")
	live := dial(t, db, noon, ids[1], "dead")
	kept := dial(t, db, noon, ids[2], "alive")
	must(t)(nil, db.Goodbye(t.Context(), "dead"))

	requeued, unknown, err := db.Sweep(t.Context(), noon, Dead)
	if err != nil || requeued != 1 || unknown != 1 {
		t.Fatalf("sweep gives %d, %d, %v", requeued, unknown, err)
	}
	for _, tt := range []struct{ id, state, disposition string }{
		{dead.Attempt, "queued", ""}, {live.Attempt, "unknown", "unknown"}, {kept.Attempt, "dialing", ""}, {ids[3], "queued", ""},
	} {
		if s, d := state(t, db, tt.id); s != tt.state || d != tt.disposition {
			t.Errorf("attempt is %s (%s), want %s (%s)", s, d, tt.state, tt.disposition)
		}
	}
	if again := claim(t, db, noon, dead.Attempt, "alive"); again.Epoch != dead.Epoch+2 {
		t.Errorf("the requeued attempt has epoch %d after %d", again.Epoch, dead.Epoch)
	}
	if in := task(t, db, c, 1); in.State != "done" || in.DoneReason != "unknown" {
		t.Errorf("the unknown person is %+v, want done: nobody is redialed by accident", in)
	}
	due, err := db.candidates(t.Context(), db.pool, noon, c, []int64{live.ContactID}, "")
	if err != nil || len(due[0].Subject.History) != 1 {
		t.Errorf("an unknown call is not counted as a contact: %+v, %v", due, err)
	}

	// The owner was only slow: its true result counts.
	finish(t, db, noon, live, busy(noon))
	if s, d := state(t, db, live.Attempt); s != "ended" || d != "busy" {
		t.Errorf("the true result made it %s (%s)", s, d)
	}
	if in := task(t, db, c, 1); in.State != "waiting" || in.Attempts != 1 {
		t.Errorf("after the true result the person is %+v", in)
	}
	// A claim that was given away has no say.
	err = db.Finish(t.Context(), noon, FinishIn{Attempt: dead.Attempt, Epoch: dead.Epoch, Result: dialer.Result{Disposition: "not_dialed", OptOut: true}})
	if !errors.Is(err, ErrLost) {
		t.Errorf("a stale result gives %v", err)
	}
	if yes, err := db.Suppressed(t.Context(), phone(0)); err != nil || !yes {
		t.Errorf("… but its opt-out must be taken from anyone: %v, %v", yes, err)
	}
}

func TestOfManyClaimersOneWins(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	c := running(t, db, "winter")
	id := plan(t, db, noon, c, 1)[0]
	must(t)(nil, db.Heartbeat(t.Context(), "d1", "a"))
	must(t)(nil, db.Heartbeat(t.Context(), "d2", "b"))
	var wg sync.WaitGroup
	wins := make(chan int, 16)
	for i := range 16 {
		wg.Go(func() {
			c, ok, err := db.Claim(context.Background(), noon, id, []string{"d1", "d2"}[i%2], time.Minute)
			if err != nil {
				t.Error(err)
			}
			if ok {
				wins <- c.Epoch
			}
		})
	}
	wg.Wait()
	if len(wins) != 1 {
		t.Errorf("%d claimers won", len(wins))
	}
}

func TestWhoMayNotClaim(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	c := running(t, db, "winter")
	id := plan(t, db, noon, c, 1)[0]
	try := func(why string) {
		t.Helper()
		if _, ok, err := db.Claim(t.Context(), noon, id, "d1", time.Minute); err != nil || ok {
			t.Errorf("%s: claimed %v, %v", why, ok, err)
		}
	}
	try("a dialer that never said hello")
	must(t)(nil, db.Heartbeat(t.Context(), "d1", "a"))
	must(t)(nil, db.MoveCampaign(t.Context(), noon, c.ID, scheduler.Paused, "user", "bob"))
	try("a paused campaign")
	must(t)(nil, db.MoveCampaign(t.Context(), noon, c.ID, scheduler.Running, "", "bob"))
	must(t)(nil, db.Drain(t.Context(), "d1"))
	try("a dialer that drains")
}

func TestABrokenTransactionIsRunAgain(t *testing.T) {
	db := fresh(t)
	for _, tt := range []struct {
		name, code string
		runs       int
	}{
		{"a deadlock", "40P01", 2},
		{"a serialisation failure", "40001", 2},
		{"a violated check", "23514", 1},
	} {
		runs := 0
		err := db.tx(t.Context(), func(pgx.Tx) error {
			if runs++; runs == 1 {
				return &pgconn.PgError{Code: tt.code}
			}
			return nil
		})
		if runs != tt.runs || (err == nil) != (tt.runs == 2) {
			t.Errorf("%s: %d runs, %v; want %d", tt.name, runs, err, tt.runs)
		}
	}
}

func TestThePulseIsThePartOfTheBacklogATickNeeds(t *testing.T) {
	db := fresh(t)
	people(t, db, 4)
	c := running(t, db, "winter")
	ids := plan(t, db, noon, c, 3)
	dial(t, db, noon, ids[0], "d1")
	claim(t, db, noon, ids[1], "d1")
	p, err := db.Pulse(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	b, err := db.Backlog(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := Pulse{b.Queued, b.Claimed, b.Live, b.Pending+b.Waiting > 0, b.NextDue}
	if p != want || p.Live != 1 || p.Claimed != 1 || p.Queued != 1 || !p.Waits || p.Over() {
		t.Errorf("pulse %+v, backlog %+v", p, b)
	}
	must(t)(nil, db.MoveCampaign(t.Context(), noon, c.ID, scheduler.Cancelled, "user", "bob"))
	if p, err = db.Pulse(t.Context(), c.ID); err != nil || p.Over() || p.Waits {
		t.Errorf("a cancelled campaign with a live call has pulse %+v, %v", p, err)
	}
}

func TestPlansAtTheSameMomentQueueEveryoneOnce(t *testing.T) {
	db := fresh(t)
	const n = 40
	people(t, db, n)
	campaigns := []scheduler.Campaign{running(t, db, "winter"), running(t, db, "spring"), running(t, db, "autumn")}
	var wg sync.WaitGroup
	queued := make(chan int, 9)
	for i := range cap(queued) {
		c := campaigns[i%len(campaigns)]
		due, err := db.Due(t.Context(), noon, c.ID, n)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			slices.Reverse(due)
		}
		p := scheduler.Next(noon, c, due, func(now time.Time, s compliance.Subject) compliance.Verdict { return decide(now)(s) }, scheduler.Room{Lines: n})
		wg.Go(func() {
			got, err := db.SavePlan(context.Background(), noon, c.ID, "hash", p)
			if err != nil {
				t.Error(err)
			}
			queued <- got
		})
	}
	wg.Wait()
	close(queued)
	sum := 0
	for got := range queued {
		sum += got
	}
	if rows := count(t, db, `SELECT count(*) FROM attempts`); sum != n || rows != n {
		t.Errorf("%d queued in %d rows, want everyone once: %d", sum, rows, n)
	}
	for _, c := range campaigns {
		b, err := db.Backlog(t.Context(), c.ID)
		if err != nil || b.Open() != n || b.Pending != 0 {
			t.Errorf("backlog of %s is %+v, %v", c.Name, b, err)
		}
	}
}
