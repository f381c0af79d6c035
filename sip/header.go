package sip

import (
	"fmt"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

// allow is what we understand, for Allow headers and the door.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"

// compact gives the one-letter names that sipgo does not know.
var compact = map[string]string{
	"supported":       "k", // RFC 3261 20.37
	"event":           "o", // RFC 6665 8.2.1
	"session-expires": "x", // RFC 4028 4
}

// values returns a header's values in order, by long name in lower case.
func values(m gosip.Message, name string) []string {
	var all []string
	for _, h := range m.GetHeaders(name) {
		all = append(all, h.Value())
	}
	if short := compact[name]; short != "" {
		for _, h := range m.GetHeaders(short) {
			all = append(all, h.Value())
		}
	}
	return all
}

// lists reports whether a comma-separated header names a token. Methods and
// option tags are compared without case: senders are less strict than RFC 3261
// 7.1 is about methods.
func lists(header, token string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if strings.EqualFold(strings.TrimSpace(t), token) {
			return true
		}
	}
	return false
}

// joined is a list header's values as one.
func joined(m gosip.Message, name string) string { return strings.Join(values(m, name), ", ") }

// param finds a parameter whose name is case-insensitive (RFC 3261 7.3.1).
func param(ps gosip.HeaderParams, name string) string {
	for _, p := range ps {
		if strings.EqualFold(p.K, name) {
			return p.V
		}
	}
	return ""
}

// toTag and fromTag read the dialog's tags, "" when there is none.
func toTag(m gosip.Message) string {
	if h := m.To(); h != nil {
		return param(h.Params, "tag")
	}
	return ""
}

func fromTag(m gosip.Message) string {
	if h := m.From(); h != nil {
		return param(h.Params, "tag")
	}
	return ""
}

func callID(m gosip.Message) string {
	if h := m.CallID(); h != nil {
		return string(*h)
	}
	return ""
}

// branch reads the topmost Via's transaction identifier.
func branch(m gosip.Message) string {
	if h := m.Via(); h != nil {
		return param(h.Params, "branch")
	}
	return ""
}

// checkValue refuses what would end a header line or start another one.
// sipgo writes values as they are, so this is the only place that stops a
// customer's data from becoming a header.
func checkValue(what, s string) error {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return fmt.Errorf("%s has control character %#02x at byte %d", what, s[i], i)
		}
	}
	return nil
}

// maxValue is more than any number, name or attempt ID needs.
const maxValue = 128

// escapeUser makes the user part of a SIP URI (RFC 3261 25.1): what is not
// unreserved is percent-encoded, control characters are refused.
func escapeUser(what, s string) (string, error) {
	if s == "" {
		return "", fmt.Errorf("%s is empty", what)
	}
	if len(s) > maxValue {
		return "", fmt.Errorf("%s is %d bytes long, at most %d", what, len(s), maxValue)
	}
	if err := checkValue(what, s); err != nil {
		return "", err
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z',
			strings.IndexByte("-_.!~*'()+", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String(), nil
}

// checkToken refuses a value that is not visible ASCII without separators that
// matter in headers; attempt IDs and host names are made of such characters.
func checkToken(what, s string) error {
	if len(s) > maxValue {
		return fmt.Errorf("%s is %d bytes long, at most %d", what, len(s), maxValue)
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>;,?@\`, c) >= 0 {
			return fmt.Errorf("%s has character %q at byte %d", what, c, i)
		}
	}
	return nil
}

// quote makes a quoted-string (RFC 3261 25.1) of a value without control
// characters.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// said is what the other side wrote for people, fit for logs and records: some
// write the number called into their words.
func said(s string) string {
	b := []byte(printable(s))
	for i := 0; i < len(b); {
		n := i
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		if n-i >= shortest {
			for k := i + 3; k < n-2; k++ {
				b[k] = '*'
			}
		}
		i = n + 1
	}
	return string(b)
}

// printable replaces what does not belong in a header, log line or console.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, s)
}
