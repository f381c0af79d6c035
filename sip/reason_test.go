package sip_test

import (
	"strings"
	"testing"

	"warmline/sip"
)

func TestParseReason(t *testing.T) {
	tests := []struct {
		name, in string
		want     int
		ok       bool
	}{
		{"a cause", "Q.850;cause=16", 16, true},
		{"with text", `Q.850;cause=19;text="No answer"`, 19, true},
		{"lower case and spaces", ` q.850 ; Cause = 17 `, 17, true},
		{"behind another protocol", `SIP;cause=480;text="x", Q.850;cause=18`, 18, true},
		{"a comma inside the text", `SIP;text="a, Q.850;cause=1";cause=480,Q.850;cause=34`, 34, true},
		{"an escaped quote inside the text", `SIP;text="a\", Q.850;cause=1",Q.850;cause=38`, 38, true},
		{"the first of two", "Q.850;cause=16,Q.850;cause=17", 16, true},
		{"text before the cause", `Q.850;text=";cause=3";cause=31`, 31, true},
		{"quoted number", `Q.850;cause="16"`, 16, true},
		{"only a SIP cause", "SIP;cause=487", 0, false},
		{"no cause", "Q.850;text=\"x\"", 0, false},
		{"out of range", "Q.850;cause=128", 0, false},
		{"zero", "Q.850;cause=0", 0, false},
		{"not a number", "Q.850;cause=busy", 0, false},
		{"nothing", "", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := sip.ParseReason(tt.in); got != tt.want || ok != tt.ok {
				t.Errorf("ParseReason(%q) = %d, %v, want %d, %v", tt.in, got, ok, tt.want, tt.ok)
			}
		})
	}
}

func FuzzParseReason(f *testing.F) {
	for _, s := range []string{"Q.850;cause=16", `SIP;cause=480;text="a\", b",Q.850;cause=127`, `"`, `\`, ";;,,==", "Q.850;cause=\"1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := sip.ParseReason(s)
		if ok != (n >= 1 && n <= 127) {
			t.Errorf("ParseReason(%q) = %d, %v", s, n, ok)
		}
		if ok && !strings.Contains(strings.ToLower(s), "cause") {
			t.Errorf("ParseReason(%q) found %d without a cause", s, n)
		}
	})
}
