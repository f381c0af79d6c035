package reports

import "time"

// Step names one step of the funnel.
type Step string

// The steps, in the order a person takes them. The package comment defines them.
const (
	Imported   Step = "imported"
	Eligible   Step = "eligible"
	Admitted   Step = "admitted"
	Dialed     Step = "dialed"
	Answered   Step = "answered"
	Human      Step = "human"
	Disclosed  Step = "disclosed"
	RightParty Step = "right_party"
	Pitched    Step = "pitched"
	Agreed     Step = "agreed"
	LinkSent   Step = "link_sent"
	Added      Step = "added"
	Retained   Step = "retained_7d"
)

// Steps lists all steps in order.
func Steps() []Step {
	return []Step{Imported, Eligible, Admitted, Dialed, Answered, Human, Disclosed, RightParty, Pitched, Agreed, LinkSent, Added, Retained}
}

// Maturity is the age at which a friendship is judged as kept.
const Maturity = 7 * 24 * time.Hour

// Row is one step, counted in people and, for the steps of a call, in attempts.
type Row struct {
	Step     Step `json:"step"`
	People   int  `json:"people"`
	Attempts int  `json:"attempts,omitempty"`
}

// Funnel is what a campaign, or all of them, came to.
type Funnel struct {
	Campaign string    `json:"campaign,omitempty"` // name; "" is all campaigns
	At       time.Time `json:"at"`
	Rows     []Row     `json:"steps"`

	Dispositions map[string]int `json:"dispositions"` // of ended attempts; they add up to Ended
	Outcomes     map[string]int `json:"outcomes"`     // of those who talked
	Held         map[string]int `json:"held"`         // people not called now, by the door's reason

	Attempts    int `json:"attempts"`     // planned
	Ended       int `json:"ended"`        // with a result, unknown ones included
	Refused     int `json:"refused"`      // by the door, between plan and call
	OptedOut    int `json:"opted_out"`    // people who said stop
	Complaints  int `json:"complaints"`   // attempts
	Messages    int `json:"messages"`     // texts that went out
	Delivered   int `json:"delivered"`    // of them, by receipt
	Invited     int `json:"invited"`      // invitations reserved
	Friends     int `json:"friends"`      // friendships now
	FriendsLost int `json:"friends_lost"` // friendships ended
	Matured     int `json:"matured"`      // people added at least seven days ago
}

// People counts the people who took a step.
func (f Funnel) People(s Step) int { return f.row(s).People }

// Calls counts the attempts that took a step.
func (f Funnel) Calls(s Step) int { return f.row(s).Attempts }

func (f Funnel) row(s Step) Row {
	for _, r := range f.Rows {
		if r.Step == s {
			return r
		}
	}
	return Row{Step: s}
}

// Rate is a fraction that shows what it is made of.
type Rate struct {
	Name string `json:"name"`
	N    int    `json:"n"`
	Of   int    `json:"of"`
	Per  int    `json:"per"` // 100 for percent, 1000 for per mille, 1 for a plain ratio
}

// Value is N/Of in Per; ok is false when there is nothing to divide by.
func (r Rate) Value() (v float64, ok bool) {
	if r.Of == 0 {
		return 0, false
	}
	return float64(r.N) * float64(r.Per) / float64(r.Of), true
}

// Rates are the fractions people argue about, each with its denominator.
func (f Funnel) Rates() []Rate {
	return []Rate{
		{"penetration", f.People(Dialed), f.People(Eligible), 100},
		{"attempts_per_person", f.Calls(Dialed), f.People(Dialed), 1},
		{"connect", f.Calls(Answered), f.Calls(Dialed), 100},
		{"human_answer", f.Calls(Human), f.Calls(Dialed), 100},
		{"contact", f.People(Human), f.People(Dialed), 100},
		{"right_party", f.Calls(RightParty), f.Calls(Human), 100},
		{"agree", f.People(Agreed), f.People(RightParty), 100},
		{"add", f.People(Added), f.People(LinkSent), 100},
		{"dialed_to_friend", f.People(Added), f.People(Dialed), 100},
		{"retained_7d", f.People(Retained), f.Matured, 100},
		{"abandoned", f.Dispositions["abandoned"], f.Calls(Answered), 100},
		{"opt_out_per_1000", f.OptedOut, f.Calls(Human), 1000},
		{"complaints_per_10000", f.Complaints, f.Calls(Human), 10000},
	}
}
