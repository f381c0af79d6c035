package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"warmline/contacts"
)

// Message is one text to one person.
type Message struct {
	ID        string         // ours; comes back with the delivery report, < 512 bytes
	To        contacts.Phone //
	Template  string         // the provider's ID of the approved text
	Sign      string         // the brand in 【】, approved by the provider
	Params    []string       // the template's variables, in order
	Text      string         // the whole text as the person reads it, for the rules
	Promotion bool           // marketing: care and birthday greetings count as such
}

// Receipt says that the provider took the message. It is no delivery.
type Receipt struct {
	ID     string // of the message
	Serial string // the provider's number for it
	Fee    int    // parts charged
	At     time.Time
}

// Sender sends one message, once. An error that is ErrUnknown means the message
// may be on its way.
type Sender interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// ErrUnknown means that the provider's answer never came whole. The message may
// have been sent: wait for the delivery report, never send again blindly.
var ErrUnknown = errors.New("the provider gave no whole answer, the message may be on its way")

// Kind says what can be done about a provider's refusal.
type Kind string

// The kinds of refusal.
const (
	KindNumber  Kind = "number"  // this number can not get it
	KindLimit   Kind = "limit"   // too many for this number or in this second; later
	KindContent Kind = "content" // sign, template or variables; a person must change it
	KindAccount Kind = "account" // keys, balance, rights; a person must act, stop sending
	KindLater   Kind = "later"   // the provider's own trouble
	KindStopped Kind = "stopped" // the person opted out at the provider: suppress the number
)

// Error is a provider's refusal. Choose by Kind; Message is for people.
type Error struct {
	Provider string
	Code     string
	Message  string
	Request  string // the provider's request ID, for its support
	Kind     Kind
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s refused the message: %s %s (request %s)", e.Provider, e.Code, e.Message, e.Request)
}

// Delivery is the network's report on one message. A report may come before
// [Sender.Send] returns, and twice.
type Delivery struct {
	ID        string // the message's own ID; "" when the provider did not return it
	Serial    string
	To        contacts.Phone
	Delivered bool
	Code      string // DELIVRD, or the network's reason
	At        time.Time
}

// Reply is what a person wrote back.
type Reply struct {
	From contacts.Phone
	Text string
	Sign string // the brand the person answered
	At   time.Time
}

// Key is equal for repeats of the same reply.
func (r Reply) Key() string {
	return fmt.Sprintf("%s|%d|%s", r.From.E164(), r.At.Unix(), r.Text)
}
