package reports

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func ago(days int) time.Time { return noon.AddDate(0, 0, -days) }

func TestFold(t *testing.T) {
	call := func(key string, contact int64, kinds ...Kind) (list []Event) {
		for _, k := range kinds {
			list = append(list, Event{Kind: k, Contact: contact, Key: key})
		}
		return list
	}
	for _, tt := range []struct {
		name     string
		events   []Event
		people   map[Step]int
		attempts map[Step]int
	}{
		{"nothing happened", nil, nil, nil},
		{"a person called twice is one person and two attempts",
			slices.Concat(call("a1", 7, EventPlanned, EventDialed), call("a2", 7, EventPlanned, EventDialed, EventAnswered)),
			map[Step]int{Admitted: 1, Dialed: 1, Answered: 1}, map[Step]int{Admitted: 2, Dialed: 2, Answered: 1}},
		{"an event told twice counts once",
			slices.Concat(call("a1", 7, EventDialed), call("a1", 7, EventDialed)),
			map[Step]int{Dialed: 1}, map[Step]int{Dialed: 1}},
		{"held for now is eligible, closed for good is not",
			[]Event{{Kind: EventKnown, Contact: 1}, {Kind: EventKnown, Contact: 2},
				{Kind: EventJudged, Contact: 1, Yes: true, Word: "out_of_window"}, {Kind: EventJudged, Contact: 2, Word: "no_consent"}},
			map[Step]int{Imported: 2, Eligible: 1}, nil},
		{"a text and an invitation to one person are one link sent",
			[]Event{{Kind: EventTexted, Contact: 3}, {Kind: EventOffered, Contact: 3}},
			map[Step]int{LinkSent: 1}, nil},
		{"a friend of six days is not judged, one lost after eight days was kept, one lost after two was not",
			[]Event{{Kind: EventAdded, Contact: 1, Key: "x", At: ago(6)},
				{Kind: EventAdded, Contact: 2, Key: "y", At: ago(20)}, {Kind: EventLost, Contact: 2, Key: "y", At: ago(12)},
				{Kind: EventLost, Contact: 3, Key: "z", At: ago(18)}, {Kind: EventAdded, Contact: 3, Key: "z", At: ago(20)}},
			map[Step]int{Added: 3, Retained: 1}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := Fold(noon, slices.Values(tt.events))
			people, attempts := map[Step]int{}, map[Step]int{}
			for _, r := range f.Rows {
				if r.People > 0 {
					people[r.Step] = r.People
				}
				if r.Attempts > 0 {
					attempts[r.Step] = r.Attempts
				}
			}
			if tt.people == nil {
				tt.people = map[Step]int{}
			}
			if tt.attempts == nil {
				tt.attempts = map[Step]int{}
			}
			if diff := cmp.Diff(tt.people, people); diff != "" {
				t.Errorf("people (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.attempts, attempts); diff != "" {
				t.Errorf("attempts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFriendsAndTheirDenominator(t *testing.T) {
	f := Fold(noon, slices.Values([]Event{
		{Kind: EventAdded, Contact: 1, Key: "x", At: ago(6)},
		{Kind: EventAdded, Contact: 2, Key: "y", At: ago(20)},
		{Kind: EventLost, Contact: 2, Key: "y", At: ago(18)},
	}))
	got := []int{f.Friends, f.FriendsLost, f.Matured, f.People(Retained)}
	if want := []int{1, 1, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("friends, lost, matured, retained = %v, want %v", got, want)
	}
}

func TestRatesPrintTheirDenominators(t *testing.T) {
	for _, tt := range []struct {
		rate Rate
		want string
	}{
		{Rate{"connect", 125, 401, 100}, "31.2% (125/401)"},
		{Rate{"add", 0, 0, 100}, "– (0/0)"},
		{Rate{"attempts_per_person", 3, 2, 1}, "1.50 (3/2)"},
		{Rate{"opt_out_per_1000", 2, 400, 1000}, "5.00 (2/400)"},
	} {
		if got := tt.rate.String(); got != tt.want {
			t.Errorf("%+v prints %q, want %q", tt.rate, got, tt.want)
		}
	}
}

func TestText(t *testing.T) {
	f := Fold(noon, slices.Values([]Event{
		{Kind: EventKnown, Contact: 1}, {Kind: EventJudged, Contact: 1, Yes: true},
		{Kind: EventPlanned, Contact: 1, Key: "a"}, {Kind: EventDialed, Contact: 1, Key: "a"},
		{Kind: EventEnded, Contact: 1, Key: "a", Word: "busy"}, {Kind: EventJudged, Contact: 2, Word: "no_consent"},
	}))
	f.Campaign = "双十一回访"
	for lang, want := range map[string][]string{
		"zh": {"双十一回访", "接通率", "0.0% (0/1)", "呼叫结果", "busy", "暂不外呼", "no_consent", "– (0/0)"},
		"en": {"connect rate", "Results of calls", "Not called now", "became friends"},
	} {
		var b strings.Builder
		if err := f.Text(&b, lang); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: %q is missing in\n%s", lang, w, b.String())
			}
		}
	}
}

func TestEveryStepAndRateHasItsWords(t *testing.T) {
	for _, s := range Steps() {
		if _, ok := words[string(s)]; !ok {
			t.Errorf("step %s has no words", s)
		}
	}
	for _, r := range (Funnel{}).Rates() {
		if _, ok := words[r.Name]; !ok {
			t.Errorf("rate %s has no words", r.Name)
		}
	}
}

func TestJSONKeepsTheOrderOfSteps(t *testing.T) {
	b, err := json.Marshal(Fold(noon, slices.Values([]Event(nil))))
	if err != nil {
		t.Fatal(err)
	}
	last := -1
	for _, s := range Steps() {
		at := strings.Index(string(b), `"step":"`+string(s)+`"`)
		if at <= last {
			t.Errorf("step %s stands at %d, after %d was expected", s, at, last)
		}
		last = at
	}
}
