package compliance

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/contacts"
)

func at(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, beijing)
	if err != nil {
		panic(err)
	}
	return t
}

// noon is a Tuesday, a workday, eleven in the morning.
var noon = at("2026-12-01 11:00")

// willing is somebody who may be called at noon.
func willing() Subject {
	return Subject{
		Channel: Voice, Brand: "苏小糖", Campaign: "winter",
		Phone: "+8613800138000", Class: contacts.ClassMobile, Role: contacts.RoleBuyer, Zone: "Asia/Shanghai",
		Consents: []contacts.Consent{{
			Phone: "+8613800138000", Brand: "苏小糖", Purpose: "marketing", Channels: []string{"voice", "sms"},
			At: at("2026-03-01 10:00"), Expires: at("2027-03-01 10:00"), Proof: "CR-1",
		}},
		Disclosed: true, CallerIDRegistered: true,
	}
}

func TestTheDoor(t *testing.T) {
	type want struct {
		reason   string
		terminal bool
		until    string
	}
	for _, test := range []struct {
		name   string
		change func(*Subject)
		want   want
	}{
		{"everything is in order", func(s *Subject) {}, want{}},
		{"the campaign is paused", func(s *Subject) { s.Paused = []string{"campaign"} }, want{ReasonPaused, false, ""}},
		{"the person was erased", func(s *Subject) { s.Erased = true }, want{ReasonErased, true, ""}},
		{"an opt-out closes every channel", func(s *Subject) { s.Suppressed = []Suppression{{Scope: "global", Source: "opt_out"}} }, want{ReasonDNCGlobal, true, ""}},
		{"an opt-out of another channel", func(s *Subject) {
			s.Suppressed = []Suppression{{Scope: "global", Source: "opt_out", Channels: []Channel{SMS}}}
		}, want{}},
		{"the brand's list", func(s *Subject) { s.Suppressed = []Suppression{{Scope: "brand"}} }, want{ReasonDNCTenant, true, ""}},
		{"the campaign's list, for a while", func(s *Subject) {
			s.Suppressed = []Suppression{{Scope: "campaign", Until: at("2026-12-03 12:30")}}
		}, want{ReasonDNCCampaign, false, "2026-12-03 14:00"}},
		{"a scope nobody knows is a no", func(s *Subject) { s.Suppressed = []Suppression{{Scope: "galaxy"}} }, want{ReasonDNCGlobal, true, ""}},
		{"no consent at all", func(s *Subject) { s.Consents = nil }, want{ReasonNoConsent, false, ""}},
		{"a consent for service does not carry an offer", func(s *Subject) { s.Consents[0].Purpose = "service" }, want{ReasonNoConsent, false, ""}},
		{"a consent to another brand", func(s *Subject) { s.Consents[0].Brand = "别家" }, want{ReasonNoConsent, false, ""}},
		{"a consent for texts only", func(s *Subject) { s.Consents[0].Channels = []string{"sms"} }, want{ReasonNoConsent, false, ""}},
		{"a consent that ran out this minute", func(s *Subject) { s.Consents[0].Expires = noon }, want{ReasonNoConsent, false, ""}},
		{"a consent from the future", func(s *Subject) { s.Consents[0].At = noon.Add(time.Minute) }, want{ReasonNoConsent, false, ""}},
		{"a consent of three years ago", func(s *Subject) {
			s.Consents[0].At, s.Consents[0].Expires = at("2023-11-01 10:00"), time.Time{}
		}, want{ReasonNoConsent, false, ""}},
		{"a consent without proof", func(s *Subject) { s.Consents[0].Proof = "" }, want{ReasonNoConsent, false, ""}},
		{"somebody else's consent", func(s *Subject) { s.Consents[0].Phone = "+8613900139000" }, want{ReasonNoConsent, false, ""}},
		{"who only received a gift, consent or not", func(s *Subject) { s.Role = contacts.RoleConsignee }, want{ReasonConsignee, true, ""}},
		{"a role nobody stated", func(s *Subject) { s.Role = "" }, want{ReasonConsignee, true, ""}},
		{"a masked number", func(s *Subject) { s.Phone, s.Class, s.Refusal, s.Consents = "", "", "masked_number", nil }, want{ReasonMasked, true, ""}},
		{"a privacy number", func(s *Subject) { s.Phone, s.Refusal, s.Consents = "", "privacy_number", nil }, want{ReasonPrivacy, true, ""}},
		{"a landline", func(s *Subject) { s.Class = contacts.ClassFixed }, want{ReasonNumberClass, true, ""}},
		{"a number found not to exist", func(s *Subject) { s.InvalidUntil = at("2026-12-20 10:00") }, want{ReasonInvalidCached, false, "2026-12-20 10:30"}},
		{"a suspended line", func(s *Subject) { s.SuspendedUntil = at("2026-12-04 10:30") }, want{ReasonSuspended, false, "2026-12-04 10:30"}},
		{"a place nobody knows", func(s *Subject) { s.Zone = "" }, want{ReasonZoneUnknown, false, ""}},
		{"one of two places where it is night", func(s *Subject) { s.Zone, s.Zones = "", []string{"Asia/Shanghai", "Europe/Berlin"} }, want{ReasonWindow, false, "2026-12-01 17:00"}},
		{"called this morning", func(s *Subject) {
			s.History = []Contact{{At: at("2026-12-01 10:05"), Channel: Voice}}
		}, want{ReasonFrequency, false, "2026-12-02 10:00"}},
		{"texted this morning counts as well", func(s *Subject) {
			s.History = []Contact{{At: at("2026-12-01 10:05"), Channel: SMS}}
		}, want{ReasonFrequency, false, "2026-12-02 10:00"}},
		{"a call is under way", func(s *Subject) { s.History = []Contact{{InFlight: true, Campaign: "other"}} }, want{ReasonFrequency, false, "2026-12-02 10:00"}},
		{"twice within the week", func(s *Subject) {
			s.History = []Contact{{At: at("2026-11-25 15:00")}, {At: at("2026-11-28 15:00")}}
		}, want{ReasonFrequency, false, "2026-12-02 15:00"}},
		{"twice, the first more than a week ago", func(s *Subject) {
			s.History = []Contact{{At: at("2026-11-24 10:00")}, {At: at("2026-11-28 15:00")}}
		}, want{}},
		{"yesterday evening is too close", func(s *Subject) { s.History = []Contact{{At: at("2026-11-30 19:00")}} }, want{ReasonFrequency, false, "2026-12-01 15:00"}},
		{"three times in this campaign is for good", func(s *Subject) {
			for _, d := range []string{"2026-09-01 10:00", "2026-10-01 10:00", "2026-11-01 10:00"} {
				s.History = append(s.History, Contact{At: at(d), Campaign: "winter"})
			}
		}, want{ReasonFrequency, true, ""}},
		{"dropped by us two days ago", func(s *Subject) {
			s.History = []Contact{{At: at("2026-11-29 11:30"), Ended: "abandoned"}}
		}, want{ReasonCoolOff, false, "2026-12-02 11:30"}},
		{"complained", func(s *Subject) { s.Complained = true }, want{ReasonComplaint, true, ""}},
		{"not the person", func(s *Subject) { s.WrongPerson = true }, want{ReasonWrongPerson, true, ""}},
		{"an open refund", func(s *Subject) { s.Sensitive = []Sensitive{{Kind: "open_refund"}} }, want{ReasonSensitive, false, ""}},
		{"a red warning until tonight", func(s *Subject) {
			s.Sensitive = []Sensitive{{Kind: "red_warning", Until: at("2026-12-01 22:00")}}
		}, want{ReasonSensitive, false, "2026-12-02 10:00"}},
		{"signs of abuse wait for a look", func(s *Subject) { s.Risks = []string{contacts.RiskBrushing} }, want{ReasonAbuseReview, false, ""}},
		{"a friend is not asked to become one", func(s *Subject) { s.AlreadyFriend, s.InviteToAFriend = true, true }, want{ReasonFriend, true, ""}},
		{"a friend may hear something else", func(s *Subject) { s.AlreadyFriend = true }, want{}},
		{"kept aside to measure against", func(s *Subject) { s.Holdout = true }, want{ReasonHoldout, true, ""}},
		{"the campaign is over", func(s *Subject) { s.Ends = noon }, want{ReasonExpired, true, ""}},
		{"waits in another campaign", func(s *Subject) { s.Duplicate = true }, want{ReasonDuplicate, false, ""}},
		{"the money is spent", func(s *Subject) { s.OverBudget = true }, want{ReasonBudget, false, ""}},
		{"too many calls were dropped", func(s *Subject) { s.Abandonment = 0.031 }, want{ReasonAbandonment, false, ""}},
		{"the text does not say who calls", func(s *Subject) { s.Disclosed = false }, want{ReasonVerification, false, ""}},
		{"nothing new to say", func(s *Subject) { s.NothingNew = true }, want{ReasonNothingNew, false, ""}},
		{"no registered caller ID", func(s *Subject) { s.CallerIDRegistered = false }, want{ReasonCallerID, false, ""}},
		{"a loopback trunk shows its caller ID to nobody", func(s *Subject) { s.CallerIDRegistered, s.Loopback = false, true }, want{}},
		{"a text uses no trunk", func(s *Subject) { s.Channel, s.CallerIDRegistered = SMS, false }, want{}},
		{"all lines are busy", func(s *Subject) { s.NoCapacity = true }, want{ReasonCapacity, false, ""}},
		{"the first gate that is shut gives the reason", func(s *Subject) { s.Holdout, s.Consents, s.NothingNew = true, nil, true }, want{ReasonNoConsent, false, ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := willing()
			test.change(&s)
			v := Decide(noon, CNMarketing(), s)
			got := want{v.Reason, v.Terminal, ""}
			if !v.Until.IsZero() {
				got.until = v.Until.In(beijing).Format("2006-01-02 15:04")
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(want{})); diff != "" || v.Allowed != (got.reason == "") {
				t.Errorf("allowed %v, %s", v.Allowed, diff)
			}
			if len(v.Gates) != 12 {
				t.Errorf("%d gates were asked, want all 12", len(v.Gates))
			}
		})
	}
}

func TestUntilIsATimeAtWhichTheDoorOpens(t *testing.T) {
	p := CNMarketing()
	s := willing()
	s.History = []Contact{{At: at("2026-12-01 19:00")}, {At: at("2026-12-04 19:20")}}
	held := 0
	for now := at("2026-12-04 19:25"); now.Before(at("2026-12-11 23:00")); now = now.Add(17 * time.Minute) {
		v := Decide(now, p, s)
		if v.Allowed {
			continue
		}
		held++
		if again := Decide(v.Until, p, s); !v.Until.After(now) || !again.Allowed {
			t.Fatalf("at %v: %s until %v, and then %q", now, v.Reason, v.Until, again.Reason)
		}
	}
	if held == 0 {
		t.Error("nobody was held")
	}
	v := Decide(at("2027-01-04 11:00"), p, willing())
	if v.Allowed || v.Reason != ReasonNoHolidays || !v.Until.IsZero() {
		t.Errorf("a year without a table: %+v", v)
	}
}

func TestServiceAndCare(t *testing.T) {
	s := willing()
	s.Role = contacts.RoleConsignee
	s.Consents[0].Purpose = "service"
	if v := Decide(noon, CNService(), s); !v.Allowed {
		t.Errorf("a consignee who agreed to service may be served: %s", v.Reason)
	}
	holiday := at("2026-10-01 11:00")
	if v := Decide(holiday, CNService(), s); v.Reason != ReasonWindow {
		t.Errorf("service on the national day: %q", v.Reason)
	}
	if v := Decide(holiday, CNCare(), s); !v.Allowed {
		t.Errorf("care on the national day: %s", v.Reason)
	}
}

func TestPresets(t *testing.T) {
	for _, name := range []string{"cn-marketing", "cn-service", "cn-care"} {
		p, err := Preset(name)
		if err != nil || p.Name != name {
			t.Errorf("Preset(%s) = %s, %v", name, p.Name, err)
		}
	}
	if _, err := Preset("us"); err == nil {
		t.Error("there is no preset us")
	}
	changed := CNMarketing()
	changed.Frequency.PerDay++
	if a, b := CNMarketing(), CNMarketing(); a.Hash() != b.Hash() || a.Hash() == changed.Hash() {
		t.Error("a policy's hash is not its own")
	}
}

func TestHashPhone(t *testing.T) {
	a, b := HashPhone([]byte("k"), "+8613800138000"), HashPhone([]byte("k"), "+8613800138001")
	if len(a) != 32 || bytes.Equal(a, b) || bytes.Equal(a, HashPhone([]byte("l"), "+8613800138000")) || !bytes.Equal(a, HashPhone([]byte("k"), "+8613800138000")) {
		t.Error("the hash is not of the number and the key")
	}
}
