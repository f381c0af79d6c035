package scheduler

import (
	"fmt"
	"slices"
	"time"
)

// CampaignState is where a campaign (外呼任务) stands.
//
//	draft → validating → awaiting_approval → ready → piloting → running
//	running ⇄ pausing → paused, running → completing → completed; cancelled and failed end it
//
// The same table is a CHECK constraint in the schema.
type CampaignState string

// The campaign states of the vocabulary.
const (
	Draft            CampaignState = "draft"
	Validating       CampaignState = "validating"
	AwaitingApproval CampaignState = "awaiting_approval"
	Ready            CampaignState = "ready"
	Piloting         CampaignState = "piloting"
	Running          CampaignState = "running"
	Pausing          CampaignState = "pausing"
	Paused           CampaignState = "paused"
	Completing       CampaignState = "completing"
	Completed        CampaignState = "completed"
	Cancelled        CampaignState = "cancelled"
	Failed           CampaignState = "failed"
)

// campaignMoves lists, for each state, the states it may move to.
var campaignMoves = map[CampaignState][]CampaignState{
	Draft:            {Validating, Cancelled},
	Validating:       {AwaitingApproval, Draft, Failed, Cancelled},
	AwaitingApproval: {Ready, Draft, Cancelled},
	Ready:            {Piloting, Running, Draft, Cancelled},
	Piloting:         {Pausing, Paused, Running, Completing, Cancelled, Failed},
	Running:          {Pausing, Paused, Completing, Cancelled, Failed},
	Pausing:          {Paused, Running, Cancelled},
	Paused:           {Running, Piloting, Cancelled, Completing},
	Completing:       {Completed, Running, Cancelled},
}

// May reports whether a campaign may move from s to next.
func (s CampaignState) May(next CampaignState) bool {
	return slices.Contains(campaignMoves[s], next)
}

// Over reports whether s is a last state.
func (s CampaignState) Over() bool { return s == Completed || s == Cancelled || s == Failed }

// Dialing reports whether a campaign in s plans new calls.
func (s CampaignState) Dialing() bool { return s == Running || s == Piloting }

// Campaign is one batch of calls: who, with which words, from which line, how fast.
type Campaign struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Brand       string        `json:"brand"`
	Segment     string        `json:"segment"` // expression of contacts.ParseSegment
	Dialog      string        `json:"dialog"`  // name of the tree
	TreeSource  []byte        `json:"-"`       // the tree as it was approved; calls speak only this text
	TreeVersion string        `json:"tree_version"`
	Purpose     string        `json:"purpose"` // service, marketing or care; never weaker than the tree's own
	Policy      string        `json:"policy"`  // name of a compliance preset
	Trunk       string        `json:"trunk"`
	CallerID    string        `json:"caller_id"`
	Rate        float64       `json:"rate"`     // new calls per second
	Channels    int           `json:"channels"` // calls at once
	RingTimeout time.Duration `json:"ring_timeout"`
	Retry       Retry         `json:"retry"`
	State       CampaignState `json:"state"`
	Why         string        `json:"why,omitempty"` // of paused: user, window, budget, breaker, capacity, compliance
	Author      string        `json:"author"`
	ApprovedBy  string        `json:"approved_by,omitempty"`
	CreatedAt   time.Time     `json:"created_at"`
	StartedAt   time.Time     `json:"started_at,omitzero"`
	EndedAt     time.Time     `json:"ended_at,omitzero"`
}

// Check says what is missing before the campaign may be saved, naming the field.
func (c Campaign) Check() error {
	switch {
	case c.Name == "":
		return fmt.Errorf("campaign: name is empty")
	case c.Brand == "":
		return fmt.Errorf("campaign %s: brand is empty", c.Name)
	case c.Segment == "":
		return fmt.Errorf("campaign %s: segment is empty; \"all\" selects everyone", c.Name)
	case len(c.TreeSource) == 0:
		return fmt.Errorf("campaign %s: no dialog tree", c.Name)
	case c.Rate <= 0 || c.Rate > 1000:
		return fmt.Errorf("campaign %s: rate %g is not between 0 and 1000 calls per second", c.Name, c.Rate)
	case c.Channels <= 0:
		return fmt.Errorf("campaign %s: channels %d; at least 1 is needed", c.Name, c.Channels)
	case c.RingTimeout < 15*time.Second || c.RingTimeout > 60*time.Second:
		return fmt.Errorf("campaign %s: ring timeout %s is not between 15s and 60s", c.Name, c.RingTimeout)
	}
	return c.Retry.Check()
}
