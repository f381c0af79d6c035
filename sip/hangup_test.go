package sip_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/sip"
	"warmline/sip/siptest"
)

func TestFaultBAnAnswerThatCrossesOurCancelIsAcknowledgedAndHungUp(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	s.reply(invite, 180, "Ringing", "a")
	s.event(c, sip.Ringing)
	c.Hangup("no longer wanted")
	if why := s.ended(c); why.By != sip.ByUs || why.Status != 487 {
		t.Errorf("cause %+v", why)
	}
	cancel := s.request("CANCEL")
	s.reply(invite, 200, "OK", "a", siptest.RecordRoute(s.peer.Addr()), sdp(30000))
	s.reply(cancel, 481, "Call Does Not Exist", "")
	ack := s.requestTo("ACK", "a")
	bye := s.requestTo("BYE", "a")
	for _, m := range []*siptest.Message{ack, bye} {
		if got := m.Get("Route"); got != "<sip:"+s.peer.Addr()+";lr>" {
			t.Errorf("%s has Route %q", m.Method(), got)
		}
	}
	s.reply(bye, 200, "OK", "")
	s.reply(invite, 200, "OK", "a", sdp(30000))
	s.requestTo("ACK", "a")
	if n := s.peer.Count("BYE"); n != 1 {
		t.Errorf("%d BYEs, want 1", n)
	}
}

func TestFaultB2CancelRepeatsTheInviteAndNothingElse(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	s.reply(invite, 183, "Session Progress", "a", siptest.RecordRoute(s.peer.Addr()), sdp(30000))
	s.event(c, sip.Early)
	c.Hangup("")
	cancel := s.request("CANCEL")
	n, _ := invite.CSeq()
	m, method := cancel.CSeq()
	if m != n || method != "CANCEL" {
		t.Errorf("CANCEL has CSeq %d %s, want %d CANCEL", m, method, n)
	}
	if cancel.URI() != invite.URI() {
		t.Errorf("CANCEL goes to %q, INVITE to %q", cancel.URI(), invite.URI())
	}
	for _, name := range []string{"Via", "Route", "From", "To", "Call-ID"} {
		if diff := cmp.Diff(invite.All(name), cancel.All(name)); diff != "" {
			t.Errorf("%s of CANCEL (-INVITE +CANCEL):\n%s", name, diff)
		}
	}
	s.reply(cancel, 200, "OK", "")
	s.reply(invite, 487, "Request Terminated", "a")
	s.requestTo("ACK", "a")
	s.ended(c)
	if cancel.Get("Reason") != "" {
		t.Error("CANCEL has a Reason, which phones show as answered elsewhere")
	}
}

func TestCancelWaitsForTheFirstProvisional(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	s.request("INVITE")
	c.Hangup("changed our mind")
	s.ended(c)                    // at once, though nothing can be cancelled yet
	invite := s.request("INVITE") // its retransmission
	if n := s.peer.Count("CANCEL"); n != 0 {
		t.Fatalf("CANCEL sent before any provisional response")
	}
	s.reply(invite, 100, "Trying", "")
	cancel := s.request("CANCEL")
	s.reply(cancel, 200, "OK", "")
	s.reply(invite, 487, "Request Terminated", "a")
	s.requestTo("ACK", "a")
}

func TestRingTimeoutCancelsAndSaysSo(t *testing.T) {
	s := newStage(t)
	c := s.dial(func(i *sip.Invite) { i.RingTimeout = 300 * time.Millisecond })
	invite := s.request("INVITE")
	s.reply(invite, 180, "Ringing", "a")
	if why := s.ended(c); why.By != sip.ByTimeout || why.Status != 487 {
		t.Errorf("cause %+v", why)
	}
	s.reply(s.request("CANCEL"), 200, "OK", "")
	s.reply(invite, 487, "Request Terminated", "a")
	s.requestTo("ACK", "a")
}

func TestFaultGASilentTrunkDoesNotHoldTheCaller(t *testing.T) {
	s := newStage(t)
	began := time.Now()
	c := s.dial(func(i *sip.Invite) { i.RingTimeout = 300 * time.Millisecond })
	if why := s.ended(c); why.By != sip.ByTimeout || why.Status != 408 {
		t.Errorf("cause %+v", why)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("Ended after %v", took)
	}
	if got := s.agent.Stats(); got.Live != 0 || got.Lingering != 1 {
		t.Errorf("%d live and %d lingering calls, want the transaction to linger", got.Live, got.Lingering)
	}
}

func TestASilentTrunkIsGivenUpAfterTimerB(t *testing.T) {
	s := newStage(t)
	c := s.dial(func(i *sip.Invite) { i.RingTimeout = time.Minute })
	if why := s.ended(c); why.By != sip.ByTimeout || why.Status != 408 {
		t.Errorf("cause %+v", why)
	}
}

func TestCloseHangsUpEveryCall(t *testing.T) {
	s := newStage(t)
	ringing, talking := s.dial(), (*sip.Call)(nil)
	invite := s.request("INVITE")
	s.reply(invite, 180, "Ringing", "r")
	s.event(ringing, sip.Ringing)
	talking = s.dial()
	second := s.request("INVITE")
	for second.Get("Call-ID") == invite.Get("Call-ID") {
		second = s.request("INVITE")
	}
	s.reply(second, 200, "OK", "t", sdp(30000))
	s.event(talking, sip.Answered)

	closed := make(chan error, 1)
	go func() { closed <- s.agent.Close() }()
	for range 2 {
		m, err := s.peer.WaitFor(s.ctx, "CANCEL or BYE", func(m *siptest.Message) bool {
			return m.Method() == "CANCEL" || m.Method() == "BYE"
		})
		if err != nil {
			t.Fatal(err)
		}
		s.reply(m, 200, "OK", "")
		if m.Method() == "CANCEL" {
			s.reply(invite, 487, "Request Terminated", "r")
		}
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	for _, c := range []*sip.Call{ringing, talking} {
		if why := s.ended(c); why.By != sip.ByUs {
			t.Errorf("cause %+v", why)
		}
	}
	if _, err := s.agent.Dial(s.ctx, s.trunk, sip.Invite{To: "1"}); err == nil {
		t.Error("a closed agent dialed")
	}
}
