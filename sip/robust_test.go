package sip_test

import (
	"strings"
	"testing"
	"time"

	"warmline/sip"
	"warmline/sip/siptest"
)

func TestAProvisionalStopsTheRepetitionOfTheInvite(t *testing.T) { // RFC 3261 17.1.1.2, timer A
	virtual(t, func(s *stage) {
		s.dial()
		invite := s.request("INVITE")
		s.request("INVITE") // nobody has said anything
		s.reply(invite, 100, "Trying", "")
		time.Sleep(20 * time.Second)
		if n := s.peer.Count("INVITE"); n != 2 {
			t.Errorf("%d INVITEs, want 2", n)
		}
		s.reply(invite, 486, "Busy Here", "a")
		s.request("ACK")
	})
}

func TestProvisionalsOfAnyKindInAnyOrderAreProgress(t *testing.T) { // RFC 3261 13.2.2.1, 21.1
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	for _, status := range []int{183, 182, 180, 181, 199, 183, 180, 101} {
		s.reply(invite, status, "Progress", "a")
	}
	s.reply(invite, 200, "OK", "a", sdp(30000))
	seen := map[int]int{}
	for e := range c.Events() {
		if e.Kind == sip.Answered {
			break
		}
		seen[e.Status]++
	}
	for _, status := range []int{101, 180, 181, 182, 183, 199} {
		if seen[status] != 1 {
			t.Errorf("%d told %d times, want once", status, seen[status])
		}
	}
}

func TestEarlySoundOfAnotherPhoneIsToldAnew(t *testing.T) { // RFC 3261 12.1, RFC 3960
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	for i, tag := range []string{"a", "b", "a"} {
		s.reply(invite, 183, "Session Progress", tag, sdp(30000+2*i))
		if e := s.event(c, sip.Early); string(e.SDP) != string(sdp(30000+2*i)) {
			t.Errorf("early sound of %s: %q", tag, e.SDP)
		}
	}
	if got := s.agent.Stats().Answered; got != 0 {
		t.Errorf("early media counted as %d answers", got)
	}
}

// TestLengthsThatLieDoNotTouchTheCall: on UDP what is behind Content-Length is
// no part of the message, and what is not there makes it none (RFC 3261 18.3).
func TestLengthsThatLieDoNotTouchTheCall(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	raw := func(m *siptest.Message, length, behind string) []byte {
		return []byte(strings.Replace(string(m.Bytes()), "Content-Length: 0", "Content-Length: "+length, 1) + behind)
	}
	long := d.Request("OPTIONS")
	if err := s.peer.Send(raw(long, "0", "BYE sip:x SIP/2.0\r\n\r\n"), s.agent.Addr()); err != nil {
		t.Fatal(err)
	}
	if res := s.response(s.peer, long); res.Status() != 200 {
		t.Errorf("what is behind the body spoiled it: %s", res.Start)
	}
	for _, length := range []string{"4000", "-1", "x", "99999999999999999999"} {
		if err := s.peer.Send(raw(d.Request("BYE"), length, ""), s.agent.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	s.ping()
	s.inDialog(d, "OPTIONS")
	if got := s.agent.Stats().Live; got != 1 {
		t.Errorf("%d live calls, want 1", got)
	}
}

func TestTheLastRefusalsSayWhoRefused(t *testing.T) { // RFC 8197, RFC 8688
	for status, by := range map[int]string{600: sip.ByCallee, 607: sip.ByCallee, 608: sip.ByCarrier, 604: sip.ByCarrier, 606: sip.ByCarrier, 429: sip.ByCarrier} {
		s := newStageOf(t)
		c := s.dial()
		s.reply(s.request("INVITE"), status, "No", "a")
		if why := s.ended(c); why.Status != status || why.By != by {
			t.Errorf("%d: cause %+v, want by %s", status, why, by)
		}
	}
}
