package sip

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// emergency numbers are never dialled by a machine. The list is that of the
// countries Warmline has policies for, and those a phone anywhere may know.
var emergency = []string{"110", "119", "120", "122", "12110", "12395", "112", "911", "999", "000", "118", "995", "997"}

// Emergency reports whether a number, however it is written, is one for
// emergencies, behind a country's code or a national prefix too.
func Emergency(number string) bool {
	d, ok := digits(number)
	if !ok {
		return false
	}
	for _, before := range []string{"", "+", "+86", "0086", "86", "0"} {
		if rest, ok := strings.CutPrefix(d, before); ok && slices.Contains(emergency, rest) {
			return true
		}
	}
	return false
}

// costly are prefixes nobody calls without meaning to: what toll fraud lives on.
// A longer prefix among the trunk's allowed ones overrides one of these.
var costly = []string{
	"+870", "+881", "+882", "+883", // satellites and international networks (ITU-T E.164 Annex)
	"+861349", "+861740", // satellites of Chinese networks
	"+86160", "+86168", // audiotex, by the minute
	"+979", "+808", "+878", "+888", "+991", // international premium, shared cost, personal, trial
	"+1900", "+1976", // premium, North America
	"+449", "+44870", "+44871", "+44872", "+44873", "+4470", // premium, special and personal, United Kingdom
	"+3389",            // premium, France
	"+49900", "+49137", // premium and mass calling, Germany
	"+6119",   // premium, Australia
	"+81990",  // premium, Japan
	"+852900", // premium, Hong Kong
}

// mayCall refuses destinations the trunk may not call. On a trunk of this machine
// everything may be called that it does not deny. Elsewhere numbers must begin
// with an allowed prefix, the trunk's own country when none is named; premium and
// satellite numbers and short codes are denied unless allowed by a prefix of
// their own; emergency numbers always.
//
// Prefixes with + are of the number in E.164, others of the digits as given.
// The longest prefix that fits decides; of two equally long, the denial.
func (t *Trunk) mayCall(to string) error {
	real := !t.Loopback()
	d, isNumber := digits(to)
	switch {
	case !isNumber && real:
		return plainName(to)
	case !isNumber:
		return nil
	case real && Emergency(to):
		return errors.New("emergency numbers are not called by a machine")
	}
	number, whole := t.Numbers.e164(to)
	allow, deny := t.Allow, t.Deny
	if real {
		deny = append(slices.Clone(deny), costly...)
		if len(allow) == 0 {
			allow = []string{"+" + t.Numbers.country()}
		}
	} else if len(allow) == 0 {
		allow = []string{"", "+"}
	}
	yes, no := fits(allow, d, number), fits(deny, d, number)
	switch {
	case no >= yes && no >= 0:
		return fmt.Errorf("the trunk may not call numbers that begin like %s: premium, satellite or denied", begin(number, d))
	case yes >= 0:
		return nil
	case !whole:
		return errors.New("short codes are not called unless the trunk allows them by name")
	}
	return fmt.Errorf("the trunk may not call numbers that begin like %s; its allowed prefixes are %s", begin(number, d), strings.Join(allow, " "))
}

// fits is the length of the longest prefix a number begins with, -1 when none does.
func fits(prefixes []string, digits, number string) int {
	longest := -1
	for _, p := range prefixes {
		of := digits
		if strings.HasPrefix(p, "+") {
			of = number
		}
		if of != "" && strings.HasPrefix(of, p) {
			longest = max(longest, len(p))
		}
	}
	return longest
}

// begin is as much of a number as an error may quote.
func begin(number, digits string) string {
	if number == "" {
		number = digits
	}
	return number[:min(6, len(number))]
}

// plainName refuses what is neither a number nor an extension's name: parameters,
// hosts and headers in it would be somebody else's idea of a destination.
func plainName(s string) error {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return fmt.Errorf("character %q at byte %d belongs neither to a number nor to a name", c, i)
		}
	}
	return nil
}

// checkPrefixes refuses prefixes that could fit nothing.
func (t *Trunk) checkPrefixes() error {
	for _, list := range [][]string{t.Allow, t.Deny} {
		for _, p := range list {
			if d, ok := digits(p); p == "" || p != "+" && (!ok || d != p) {
				return fmt.Errorf("%q is no prefix of numbers: write +86 or 1000", p)
			}
		}
	}
	return nil
}
