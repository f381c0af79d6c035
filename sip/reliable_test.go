package sip_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warmline/sip"
	"warmline/sip/siptest"
)

// reliable makes a provisional one that wants a PRACK (RFC 3262 3).
func reliable(rseq int) []siptest.Part {
	return []siptest.Part{
		siptest.Field{Name: "Require", Value: "100rel"},
		siptest.Field{Name: "RSeq", Value: strconv.Itoa(rseq)},
	}
}

// rack waits for the next PRACK and answers it.
func (s *stage) rack() *siptest.Message {
	s.Helper()
	prack := s.request("PRACK")
	s.reply(prack, 200, "OK", "")
	return prack
}

func TestReliableProvisionalsAreAcknowledgedInOrderAndOnce(t *testing.T) { // RFC 3262 4
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	if got := invite.Get("Supported"); got != "100rel, timer" {
		t.Errorf("Supported %q", got)
	}
	route := siptest.RecordRoute(s.peer.Addr())
	s.reply(invite, 180, "Ringing", "a", append(reliable(776655), route)...)
	prack := s.rack()
	if got := prack.Get("RAck"); got != "776655 1 INVITE" || prack.ToTag() != "a" {
		t.Errorf("PRACK:\n%s", prack.Bytes())
	}
	if n, _ := prack.CSeq(); n != 2 || prack.Get("Route") == "" {
		t.Errorf("PRACK in the early dialog has CSeq %d and Route %q", n, prack.Get("Route"))
	}
	s.reply(invite, 180, "Ringing", "a", append(reliable(776655), route)...)                      // again
	s.reply(invite, 183, "Session Progress", "a", append(reliable(776657), route, sdp(30002))...) // too early
	s.reply(invite, 183, "Session Progress", "a", append(reliable(776656), route, sdp(30000))...)
	if got := s.rack().Get("RAck"); got != "776656 1 INVITE" {
		t.Errorf("RAck %q", got)
	}
	if e := s.event(c, sip.Early); string(e.SDP) != string(sdp(30000)) {
		t.Errorf("early media of a provisional that came too early: %q", e.SDP)
	}
	s.reply(invite, 183, "Session Progress", "a", append(reliable(776657), route)...)
	if got := s.rack().Get("RAck"); got != "776657 1 INVITE" {
		t.Errorf("RAck %q", got)
	}
	s.reply(invite, 200, "OK", "a", route)
	ack := s.request("ACK")
	if n, _ := ack.CSeq(); n != 1 {
		t.Errorf("ACK has CSeq %d, want the INVITE's", n)
	}
	if e := s.event(c, sip.Answered); string(e.SDP) != string(sdp(30000)) {
		t.Errorf("answered with %q, want the reliable answer", e.SDP)
	}
	c.Hangup("")
	bye := s.request("BYE")
	if n, _ := bye.CSeq(); n != 5 {
		t.Errorf("BYE has CSeq %d, want 5: after three PRACKs", n)
	}
	s.reply(bye, 200, "OK", "")
	s.ended(c)
	if n := s.peer.Count("PRACK"); n != 3 {
		t.Errorf("%d PRACKs, want 3", n)
	}
}

func TestEachForkHasItsOwnPracks(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	for _, tag := range []string{"a", "b"} {
		s.reply(invite, 183, "Session Progress", tag, append(reliable(5), sdp(30000))...)
		if prack := s.rack(); prack.ToTag() != tag || prack.Get("RAck") != "5 1 INVITE" {
			t.Errorf("PRACK of fork %s:\n%s", tag, prack.Bytes())
		}
	}
	s.reply(invite, 200, "OK", "b", sdp(30002))
	s.requestTo("ACK", "b")
	s.event(c, sip.Answered)
}

func TestAPrackIsChallengedAndARefusedOneChangesNothing(t *testing.T) {
	s := newStage(t)
	s.trunk.User, s.trunk.Password, s.trunk.Realm = "shop", "secret", "carrier"
	c := s.dial()
	invite := s.request("INVITE")
	s.reply(invite, 183, "Session Progress", "a", append(reliable(1), sdp(30000))...)
	s.reply(s.request("PRACK"), 407, "Proxy Authentication Required", "", siptest.Field{Name: "Proxy-Authenticate", Value: `Digest realm="carrier", nonce="n"`})
	again := s.request("PRACK")
	if n, _ := again.CSeq(); n != 3 || again.Get("Proxy-Authorization") == "" || again.Get("RAck") != "1 1 INVITE" {
		t.Errorf("PRACK with credentials:\n%s", again.Bytes())
	}
	s.reply(again, 481, "Call/Transaction Does Not Exist", "")
	s.reply(invite, 200, "OK", "a", sdp(30000))
	s.requestTo("ACK", "a")
	s.event(c, sip.Answered)
	s.ping()
	if live := s.agent.Stats().Live; live != 1 {
		t.Errorf("%d live calls after 481 to PRACK", live)
	}
}

func TestATrunkThatStumblesOverPracksGetsNone(t *testing.T) {
	s := newStage(t)
	s.trunk.NoReliable, s.trunk.SessionExpires = true, -1
	c := s.dial()
	invite := s.request("INVITE")
	if got := invite.Get("Supported") + invite.Get("Session-Expires"); got != "" {
		t.Errorf("INVITE offers %q", got)
	}
	s.reply(invite, 183, "Session Progress", "a", append(reliable(1), sdp(30000))...)
	s.event(c, sip.Early)
	s.ping()
	if n := s.peer.Count("PRACK"); n != 0 {
		t.Errorf("%d PRACKs", n)
	}
}

func TestWithoutAnOfferOursIsTheAnswer(t *testing.T) { // RFC 3261 13.2.1, RFC 3262 5
	inv := func(i *sip.Invite) {
		i.SDP = nil
		i.OnOffer = func(sdp []byte) ([]byte, error) { return []byte("v=0\r\nanswer to " + string(sdp[:3])), nil }
	}
	const want = "v=0\r\nanswer to v=0"
	t.Run("in the PRACK", func(t *testing.T) {
		s := newStage(t)
		c := s.dial(inv)
		invite := s.request("INVITE")
		s.reply(invite, 183, "Session Progress", "a", append(reliable(1), sdp(30000))...)
		if got := string(s.rack().Body); got != want {
			t.Errorf("PRACK carries %q", got)
		}
		s.reply(invite, 200, "OK", "a", sdp(30000))
		if ack := s.requestTo("ACK", "a"); len(ack.Body) != 0 {
			t.Errorf("ACK carries %q too", ack.Body)
		}
		s.event(c, sip.Answered)
	})
	t.Run("in the ACK", func(t *testing.T) {
		s := newStage(t)
		c := s.dial(inv)
		s.reply(s.request("INVITE"), 200, "OK", "a", sdp(30000))
		if got := string(s.requestTo("ACK", "a").Body); got != want {
			t.Errorf("ACK carries %q", got)
		}
		s.event(c, sip.Answered)
	})
}

// early rings reliably, so that offers may follow before the answer.
func (s *stage) early(c *sip.Call) (*siptest.Message, *siptest.Dialog) {
	s.Helper()
	invite := s.request("INVITE")
	s.reply(invite, 183, "Session Progress", "a", append(reliable(1), sdp(30000), siptest.Field{Name: "Allow", Value: "INVITE, update"})...)
	s.rack()
	s.event(c, sip.Early)
	return invite, s.peer.Dialog(invite, "a")
}

func TestUpdatesBeforeTheAnswerComeFromBothSides(t *testing.T) { // RFC 3311 5.1
	s := newStage(t)
	offers := make(chan string, 4)
	c := s.dial(func(i *sip.Invite) {
		i.OnOffer = func(sdp []byte) ([]byte, error) { offers <- string(sdp); return []byte(hold), nil }
	})
	invite, d := s.early(c)
	if res := s.inDialog(d, "UPDATE", s.peer.Contact(), sdp(30010)); res.Status() != 200 || string(res.Body) != hold {
		t.Errorf("their offer answered:\n%s", res.Bytes())
	}
	if diff := cmp.Diff(string(sdp(30010)), <-offers); diff != "" {
		t.Errorf("offer (-want +got):\n%s", diff)
	}

	result := make(chan answered, 1)
	go func() {
		answer, err := c.Update(s.ctx, []byte(hold))
		result <- answered{string(answer), err}
	}()
	update := s.request("UPDATE")
	if n, _ := update.CSeq(); n != 3 || update.ToTag() != "a" || string(update.Body) != hold || update.Get("Session-Expires") != "" {
		t.Errorf("UPDATE:\n%s", update.Bytes())
	}
	if res := s.inDialog(d, "UPDATE", s.peer.Contact(), sdp(30012)); res.Status() != 491 { // RFC 3311 5.2
		t.Errorf("their offer during ours answered %s", res.Start)
	}
	s.reply(update, 200, "OK", "", sdp(30014))
	if got := <-result; got.sdp != string(sdp(30014)) {
		t.Errorf("Update returned %q, %v", got.sdp, got.err)
	}
	s.reply(invite, 200, "OK", "a")
	s.requestTo("ACK", "a")
	s.event(c, sip.Answered)
}

func TestOffersBeforeOurOfferIsAnsweredArePending(t *testing.T) { // RFC 3311 5.2
	s := newStage(t)
	c := s.dial(func(i *sip.Invite) { i.OnOffer = func([]byte) ([]byte, error) { return []byte(offer), nil } })
	invite := s.request("INVITE")
	s.reply(invite, 180, "Ringing", "a")
	s.event(c, sip.Ringing)
	d := s.peer.Dialog(invite, "a")
	if res := s.inDialog(d, "UPDATE", s.peer.Contact(), sdp(30010)); res.Status() != 491 {
		t.Errorf("UPDATE with an offer answered %s", res.Start)
	}
	if res := s.inDialog(d, "UPDATE", s.peer.Contact()); res.Status() != 200 {
		t.Errorf("UPDATE without an offer answered %s", res.Start)
	}
	if res := s.inDialog(d, "INVITE", s.peer.Contact(), sdp(30010)); res.Status() != 491 {
		t.Errorf("re-INVITE before the answer answered %s", res.Start)
	}
	if _, err := c.Update(s.ctx, []byte(hold)); !errors.Is(err, sip.ErrNotAnswered) {
		t.Errorf("our Update: %v", err)
	}
}

func TestUpdateFallsBackToReinvite(t *testing.T) {
	for _, tt := range []struct {
		name  string
		allow string
	}{
		{"when they never said they take it", "INVITE, ACK"},
		{"when they said so and refuse it", "INVITE, UPDATE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			c := s.dial()
			s.reply(s.request("INVITE"), 200, "OK", "a", sdp(30000), siptest.Field{Name: "Allow", Value: tt.allow})
			s.requestTo("ACK", "a")
			s.event(c, sip.Answered)
			result := make(chan answered, 1)
			go func() {
				answer, err := c.Update(s.ctx, []byte(hold))
				result <- answered{string(answer), err}
			}()
			if strings.Contains(tt.allow, "UPDATE") {
				s.reply(s.request("UPDATE"), 405, "Method Not Allowed", "")
			}
			s.reply(s.reinviteOf(hold), 200, "OK", "", sdp(30010))
			if got := <-result; got.sdp != string(sdp(30010)) {
				t.Errorf("Update returned %q, %v", got.sdp, got.err)
			}
		})
	}
}
