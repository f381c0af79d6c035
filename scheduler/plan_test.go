package scheduler

import (
	"fmt"
	"math/rand"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"warmline/compliance"
	"warmline/contacts"
)

// doorOf answers by phone; who is not listed may be called.
func doorOf(no map[contacts.Phone]compliance.Verdict) Door {
	return func(_ time.Time, s compliance.Subject) compliance.Verdict {
		if v, ok := no[s.Phone]; ok {
			return v
		}
		return compliance.Verdict{Allowed: true}
	}
}

func person(id int64, attempts int) Candidate {
	p := contacts.Phone(fmt.Sprintf("+86138%08d", id))
	return Candidate{ContactID: id, Contact: contacts.Contact{Phone: p}, Attempts: attempts, Subject: compliance.Subject{Phone: p}}
}

func TestWhoIsCalledNow(t *testing.T) {
	until := noon.Add(3 * time.Hour)
	closed := compliance.Verdict{Reason: compliance.ReasonWindow, Until: until}
	never := compliance.Verdict{Reason: compliance.ReasonDNCGlobal, Terminal: true}
	spent := compliance.Verdict{Reason: compliance.ReasonFrequency, Terminal: true}
	door := doorOf(map[contacts.Phone]compliance.Verdict{person(2, 0).Contact.Phone: closed, person(3, 0).Contact.Phone: never})
	call := func(id int64, n int) Call {
		return Call{AttemptID("c", id, n), id, person(id, 0).Contact.Phone, n, compliance.Verdict{Allowed: true}}
	}
	tests := []struct {
		name  string
		due   []Candidate
		lines int
		want  Plan
	}{
		{"nobody is due", nil, 5, Plan{}},
		{"everyone finds a line, in their order", []Candidate{person(9, 0), person(1, 2), person(4, 1)}, 5,
			Plan{Calls: []Call{call(9, 1), call(1, 3), call(4, 2)}}},
		{"who is held says why and until when", []Candidate{person(2, 0), person(1, 0), person(3, 0)}, 5,
			Plan{Calls: []Call{call(1, 1)}, Held: []Held{{2, "out_of_window", until, false, closed}, {3, "dnc_global", time.Time{}, true, never}}}},
		{"who had all attempts is done", []Candidate{person(1, 3), person(4, 2)}, 5,
			Plan{Calls: []Call{call(4, 3)}, Held: []Held{{1, "freq_cap", time.Time{}, true, spent}}}},
		{"when lines run out the rest stays due", []Candidate{person(1, 0), person(4, 0), person(5, 0)}, 2,
			Plan{Calls: []Call{call(1, 1), call(4, 1)}}},
		{"without a line the door is still asked", []Candidate{person(2, 0), person(1, 0)}, 0,
			Plan{Held: []Held{{2, "out_of_window", until, false, closed}}}},
		{"fewer than no lines is none", []Candidate{person(1, 0)}, -3, Plan{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, Next(noon, Campaign{ID: "c"}, tt.due, door, Room{tt.lines})); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

func TestTheDoorIsToldTheTimeAndThePerson(t *testing.T) {
	due := []Candidate{person(7, 0)}
	asked := 0
	Next(noon, Campaign{}, due, func(now time.Time, s compliance.Subject) compliance.Verdict {
		asked++
		if !now.Equal(noon) || s.Phone != due[0].Contact.Phone {
			t.Errorf("asked at %s about %s", now, s.Phone)
		}
		return compliance.Verdict{}
	}, Room{1})
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// Any crowd, any door, any room: calls fit the lines, nobody is called over the
// attempts, everyone is in one list at most and in one list exactly while there
// are lines, order is kept, and asking again gives the same.
func TestAnyPlanKeepsItsPromises(t *testing.T) {
	promise := func(seed int64) bool {
		r := rand.New(rand.NewSource(seed))
		c := Campaign{ID: "c", Retry: Retry{Attempts: r.Intn(5)}}
		room := Room{r.Intn(12) - 1}
		no := map[contacts.Phone]compliance.Verdict{}
		var due []Candidate
		place := map[int64]int{}
		for i, id := range r.Perm(r.Intn(40)) {
			d := person(int64(id), r.Intn(6))
			if r.Intn(3) == 0 {
				no[d.Contact.Phone] = compliance.Verdict{Reason: compliance.ReasonWindow, Until: noon.Add(time.Hour), Terminal: r.Intn(2) == 0}
			}
			due, place[d.ContactID] = append(due, d), i
		}
		p := Next(noon, c, due, doorOf(no), room)

		ok := len(p.Calls) <= max(room.Lines, 0)
		lists := map[int64]int{}
		last := -1
		for _, call := range p.Calls {
			i := place[call.ContactID]
			_, refused := no[call.Phone]
			ok = ok && i > last && !refused && call.Number == due[i].Attempts+1 && call.Number <= c.Retry.Max() && call.Verdict.Allowed
			last = i
			lists[call.ContactID]++
		}
		last = -1
		for _, h := range p.Held {
			i := place[h.ContactID]
			ok = ok && i > last && h.Reason != "" && (h.Terminal || !h.Until.IsZero()) && !h.Verdict.Allowed
			last = i
			lists[h.ContactID]++
		}
		for _, n := range lists {
			ok = ok && n == 1
		}
		waiting := len(due) - len(lists)
		if waiting > 0 {
			ok = ok && len(p.Calls) == max(room.Lines, 0)
		}
		return ok && cmp.Equal(p, Next(noon, c, due, doorOf(no), room))
	}
	if err := quick.Check(promise, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

// IDs are kept in databases: a changed function would plan everyone twice.
func TestAnAttemptsNameNeverChanges(t *testing.T) {
	const campaign = "0b7f3f0e-5a55-4a0e-9d3c-1f7f5a1f2a10"
	for n, want := range map[int]string{1: "d8696861-d5b5-55c2-a5fc-12645c0a3bef", 2: "6b89266d-2528-5cc1-bf33-1972b4b0075b"} {
		if got := AttemptID(campaign, 42, n); got != want {
			t.Errorf("attempt %d is %s, want %s", n, got, want)
		}
	}
	seen := map[string]string{}
	for _, c := range []string{campaign, "1", "11", ""} {
		for contact := range int64(20) {
			for n := range 20 {
				id := AttemptID(c, contact, n)
				if u, err := uuid.Parse(id); err != nil || u.Version() != 5 {
					t.Fatalf("%s is not a name-based UUID: %v", id, err)
				}
				what := fmt.Sprintf("%s, %d, %d", c, contact, n)
				if other, twice := seen[id]; twice {
					t.Errorf("%s and %s share an attempt", what, other)
				}
				seen[id] = what
			}
		}
	}
}
