package compliance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"warmline/contacts"
)

// Gate 1. Somebody stopped everything, this campaign or this trunk.
func killSwitch(_ time.Time, _ Policy, s Subject) GateResult {
	if len(s.Paused) > 0 {
		return deny(ReasonPaused, strings.Join(s.Paused, ", "))
	}
	return allow("")
}

// Gate 2. The person asked to be forgotten.
func erasure(_ time.Time, _ Policy, s Subject) GateResult {
	if s.Erased {
		return never(ReasonErased, "")
	}
	return allow("")
}

// scopes of a suppression, the widest first.
var scopes = []struct {
	name   string
	reason Reason
}{{"global", ReasonDNCGlobal}, {"brand", ReasonDNCTenant}, {"campaign", ReasonDNCCampaign}}

// Gate 3. A standing no, the widest first; then whether the national list is fresh.
func suppression(now time.Time, p Policy, s Subject) GateResult {
	understood := 0
	for _, scope := range scopes {
		for _, no := range s.Suppressed {
			if no.Scope != scope.name {
				continue
			}
			understood++
			switch {
			case len(no.Channels) > 0 && !slices.Contains(no.Channels, s.Channel):
			case no.Until.IsZero():
				return never(scope.reason, no.Source)
			case no.Until.After(now):
				return later(scope.reason, no.Until, no.Source)
			}
		}
	}
	if understood < len(s.Suppressed) { // what is not understood is a no
		return never(ReasonDNCGlobal, "a suppression of unknown scope")
	}
	if p.RegisterMaxAge > 0 && now.Sub(s.RegisterAt) > p.RegisterMaxAge {
		return deny(ReasonRegisterStale, "")
	}
	return allow("")
}

// Gate 4. Who received somebody else's gift did not agree to anything; everybody
// else needs a consent for this brand, purpose and channel. A number nobody can
// read has no consents to look up: gate 5 names what is wrong with it.
func consent(now time.Time, p Policy, s Subject) GateResult {
	if p.BuyerOnly && s.Role != contacts.RoleBuyer && s.Role != contacts.RoleMember {
		return never(ReasonConsignee, string(s.Role))
	}
	if !p.Consent.Required || s.Refusal != "" {
		return allow("")
	}
	proofs := ""
	for _, purpose := range strings.Split(string(p.Purpose), "+") {
		c, ok := consentFor(now, p, s, Purpose(purpose))
		if !ok {
			return deny(ReasonNoConsent, purpose)
		}
		proofs += " " + c.Proof
	}
	return allow(strings.TrimSpace(proofs))
}

// consentFor finds the consent that carries a purpose. Care, which offers nothing,
// is carried by a service consent; nothing else stands in for anything.
func consentFor(now time.Time, p Policy, s Subject, purpose Purpose) (contacts.Consent, bool) {
	want := string(purpose)
	if purpose == Care {
		want = string(Service)
	}
	for _, c := range s.Consents {
		switch {
		case c.Phone != s.Phone, c.Brand != s.Brand, c.Purpose != want, !slices.Contains(c.Channels, string(s.Channel)):
		case c.At.IsZero() || c.At.After(now), !c.Expires.IsZero() && !c.Expires.After(now):
		case p.Consent.MaxAge > 0 && now.Sub(c.At) > p.Consent.MaxAge:
		case p.Consent.Proof && c.Proof == "":
		default:
			return c, true
		}
	}
	return contacts.Consent{}, false
}

// Gate 5. The number itself.
func number(now time.Time, p Policy, s Subject) GateResult {
	switch s.Refusal {
	case "":
	case contacts.ReasonMasked:
		return never(ReasonMasked, "")
	case contacts.ReasonPrivacy:
		return never(ReasonPrivacy, "")
	default:
		return never(ReasonNumberClass, s.Refusal)
	}
	if s.Phone == "" || !slices.Contains(p.Classes, s.Class) {
		return never(ReasonNumberClass, string(s.Class))
	}
	for _, prefix := range p.DenyPrefixes {
		if strings.HasPrefix(s.Phone.E164(), prefix) {
			return never(ReasonGeoDenied, prefix)
		}
	}
	if s.InvalidUntil.After(now) {
		return later(ReasonInvalidCached, s.InvalidUntil, "")
	}
	if s.SuspendedUntil.After(now) {
		return later(ReasonSuspended, s.SuspendedUntil, "")
	}
	return allow("")
}

// zones are all zones the person may be in.
func zones(s Subject) []string {
	if s.Zone != "" {
		return []string{s.Zone}
	}
	return s.Zones
}

// Gate 6. The hours where the person is; when that is not certain, the hours of
// every place it may be.
func window(now time.Time, p Policy, s Subject) GateResult {
	places := zones(s)
	if len(places) == 0 {
		return deny(ReasonZoneUnknown, "")
	}
	if len(p.Hours) == 0 {
		return deny(ReasonWindow, "the policy has no hours")
	}
	for _, zone := range places {
		loc, ok := location(zone)
		if !ok {
			return deny(ReasonZoneUnknown, zone)
		}
		open, known := p.isOpen(now.In(loc))
		if !known {
			return deny(ReasonNoHolidays, now.In(loc).Format("2006"))
		}
		if !open {
			return later(ReasonWindow, p.NextOpen(now, zone), zone)
		}
	}
	return allow("")
}

// Gate 7. Caps over all channels and campaigns.
func frequency(now time.Time, p Policy, s Subject) GateResult {
	f := p.Frequency
	lifetime, week, today := 0, 0, 0
	var oldest, newest time.Time // of those within seven days
	loc := beijing
	if places := zones(s); len(places) > 0 {
		if l, ok := location(places[0]); ok {
			loc = l
		}
	}
	midnight := startOfDay(now.In(loc))
	for _, c := range s.History {
		at := c.At
		if c.InFlight || at.After(now) {
			at = now
		}
		if c.Campaign == s.Campaign {
			lifetime++
		}
		if now.Sub(at) < 7*day {
			week++
			if oldest.IsZero() || at.Before(oldest) {
				oldest = at
			}
		}
		if !at.Before(midnight) {
			today++
		}
		if at.After(newest) {
			newest = at
		}
	}
	switch {
	case f.PerCampaign > 0 && lifetime >= f.PerCampaign:
		return never(ReasonFrequency, fmt.Sprintf("%d in this campaign", lifetime))
	case f.Per7Days > 0 && week >= f.Per7Days:
		return later(ReasonFrequency, kth(s.History, now, week-f.Per7Days).Add(7*day), fmt.Sprintf("%d in seven days", week))
	case f.PerDay > 0 && today >= f.PerDay:
		return later(ReasonFrequency, midnight.AddDate(0, 0, 1), fmt.Sprintf("%d today", today))
	case f.MinGap > 0 && !newest.IsZero() && now.Sub(newest) < f.MinGap:
		return later(ReasonFrequency, newest.Add(f.MinGap), "too soon after the last one")
	}
	return allow(fmt.Sprintf("%d today, %d in seven days, %d in this campaign", today, week, lifetime))
}

// kth gives the time of the contact that has to leave the seven days before the
// cap opens again: the k-th oldest of them.
func kth(history []Contact, now time.Time, k int) time.Time {
	var times []time.Time
	for _, c := range history {
		at := c.At
		if c.InFlight || at.After(now) {
			at = now
		}
		if now.Sub(at) < 7*day {
			times = append(times, at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times[k]
}

// Gate 8. Who was dropped, disturbed or reached by mistake is left alone.
func coolOff(now time.Time, p Policy, s Subject) GateResult {
	switch {
	case s.Complained:
		return never(ReasonComplaint, "")
	case s.WrongPerson:
		return never(ReasonWrongPerson, "")
	}
	for _, moment := range s.Sensitive {
		if moment.Until.IsZero() {
			return deny(ReasonSensitive, moment.Kind)
		}
		if moment.Until.After(now) {
			return later(ReasonSensitive, moment.Until, moment.Kind)
		}
	}
	var until time.Time
	for _, c := range s.History {
		rest := time.Duration(0)
		switch c.Ended {
		case "abandoned":
			rest = p.Rest.Abandoned
		case "voicemail", "assistant":
			rest = p.Rest.Machine
		}
		if end := c.At.Add(rest); end.After(until) {
			until = end
		}
	}
	if until.After(now) {
		return later(ReasonCoolOff, until, "")
	}
	if len(s.Risks) > 0 {
		return deny(ReasonAbuseReview, strings.Join(s.Risks, ", "))
	}
	return allow("")
}

// Gate 9. The campaign's own plan.
func campaign(now time.Time, p Policy, s Subject) GateResult {
	switch {
	case !slices.Contains(p.Channels, s.Channel):
		return never(ReasonChannelOff, string(s.Channel))
	case s.AlreadyFriend && s.InviteToAFriend:
		return never(ReasonFriend, "")
	case s.Holdout:
		return never(ReasonHoldout, "")
	case !s.Ends.IsZero() && !s.Ends.After(now):
		return never(ReasonExpired, "")
	case s.Duplicate:
		return deny(ReasonDuplicate, "")
	case s.OverBudget:
		return deny(ReasonBudget, "")
	}
	return allow("")
}

// Gate 10. The campaign dropped too many answered calls.
func abandonment(_ time.Time, p Policy, s Subject) GateResult {
	if p.Abandonment > 0 && s.Abandonment > p.Abandonment {
		return deny(ReasonAbandonment, fmt.Sprintf("%.1f %%", s.Abandonment*100))
	}
	return allow("")
}

// Gate 11. What would be said.
func content(_ time.Time, _ Policy, s Subject) GateResult {
	switch {
	case !s.Disclosed:
		return deny(ReasonVerification, "the text does not say who calls, that it is an AI and how to refuse")
	case s.Incomplete:
		return deny(ReasonVerification, "a fact the plain line needs is missing")
	case s.NothingNew:
		return deny(ReasonNothingNew, "")
	}
	return allow("")
}

// Gate 12. The line it would go over; texts and invitations use none.
func trunk(_ time.Time, p Policy, s Subject) GateResult {
	switch {
	case s.Channel != Voice:
	case p.LoopbackOnly && !s.Loopback:
		return deny(ReasonNotLoopback, "")
	case p.RegisteredCallerID && !s.CallerIDRegistered && !s.Loopback:
		return deny(ReasonCallerID, "")
	case s.NoCapacity:
		return deny(ReasonCapacity, "")
	}
	return allow("")
}
