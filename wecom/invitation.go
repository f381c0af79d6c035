package wecom

import (
	"time"

	"warmline/contacts"
)

// State is how far an invitation is. The package comment holds the whole table.
type State string

// The states of an invitation.
const (
	Consented          State = "consented"           // the person said yes; a member is reserved
	Offered            State = "offered"             // the link was sent, or the member has the task
	Clicked            State = "clicked"             // the link was opened or a request sent
	Half               State = "half"                // added by the customer, not yet confirmed by the member
	AwaitingAcceptance State = "awaiting_acceptance" // the member asked; the customer has not accepted (需验证)
	NotFound           State = "not_found"           // the number leads to nobody (搜索不到)
	Throttled          State = "throttled"           // the member may not add for a while (操作频繁)
	Added              State = "added"               // friends
	Chatting           State = "chatting"            // friends, and the customer has written
	Transferred        State = "transferred"         // friends with another member of ours
	LostByCustomer     State = "lost_by_customer"
	LostByMember       State = "lost_by_member"
	Expired            State = "expired"
	Refused            State = "refused"
	OptedOut           State = "opted_out"
	Unreachable        State = "unreachable"
	Duplicate          State = "duplicate" // a friend already, or another invitation came first
)

// The steps that move an invitation.
const (
	StepOffer           = "offer"
	StepClick           = "click"
	StepHalf            = "half"
	StepAwaiting        = "awaiting"
	StepNotFound        = "not_found"
	StepThrottle        = "throttle"
	StepAdd             = "add"
	StepChat            = "chat"
	StepTransfer        = "transfer"
	StepCustomerDeleted = "customer_deleted"
	StepMemberDeleted   = "member_deleted"
	StepExpire          = "expire"
	StepRefuse          = "refuse"
	StepOptOut          = "opt_out"
	StepUnreachable     = "unreachable"
	StepDuplicate       = "duplicate"
)

// transitions is the table of the package comment. What several rows share is
// merged in by with.
var transitions = map[State]map[string]State{
	Consented: with(ends, steps{StepOffer: Offered, StepAdd: Added, StepHalf: Half}),
	Offered: with(ends, friendship, deletions, steps{
		StepClick: Clicked, StepNotFound: NotFound, StepAwaiting: AwaitingAcceptance, StepThrottle: Throttled,
	}),
	Clicked:            with(ends, friendship, deletions),
	AwaitingAcceptance: with(ends, friendship, deletions),
	Half: with(deletions, steps{
		StepAdd: Added, StepChat: Chatting, StepExpire: Expired, StepRefuse: Refused, StepOptOut: OptedOut, StepDuplicate: Duplicate,
	}),
	NotFound:       with(unanswered),
	Throttled:      with(unanswered),
	Added:          with(deletions, steps{StepChat: Chatting, StepTransfer: Transferred}),
	Chatting:       with(deletions, steps{StepTransfer: Transferred}),
	Transferred:    with(deletions),
	LostByCustomer: {StepAdd: Added},
	LostByMember:   {StepAdd: Added},
	Expired:        with(friendship, steps{StepClick: Clicked, StepOptOut: OptedOut}),
	Refused:        {StepAdd: Added, StepOptOut: OptedOut},
	Unreachable:    {StepAdd: Added, StepOptOut: OptedOut},
	Duplicate:      {StepOptOut: OptedOut},
	OptedOut:       {},
}

type steps = map[string]State

var (
	ends       = steps{StepExpire: Expired, StepRefuse: Refused, StepOptOut: OptedOut, StepUnreachable: Unreachable, StepDuplicate: Duplicate}
	friendship = steps{StepHalf: Half, StepAdd: Added, StepChat: Chatting}
	deletions  = steps{StepCustomerDeleted: LostByCustomer, StepMemberDeleted: LostByMember}
	unanswered = steps{
		StepOffer: Offered, StepAdd: Added, StepExpire: Expired, StepOptOut: OptedOut,
		StepUnreachable: Unreachable, StepDuplicate: Duplicate,
	}
)

func with(parts ...steps) steps {
	all := steps{}
	for _, p := range parts {
		for step, to := range p {
			all[step] = to
		}
	}
	return all
}

// Next gives the state after a step. False means that the step moves nothing
// from here: a repeat, a late arrival, or nonsense. It never panics.
func (s State) Next(step string) (State, bool) {
	to, ok := transitions[s][step]
	if !ok {
		return s, false
	}
	return to, true
}

// Open says whether something of ours may still follow: a text, a task, a wait.
func (s State) Open() bool {
	switch s {
	case Consented, Offered, Clicked, Half, AwaitingAcceptance, NotFound, Throttled:
		return true
	}
	return false
}

// Friend says whether the two are friends now.
func (s State) Friend() bool { return s == Added || s == Chatting || s == Transferred }

// The channels of an invitation: one per person, never both.
const (
	ByLink = "link" // the customer opens an acquisition link
	ByTask = "task" // the member adds by hand
)

// Invitation is one yes on its way to a friendship.
type Invitation struct {
	ID       string
	Attempt  string // the call in which the person said yes
	Phone    contacts.Phone
	Name     string // salutation for the member's screen
	Member   string // userid
	State    State
	Token    string // the state token on the link, or the task ID of the card
	Campaign string // the campaign's token, when its fixed link was sent instead
	Channel  string // ByLink or ByTask
	LinkURL  string
	Customer string // external_userid once known
	Created  time.Time
	Changed  time.Time // when State last moved, by the event's own time
	AddedAt  time.Time // the conversion
	LostAt   time.Time
}

// Apply moves the invitation by a step that happened at the given time. Late
// steps do not undo newer ones: an "add" that arrives after the deletion that
// followed it leaves the invitation lost. The second value says whether State
// moved.
func (i Invitation) Apply(step string, at time.Time) (Invitation, bool) {
	if step == StepAdd && (i.AddedAt.IsZero() || at.Before(i.AddedAt)) {
		i.AddedAt = at
	}
	to, ok := i.State.Next(step)
	if !ok || at.Before(i.Changed) {
		return i, false
	}
	lost := i.State == LostByCustomer || i.State == LostByMember
	if lost && !at.After(i.Changed) {
		return i, false // same second: the deletion came last
	}
	i.State, i.Changed = to, at
	switch to {
	case Added, Chatting:
		i.LostAt = time.Time{}
	case LostByCustomer, LostByMember:
		i.LostAt = at
	}
	return i, true
}
