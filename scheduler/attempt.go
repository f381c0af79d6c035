package scheduler

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// AttemptState is where one attempt to reach one person stands.
//
//	planned → queued → claimed → dialing → ringing | early_media → in_dialog → ended
//	in_dialog ⇄ transferring → ended
//	refused: the door said no; unknown: the owner died after dialing
//
// claimed may fall back to queued (its owner died before dialing); unknown may
// become ended when the owner's own result arrives after all. Neither dialing
// nor anything later ever goes back: a person is not called twice by accident.
// The same table is a CHECK constraint in the schema.
type AttemptState string

// The attempt states of the vocabulary.
const (
	Planned      AttemptState = "planned"
	Queued       AttemptState = "queued"
	Claimed      AttemptState = "claimed"
	Dialing      AttemptState = "dialing"
	Ringing      AttemptState = "ringing"
	EarlyMedia   AttemptState = "early_media"
	InDialog     AttemptState = "in_dialog"
	Transferring AttemptState = "transferring"
	Ended        AttemptState = "ended"
	Refused      AttemptState = "refused"
	Unknown      AttemptState = "unknown"
)

var attemptMoves = map[AttemptState][]AttemptState{
	Planned:      {Queued, Refused},
	Queued:       {Claimed, Refused},
	Claimed:      {Dialing, Queued, Refused, Ended},
	Dialing:      {Ringing, EarlyMedia, InDialog, Ended, Unknown},
	Ringing:      {EarlyMedia, InDialog, Ended, Unknown},
	EarlyMedia:   {Ringing, InDialog, Ended, Unknown},
	InDialog:     {Transferring, Ended, Unknown},
	Transferring: {InDialog, Ended, Unknown},
	Unknown:      {Ended},
}

// May reports whether an attempt may move from s to next.
func (s AttemptState) May(next AttemptState) bool { return slices.Contains(attemptMoves[s], next) }

// Live reports whether s counts as a contact in flight.
func (s AttemptState) Live() bool {
	return slices.Contains([]AttemptState{Dialing, Ringing, EarlyMedia, InDialog, Transferring}, s)
}

// attemptSpace is the name space of attempt IDs.
var attemptSpace = uuid.MustParse("7d5b7c4e-3a2c-4b0e-9d5f-2f6f1f0a9c11")

// AttemptID names the nth attempt (from 1) of a campaign at a person. It is a
// function of its arguments, so a plan made twice makes the same rows.
func AttemptID(campaign string, contact int64, n int) string {
	return uuid.NewSHA1(attemptSpace, fmt.Appendf(nil, "%s/%d/%d", campaign, contact, n)).String()
}
