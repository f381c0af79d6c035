package sip_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/sip"
	"warmline/sip/siptest"
)

func TestAnsweredCallIsHungUpByTheCallee(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	if got, want := invite.URI(), "sip:13800138000@"+s.peer.Addr(); got != want {
		t.Errorf("Request-URI %q, want %q", got, want)
	}
	if got := invite.Get("X-Attempt"); got != "a-1" {
		t.Errorf("X-Attempt %q, want a-1", got)
	}
	if via := invite.Get("Via"); !strings.Contains(via, ";rport") {
		t.Errorf("Via %q does not ask for rport", via)
	}
	if got := string(invite.Body); got != offer {
		t.Errorf("offer sent as %q", got)
	}
	s.reply(invite, 100, "Trying", "")
	s.event(c, sip.Trying)
	s.reply(invite, 180, "Ringing", "a")
	s.event(c, sip.Ringing)
	s.reply(invite, 200, "OK", "a", sdp(30000))
	e := s.event(c, sip.Answered)
	if diff := cmp.Diff(string(sdp(30000)), string(e.SDP)); diff != "" {
		t.Errorf("answer SDP (-want +got):\n%s", diff)
	}
	ack := s.request("ACK")
	if n, _ := ack.CSeq(); n != 1 || ack.ToTag() != "a" || ack.Branch() == invite.Branch() {
		t.Errorf("ACK of the answer: CSeq %d, tag %q, branch reused %v", n, ack.ToTag(), ack.Branch() == invite.Branch())
	}
	bye, err := s.peer.Dialog(invite, "a").Bye()
	if err != nil {
		t.Fatal(err)
	}
	if res := s.response(s.peer, bye); res.Status() != 200 {
		t.Errorf("BYE answered %s", res.Start)
	}
	want := sip.Cause{Status: 200, Phrase: "BYE", Q850: 16, Reason: `Q.850;cause=16;text="Normal call clearing"`, By: sip.ByCallee}
	if diff := cmp.Diff(want, s.ended(c)); diff != "" {
		t.Errorf("cause (-want +got):\n%s", diff)
	}
	if strings.Contains(ladderOf(c), "13800138000") {
		t.Errorf("ladder shows the number:\n%s", ladderOf(c))
	}
}

func TestHangupAfterAnswerSendsByeAndDoesNotWaitForIt(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	s.answer(c, "a")
	c.Hangup("goodbye")
	c.Hangup("again")
	if why := s.ended(c); why.By != sip.ByUs || why.Phrase != "goodbye" || why.Q850 != 16 {
		t.Errorf("cause %+v", why)
	}
	bye := s.request("BYE")
	if n, _ := bye.CSeq(); n != 2 || bye.ToTag() != "a" {
		t.Errorf("BYE has CSeq %d and tag %q", n, bye.ToTag())
	}
	if got, want := bye.Get("Reason"), `Q.850;cause=16;text="goodbye"`; got != want {
		t.Errorf("Reason %q, want %q", got, want)
	}
	s.reply(bye, 200, "OK", "")
}

func TestFaultATwelveRingingsThenAnAnswerIsAnAnsweredCall(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	for range 12 {
		s.reply(invite, 180, "Ringing", "a")
		s.reply(invite, 183, "Session Progress", "a", sdp(30000))
	}
	s.reply(invite, 200, "OK", "a", sdp(30000))
	s.event(c, sip.Ringing)
	s.event(c, sip.Early)
	s.event(c, sip.Answered)
	s.requestTo("ACK", "a")
	c.Hangup("")
	s.reply(s.requestTo("BYE", "a"), 200, "OK", "")
	s.ended(c)
}

func TestFaultCAnswersOfOtherForksAreHungUpAndEachGetsItsOwnAck(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.answer(c, "first")

	s.reply(invite, 200, "OK", "second", sdp(30002))
	if ack := s.requestTo("ACK", "second"); ack.URI() == "" {
		t.Error("ACK of the second fork has no Request-URI")
	}
	bye := s.requestTo("BYE", "second")
	s.reply(bye, 200, "OK", "")

	s.reply(invite, 200, "OK", "first", sdp(30000))
	s.requestTo("ACK", "first")
	s.reply(invite, 200, "OK", "second", sdp(30002))
	s.requestTo("ACK", "second")

	for _, m := range s.peer.Received() {
		if m.Method() == "BYE" && m.ToTag() == "first" {
			t.Error("the live fork was hung up")
		}
	}
	c.Hangup("")
	s.reply(s.requestTo("BYE", "first"), 200, "OK", "")
	s.ended(c)
	if got := s.agent.Stats().Forks; got != 1 {
		t.Errorf("%d forks counted, want 1", got)
	}
}

func TestFaultDALongInviteLeavesOverUDP(t *testing.T) {
	s := newStage(t)
	long := offer + strings.Repeat("a=candidate:1 1 UDP 2130706431 127.0.0.1 20000 typ host\r\n", 40)
	c := s.dial(func(i *sip.Invite) { i.SDP = []byte(long) })
	if invite := s.request("INVITE"); string(invite.Body) != long {
		t.Errorf("%d bytes of SDP arrived, want %d", len(invite.Body), len(long))
	}
	c.Hangup("")
	s.ended(c)
}

func TestFaultFEveryRepeatedRefusalGetsAnAckAtOnce(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	busy := s.peer.Response(invite, 486, "Busy Here", "a", siptest.Q850(17, "User busy"))
	began := time.Now()
	for range 4 {
		if err := s.peer.Send(busy.Bytes(), s.agent.Addr()); err != nil {
			t.Fatal(err)
		}
		ack := s.request("ACK")
		if ack.Branch() != invite.Branch() || ack.ToTag() != "a" || ack.URI() != invite.URI() {
			t.Errorf("ACK of 486 does not belong to the INVITE: %s", ack.Bytes())
		}
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("four ACKs took %v: they are being held back", took)
	}
	why := s.ended(c)
	if why.Status != 486 || why.Q850 != 17 || why.By != sip.ByCallee {
		t.Errorf("cause %+v", why)
	}
}

func TestEarlyMediaComesInAny18xAndIsNotAnAnswer(t *testing.T) {
	for _, status := range []int{180, 181, 182, 183, 199} {
		t.Run("status "+strconv.Itoa(status), func(t *testing.T) {
			s := newStage(t)
			c := s.dial()
			invite := s.request("INVITE")
			s.reply(invite, status, "Progress", "a", sdp(30000))
			e := s.event(c, sip.Early)
			if e.Status != status || string(e.SDP) != string(sdp(30000)) {
				t.Errorf("early media of %d: %+v", status, e)
			}
			s.reply(invite, status, "Progress", "a", sdp(30000))
			s.reply(invite, 404, "Not Found", "a")
			if e := <-c.Events(); e.Kind != sip.Ended || e.Cause.By != sip.ByCarrier {
				t.Errorf("after the same early media again and 404: %+v", e)
			}
		})
	}
}

func TestAnAnswerWithoutSDPKeepsTheEarlyOne(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	s.reply(invite, 183, "Session Progress", "other", sdp(30002))
	s.reply(invite, 183, "Session Progress", "a", sdp(30000))
	s.reply(invite, 200, "OK", "a")
	if e := s.event(c, sip.Answered); string(e.SDP) != string(sdp(30000)) {
		t.Errorf("answer SDP %q, want the early one of the same phone", e.SDP)
	}
}

func TestRequestsFollowTheRouteSet(t *testing.T) {
	tests := []struct {
		name   string
		record []string
		uri    func(contact string) string
		route  func(contact string) []string
	}{
		{"loose routers are named in reverse", []string{"<sip:%s;lr;x=1>", "<sip:edge.example;lr>"},
			func(c string) string { return c },
			func(string) []string { return []string{"<sip:edge.example;lr>", "<sip:%s;lr;x=1>"} }},
		{"a strict router takes the Request-URI", []string{"<sip:old.example>"},
			func(string) string { return "sip:old.example" },
			func(c string) []string { return []string{"<" + c + ">"} }},
		{"a Contact elsewhere stays the Request-URI, the packet goes to the trunk", nil,
			func(c string) string { return c }, func(string) []string { return nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			c := s.dial()
			invite := s.request("INVITE")
			here := func(v string) string { return strings.ReplaceAll(v, "%s", s.peer.Addr()) }
			contact := "sip:gw@10.9.8.7:5099"
			parts := []siptest.Part{siptest.Field{Name: "Contact", Value: "<" + contact + ">"}, sdp(30000)}
			for _, r := range tt.record {
				parts = append(parts, siptest.Field{Name: "Record-Route", Value: here(r)})
			}
			s.reply(invite, 200, "OK", "a", parts...)
			var want []string
			for _, r := range tt.route(contact) {
				want = append(want, here(r))
			}
			ack := s.request("ACK")
			c.Hangup("")
			bye := s.request("BYE")
			s.reply(bye, 200, "OK", "")
			for _, m := range []*siptest.Message{ack, bye} {
				if got := m.URI(); got != tt.uri(contact) {
					t.Errorf("%s goes to %q, want %q", m.Method(), got, tt.uri(contact))
				}
				if diff := cmp.Diff(want, m.All("Route")); diff != "" {
					t.Errorf("%s Route (-want +got):\n%s", m.Method(), diff)
				}
			}
		})
	}
}

func TestRefusalsSayWhoRefused(t *testing.T) {
	tests := []struct {
		name   string
		status int
		parts  []siptest.Part
		want   sip.Cause
	}{
		{"a busy phone", 486, nil, sip.Cause{Status: 486, Phrase: "x", By: sip.ByCallee}},
		{"a declined call", 603, nil, sip.Cause{Status: 603, Phrase: "x", By: sip.ByCallee}},
		{"a full trunk asks to be left alone", 503, []siptest.Part{siptest.Field{Name: "Retry-After", Value: "30 (full);duration=5"}},
			sip.Cause{Status: 503, Phrase: "x", By: sip.ByCarrier, RetryAfter: 30 * time.Second}},
		{"a network that knows the phone did not answer", 500, []siptest.Part{siptest.Q850(19, "No answer")},
			sip.Cause{Status: 500, Phrase: "x", Q850: 19, Reason: `Q.850;cause=19;text="No answer"`, By: sip.ByCallee}},
		{"a number that does not exist", 404, []siptest.Part{siptest.Q850(1, "Unallocated")},
			sip.Cause{Status: 404, Phrase: "x", Q850: 1, Reason: `Q.850;cause=1;text="Unallocated"`, By: sip.ByCarrier}},
		{"a redirection is not followed", 302, nil, sip.Cause{Status: 302, Phrase: "x", By: sip.ByCarrier}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			c := s.dial()
			s.reply(s.request("INVITE"), tt.status, "x", "a", tt.parts...)
			if diff := cmp.Diff(tt.want, s.ended(c)); diff != "" {
				t.Errorf("cause (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAReaderThatSleepsStillLearnsOfTheAnswerAndTheEnd(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	for i := range 150 {
		s.reply(invite, 183, "Session Progress", "a", sdp(30000+2*i))
		if i%10 == 9 {
			s.ping() // the owner keeps up, the reader does not
		}
	}
	s.reply(invite, 200, "OK", "a", sdp(30000))
	s.requestTo("ACK", "a")
	c.Hangup("")
	s.reply(s.requestTo("BYE", "a"), 200, "OK", "")
	if e := s.event(c, sip.Answered); string(e.SDP) != string(sdp(30000)) {
		t.Errorf("answer SDP %q", e.SDP)
	}
	s.ended(c)
	if s.agent.Stats().LostEvents == 0 {
		t.Error("lost progress is not counted")
	}
}

func TestOnAWildcardSocketWeNameTheAddressTheTrunkReaches(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0"} {
		t.Run(listen, func(t *testing.T) {
			s := newStage(t)
			s.agent = s.listen(sip.Config{Addr: listen})
			c := s.dial()
			invite := s.request("INVITE")
			if via := invite.Get("Via"); !strings.HasPrefix(via, "SIP/2.0/UDP 127.0.0.1:") {
				t.Errorf("Via %q", via)
			}
			if contact := invite.Get("Contact"); !strings.Contains(contact, "@127.0.0.1:") {
				t.Errorf("Contact %q", contact)
			}
			s.reply(invite, 200, "OK", "a", sdp(30000))
			s.requestTo("ACK", "a")
			bye, err := s.peer.Dialog(invite, "a").Bye()
			if err != nil {
				t.Fatal(err)
			}
			if res := s.response(s.peer, bye); res.Status() != 200 {
				t.Errorf("BYE answered %s", res.Start)
			}
			s.ended(c)
		})
	}
}

func TestANumberInACarriersWordsIsMasked(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	s.reply(s.request("INVITE"), 404, "13800138000 Not Found", "x",
		siptest.Field{Name: "Reason", Value: `Q.850;cause=1;text="+8613800138000 is unallocated"`})
	why := s.ended(c)
	if why.Phrase != "138******00 Not Found" || why.Q850 != 1 || strings.Contains(why.Reason, "13800138000") {
		t.Errorf("cause %+v", why)
	}
	if l := ladderOf(c); strings.Contains(l, "13800138000") {
		t.Errorf("ladder:\n%s", l)
	}
}
