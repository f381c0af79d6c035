package dialer

import (
	"context"
	"time"

	"warmline/dialogs"
	"warmline/media"
	"warmline/sip"
)

// Job is one call to place.
type Job struct {
	Attempt string
	To      string // the number as the trunk wants it; never logged
	Masked  string // the number as people may see it
	Trunk   sip.Trunk

	CallerID    string        // overrides the trunk's
	RingTimeout time.Duration // how long it may ring; the trunk's when zero
	MaxTalk     time.Duration // from answer to our hanging up; the tree's limit when zero
	Codecs      []media.Codec // offered; media's default when empty

	Tree   *dialogs.Tree
	Facts  dialogs.Facts
	Ledger dialogs.Ledger
}

// Door is what a live call may ask of the house. A nil Door is a call outside
// all counts: nothing forbids it, and nothing it hears is kept.
type Door interface {
	// Dial is the second commit, directly before the INVITE. An error means
	// that this person may not be called now.
	Dial(ctx context.Context) error
	// OptOut keeps a refusal and reports whether it is committed. ctx ends
	// after 800 ms and not with the call; what is not committed by then must be
	// kept elsewhere before OptOut returns.
	OptOut(ctx context.Context, attempt string, channels []string) (committed bool)
	// Invite reserves a member who will add this person.
	Invite(ctx context.Context, attempt string) (member string, ok bool)
	// Progress is told each new state of the attempt, in order; it must not wait.
	Progress(attempt, state string)
}

// States of an attempt that Progress and Live name; the rest of the attempt's
// states belong to the house.
const (
	Dialing    = "dialing"
	Ringing    = "ringing"
	EarlyMedia = "early_media"
	InDialog   = "in_dialog"
	Ended      = "ended"
)

// Turn is one thing said.
type Turn struct {
	At   time.Duration // since the answer
	Who  string        // "bot" or "callee"
	Text string
}

// Result is everything a call leaves behind.
type Result struct {
	Attempt     string
	Disposition string // Verdict, or not_dialed
	Answered    bool
	AnsweredBy  string // person, machine, assistant, announcement, unsure; "" when not answered
	EndedBy     string // callee, us, carrier, timeout
	Cause       sip.Cause
	TrunkFault  bool // the trunk failed, not the person

	Outcome       string // business outcome; "" when nobody was spoken to
	Grade         string
	Tags          []string
	Slots         map[string]string
	Variants      map[string]string
	Callback      time.Time
	OptOut        bool
	OptOutPending bool   // asked for and not yet committed when the call ended
	Invite        bool   // a member was promised
	Member        string // who
	Send          bool   // a message was promised
	Template      string // which

	Heard      []dialogs.HeardLine // lines played past half
	Transcript []Turn
	Journal    []dialogs.JournalEntry
	Announced  string // words heard before the answer

	InviteAt, RingAt, AnsweredAt, EndedAt time.Time // zero when it did not happen

	Ladder []sip.Turn
	RTP    media.Stats
	Err    error // why it was not tried, or what broke
}
