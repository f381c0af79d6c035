package sip

import (
	"strings"
	"testing"
)

const framed = "INVITE sip:a@b SIP/2.0\r\nVia: x\r\nContent-Length: 3\r\n\r\na\nb"

func TestGuardFollowsMessagesHoweverTCPCutsThem(t *testing.T) {
	tests := []struct {
		name, stream string
		want         bool
	}{
		{"two messages with bodies that hold anything", framed + framed, true},
		{"pings between messages", "\r\n\r\n" + framed + "\r\n" + framed, true},
		{"a compact length", "BYE a SIP/2.0\r\nl : 2\r\n\r\n\n\nBYE a SIP/2.0\r\n\r\n", true},
		{"a lone line feed in a header", "BYE a SIP/2.0\r\nTo: a\nX: b\r\n\r\n", false},
		{"a lone carriage return in a header", "BYE a SIP/2.0\r\nTo: a\rX: b\r\n\r\n", false},
		{"a NUL in a header", "BYE a\x00 SIP/2.0\r\n\r\n", false},
		{"a length that is none", "BYE a SIP/2.0\r\nContent-Length: -1\r\n\r\n", false},
		{"a length beyond reason", "BYE a SIP/2.0\r\nContent-Length: 99999999\r\n\r\n", false},
		{"a header without end", strings.Repeat("X: y\r\n", maxHeader/6+1), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for cut := 1; cut <= 7; cut++ {
				var g guard
				ok := true
				for s := tt.stream; len(s) > 0 && ok; {
					n := min(cut, len(s))
					ok = g.pass([]byte(s[:n]))
					s = s[n:]
				}
				if ok != tt.want {
					t.Errorf("in pieces of %d: %v, want %v", cut, ok, tt.want)
				}
			}
		})
	}
}

func FuzzGuard(f *testing.F) {
	f.Add([]byte(framed), 3)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		var whole, parts guard
		want := whole.pass(stream)
		cut = max(1, min(cut, len(stream)))
		got := true
		for s := stream; len(s) > 0 && got; {
			n := min(cut, len(s))
			got = parts.pass(s[:n])
			s = s[n:]
		}
		if got != want {
			t.Fatalf("in pieces of %d: %v, whole: %v", cut, got, want)
		}
		if len(whole.line) > 40 || whole.body > maxBody {
			t.Fatalf("guard grew: %+v", whole)
		}
	})
}
