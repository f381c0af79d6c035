package compliance

import (
	"slices"
	"time"
)

// Strictest merges two policies: whatever the result permits, a permits and b
// permits. Names and versions are joined for the record.
func Strictest(a, b Policy) Policy {
	return Policy{
		Name:         joined(a.Name, b.Name),
		Version:      joined(a.Version, b.Version),
		Jurisdiction: joined(a.Jurisdiction, b.Jurisdiction),
		Purpose:      strictPurpose(a.Purpose, b.Purpose),
		Channels:     shared(a.Channels, b.Channels),
		Consent: ConsentRule{
			Required: a.Consent.Required || b.Consent.Required,
			Proof:    a.Consent.Proof || b.Consent.Proof,
			MaxAge:   least(a.Consent.MaxAge, b.Consent.MaxAge),
		},
		BuyerOnly:    a.BuyerOnly || b.BuyerOnly,
		Classes:      shared(a.Classes, b.Classes),
		DenyPrefixes: union(a.DenyPrefixes, b.DenyPrefixes),
		Hours:        bothHours(a.Hours, b.Hours),
		Frequency: Frequency{
			PerDay:      least(a.Frequency.PerDay, b.Frequency.PerDay),
			Per7Days:    least(a.Frequency.Per7Days, b.Frequency.Per7Days),
			PerCampaign: least(a.Frequency.PerCampaign, b.Frequency.PerCampaign),
			MinGap:      max(a.Frequency.MinGap, b.Frequency.MinGap),
		},
		Rest:               Rest{Abandoned: max(a.Rest.Abandoned, b.Rest.Abandoned), Machine: max(a.Rest.Machine, b.Rest.Machine)},
		RegisterMaxAge:     least(a.RegisterMaxAge, b.RegisterMaxAge),
		Abandonment:        least(a.Abandonment, b.Abandonment),
		Record:             a.Record && b.Record,
		RegisteredCallerID: a.RegisteredCallerID || b.RegisteredCallerID,
		LoopbackOnly:       a.LoopbackOnly || b.LoopbackOnly,
	}
}

// least takes the smaller limit, where 0 is no limit.
func least[T int | float64 | time.Duration](a, b T) T {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// bothHours: no hours at all deny, and two sets of hours must both be open.
func bothHours(a, b []Hours) []Hours {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	return append(slices.Clone(a), b...)
}

// strictPurpose: marketing asks for more than service, service for more than care.
// Two different purposes can both be met by nobody's single consent, so the merged
// policy keeps the join and the consent gate asks for each.
func strictPurpose(a, b Purpose) Purpose {
	if a == b || b == "" {
		return a
	}
	if a == "" {
		return b
	}
	return a + "+" + b
}

func shared[T comparable](a, b []T) (both []T) {
	for _, v := range a {
		if slices.Contains(b, v) {
			both = append(both, v)
		}
	}
	return both
}

func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

func joined(a, b string) string {
	if a == b || b == "" {
		return a
	}
	if a == "" {
		return b
	}
	return a + "+" + b
}
