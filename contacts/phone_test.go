package contacts

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestParsePhone(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     Phone
		class    Class
		reason   string
	}{
		{"a plain mobile", "13800138000", "+8613800138000", ClassMobile, ""},
		{"with the country code", "+86 138-0013-8000", "+8613800138000", ClassMobile, ""},
		{"dialled from abroad", "0086 13800138000", "+8613800138000", ClassMobile, ""},
		{"country code without a plus", "8613800138000", "+8613800138000", ClassMobile, ""},
		{"full-width digits", "１３８００１３８０００", "+8613800138000", ClassMobile, ""},
		{"full-width with dashes and blanks", "＋８６　１３８－００１３－８０００", "+8613800138000", ClassMobile, ""},
		{"a spreadsheet's quoted text", `="13800138000"`, "+8613800138000", ClassMobile, ""},
		{"a leading quote mark", "'13800138000", "+8613800138000", ClassMobile, ""},
		{"a tab behind it, as consoles export", "13800138000\t", "+8613800138000", ClassMobile, ""},
		{"invisible marks of a chat", "\u202d13800138000\u202c", "+8613800138000", ClassMobile, ""},
		{"a zero in front of a mobile", "013800138000", "+8613800138000", ClassMobile, ""},
		{"a virtual operator is an ordinary mobile", "17012345678", "+8617012345678", ClassMobile, ""},
		{"another virtual operator", "16212345678", "+8616212345678", ClassMobile, ""},
		{"the newest range", "19212345678", "+8619212345678", ClassMobile, ""},
		{"masked by stars", "138****1234", "", ClassUnknown, ReasonMasked},
		{"masked by x", "138XXXX1234", "", ClassUnknown, ReasonMasked},
		{"masked by full-width stars", "138＊＊＊＊1234", "", ClassUnknown, ReasonMasked},
		{"privacy number with a dash", "13800138000-1234", "", ClassMobile, ReasonPrivacy},
		{"privacy number to be put through", "13800138000转1234", "", ClassMobile, ReasonPrivacy},
		{"privacy number with a comma", "13800138000,1234", "", ClassMobile, ReasonPrivacy},
		{"privacy number with ext", "13800138000 ext. 123", "", ClassMobile, ReasonPrivacy},
		{"privacy number on a 95 access code", "95187123456转1234", "", ClassShort, ReasonPrivacy},
		{"an empty cell", "  ", "", ClassUnknown, ReasonEmpty},
		{"nothing but a quote mark", "'", "", ClassUnknown, ReasonEmpty},
		{"eaten by a spreadsheet", "1.38E+10", "", ClassUnknown, ReasonExcel},
		{"eaten whole", "1.3800138E+10", "", ClassUnknown, ReasonExcel},
		{"a landline with its area code", "0571-87654321", "+8657187654321", ClassFixed, ReasonLandline},
		{"Beijing", "010 6555 1234", "+861065551234", ClassFixed, ReasonLandline},
		{"a landline with an extension", "0571-87654321-801", "+8657187654321", ClassFixed, ReasonLandline},
		{"a landline abroad style", "+86 571 87654321", "+8657187654321", ClassFixed, ReasonLandline},
		{"a landline without its area code", "87654321", "", ClassFixed, ReasonLandline},
		{"a carrier's hot line", "10086", "", ClassShort, ReasonShort},
		{"a bank", "95588", "", ClassShort, ReasonShort},
		{"a message port", "106912345678", "", ClassShort, ReasonShort},
		{"400 service", "400-812-3123", "", ClassTollFree, ReasonTollFree},
		{"a premium line", "16812345", "", ClassPremium, ReasonPremium},
		{"one digit short", "1380013800", "", ClassUnknown, ReasonMalformed},
		{"one digit long", "138001380001", "", ClassUnknown, ReasonMalformed},
		{"no such range", "12012345678", "", ClassUnknown, ReasonMalformed},
		{"a machine's range", "14812345678", "", ClassUnknown, ReasonMalformed},
		{"letters", "call me", "", ClassUnknown, ReasonMalformed},
		{"a URI parameter", "13800138000;ext=1@evil", "", ClassUnknown, ReasonMalformed},
		{"a SIP address", "sip:x@y", "", ClassUnknown, ReasonMalformed},
		{"an American number", "+1 415 555 2671", "+14155552671", ClassMobile, ""},
		{"a British landline", "+44 20 7946 0958", "+442079460958", ClassFixed, ReasonLandline},
		{"a satellite network", "+882 16 5550 1234", "", ClassPremium, ReasonPremium},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, class, err := ParsePhone(test.in, "CN")
			reason := ""
			var refusal *Refusal
			if errors.As(err, &refusal) {
				reason = refusal.Reason
			}
			if got != test.want || class != test.class || reason != test.reason {
				t.Errorf("ParsePhone(%q) = %s, %s, %q; want %s, %s, %q", test.in, got.E164(), class, reason, test.want.E164(), test.class, test.reason)
			}
			if err != nil && strings.Contains(err.Error(), "00138000") {
				t.Errorf("the refusal shows the number: %v", err)
			}
		})
	}
}

func TestPhoneMasksItselfHoweverItIsPrinted(t *testing.T) {
	p := Phone("+8613800138000")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("calling", "phone", p)
	for _, got := range []string{p.String(), fmt.Sprintf("%v", p), fmt.Sprintf("to %s", p), fmt.Sprintf("%q", p), fmt.Sprintf("%#v", p), fmt.Sprintf("%+v", struct{ P Phone }{p}), log.String()} {
		if strings.Contains(got, "13800138000") || !strings.Contains(got, "138****8000") {
			t.Errorf("printed %s", got)
		}
	}
	if got, want := p.National(), "13800138000"; got != want {
		t.Errorf("National = %s, want %s", got, want)
	}
	if got, want := Phone("+14155552671").Masked(), "141****2671"; got != want {
		t.Errorf("Masked = %s, want %s", got, want)
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, seed := range []string{"13800138000", "＋８６１３８", "138****1234", "13800138000转1", "1.38E+10", "+1415", "0571-8", `="1"`, "\xff", "95"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, class, err := ParsePhone(s, "CN")
		if err == nil {
			again, againClass, err := ParsePhone(p.E164(), "CN")
			if err != nil || again != p || againClass != class {
				t.Errorf("ParsePhone(%q) = %s %s, and that parses as %s %s, %v", s, p.E164(), class, again.E164(), againClass, err)
			}
			return
		}
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Reason == "" {
			t.Errorf("ParsePhone(%q): %v is no refusal with a reason", s, err)
		}
	})
}
