package postgres

import (
	"context"
	"sync"
	"testing"
	"time"

	"warmline/compliance"
	"warmline/scheduler"
	"warmline/wecom"
)

// yes brings n people to a yes and returns their claims. members' room is daily.
func yes(t *testing.T, db *DB, n, daily int) []Claimed {
	t.Helper()
	people(t, db, n)
	must(t)(nil, db.SaveMembers(t.Context(), noon, []Member{
		{UserID: "li", Name: "小李", Daily: daily, Active: true}, {UserID: "gone", Name: "小走", Daily: 99},
	}))
	c := running(t, db, "winter")
	var list []Claimed
	for _, id := range plan(t, db, noon, c, n) {
		list = append(list, dial(t, db, noon, id, "d1"))
	}
	return list
}

func TestReservationsNeverExceedTheMembersDay(t *testing.T) {
	db := fresh(t)
	calls := yes(t, db, 8, 3)
	var wg sync.WaitGroup
	got := make(chan string, len(calls))
	for _, c := range calls {
		wg.Go(func() {
			member, _, ok, err := db.ReserveInvitation(context.Background(), noon, c.Attempt, c.ContactID)
			if err != nil {
				t.Error(err)
			}
			if ok {
				got <- member
			}
		})
	}
	wg.Wait()
	if len(got) != 3 || <-got != "小李" {
		t.Errorf("%d places were reserved of 3", len(got))
	}
	tomorrow := noon.AddDate(0, 0, 1)
	if _, _, ok, err := db.ReserveInvitation(t.Context(), tomorrow, free(t, db, calls).Attempt, free(t, db, calls).ContactID); err != nil || !ok {
		t.Errorf("the next day has no room: %v, %v", ok, err)
	}
}

// free is a call without an invitation.
func free(t *testing.T, db *DB, calls []Claimed) Claimed {
	t.Helper()
	for _, c := range calls {
		if count(t, db, `SELECT count(*) FROM invitations WHERE attempt = $1`, c.Attempt) == 0 {
			return c
		}
	}
	t.Fatal("everyone has an invitation")
	return Claimed{}
}

func TestAReservationIsOnePerPersonAndTheSameTwice(t *testing.T) {
	db := fresh(t)
	c := yes(t, db, 1, 3)[0]
	_, first, ok, err := db.ReserveInvitation(t.Context(), noon, c.Attempt, c.ContactID)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	_, second, ok, err := db.ReserveInvitation(t.Context(), noon, c.Attempt, c.ContactID)
	if err != nil || !ok || second != first {
		t.Errorf("again: %d after %d, %v, %v", second, first, ok, err)
	}
	finish(t, db, noon, c, agreed(noon))
	if n := count(t, db, `SELECT count(*) FROM invitations`); n != 1 {
		t.Errorf("%d invitations for one yes", n)
	}
}

func TestFromTheOfferToTheFriendAndBack(t *testing.T) {
	db := fresh(t)
	c := yes(t, db, 1, 3)[0]
	finish(t, db, noon, c, agreed(noon))
	wakes, err := db.Relay(t.Context(), noon, 10)
	if err != nil || len(wakes) != 1 {
		t.Fatal(wakes, err)
	}
	token, err := wecom.NewState(wecom.TokenInvitation, nil)
	if err != nil {
		t.Fatal(err)
	}
	ok, err := db.OfferInvitation(t.Context(), noon, 1, "https://work.weixin.qq.com/ca/x?customer_channel="+token, token)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if again, err := db.OfferInvitation(t.Context(), noon, 1, "https://elsewhere", token); err != nil || again {
		t.Errorf("offered twice: %v, %v", again, err)
	}
	if i, err := db.InvitationByToken(t.Context(), token); err != nil || i.State != wecom.Offered || i.Name != "王女士" || i.Channel != wecom.ByLink {
		t.Errorf("invitation %+v, %v", i, err)
	}
	if next, err := db.AdvanceInvitation(t.Context(), noon, 1, wecom.StepClick); err != nil || next != wecom.Clicked {
		t.Errorf("after a click: %s, %v", next, err)
	}

	event := wecom.Event{Event: "change_external_contact", ChangeType: "add_external_contact", UserID: "li", ExternalUserID: "wm1", State: token, At: noon}
	for i, want := range []bool{true, false} {
		if fresh, err := db.SaveEvent(t.Context(), noon, event); err != nil || fresh != want {
			t.Errorf("event, time %d: fresh %v, %v", i+1, fresh, err)
		}
	}
	added := noon.Add(time.Hour)
	f := wecom.Friendship{Member: "li", Customer: "wm1", State: token, Since: added, AddWay: 16}
	for i, want := range []bool{true, false} {
		b, err := db.Befriend(t.Context(), added, f)
		if err != nil || b.First != want || b.Evidence != wecom.ByState || b.Invitation.State != wecom.Added {
			t.Errorf("befriended, time %d: %+v, %v", i+1, b, err)
		}
	}
	forwarded := f
	forwarded.Customer = "wm2"
	if b, err := db.Befriend(t.Context(), added, forwarded); err != nil || b.Evidence != wecom.Forwarded {
		t.Errorf("the forwarded link gives %+v, %v", b, err)
	}
	if b, err := db.Befriend(t.Context(), added, wecom.Friendship{Member: "li", Customer: "wm3", Since: added}); err != nil || b.Evidence != "" {
		t.Errorf("a stranger is laid to %+v, %v", b, err)
	}
	list, err := db.candidates(t.Context(), db.pool, added, c.Campaign, []int64{c.ContactID}, "")
	if err != nil || !list[0].Subject.AlreadyFriend {
		t.Errorf("the person is not known as a friend: %v", err)
	}

	funnel, err := db.Funnel(t.Context(), added.AddDate(0, 0, 8), c.Campaign.ID)
	if err != nil || funnel.Friends != 1 || funnel.People("added") != 1 || funnel.People("retained_7d") != 1 {
		t.Errorf("funnel %+v, %v", funnel, err)
	}
	for i, want := range []bool{true, false} {
		if lost, err := db.LoseFriend(t.Context(), added.AddDate(0, 0, 2), "wm1", "li", wecom.StepCustomerDeleted); err != nil || lost != want {
			t.Errorf("lost, time %d: %v, %v", i+1, lost, err)
		}
	}
	if _, err := db.Befriend(t.Context(), added.AddDate(0, 0, 3), f); err != nil {
		t.Fatal(err) // an old report read again does not undo the loss
	}
	if i, err := db.Invitation(t.Context(), 1); err != nil || i.State != wecom.LostByCustomer {
		t.Errorf("after the loss the invitation is %s, %v", i.State, err)
	}
	if n := count(t, db, `SELECT count(*) FROM invitation_moves`); n != 4 {
		t.Errorf("%d moves are written down, want offer, click, add, loss", n)
	}
}

func TestAThrottledMemberRests(t *testing.T) {
	db := fresh(t)
	calls := yes(t, db, 2, 9)
	finish(t, db, noon, calls[0], agreed(noon))
	must(t)(db.OfferInvitation(t.Context(), noon, 1, "", "wt1"))
	if next, err := db.AdvanceInvitation(t.Context(), noon, 1, wecom.StepThrottle); err != nil || next != wecom.Throttled {
		t.Fatal(next, err)
	}
	if _, _, ok, err := db.ReserveInvitation(t.Context(), noon, calls[1].Attempt, calls[1].ContactID); err != nil || ok {
		t.Errorf("a throttled member was given another one: %v, %v", ok, err)
	}
	must(t)(nil, db.SaveMembers(t.Context(), noon, []Member{{UserID: "li", Name: "小李", Daily: 9, Active: true}}))
	if list, err := db.Members(t.Context(), noon); err != nil || !list[1].PausedUntil.After(noon) || list[1].UsedToday != 1 {
		t.Errorf("members %+v, %v; a restart must not wake the member", list, err)
	}
}

func TestAnOptOutBeforeTheOffer(t *testing.T) {
	db := fresh(t)
	c := yes(t, db, 1, 3)[0]
	finish(t, db, noon, c, agreed(noon))
	must(t)(nil, db.OptOut(t.Context(), noon, OptOutIn{Phone: phone(0), Source: "sms reply R"}))
	if ok, err := db.OfferInvitation(t.Context(), noon, 1, "", "wt"); err != nil || ok {
		t.Errorf("offered after the opt-out: %v, %v", ok, err)
	}
	if i, err := db.Invitation(t.Context(), 1); err != nil || i.State != wecom.OptedOut {
		t.Errorf("invitation is %s, %v", i.State, err)
	}
}

func TestMessages(t *testing.T) {
	queue := func(t *testing.T, db *DB) {
		c := yes(t, db, 1, 3)[0]
		in := FinishIn{Attempt: c.Attempt, Epoch: c.Epoch, Result: agreed(noon), Follow: []scheduler.FollowUp{{Kind: scheduler.FollowSMS, Template: "link"}}}
		must(t)(nil, db.Finish(t.Context(), noon, in))
	}
	allow := func(s compliance.Subject) compliance.Verdict {
		return compliance.Verdict{Allowed: s.Channel == compliance.SMS && len(s.Suppressed) == 0, Reason: compliance.ReasonDNCGlobal, Terminal: true}
	}
	get := func(t *testing.T, db *DB) (state string) {
		t.Helper()
		if err := db.pool.QueryRow(t.Context(), `SELECT state FROM messages WHERE id = 1`).Scan(&state); err != nil {
			t.Fatal(err)
		}
		return state
	}
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, db *DB)
		want string
	}{
		{"sent, and delivered by two receipts", func(t *testing.T, db *DB) {
			m, ok, err := db.ClaimMessage(t.Context(), noon, 1, allow)
			if err != nil || !ok || m.Template != "link" || m.Phone != phone(0) {
				t.Fatalf("claimed %+v, %v, %v", m, ok, err)
			}
			must(t)(nil, db.MessageSent(t.Context(), noon, 1, "sid", "您好"))
			for range 2 {
				must(t)(db.MessageReceipt(t.Context(), noon, "sid", true, ""))
			}
		}, "delivered"},
		{"a second sender gets nothing", func(t *testing.T, db *DB) {
			must(t)(nil, func() error { _, _, err := db.ClaimMessage(t.Context(), noon, 1, allow); return err }())
			if _, ok, err := db.ClaimMessage(t.Context(), noon, 1, allow); err != nil || ok {
				t.Errorf("claimed twice: %v, %v", ok, err)
			}
		}, "sending"},
		{"an answer that was lost", func(t *testing.T, db *DB) {
			must(t)(nil, func() error { _, _, err := db.ClaimMessage(t.Context(), noon, 1, allow); return err }())
			must(t)(nil, db.MessageUnknown(t.Context(), noon, 1, "timeout"))
		}, "unknown"},
		{"a sender that died", func(t *testing.T, db *DB) {
			must(t)(nil, func() error { _, _, err := db.ClaimMessage(t.Context(), noon, 1, allow); return err }())
			must(t)(nil, func() error { _, _, err := db.Sweep(t.Context(), noon.Add(11*time.Minute), Dead); return err }())
		}, "unknown"},
		{"refused by the provider", func(t *testing.T, db *DB) {
			must(t)(nil, func() error { _, _, err := db.ClaimMessage(t.Context(), noon, 1, allow); return err }())
			must(t)(nil, db.MessageFailed(t.Context(), noon, 1, "no money"))
		}, "failed"},
		{"an opt-out by SMS before it was sent", func(t *testing.T, db *DB) {
			must(t)(nil, db.InboundOptOut(t.Context(), noon, phone(0), "R"))
			if _, ok, err := db.ClaimMessage(t.Context(), noon, 1, allow); err != nil || ok {
				t.Errorf("claimed after the opt-out: %v, %v", ok, err)
			}
		}, "cancelled"},
		{"the night", func(t *testing.T, db *DB) {
			_, ok, err := db.ClaimMessage(t.Context(), noon, 1, func(compliance.Subject) compliance.Verdict {
				return compliance.Verdict{Reason: compliance.ReasonWindow, Until: noon.Add(20 * time.Hour)}
			})
			if err != nil || ok {
				t.Errorf("claimed at night: %v, %v", ok, err)
			}
			if wakes, err := db.Relay(t.Context(), noon.Add(20*time.Hour), 10); err != nil || len(wakes) != 1 {
				t.Errorf("in the morning: %v, %v", wakes, err)
			}
		}, "queued"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := fresh(t)
			queue(t, db)
			tt.do(t, db)
			if got := get(t, db); got != tt.want {
				t.Errorf("message is %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("a receipt of a stranger", func(t *testing.T) {
		if known, err := fresh(t).MessageReceipt(t.Context(), noon, "nobody's", true, ""); err != nil || known {
			t.Errorf("known %v, %v", known, err)
		}
	})
}

func friendOf(customer, token string) wecom.Friendship {
	return wecom.Friendship{Member: "li", Customer: customer, State: token, Since: noon, AddWay: 16}
}
