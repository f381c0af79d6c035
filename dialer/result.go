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
	PTime       int           // milliseconds in a packet of ours; 0 is 20
	Security    media.Security
	Failover    []sip.Trunk // tried when Trunk fails for its own sake, with the same offer; see sip.Route

	Record string // folder of recordings; "" keeps none. Kept only if the tree announces it

	Tree   *dialogs.Tree
	Facts  dialogs.Facts
	Ledger dialogs.Ledger

	// Clip makes a test of the line out of the call: it is played to its end
	// instead of a conversation, then we hang up; an empty one hangs up at the
	// answer. Tree, Facts and Ledger are not needed then.
	Clip *media.Clip
}

// route is the trunk and those behind it.
func (j Job) route() sip.Route { return append(sip.Route{j.Trunk}, j.Failover...) }

// Door is what a live call may ask of the house. A nil Door is a call outside
// all counts: nothing forbids it, and nothing it hears is kept.
type Door interface {
	// Dial is the second commit, directly before the INVITE. An error means
	// that this person may not be called now.
	Dial(ctx context.Context) error
	// Again is asked before the same call tries a further trunk or target: the
	// seconds since Dial may have brought a refusal. An error ends the call there.
	Again(ctx context.Context) error
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
	Handing    = "transferring" // a person of ours is asked, or talks with them
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
	TrunkFault  bool      // the trunk failed, not the person
	Hops        []sip.Hop // every trunk and target tried, with its raw cause

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

	PDD       time.Duration // INVITE to the first ring, early media or final answer; 0: none came
	Handovers []Handover    // to people of ours, in order
	Recording *Recording    // nil: not recorded

	Ladder []sip.Turn
	RTP    media.Stats
	MOS, R float64       // ITU-T G.107, of what we heard; 0: not known
	Late   time.Duration // the engine's 99th percentile of send lateness when the call ended
	Err    error         // why it was not tried, or what broke
}

// Handover is one try to hand the call over to a person of ours.
type Handover struct {
	Queue  string        `json:"queue"`
	Mode   string        `json:"mode"` // Attended or Blind
	At     time.Duration `json:"at"`   // since the answer
	Tries  []Try         `json:"tries,omitempty"`
	Agent  string        `json:"agent,omitempty"`  // who took it
	Joined time.Duration `json:"joined,omitempty"` // since the answer; 0: nobody took it
	Talk   time.Duration `json:"talk,omitempty"`   // how long the two talked, as far as we carried it
	Why    string        `json:"why,omitempty"`    // why nobody did: no_agent, timeout, failed, withdrawn
	MOS    float64       `json:"mos,omitempty"`    // of the agent's leg
}

// Modes of a handover.
const (
	Attended = "attended" // we ring the agent, tell them who it is, and join the two
	Blind    = "blind"    // the carrier is asked to connect the two (REFER, RFC 3515)
)

// Try is one agent who was asked.
type Try struct {
	Agent  string        `json:"agent"`
	Came   string        `json:"came"` // accepted, declined, busy, no_answer, failed, withdrawn
	Status int           `json:"status,omitempty"`
	Took   time.Duration `json:"took"`
}

// Recording is where the sound of a call is kept: stereo, customer left, our
// side right. A moment m of the journal is at m − Begins in the file.
type Recording struct {
	File     string        `json:"file"` // below the recordings' folder
	SHA256   string        `json:"sha256"`
	Duration time.Duration `json:"duration"`
	Begins   time.Duration `json:"begins"` // since the answer
}
