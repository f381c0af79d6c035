package dialer

import (
	"testing"
	"time"

	"warmline/sip"
)

func TestVerdict(t *testing.T) {
	us, callee, carrier, timeout := sip.ByUs, sip.ByCallee, sip.ByCarrier, sip.ByTimeout
	for _, c := range []struct {
		name     string
		cause    sip.Cause
		answered bool
		words    string
		want     string
		fault    bool
	}{
		{"busy", sip.Cause{Status: 486, Q850: 17, By: callee}, false, "", Busy, false},
		{"busy without a cause", sip.Cause{Status: 486}, false, "", Busy, false},
		{"busy everywhere", sip.Cause{Status: 600}, false, "", Busy, false},
		{"busy only by cause", sip.Cause{Status: 480, Q850: 17}, false, "", Busy, false},
		{"the red button", sip.Cause{Status: 603, Q850: 21, By: callee}, false, "", Rejected, false},
		{"declined without a cause", sip.Cause{Status: 603}, false, "", Rejected, false},
		{"declined, but the network says it is off", sip.Cause{Status: 603}, false, "您拨打的电话已关机", PoweredOff, false},
		{"no such number", sip.Cause{Status: 404, Q850: 1}, false, "", InvalidNumber, false},
		{"no such number anywhere", sip.Cause{Status: 604}, false, "", InvalidNumber, false},
		{"no such number, only said", sip.Cause{Status: 480}, false, "您好，您拨打的号码是空号，请核对后再拨。", InvalidNumber, false},
		{"no such number, only said in English", sip.Cause{Status: 480}, false, "Sorry, the number you dialed does not exist.", InvalidNumber, false},
		{"a carrier without a route does not make a number invalid", sip.Cause{Status: 500, Q850: 3}, false, "", LineFault, true},
		{"temporarily unavailable", sip.Cause{Status: 480}, false, "", Unreachable, false},
		{"switched off by cause", sip.Cause{Status: 480, Q850: 20}, false, "", PoweredOff, false},
		{"switched off, said", sip.Cause{Status: 480, Q850: 18}, false, "您好，您拨打的电话已关机。", PoweredOff, false},
		{"no answer by cause", sip.Cause{Status: 480, Q850: 19}, false, "", NoAnswer, false},
		{"no response by cause", sip.Cause{Status: 480, Q850: 18}, false, "", Unreachable, false},
		{"suspended, only said", sip.Cause{Status: 480}, false, "您好，您拨打的电话已停机。", Suspended, false},
		{"suspended, said behind a 503", sip.Cause{Status: 503}, false, "您的电话已欠费", Suspended, false},
		{"out of reach, said", sip.Cause{Status: 480}, false, "您好，您拨打的电话暂时无法接通，请稍后再拨。", Unreachable, false},
		{"in a call, said", sip.Cause{Status: 480}, false, "您拨打的用户正在通话中，请稍后再拨。", Busy, false},
		{"not convenient, said", sip.Cause{Status: 480}, false, "您拨打的用户不方便接听", Rejected, false},
		{"try later is the network's", sip.Cause{Status: 480}, false, "请稍后再拨", NetworkBusy, true},
		{"the announcement went on until we gave up", sip.Cause{Status: 487, By: us}, false, "您拨打的电话已关机", PoweredOff, false},
		{"nobody picked up", sip.Cause{Status: 487, By: timeout}, false, "", NoAnswer, false},
		{"we cancelled", sip.Cause{Status: 487, By: us}, false, "", Cancelled, false},
		{"the trunk refused for lines", sip.Cause{Status: 503, Q850: 34}, false, "", NetworkBusy, true},
		{"the switch is congested", sip.Cause{Status: 503, Q850: 42}, false, "", NetworkBusy, true},
		{"the trunk is down", sip.Cause{Status: 503, RetryAfter: 2 * time.Second}, false, "", TrunkUnavailable, true},
		{"the trunk keeps silent", sip.Cause{Status: 408, By: timeout}, false, "", TrunkUnavailable, true},
		{"the phone keeps silent", sip.Cause{Status: 408, By: carrier}, false, "", Unreachable, false},
		{"an incomplete number", sip.Cause{Status: 484, Q850: 28}, false, "", InvalidFormat, false},
		{"a wrong way to dial, said", sip.Cause{Status: 480}, false, "您的拨号方式不正确", InvalidFormat, false},
		{"a new number", sip.Cause{Status: 410, Q850: 22}, false, "", NumberChanged, false},
		{"moved for good", sip.Cause{Status: 301}, false, "", NumberChanged, false},
		{"moved for now", sip.Cause{Status: 302}, false, "", ForwardFailed, false},
		{"forbidden", sip.Cause{Status: 403}, false, "", CallBarred, false},
		{"incoming calls barred", sip.Cause{Status: 403, Q850: 55}, false, "", CallBarred, false},
		{"blocked by the carrier", sip.Cause{Status: 403, Q850: 21}, false, "", CarrierBlocked, false},
		{"unwanted", sip.Cause{Status: 607}, false, "", CarrierBlocked, false},
		{"blocked by analytics", sip.Cause{Status: 608}, false, "", CarrierBlocked, false},
		{"no common codec", sip.Cause{Status: 488}, false, "", LineFault, true},
		{"wrong password", sip.Cause{Status: 407}, false, "", LineFault, true},
		{"server error", sip.Cause{Status: 500}, false, "", LineFault, true},
		{"server error with an interworking cause", sip.Cause{Status: 502, Q850: 127}, false, "", LineFault, true},
		{"a normal clearing says nothing", sip.Cause{Status: 480, Q850: 16}, false, "", Unreachable, false},
		{"ringback music is no announcement", sip.Cause{Status: 480}, false, "月亮代表我的心", Unreachable, false},
		{"a status nobody knows", sip.Cause{Status: 699}, false, "", Rejected, false},
		{"nothing is known", sip.Cause{}, false, "", "unknown", false},

		{"answered", sip.Cause{Status: 200, Q850: 16, By: callee}, true, "", Answered, false},
		{"answered with a word", sip.Cause{By: callee}, true, "喂，你好", Answered, false},
		{"voicemail", sip.Cause{}, true, "您好，机主现在不方便接听电话，请在嘀声后留言，录音完毕挂机即可。", Voicemail, false},
		{"voicemail in English", sip.Cause{}, true, "Please leave a message after the beep.", Voicemail, false},
		{"an assistant", sip.Cause{}, true, "您好，我是机主的智能助理，请问您有什么事", Assistant, false},
		{"a person who wants a message is a person", sip.Cause{}, true, "你给我留言吧", Answered, false},
		{"a person who says the phone was off is a person", sip.Cause{}, true, "我刚才关机了", Answered, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Verdict(c.cause, c.answered, c.words)
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if fault := !c.answered && TrunkFault(c.cause, got); fault != c.fault {
				t.Errorf("trunk fault %v, want %v", fault, c.fault)
			}
		})
	}
}

// dispositions are the words the house knows for an ended attempt.
var dispositions = map[string]bool{}

func init() {
	for _, d := range []string{
		"answered", "voicemail", "assistant", "announcement", "fax", "no_answer", "busy", "rejected", "powered_off", "unreachable",
		"suspended", "invalid_number", "invalid_format", "number_changed", "call_barred", "carrier_blocked", "forward_failed",
		"network_busy", "line_fault", "trunk_unavailable", "no_media", "false_answer", "abandoned", "cancelled", "not_dialed", "unknown",
	} {
		dispositions[d] = true
	}
}

func TestEveryCauseHasADispositionOfTheVocabulary(t *testing.T) {
	for status := range 700 {
		for q850 := range 128 {
			for _, by := range []string{"", sip.ByUs, sip.ByCallee, sip.ByCarrier, sip.ByTimeout} {
				if d := Verdict(sip.Cause{Status: status, Q850: q850, By: by}, false, ""); !dispositions[d] {
					t.Fatalf("status %d, cause %d, by %q: %q", status, q850, by, d)
				}
			}
		}
	}
}

func FuzzWordsNeverLeaveTheVocabulary(f *testing.F) {
	f.Add(480, 20, "您拨打的电话已关机", true)
	f.Fuzz(func(t *testing.T, status, q850 int, words string, answered bool) {
		if d := Verdict(sip.Cause{Status: status, Q850: q850}, answered, words); !dispositions[d] {
			t.Errorf("%q", d)
		}
	})
}
