package sip

import (
	"strconv"
	"strings"
)

// ParseReason finds the Q.850 cause in a Reason header (RFC 3326), which may
// hold several reasons: `SIP;cause=480, Q.850;cause=19;text="No answer"` is 19.
// It reports false when there is none between 1 and 127.
func ParseReason(s string) (q850 int, ok bool) {
	for reason := range splitQuoted(s, ',') {
		protocol, params, _ := strings.Cut(reason, ";")
		if !strings.EqualFold(strings.TrimSpace(protocol), "Q.850") {
			continue
		}
		for param := range splitQuoted(params, ';') {
			name, value, found := strings.Cut(param, "=")
			if !found || !strings.EqualFold(strings.TrimSpace(name), "cause") {
				continue
			}
			n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
			if err == nil && n >= 1 && n <= 127 {
				return n, true
			}
		}
	}
	return 0, false
}

// splitQuoted yields the parts of s between separators that stand outside
// quoted strings (RFC 3261 25.1: a backslash hides the next character).
func splitQuoted(s string, sep byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case quoted && s[i] == '\\':
				i++
			case s[i] == '"':
				quoted = !quoted
			case s[i] == sep && !quoted:
				if !yield(s[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(s[start:])
	}
}
