package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/compliance"
	"warmline/contacts"
	"warmline/occasions"
	"warmline/sip/siptest"
)

func TestCommittedFilesAreWhatTheGeneratorWrites(t *testing.T) {
	for name, want := range files() {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("examples/%s is not what the generator writes; run go run ./examples/gen", name)
		}
	}
}

type shopData struct {
	rows     int
	orders   []contacts.Order
	refused  map[string]int
	people   []contacts.Contact
	consents map[contacts.Phone][]contacts.Consent
}

func load(t *testing.T) shopData {
	t.Helper()
	all := files()
	d := shopData{refused: map[string]int{}, consents: map[contacts.Phone][]contacts.Consent{}}
	for o, err := range contacts.ReadOrders(bytes.NewReader(all["orders.csv"]), contacts.Mapping{}) {
		var bad *contacts.RowError
		switch {
		case errors.As(err, &bad):
			d.refused[bad.Reason]++
		case err != nil:
			t.Fatal(err)
		default:
			d.orders = append(d.orders, o)
		}
	}
	d.rows = bytes.Count(all["orders.csv"], []byte("\r\n")) - 1
	d.people = contacts.Fold(d.orders)
	for c, err := range contacts.ReadConsents(bytes.NewReader(all["consents.csv"])) {
		if err != nil {
			t.Fatal(err)
		}
		d.consents[c.Phone] = append(d.consents[c.Phone], c)
	}
	return d
}

// callable asks the door about everyone, with nothing wrong but the data.
func (d shopData) callable() (yes []contacts.Contact, no map[string]int) {
	no = map[string]int{}
	for _, c := range d.people {
		v := compliance.Decide(world, compliance.CNMarketing(), compliance.Subject{
			Channel: compliance.Voice, Brand: brand, Campaign: "winter", Phone: c.Phone, Class: contacts.ClassMobile,
			Role: c.Role, Zone: c.Zone, Risks: c.Risks, Consents: d.consents[c.Phone], Disclosed: true, Loopback: true,
		})
		if v.Allowed {
			yes = append(yes, c)
		} else {
			no[v.Reason]++
		}
	}
	return yes, no
}

func TestTheShopIsAsLargeAndAsDirtyAsPromised(t *testing.T) {
	d := load(t)
	buyers, cities, duplicates, refunds, gifts := 0, map[string]bool{}, 0, 0, 0
	for _, c := range d.people {
		if c.Role == contacts.RoleConsignee {
			gifts++
			continue
		}
		buyers++
		cities[c.City] = true
		if len(c.Orders) > 1 {
			duplicates++
		}
		if len(c.Risks) > 0 {
			t.Errorf("%v looks like abuse: %v", c.Phone, c.Risks)
		}
	}
	for _, o := range d.orders {
		if o.Refunded {
			refunds++
		}
		if age := world.Sub(o.Signed); !o.Signed.IsZero() && (age < 3*24*time.Hour || age > 40*24*time.Hour) {
			t.Errorf("line %d was signed %v before the day, not 3 to 40 days", o.Line, age)
		}
	}
	for _, need := range []struct {
		what      string
		got, want int
	}{
		{"rows", d.rows, 430}, {"buyers", buyers, 270}, {"cities", len(cities), 12}, {"people with several orders", duplicates, 40},
		{"refunds", refunds, 10}, {"gift recipients", gifts, 12},
		{"landlines", d.refused["landline"], 5}, {"empty numbers", d.refused["empty"], 5}, {"malformed numbers", d.refused["malformed"], 5},
		{"masked numbers", d.refused["masked_number"], 5}, {"privacy numbers", d.refused["privacy_number"], 5},
		{"numbers a spreadsheet ate", d.refused["excel_number"], 2}, {"short codes", d.refused["short_code"], 1}, {"unpaid orders", d.refused["not_paid"], 1},
	} {
		if need.got < need.want {
			t.Errorf("%d %s, at least %d wanted", need.got, need.what, need.want)
		}
	}
	t.Logf("%d rows, %d buyers, %d consents, refused %v", d.rows, buyers, len(d.consents), d.refused)
}

func TestEveryKindOfPersonMayBeCalled(t *testing.T) {
	d := load(t)
	yes, no := d.callable()
	perCase := map[string]int{}
	for _, c := range yes {
		perCase[siptest.CaseFor(c.Phone.National()).Name]++
	}
	for _, kind := range siptest.Cases() {
		if perCase[kind.Name] < 2 {
			t.Errorf("%d callable buyers for %s (…%s), at least 2 wanted", perCase[kind.Name], kind.Name, kind.Suffix)
		}
	}
	if share := perCase["agrees"] * 100 / len(yes); share < 60 {
		t.Errorf("%d %% of the callable simply agree, most should", share)
	}
	if share := len(yes) * 100 / len(d.people); share < 62 || share > 78 {
		t.Errorf("%d %% may be called, about seven of ten wanted (held: %v)", share, no)
	}
	if no[compliance.ReasonNoConsent] < 20 || no[compliance.ReasonConsignee] < 10 {
		t.Errorf("held %v; some should lack consent and some be gift recipients", no)
	}
	t.Logf("%d callable, held %v, %v", len(yes), no, perCase)
}

func TestEveryDirtyCellIsRefusedForItsOwnReason(t *testing.T) {
	got := load(t).refused
	want := map[string]int{
		"landline": 8, "empty": 6, "malformed": 9, "masked_number": 10, "privacy_number": 10, "excel_number": 4,
		"short_code": 2, "toll_free": 1, "not_paid": 4, "bad_amount": 1, "bad_time": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheDayHasItsOccasions(t *testing.T) {
	all := files()
	book, err := occasions.ReadAlmanac(bytes.NewReader(all["almanac.json"]))
	if err != nil {
		t.Fatal(err)
	}
	happenings, err := occasions.ReadEvents(bytes.NewReader(all["events.csv"]))
	if err != nil {
		t.Fatal(err)
	}
	book.Add(happenings)
	names, err := contacts.ReadSpokenNames(bytes.NewReader(all["spoken.csv"]))
	if err != nil {
		t.Fatal(err)
	}
	yes, _ := load(t).callable()
	counts := map[string]int{}
	for _, c := range yes {
		facts := occasions.For(context.Background(), c, world, []occasions.Source{book}, nil).Facts()
		if w := facts["weather"]; w == nil {
			t.Errorf("no weather for %s", c.City)
		} else if w["drop_48h"].(int) >= 8 && w["tomorrow"].(map[string]any)["low"].(int) < 10 {
			counts["cold snap"]++
			counts["cold snap "+c.City]++
		}
		if b := facts["birthday"]; b != nil && b["days"].(int) <= 1 {
			kind := "solar"
			if b["lunar"].(bool) {
				kind = "lunar"
			}
			counts[kind+" birthday "+[]string{"today", "tomorrow"}[b["days"].(int)]]++
		}
		if facts["event"] != nil {
			counts["event"]++
		}
		if o, ok := c.LastItem(); ok {
			counts["order"]++
			bySKU, _ := names.Spoken(o.SKU)
			byTitle, ok := names.Spoken(o.Item)
			if bySKU != byTitle {
				t.Errorf("%s is spoken %q, its title %q", o.SKU, bySKU, byTitle)
			}
			if ok {
				counts["spoken"]++
			}
		}
		if c.Salutation() != "" {
			counts["salutation"]++
		}
	}
	for _, need := range []string{"cold snap", "cold snap 哈尔滨", "cold snap 北京", "solar birthday today", "solar birthday tomorrow",
		"lunar birthday today", "lunar birthday tomorrow", "event", "order", "spoken", "salutation"} {
		if counts[need] < 2 {
			t.Errorf("%d people with %s, at least 2 wanted", counts[need], need)
		}
	}
	t.Logf("%v", counts)
}

func TestEveryTailOfTheGatewayIsKnownHere(t *testing.T) {
	var want []string
	for _, c := range siptest.Cases() {
		want = append(want, c.Suffix)
	}
	got := slices.Sorted(slices.Values(tails))
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the gateway's people and the generator's tails differ:\n%s", diff)
	}
}
