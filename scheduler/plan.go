package scheduler

import (
	"time"

	"warmline/compliance"
	"warmline/contacts"
)

// Candidate is one due person of a campaign with all that the door asks about.
type Candidate struct {
	ContactID int64
	Contact   contacts.Contact
	Attempts  int // attempts of this campaign so far, those that never left excluded
	Subject   compliance.Subject
}

// Room is what there is to call with now.
type Room struct {
	Lines int // free channels
}

// Call is one attempt to be written.
type Call struct {
	AttemptID string
	ContactID int64
	Phone     contacts.Phone
	Number    int // 1 for the first attempt of this campaign
	Verdict   compliance.Verdict
}

// Held is a person who is not called now, why, and until when. Terminal means
// this campaign is done with the person.
type Held struct {
	ContactID int64
	Reason    string
	Until     time.Time
	Terminal  bool
	Verdict   compliance.Verdict
}

// Plan is the outcome of one tick: everyone asked about is in exactly one list.
type Plan struct {
	Calls []Call
	Held  []Held
}

// Door says whether a contact may be made; compliance.Decide under a policy.
type Door func(now time.Time, s compliance.Subject) compliance.Verdict

// Next decides who of the due is called now. It keeps their order, so the same
// arguments give the same plan; when room runs out the rest stays due.
func Next(now time.Time, c Campaign, due []Candidate, door Door, room Room) Plan {
	var plan Plan
	for _, d := range due {
		if d.Attempts >= c.Retry.Max() {
			plan.Held = append(plan.Held, Held{ContactID: d.ContactID, Reason: string(compliance.ReasonFrequency), Terminal: true,
				Verdict: compliance.Verdict{Reason: compliance.ReasonFrequency, Terminal: true}})
			continue
		}
		v := door(now, d.Subject)
		if !v.Allowed {
			plan.Held = append(plan.Held, Held{d.ContactID, string(v.Reason), v.Until, v.Terminal, v})
			continue
		}
		if len(plan.Calls) >= room.Lines {
			continue
		}
		n := d.Attempts + 1
		plan.Calls = append(plan.Calls, Call{AttemptID(c.ID, d.ContactID, n), d.ContactID, d.Contact.Phone, n, v})
	}
	return plan
}
