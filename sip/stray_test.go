package sip_test

import (
	"testing"

	"warmline/sip"
	"warmline/sip/siptest"
)

// spoofed waits until so many spoofed messages are counted; each is handled on
// a goroutine of its own, so one round trip may not be enough.
func (s *stage) spoofed(want uint64) {
	s.Helper()
	for s.agent.Stats().Spoofed < want {
		s.ping()
	}
	if got := s.agent.Stats().Spoofed; got != want {
		s.Errorf("%d spoofed messages counted, want %d", got, want)
	}
}

// forget lets an agent die between INVITE and answer, and starts another one
// on the same address.
func (s *stage) forget(key []byte) (invite *siptest.Message) {
	s.Helper()
	s.agent.Close()
	dead := s.listen(sip.Config{Addr: "127.0.0.1:0", Key: []byte("the key of the house")})
	s.agent = dead
	c := s.dial()
	invite = s.request("INVITE")
	s.reply(invite, 180, "Ringing", "a")
	s.event(c, sip.Ringing)
	closed := make(chan struct{})
	go func() { defer close(closed); dead.Close() }()
	s.reply(s.request("CANCEL"), 200, "OK", "")
	s.reply(invite, 487, "Request Terminated", "a")
	<-closed
	s.agent = s.listen(sip.Config{Addr: dead.Addr(), Key: key})
	s.dial().Hangup("") // the trunk is in use, its packets come in
	return invite
}

func TestAnswerToACallForgottenByARestartIsAcknowledgedAndHungUp(t *testing.T) {
	s := newStage(t)
	invite := s.forget([]byte("the key of the house"))
	s.reply(invite, 200, "OK", "late", siptest.RecordRoute(s.peer.Addr()), sdp(30000))
	ack := s.requestTo("ACK", "late")
	if n, _ := ack.CSeq(); n != 1 || ack.Get("Call-ID") != invite.Get("Call-ID") || ack.FromTag() != invite.FromTag() {
		t.Errorf("ACK of a forgotten call:\n%s", ack.Bytes())
	}
	bye := s.requestTo("BYE", "late")
	if got := bye.Get("Route"); got != "<sip:"+s.peer.Addr()+";lr>" {
		t.Errorf("BYE has Route %q", got)
	}
	s.reply(bye, 200, "OK", "")
	s.reply(invite, 200, "OK", "late", sdp(30000))
	s.requestTo("ACK", "late")
	s.ping()
	if n, late := s.peer.Count("BYE"), s.agent.Stats().Late; n != 1 || late != 1 {
		t.Errorf("%d BYEs and %d late answers, want one each", n, late)
	}
}

func TestInventedAnswersMakeUsSendNothing(t *testing.T) {
	s := newStage(t)
	invite := s.forget([]byte("another key"))
	s.reply(invite, 200, "OK", "late", sdp(30000))
	s.spoofed(1)
	if n := s.peer.Count("ACK"); n != 1 { // that of the 487
		t.Errorf("%d ACKs", n)
	}
	if n := s.peer.Count("BYE"); n != 0 {
		t.Errorf("%d BYEs", n)
	}
}

func TestAnAnswerWithoutTransactionOfALiveCallIsAcknowledgedAndTheCallLives(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.answer(c, "a")
	astray := s.peer.Response(invite, 200, "OK", "a", sdp(30000))
	astray.Set("Via", "SIP/2.0/UDP "+s.agent.Addr()+";branch=z9hG4bK-of-no-transaction")
	s.send(astray)
	s.requestTo("ACK", "a")
	s.ping()
	if n := s.peer.Count("BYE"); n != 0 {
		t.Errorf("the live call was hung up")
	}
	stolen := s.peer.Response(invite, 200, "OK", "other", sdp(30000))
	stolen.Set("Via", "SIP/2.0/UDP "+s.agent.Addr()+";branch=z9hG4bK-of-no-transaction-2")
	stolen.Set("From", "<sip:x@example>;tag=guess")
	s.send(stolen)
	s.spoofed(1)
	if got := s.agent.Stats().Live; got != 1 {
		t.Errorf("%d live calls, want one", got)
	}
	c.Hangup("")
	s.reply(s.requestTo("BYE", "a"), 200, "OK", "")
}
