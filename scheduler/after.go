package scheduler

import (
	"fmt"
	"time"
)

// Result is what the scheduler needs to know of an ended attempt. (dialer.Result
// is a floor above; the store copies these fields.)
type Result struct {
	Attempt     string
	Number      int // of the attempt, from 1
	Disposition string
	Outcome     string
	TrunkFault  bool // the trunk failed, not the person: the attempt is not spent
	Template    string
	Callback    time.Time // asked for; zero when no time was said
	EndedAt     time.Time
	Messaged    bool // an SMS of this campaign went out already
}

// FollowUpKind says what follows a call.
type FollowUpKind string

// The follow-ups.
const (
	FollowRetry  FollowUpKind = "retry"  // call again at Due
	FollowInvite FollowUpKind = "invite" // put into the add-friend queue
	FollowSMS    FollowUpKind = "sms"    // send Template
	FollowDone   FollowUpKind = "done"   // this campaign is done with the person
)

// FollowUp is one consequence of a result.
type FollowUp struct {
	Kind     FollowUpKind
	Due      time.Time
	Template string
	Reason   string
}

// Retry says when a person who was not reached is tried again.
type Retry struct {
	Attempts int `json:"attempts"` // at most, over the campaign; 0 means 3
}

// Max is the most attempts a person gets from one campaign.
func (r Retry) Max() int {
	if r.Attempts == 0 {
		return 3
	}
	return r.Attempts
}

// Check refuses impossible values.
func (r Retry) Check() error {
	if r.Attempts < 0 || r.Attempts > 10 {
		return fmt.Errorf("retry: attempts %d is not between 0 and 10", r.Attempts)
	}
	return nil
}

// gaps holds, for each disposition that is tried again, the wait before the
// second and third attempt. What is not here is not tried again.
var gaps = map[string][]time.Duration{
	"no_answer":         {4 * time.Hour, 24 * time.Hour},
	"busy":              {20 * time.Minute, 3 * time.Hour, 24 * time.Hour},
	"rejected":          {48 * time.Hour},
	"powered_off":       {4 * time.Hour, 24 * time.Hour},
	"unreachable":       {time.Hour, 24 * time.Hour},
	"voicemail":         {24 * time.Hour},
	"assistant":         {24 * time.Hour},
	"abandoned":         {72 * time.Hour},
	"no_media":          {4 * time.Hour},
	"carrier_blocked":   {time.Hour},
	"network_busy":      {2 * time.Minute, 10 * time.Minute, time.Hour},
	"trunk_unavailable": {2 * time.Minute, 10 * time.Minute, time.Hour},
	"line_fault":        {10 * time.Minute, time.Hour},
	"not_dialed":        {time.Minute, time.Minute, time.Minute},
}

// nextDay is when a person is called back who said not now and no time: busy,
// or driving. The door moves it into their hours.
const nextDay = 24 * time.Hour

// TrunkFault reports whether a disposition is the trunk's failure rather than
// an answer about the person: such an attempt is not spent.
func TrunkFault(disposition string) bool {
	switch disposition {
	case "network_busy", "trunk_unavailable", "line_fault", "carrier_blocked", "not_dialed", "cancelled":
		return true
	}
	return false
}

// After says what follows a result. The order is stable: what reaches the
// person first comes first.
func After(r Result, retry Retry) []FollowUp {
	var f []FollowUp
	switch r.Outcome {
	case "agreed_add":
		f = append(f, FollowUp{Kind: FollowInvite})
	case "agreed_sms":
		// One way only: the text carries the way to the member, and no task.
		if !r.Messaged {
			f = append(f, FollowUp{Kind: FollowSMS, Template: r.Template})
		}
	case "callback":
		if r.Number < retry.Max() {
			return append(f, FollowUp{Kind: FollowRetry, Due: callback(r), Reason: "callback"})
		}
	}
	if r.Disposition == "answered" || r.Disposition == "unknown" || settled(r.Outcome) {
		return append(f, FollowUp{Kind: FollowDone, Reason: done(r)})
	}
	g := gaps[r.Disposition]
	spent := !r.TrunkFault && !TrunkFault(r.Disposition)
	if len(g) == 0 || r.Number >= retry.Max() && spent {
		return append(f, FollowUp{Kind: FollowDone, Reason: r.Disposition})
	}
	i := min(r.Number-1, len(g)-1)
	return append(f, FollowUp{Kind: FollowRetry, Due: r.EndedAt.Add(g[max(i, 0)]), Reason: r.Disposition})
}

// callback is the time the person asked for, else the same time tomorrow.
func callback(r Result) time.Time {
	if r.Callback.IsZero() {
		return r.EndedAt.Add(nextDay)
	}
	return r.Callback
}

// settled reports whether a person has answered what they were called for.
// Whatever became of the line afterwards, they are not asked again.
func settled(outcome string) bool {
	switch outcome {
	case "agreed_add", "agreed_sms", "already_friend", "not_interested", "wrong_person", "opt_out", "complaint", "transferred":
		return true
	}
	return false
}

func done(r Result) string {
	if r.Outcome != "" {
		return r.Outcome
	}
	return r.Disposition
}
