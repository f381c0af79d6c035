package compliance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"warmline/contacts"
)

// Channel is a way to reach a person.
type Channel string

// The channels.
const (
	Voice Channel = "voice"
	SMS   Channel = "sms"
	WeCom Channel = "wecom"
)

// Purpose is what a contact is for; a tree's own reach decides it.
type Purpose string

// The purposes. Care is warmth without any offer.
const (
	Marketing Purpose = "marketing"
	Service   Purpose = "service"
	Care      Purpose = "care"
)

// Policy is a set of rules as data: a jurisdiction's preset, a trunk's profile, or
// a campaign's own tightening. Its zero numbers mean "no such limit".
type Policy struct {
	Name         string    `json:"name"`
	Version      string    `json:"version"`
	Jurisdiction string    `json:"jurisdiction"`
	Purpose      Purpose   `json:"purpose"`
	Channels     []Channel `json:"channels"` // that may be used at all

	Consent   ConsentRule `json:"consent"`
	BuyerOnly bool        `json:"buyer_only"` // a consignee who is not the buyer is never admitted

	Classes      []contacts.Class `json:"classes"`       // of numbers that may be reached
	DenyPrefixes []string         `json:"deny_prefixes"` // of E.164 numbers

	Hours     []Hours   `json:"hours"` // every one of them must be open; none at all denies
	Frequency Frequency `json:"frequency"`
	Rest      Rest      `json:"rest"`

	RegisterMaxAge time.Duration `json:"register_max_age"` // of the national do-not-call list; 0 when there is none to ask

	Abandonment float64 `json:"abandonment"` // largest share of answered calls, 0.03 for 3 %

	Record bool `json:"record"` // a call may be recorded, once its tree has said so

	RegisteredCallerID bool `json:"registered_caller_id"` // the trunk must show a registered number
	LoopbackOnly       bool `json:"loopback_only"`        // rehearsal: nothing but a trunk on this machine
}

// ConsentRule says what counts as a yes.
type ConsentRule struct {
	Required bool          `json:"required"`
	Proof    bool          `json:"proof"`   // a reference to the artefact is needed
	MaxAge   time.Duration `json:"max_age"` // 0: as long as the consent says itself
}

// Frequency caps contacts with one person over all channels and campaigns, those
// under way included.
type Frequency struct {
	PerDay      int           `json:"per_day"`      // of the person's own calendar day
	Per7Days    int           `json:"per_7_days"`   // rolling
	PerCampaign int           `json:"per_campaign"` // lifetime
	MinGap      time.Duration `json:"min_gap"`
}

// Rest is how long a person is left alone after a contact that went wrong.
type Rest struct {
	Abandoned time.Duration `json:"abandoned"`
	Machine   time.Duration `json:"machine"` // voicemail or an assistant answered
}

const day = 24 * time.Hour

// CNMarketing is the preset for selling in mainland China.
func CNMarketing() Policy {
	return Policy{
		Name: "cn-marketing", Version: "2026-11", Jurisdiction: "CN", Purpose: Marketing,
		Channels:           []Channel{Voice, SMS, WeCom},
		Consent:            ConsentRule{Required: true, Proof: true, MaxAge: 730 * day},
		BuyerOnly:          true,
		Classes:            []contacts.Class{contacts.ClassMobile},
		Hours:              []Hours{cnHours(false)},
		Frequency:          Frequency{PerDay: 1, Per7Days: 2, PerCampaign: 3, MinGap: 20 * time.Hour},
		Rest:               Rest{Abandoned: 72 * time.Hour, Machine: 24 * time.Hour},
		Abandonment:        0.03,
		Record:             true,
		RegisteredCallerID: true,
	}
}

// CNService is the preset for following up on an order in mainland China: the same
// hours and caps, a service consent, and also who only received the parcel.
func CNService() Policy {
	p := CNMarketing()
	p.Name, p.Purpose, p.BuyerOnly = "cn-service", Service, false
	return p
}

// CNCare is the service preset for trees without any offer, which may also speak
// on public holidays, in weekend hours.
func CNCare() Policy {
	p := CNService()
	p.Name, p.Purpose, p.Hours = "cn-care", Care, []Hours{cnHours(true)}
	return p
}

// cnHours are the hours of the operators' rule book.
func cnHours(holidays bool) Hours {
	weekend := []Span{{At(10, 30), At(12, 0)}, {At(14, 30), At(18, 30)}}
	h := Hours{Calendar: CalendarCN(), Open: map[DayKind][]Span{
		Workday: {{At(10, 0), At(12, 0)}, {At(14, 0), At(19, 30)}},
		Weekend: weekend,
	}}
	if holidays {
		h.Open[Holiday] = slices.Clone(weekend)
	}
	return h
}

// Preset gives a built-in policy by its name: cn-marketing, cn-service or cn-care.
func Preset(name string) (Policy, error) {
	for _, p := range []Policy{CNMarketing(), CNService(), CNCare()} {
		if p.Name == name {
			return p, nil
		}
	}
	return Policy{}, fmt.Errorf("there is no policy %q; there are cn-marketing, cn-service and cn-care", name)
}

// Hash identifies the exact rules a verdict was given under.
func (p Policy) Hash() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("a policy is plain data and always encodes: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
