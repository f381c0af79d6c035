package siptest

import (
	"encoding/json"
	"slices"
	"time"
)

// Truth is what the gateway saw, whatever the caller believes.
type Truth struct {
	Invites   int // calls tried: INVITEs that passed authentication, each once
	Answered  int // calls a 200 was sent to
	PeakCalls int // most calls alive at once, from INVITE to end
	Up        int // calls alive now; 0 after a run, or somebody left a ghost
	Malformed int // datagrams that were no SIP

	Calls []CallRecord // in order of INVITE

	// CalledAfterOptOut counts INVITEs to a number whose person had said the
	// opt-out words to their end, or pressed 9. It must stay 0.
	CalledAfterOptOut int
}

// CallRecord is one call. Times are of Options.Now and zero if the thing never
// happened.
type CallRecord struct {
	CallID  string
	Attempt string // X-Attempt header
	Number  string // as dialled: user part of the Request-URI
	From    string // caller ID: user part of From
	Case    string // Name of the Case that answered

	InviteAt, AnsweredAt, EndedAt time.Time

	Status     int       // final status of the INVITE; 0 while there is none
	EndedBy    string    // callee, us (the caller under test), carrier, timeout; "" while nobody hung up
	SaidOptOut time.Time // when the person had finished asking for no more calls
	Said       []string  // what the person said to its end
	Keys       string    // what the person pressed

	Inbound    bool   // the person called us: Number is theirs, From what they showed
	RetryAfter string // of our refusal of such a call
	ReferredTo string // whom the caller under test transferred the person to
	Audio      ALaw   // what the person was sent, if Options.Keep

	RTPIn, RTPOut int  // packets from the caller, packets to the caller
	Acked         bool // the final response was acknowledged
	Byed          bool // a BYE went one way and was seen: the caller's came, or ours was answered
}

// ALaw is G.711 audio; it prints its length only.
type ALaw []byte

// String is for tests that fail.
func (a ALaw) String() string { return (time.Duration(len(a)) * time.Second / 8000).String() }

// entry is one line of the carrier log.
type entry struct {
	At      time.Time `json:"at"`
	Event   string    `json:"event"` // invite, answer, acked, bye, cancelled, said, digits, end
	CallID  string    `json:"call_id"`
	Attempt string    `json:"attempt,omitempty"`
	Number  string    `json:"number"`
	From    string    `json:"from,omitempty"`
	Case    string    `json:"case,omitempty"`
	Status  int       `json:"status,omitempty"`
	Text    string    `json:"text,omitempty"`
	Digits  string    `json:"digits,omitempty"`
	By      string    `json:"by,omitempty"`
	RTPIn   int       `json:"rtp_in,omitempty"`
	RTPOut  int       `json:"rtp_out,omitempty"`

	AfterOptOut bool `json:"after_opt_out,omitempty"` // of an invite: it should not have come
}

// books are the counters and records of the owner goroutine.
type books struct {
	calls       []*CallRecord
	answered    int
	up, peak    int
	malformed   int
	afterOptOut int
	broken      bool // the carrier log cannot be written
}

// note writes one line of the carrier log: one Write, so a kill loses nothing
// that was noted.
func (b *books) note(o Options, e entry, r *CallRecord) {
	if e.Event == "answer" {
		b.answered++
	}
	if o.Record == nil || b.broken {
		return
	}
	e.At, e.CallID, e.Attempt, e.Number = o.Now(), r.CallID, r.Attempt, r.Number
	if e.Event == "invite" {
		e.From, e.Case = r.From, r.Case
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = o.Record.Write(append(line, '\n'))
	}
	if f, ok := o.Record.(interface{ Flush() error }); ok && err == nil {
		err = f.Flush()
	}
	if err != nil {
		b.broken = true
		o.Log.Error("writing the carrier log; it ends here", "err", err)
	}
}

// Truth returns a copy of what was seen so far.
func (g *Gateway) Truth() Truth {
	var t Truth
	g.do(func() {
		b := &g.books
		t = Truth{
			Invites: len(b.calls), Answered: b.answered, PeakCalls: b.peak, Up: b.up,
			Malformed: b.malformed, CalledAfterOptOut: b.afterOptOut,
			Calls: make([]CallRecord, len(b.calls)),
		}
		for i, r := range b.calls {
			t.Calls[i] = *r
			t.Calls[i].Said, t.Calls[i].Audio = slices.Clone(r.Said), slices.Clone(r.Audio)
		}
	})
	return t
}
