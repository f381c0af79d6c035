package compliance

import (
	"time"

	"warmline/contacts"
)

// Reason is why a contact is not made, in the words of the reports.
type Reason = string

// The reasons.
const (
	ReasonPaused        Reason = "paused"
	ReasonErased        Reason = "erased"
	ReasonDNCGlobal     Reason = "dnc_global"
	ReasonDNCTenant     Reason = "dnc_tenant" // the brand's own list
	ReasonDNCCampaign   Reason = "dnc_campaign"
	ReasonRegisterStale Reason = "register_stale"
	ReasonNoConsent     Reason = "no_consent"
	ReasonConsignee     Reason = "consignee_not_buyer"
	ReasonMasked        Reason = "masked_number"
	ReasonPrivacy       Reason = "privacy_number"
	ReasonNumberClass   Reason = "number_class"
	ReasonGeoDenied     Reason = "geo_denied"
	ReasonInvalidCached Reason = "invalid_cached"
	ReasonSuspended     Reason = "suspended_cached"
	ReasonWindow        Reason = "out_of_window"
	ReasonNoHolidays    Reason = "holiday_table_missing"
	ReasonZoneUnknown   Reason = "zone_unknown"
	ReasonFrequency     Reason = "freq_cap"
	ReasonCoolOff       Reason = "cool_off"
	ReasonWrongPerson   Reason = "wrong_person"
	ReasonComplaint     Reason = "complaint"
	ReasonSensitive     Reason = "sensitive_moment"
	ReasonFriend        Reason = "already_friend"
	ReasonHoldout       Reason = "holdout"
	ReasonDuplicate     Reason = "duplicate"
	ReasonExpired       Reason = "expired"
	ReasonBudget        Reason = "budget"
	ReasonAbandonment   Reason = "abandonment"
	ReasonVerification  Reason = "verification_failed"
	ReasonNothingNew    Reason = "nothing_new_to_say"
	ReasonCapacity      Reason = "capacity"
	ReasonCallerID      Reason = "caller_id_unregistered"
	ReasonNotLoopback   Reason = "trunk_not_loopback"
	ReasonChannelOff    Reason = "channel_off"
	ReasonAbuseReview   Reason = "abuse_review"
)

// Subject is everything known about one intended contact. Zero values are facts
// too: no consent is no consent. Who does not know a fact must not invent it.
type Subject struct {
	Channel  Channel
	Brand    string
	Campaign string

	// Who
	Phone   contacts.Phone
	Class   contacts.Class
	Refusal string // why the import refused the number: masked_number, privacy_number …
	Role    contacts.Role
	Zone    string   // IANA name of where the person is
	Zones   []string // candidates when Zone is unknown; all of them must be open
	Erased  bool
	Risks   []string // signs of abuse that hold for a look

	// What the house decided
	Paused     []string // kill switches that are on: global, campaign, trunk …
	Suppressed []Suppression
	RegisterAt time.Time // when the national list was last loaded
	Consents   []contacts.Consent

	// What happened before
	History        []Contact   // contacts that count, all campaigns and channels
	InvalidUntil   time.Time   // the number was found not to exist
	SuspendedUntil time.Time   // the line was found suspended
	Sensitive      []Sensitive // open refund, complaint, lost parcel, red warning
	WrongPerson    bool
	Complained     bool
	AlreadyFriend  bool

	// The campaign
	Holdout     bool // kept aside to measure against
	Duplicate   bool // the same person waits in another running campaign that comes first
	Ends        time.Time
	OverBudget  bool
	Abandonment float64 // share of answered calls we dropped, over the policy's own period

	// The words
	Disclosed       bool // the tree says brand, AI and a way to refuse before anything else
	Incomplete      bool // a variable the plain line needs is missing
	NothingNew      bool // no unheard hook and no unheard offer
	InviteToAFriend bool // the tree asks to become friends, which a friend needs not be asked

	// The trunk
	Loopback           bool // calls stay on this machine
	CallerIDRegistered bool
	NoCapacity         bool
}

// Suppression is a standing no.
type Suppression struct {
	Scope    string    // "global", "brand" or "campaign"
	Source   string    // opt_out, register, complaint, blocklist
	Channels []Channel // empty means all
	Until    time.Time // zero means for good
}

// Contact is one earlier contact that counts, or one under way.
type Contact struct {
	At       time.Time
	Channel  Channel
	Campaign string
	InFlight bool   // planned, queued or up: counted as now
	Ended    string // disposition: abandoned, voicemail, assistant …
}

// Sensitive is a moment at which nobody wants a call.
type Sensitive struct {
	Kind  string    // open_refund, complaint, parcel_lost, red_warning
	Until time.Time // zero: until somebody closes it
}
