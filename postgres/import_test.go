package postgres

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"warmline/contacts"
)

func TestImport(t *testing.T) {
	db := fresh(t)
	in := Import{File: "a.csv", SHA256: "aa", Brand: "暖冬", Source: "taobao"}
	orders := []contacts.Order{order(1, "T1"), order(1, "T2"), order(2, "T3")}
	rejects := []contacts.RowError{{Line: 9, Column: 3, Field: "phone", Reason: "masked_number", Value: "138****1234", Row: []string{"a", "b\x00c"}}}
	want := ImportResult{Rows: 4, People: 2, Folded: 1, Refused: 1}
	ignore := cmpopts.IgnoreFields(ImportResult{}, "Batch")

	got, err := db.SaveContacts(t.Context(), noon, in, orders, contacts.Fold(orders), rejects)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("first import (-want +got):\n%s", diff)
	}
	before := dump(t, db)

	got, err = db.SaveContacts(t.Context(), noon.AddDate(0, 0, 1), in, orders, contacts.Fold(orders), rejects)
	if err != nil {
		t.Fatal(err)
	}
	want.Already = true
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("the same file again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, dump(t, db)); diff != "" {
		t.Errorf("the same file again changed (-before +after):\n%s", diff)
	}
	list, err := db.Rejects(t.Context(), got.Batch, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Reason != "masked_number" || list[0].Row[1] != "bc" {
		t.Errorf("refused rows = %+v", list)
	}
}

// dump is everything an import may write.
func dump(t *testing.T, db *DB) []string {
	t.Helper()
	var all []string
	for _, table := range []string{"import_batches", "import_rejects", "contacts", "orders", "changes"} {
		rows, err := collect[string](t.Context(), db.pool, `SELECT x::text FROM `+table+` x ORDER BY 1`)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	return all
}

func TestASecondFileAddsUpToWhatFoldSays(t *testing.T) {
	db := fresh(t)
	first := []contacts.Order{order(1, "T1"), order(2, "T3")}
	gift := order(3, "G1")
	gift.Role, gift.Receiver = contacts.RoleConsignee, "奶奶"
	first = append(first, gift)
	newer := order(1, "T2")
	newer.Paid, newer.City, newer.Receiver, newer.Level = noon.AddDate(0, 0, -2), "北京", "王美", "金卡"
	refunded := order(2, "T3")
	refunded.Refunded = true
	own := order(3, "T9")
	own.Paid = noon.AddDate(0, 0, -1)
	second := []contacts.Order{newer, refunded, own, order(1, "T1")}

	for i, orders := range [][]contacts.Order{first, second} {
		if _, err := db.SaveContacts(t.Context(), noon, Import{File: fmt.Sprint(i), SHA256: fmt.Sprint(i), Brand: "暖冬", Source: "taobao"},
			orders, contacts.Fold(orders), nil); err != nil {
			t.Fatal(err)
		}
	}
	// What one file with everything would have given; a refund heard of later wins.
	want := contacts.Fold([]contacts.Order{order(1, "T1"), newer, refunded, gift, own})
	for i := range want {
		w, err := db.Why(t.Context(), noon, want[i].Phone)
		if err != nil {
			t.Fatal(err)
		}
		ignore := cmpopts.IgnoreFields(contacts.Order{}, "Line", "Gender", "Birthday")
		if diff := cmp.Diff(want[i], w.Contact, ignore, cmpopts.EquateEmpty(),
			cmpopts.SortSlices(func(a, b contacts.Order) bool { return a.Number < b.Number })); diff != "" {
			t.Errorf("person %d (-fold +stored):\n%s", i, diff)
		}
	}
}

func TestAnImportNeverLiftsAnOptOut(t *testing.T) {
	db := fresh(t)
	if err := db.OptOut(t.Context(), noon, OptOutIn{Phone: phone(0), Source: "console"}); err != nil {
		t.Fatal(err) // before we ever met
	}
	people(t, db, 2)
	c := running(t, db, "winter")
	if got := len(plan(t, db, noon, c, 10)); got != 1 {
		t.Errorf("%d attempts were planned, want the one of the other person", got)
	}
	in := task(t, db, c, 0)
	if in.State != "done" || in.DoneReason != "dnc_global" {
		t.Errorf("the opted-out person is %s (%s), want done (dnc_global)", in.State, in.DoneReason)
	}
	if yes, err := db.Suppressed(t.Context(), phone(0)); err != nil || !yes {
		t.Errorf("suppressed = %v, %v", yes, err)
	}
}

func TestConsents(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	good := contacts.Consent{Phone: phone(0), Brand: "暖冬", Purpose: "service", Channels: []string{"voice"}, At: noon, Source: "form", Proof: "p"}
	stranger, late, vague := good, good, good
	stranger.Phone = phone(99)
	late.Expires = noon.Add(-1)
	vague.Purpose = "whatever"
	for _, tt := range []struct {
		name string
		want ConsentResult
	}{
		{"the first time", ConsentResult{Taken: 1, Unmatched: 1, Refused: 2}},
		{"the same file again", ConsentResult{Known: 1, Unmatched: 1, Refused: 2}},
	} {
		got, err := db.SaveConsents(t.Context(), noon, []contacts.Consent{good, stranger, late, vague})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestAConsentMakesTheHeldDueAgain(t *testing.T) {
	db := fresh(t)
	orders := []contacts.Order{order(0, "T1")}
	must(t)(db.SaveContacts(t.Context(), noon, Import{File: "a", SHA256: "a", Brand: "暖冬", Source: "taobao"}, orders, contacts.Fold(orders), nil))
	c := running(t, db, "winter")
	if got := plan(t, db, noon, c, 10); len(got) != 0 {
		t.Fatalf("planned %v without a consent", got)
	}
	if held := must(t)(db.Held(t.Context(), c.ID)); !cmp.Equal(held, map[string]int{"no_consent": 1}) {
		t.Errorf("held = %v", held)
	}
	must(t)(db.SaveConsents(t.Context(), noon, []contacts.Consent{{Phone: phone(0), Brand: "暖冬", Purpose: "marketing",
		Channels: []string{"voice"}, At: noon.Add(-1), Source: "form", Proof: "p"}}))
	if got := plan(t, db, noon, c, 10); len(got) != 1 {
		t.Errorf("%d planned after the consent, want 1", len(got))
	}
}

func TestSegmentsInSQLAndInMemoryAgree(t *testing.T) {
	db := fresh(t)
	people(t, db, 3)
	for _, tt := range []struct {
		segment string
		want    int
	}{
		{"all", 3}, {`city in ["哈尔滨"]`, 3}, {`city in ["北京"]`, 0}, {"frequency >= 2", 0},
		{"amount >= 500 && recency_days <= 30", 3}, {"birthday.within(7)", 3}, {`!tag("有退款")`, 3},
	} {
		c := running(t, db, tt.segment+"x")
		if _, err := db.pool.Exec(t.Context(), `DELETE FROM contact_tasks WHERE campaign = $1`, c.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := db.pool.Exec(t.Context(), `UPDATE campaigns SET segment = $2 WHERE id = $1`, c.ID, tt.segment); err != nil {
			t.Fatal(err)
		}
		got, err := db.Enrol(t.Context(), noon, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		again, err := db.Enrol(t.Context(), noon, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got != tt.want || again != 0 {
			t.Errorf("%s enrols %d and then %d, want %d and 0", tt.segment, got, again, tt.want)
		}
	}
}
