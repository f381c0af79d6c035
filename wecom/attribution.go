package wecom

import (
	"slices"
	"strings"
)

// Evidence is why a friendship was laid to an invitation.
type Evidence string

// The evidence, strongest first. A name is none.
const (
	ByState         Evidence = "state"          // the token of this very invitation
	ByCampaignPhone Evidence = "campaign_phone" // the campaign's token and the person's number
	ByTaskPhone     Evidence = "task_phone"     // the member searched this number for this task
	Forwarded       Evidence = "forwarded"      // the token is right, the person is another one
)

// Match says whose yes a friendship is. Forwarded earns no credit.
type Match struct {
	Invitation string
	Evidence   Evidence
}

// Credit says whether the match counts as the invitation's conversion.
func (m Match) Credit() bool { return m.Invitation != "" && m.Evidence != Forwarded }

// Attribute finds the invitation behind a friendship, among those that may have
// led to it. False means unattributed, which is counted as such: never guess.
// The order of the list does not matter; a tie goes to the newest invitation.
func Attribute(f Friendship, among []Invitation) (Match, bool) {
	list := slices.Clone(among)
	slices.SortFunc(list, func(a, b Invitation) int {
		if d := b.Created.Compare(a.Created); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	if f.State != "" {
		for _, i := range list {
			if i.Token == f.State && i.Channel != ByTask {
				if i.Customer != "" && i.Customer != f.Customer {
					return Match{i.ID, Forwarded}, true
				}
				return Match{i.ID, ByState}, true
			}
		}
		for _, i := range list {
			if i.Campaign == f.State && claims(i, f) && keeps(f, i) {
				return Match{i.ID, ByCampaignPhone}, true
			}
		}
	}
	// The member's own search: the state is empty, or an old one that a
	// re-added customer brings back.
	if (f.AddWay == WayPhone || f.AddWay == WayPhoneBook) && f.StartedBy == f.Member {
		for _, i := range list {
			if i.Channel == ByTask && i.Member == f.Member && i.State != OptedOut && claims(i, f) && keeps(f, i) {
				return Match{i.ID, ByTaskPhone}, true
			}
		}
	}
	return Match{}, false
}

// claims says whether the invitation's customer is unknown or this one.
func claims(i Invitation, f Friendship) bool { return i.Customer == "" || i.Customer == f.Customer }

// keeps says whether the member keeps the invited person's number.
func keeps(f Friendship, i Invitation) bool {
	want := digits(i.Phone.E164())
	return want != "" && slices.ContainsFunc(f.Mobiles, func(m string) bool { return digits(m) == want })
}
