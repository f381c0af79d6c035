package dialogs

import "time"

// Part is a piece of a line that is voiced on its own. Fixed parts are voiced once
// per tree version; the others carry facts and are voiced while the phone rings.
type Part struct {
	Text  string
	Fixed bool
	Audio string // a recording to play instead of a voice, as named by the tree
}

// Line is one thing the bot says. ID is tree/node/index, with /variant behind it
// in an experiment, and stays the same between versions that keep the order.
type Line struct {
	ID, Node, Variant, Hook string
	Parts                   []Part
	Plain, Protected        bool
}

// Text is the line as it is heard.
func (l Line) Text() string {
	s := ""
	for _, p := range l.Parts {
		s += p.Text
	}
	return s
}

// ActionKind names what a session wants done.
type ActionKind string

// The actions. OptOut, Invite and Transfer are answered by an event before
// the session goes on; HangUp comes after the last Say and ends the call.
const (
	Say      ActionKind = "say"
	Listen   ActionKind = "listen"
	OptOut   ActionKind = "opt_out"
	Invite   ActionKind = "invite"
	Send     ActionKind = "send"
	Callback ActionKind = "callback"
	Note     ActionKind = "note"
	Transfer ActionKind = "transfer"
	HangUp   ActionKind = "hangup"
)

// Action is one order of a session. Which fields are set follows from Do.
type Action struct {
	Do       ActionKind
	Line     Line          // Say
	Timeout  time.Duration // Listen: how long silence may last; Transfer: how long to ring
	Hints    []string      // Listen: words worth recognising
	Channels []string      // OptOut: "all", or voice, sms, wecom
	Template string        // Send
	At       time.Time     // Callback; zero when no time was agreed
	Outcome  string        // Note, HangUp
	Tags     []string      // Note
	To       string        // Transfer
}

// EventKind names what happened on the line.
type EventKind string

// The events.
const (
	Started        EventKind = "start"           // journal only: the first entry
	Said           EventKind = "said"            // queued lines finished (Heard 1), or were cut in LineID (Heard < 1)
	Heard          EventKind = "heard"           // Text is what the person said
	Silence        EventKind = "silence"         // the listening window passed in silence
	Key            EventKind = "key"             // Key is the digit pressed
	Barge          EventKind = "barge"           // speech began while LineID was playing, Heard of it so far
	Committed      EventKind = "committed"       // answers OptOut: kept for ever
	Pending        EventKind = "pending"         // answers OptOut: noted, being kept
	Invited        EventKind = "invited"         // answers Invite: Member will add this person
	NoRoom         EventKind = "no_room"         // answers Invite: nobody has room
	Transferred    EventKind = "transferred"     // answers Transfer
	NotTransferred EventKind = "not_transferred" // answers Transfer
	Bye            EventKind = "bye"             // the person hung up
	Timeout        EventKind = "timeout"         // the call reached its longest allowed talk
	Unheard        EventKind = "unheard"         // the ears failed
)

// Event is one thing that happened, At after the answer. Now is the world's time,
// used only to understand "明天下午三点"; zero means the start's now plus At.
type Event struct {
	Kind   EventKind
	At     time.Duration
	Text   string
	Key    string
	Member string
	LineID string
	Heard  float64
	Now    time.Time

	// Understood is what an Understander made of Text, when it was asked and answered in
	// time; Step weighs it. A replay finds it here and asks nobody.
	Understood string  `json:",omitempty"`
	Confidence float64 `json:",omitempty"`
}

// Ledger is what this person heard within the cool-down: line IDs and hooks.
type Ledger struct{ Lines, Hooks map[string]bool }

// HeardLine is a line that played past half and is not exempt from the ledger.
type HeardLine struct{ Line, Hook string }

// Outcome is what a conversation came to. Name is a word of the business
// vocabulary (agreed_add, not_interested, opt_out …).
type Outcome struct {
	Name        string
	Tags        []string
	Disposition string // usually "", the dialer judges it
	Callback    time.Time
	Grade       string // A (agreed) to D (not interested), F (leave alone)
	OptOut      bool
	Heard       []HeardLine
	Turns       int
	Disclosed   bool // AI, brand, purpose and recording were heard
	Identified  bool // the person confirmed who they are
	Pitched     bool // the ask was heard
	Variants    map[string]string
	Slots       map[string]string
}

// JournalEntry is an event and the actions it led to.
type JournalEntry struct {
	Event   Event
	Actions []Action
	Opening *Opening `json:",omitempty"` // of the start
}
