package sip_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"warmline/sip"
	"warmline/sip/siptest"
)

const hold = offer + "a=sendonly\r\n"

// answered is what Reinvite returns.
type answered struct {
	sdp string
	err error
}

// reinvite proposes in the background.
func (s *stage) reinvite(c *sip.Call, sdp string) <-chan answered {
	out := make(chan answered, 1)
	go func() {
		answer, err := c.Reinvite(s.ctx, []byte(sdp))
		out <- answered{string(answer), err}
	}()
	return out
}

// reinviteOf waits for a re-INVITE that carries this offer.
func (s *stage) reinviteOf(body string) *siptest.Message {
	s.Helper()
	m, err := s.peer.WaitFor(s.ctx, "re-INVITE", func(m *siptest.Message) bool {
		return m.Method() == "INVITE" && m.ToTag() != "" && string(m.Body) == body
	})
	if err != nil {
		s.Fatal(err)
	}
	return m
}

func TestOurReinviteIsAnsweredAndAcknowledged(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	s.answer(c, "a")
	result := s.reinvite(c, hold)
	again := s.reinviteOf(hold)
	if n, _ := again.CSeq(); n != 2 || again.ToTag() != "a" || again.Get("Contact") == "" || again.Get("Allow") == "" {
		t.Errorf("re-INVITE:\n%s", again.Bytes())
	}
	s.reply(again, 100, "Trying", "")
	s.reply(again, 200, "OK", "", sdp(30010))
	if got := <-result; got.err != nil || got.sdp != string(sdp(30010)) {
		t.Errorf("Reinvite returned %q, %v", got.sdp, got.err)
	}
	for range 2 { // RFC 3261 13.2.2.4: one ACK for each 2xx
		ack := s.request("ACK")
		if n, _ := ack.CSeq(); n != 2 {
			t.Errorf("ACK has CSeq %d, want 2", n)
		}
		s.reply(again, 200, "OK", "", sdp(30010))
	}
	c.Hangup("")
	bye := s.request("BYE")
	if n, _ := bye.CSeq(); n != 3 {
		t.Errorf("BYE has CSeq %d, want 3", n)
	}
	s.reply(bye, 200, "OK", "")
	s.ended(c)
}

func TestARefusedReinviteLeavesTheCallAsItWas(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	result := s.reinvite(c, hold)
	again := s.reinviteOf(hold)
	for range 3 { // RFC 3261 17.1.1.2: an ACK for each
		s.reply(again, 488, "Not Acceptable Here", "")
		if ack := s.request("ACK"); ack.Branch() != again.Branch() {
			t.Errorf("ACK of 488:\n%s", ack.Bytes())
		}
	}
	var refused *sip.RefusedError
	if got := <-result; !errors.As(got.err, &refused) || refused.Status != 488 {
		t.Errorf("Reinvite returned %v", got.err)
	}
	if res := s.inDialog(d, "INVITE", s.peer.Contact()); string(res.Body) != offer {
		t.Errorf("asked for our offer, we said %q, want the one before the refusal", res.Body)
	}
}

func TestProposalsGoOneAfterTheOther(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	s.answer(c, "a")
	first := s.reinvite(c, hold)
	again := s.reinviteOf(hold)
	second := s.reinvite(c, offer)
	s.ping()
	if n := s.peer.Count("INVITE"); n != 2 {
		t.Errorf("%d INVITEs, want the first and one re-INVITE", n)
	}
	s.reply(again, 200, "OK", "", sdp(30010))
	<-first
	s.reply(s.reinviteOf(offer), 200, "OK", "", sdp(30012))
	if got := <-second; got.sdp != string(sdp(30012)) {
		t.Errorf("second answer %q, %v", got.sdp, got.err)
	}
}

func TestReinviteNeedsAnAnsweredLivingCall(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	if _, err := c.Reinvite(s.ctx, []byte(hold)); !errors.Is(err, sip.ErrNotAnswered) {
		t.Errorf("before the answer: %v", err)
	}
	s.answer(c, "a")
	result := s.reinvite(c, hold)
	s.reinviteOf(hold)
	canceled, stop := context.WithCancel(s.ctx)
	stop()
	if _, err := c.Reinvite(canceled, []byte(hold)); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
	c.Hangup("")
	if got := <-result; !errors.Is(got.err, sip.ErrEnded) {
		t.Errorf("during the hang-up: %v", got.err)
	}
	s.ended(c)
	if _, err := c.Reinvite(s.ctx, []byte(hold)); !errors.Is(err, sip.ErrEnded) {
		t.Errorf("after the end: %v", err)
	}
}

// TestGlare is RFC 3261 14.1: who made the Call-ID waits 2.1 to 4 s, the other
// up to 2 s; who is asked meanwhile says 491 (14.2).
func TestGlare(t *testing.T) {
	tests := []struct {
		name     string
		call     func(t *testing.T) (*stage, *sip.Call, *siptest.Dialog)
		min, max time.Duration
	}{
		{"of a call we placed", func(t *testing.T) (*stage, *sip.Call, *siptest.Dialog) {
			s := newStage(t)
			c := s.dial(func(i *sip.Invite) { i.OnOffer = func([]byte) ([]byte, error) { return []byte(offer), nil } })
			return s, c, s.peer.Dialog(s.answer(c, "a"), "a")
		}, 2100 * time.Millisecond, 4 * time.Second},
		{"of a call that came in", func(t *testing.T) (*stage, *sip.Call, *siptest.Dialog) {
			in := newInbound(t)
			c, d := in.up()
			return in.stage, c, d
		}, 0, 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c, d := tt.call(t)
			result := s.reinvite(c, hold)
			ours := s.reinviteOf(hold)
			for _, method := range []string{"INVITE", "UPDATE"} {
				if res := s.inDialog(d, method, s.peer.Contact(), sdp(30010)); res.Status() != 491 {
					t.Errorf("their %s answered %s", method, res.Start)
				}
			}
			s.reply(ours, 491, "Request Pending", "")
			refused := time.Now()
			var again *siptest.Message
			for again == nil || again.Branch() == ours.Branch() {
				again = s.reinviteOf(hold)
			}
			const late = 3 * time.Second // a busy machine
			if waited := time.Since(refused); waited < tt.min || waited > tt.max+late {
				t.Errorf("repeated after %v, want %v to %v", waited, tt.min, tt.max)
			}
			s.reply(again, 200, "OK", "", sdp(30012))
			if got := <-result; got.sdp != string(sdp(30012)) {
				t.Errorf("Reinvite returned %q, %v", got.sdp, got.err)
			}
		})
	}
}

func TestAReinviteAnsweredComeLaterComesLater(t *testing.T) { // RFC 3261 14.2
	s := newStage(t)
	c := s.dial()
	s.answer(c, "a")
	result := s.reinvite(c, hold)
	ours := s.reinviteOf(hold)
	s.reply(ours, 500, "Another INVITE", "", siptest.Field{Name: "Retry-After", Value: "1"})
	var again *siptest.Message
	for again == nil || again.Branch() == ours.Branch() {
		again = s.reinviteOf(hold)
	}
	s.reply(again, 200, "OK", "", sdp(30012))
	if got := <-result; got.err != nil {
		t.Error(got.err)
	}
}
