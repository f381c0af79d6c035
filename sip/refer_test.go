package sip_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"warmline/sip"
	"warmline/sip/siptest"
)

// refer transfers in the background and waits for the REFER.
func (s *stage) refer(c *sip.Call, target string) (*siptest.Message, <-chan error) {
	s.Helper()
	out := make(chan error, 1)
	go func() { out <- c.Refer(s.ctx, target) }()
	return s.request("REFER"), out
}

// notify reports about a transfer.
func (s *stage) notify(d *siptest.Dialog, event, state, line string) *siptest.Message {
	s.Helper()
	m := s.withBody(d.Request("NOTIFY", siptest.Field{Name: "Event", Value: event},
		siptest.Field{Name: "Subscription-State", Value: state}), "message/sipfrag;version=2.0", line)
	s.send(m)
	return s.response(s.peer, m)
}

func TestABlindTransferIsReportedToItsEnd(t *testing.T) { // RFC 3515 2.4
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	refer, result := s.refer(c, "02150009999")
	if got, want := refer.Get("Refer-To"), "<sip:02150009999@"+s.peer.Addr()+">"; got != want {
		t.Errorf("Refer-To %q, want %q", got, want)
	}
	if refer.ToTag() != "a" || refer.Get("Contact") == "" || strings.Contains(refer.Get("Supported"), "norefersub") { // whose reports we want
		t.Errorf("REFER:\n%s", refer.Bytes())
	}
	s.reply(refer, 202, "Accepted", "")
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		event, state, line string
		status             int
	}{
		{"refer", "active;expires=60", "SIP/2.0 100 Trying\r\n", 100},
		{"REFER", "active", "SIP/2.0 180 Ringing", 180},
		{"refer", "terminated;reason=noresource", "SIP/2.0 486 Busy Here\r\n", 486},
	} {
		if res := s.notify(d, tt.event, tt.state, tt.line); res.Status() != 200 {
			t.Errorf("NOTIFY of %d answered %s", tt.status, res.Start)
		}
		if e := s.event(c, sip.Referred); e.Status != tt.status || e.Cause.Status != tt.status {
			t.Errorf("event %+v, want status %d", e, tt.status)
		}
	}
	if res := s.notify(d, "refer", "active", "SIP/2.0 200 OK"); res.Status() != 481 { // RFC 6665 4.1.3
		t.Errorf("NOTIFY after the end answered %s", res.Start)
	}
}

func TestReportsWithoutATransferChangeNothing(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	if res := s.notify(d, "refer", "active", "SIP/2.0 200 OK"); res.Status() != 481 {
		t.Errorf("NOTIFY without REFER answered %s", res.Start)
	}
	if res := s.notify(d, "presence", "active", ""); res.Status() != 489 || res.Get("Allow-Events") != "refer" {
		t.Errorf("NOTIFY of presence answered %s", res.Start)
	}
	if res := s.inDialog(d, "REFER", siptest.Field{Name: "Refer-To", Value: "<sip:900@x>"}); res.Status() != 405 {
		t.Errorf("their REFER answered %s: it must never be followed", res.Start)
	}
}

func TestTransfersAreToldApartByTheIdOfTheirEvent(t *testing.T) { // RFC 3515 2.4.6
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	var ids []uint32
	for range 2 {
		refer, result := s.refer(c, "1")
		n, _ := refer.CSeq()
		ids = append(ids, n)
		s.reply(refer, 202, "Accepted", "")
		<-result
	}
	if res := s.notify(d, fmt.Sprintf("refer;id=%d", ids[1]), "terminated", "SIP/2.0 200 OK"); res.Status() != 200 {
		t.Errorf("report of the second transfer answered %s", res.Start)
	}
	if res := s.notify(d, fmt.Sprintf("refer;id=%d", ids[1]), "active", "SIP/2.0 100 x"); res.Status() != 481 {
		t.Errorf("second report after the end answered %s", res.Start)
	}
	if res := s.notify(d, fmt.Sprintf("refer;id=%d", ids[0]), "active", "SIP/2.0 100 x"); res.Status() != 200 {
		t.Errorf("report of the first transfer answered %s", res.Start)
	}
}

func TestATransferWithoutReportsSaysSo(t *testing.T) { // RFC 4488 3
	s := newStage(t)
	c := s.dial()
	s.answer(c, "a")
	refer, result := s.refer(c, "tel:+862150009999")
	s.reply(refer, 200, "OK", "", siptest.Field{Name: "Refer-Sub", Value: "false"})
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if e := s.event(c, sip.Referred); e.Status != 0 {
		t.Errorf("event %+v", e)
	}
}

func TestAReportThatEndsWithoutAStatusIsTheLast(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	refer, result := s.refer(c, "1")
	if res := s.notify(d, "refer", "active", "SIP/2.0 100 Trying"); res.Status() != 200 { // before the 202
		t.Errorf("early report answered %s", res.Start)
	}
	s.reply(refer, 202, "Accepted", "")
	<-result
	s.event(c, sip.Referred)
	s.notify(d, "refer", "terminated;reason=timeout", "")
	if e := s.event(c, sip.Referred); e.Status != 0 {
		t.Errorf("event %+v", e)
	}
}

func TestARefusedTransferLeavesTheCall(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	s.answer(c, "a")
	refer, result := s.refer(c, "sip:agent@10.0.0.1;user=phone")
	s.reply(refer, 603, "Decline", "")
	var refused *sip.RefusedError
	if err := <-result; !errors.As(err, &refused) || refused.Status != 603 || refused.Method != "REFER" {
		t.Errorf("Refer returned %v", err)
	}
	if live := s.agent.Stats().Live; live != 1 {
		t.Errorf("%d live calls", live)
	}
}

func TestTransferTargetsCannotBecomeHeaders(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	s.answer(c, "a")
	for _, target := range []string{"", "sip:", "sip:x@y>;evil=1", "sip:x@y\r\nX: y", "1\r\nX: y", "tel:1 2", "sip:" + string(make([]byte, 300))} {
		if err := c.Refer(s.ctx, target); err == nil {
			t.Errorf("target %q accepted", target)
		}
	}
	if n := s.peer.Count("REFER"); n != 0 {
		t.Errorf("%d REFERs sent", n)
	}
}

func TestNobodyIsSentWhereTheTrunkMayNotCall(t *testing.T) {
	s := newStage(t)
	s.trunk.Deny = []string{"900"}
	c := s.dial()
	s.answer(c, "a")
	for _, target := range []string{"9001", "tel:9001", "sip:9001@10.0.0.1", "sip:9001%01@10.0.0.1", "tel:9001%00"} {
		if err := c.Refer(s.ctx, target); err == nil {
			t.Errorf("transferred to %s", target)
		}
	}
	if n := s.peer.Count("REFER"); n != 0 {
		t.Errorf("%d REFERs sent", n)
	}
}

func TestACallThatCameInIsTransferred(t *testing.T) {
	in := newInbound(t)
	c, d := in.up()
	refer, result := in.refer(c, "02150009999")
	if got, want := refer.Get("Refer-To"), "<sip:02150009999@"+in.peer.Addr()+">"; got != want {
		t.Errorf("Refer-To %q, want %q", got, want)
	}
	in.reply(refer, 202, "Accepted", "")
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	in.notify(d, "refer", "terminated", "SIP/2.0 200 OK")
	if e := in.event(c, sip.Referred); e.Status != 200 {
		t.Errorf("event %+v", e)
	}
}

func TestATransferIsChallengedAndTheReportsFollowItsNewCSeq(t *testing.T) {
	s := newStage(t)
	s.trunk.User, s.trunk.Password, s.trunk.Realm = "shop", "secret", "carrier"
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	refer, result := s.refer(c, "1")
	s.reply(refer, 407, "Proxy Authentication Required", "", siptest.Field{Name: "Proxy-Authenticate", Value: `Digest realm="carrier", nonce="n1"`})
	again := s.request("REFER")
	n, _ := again.CSeq()
	if first, _ := refer.CSeq(); n != first+1 || again.Get("Proxy-Authorization") == "" {
		t.Errorf("REFER with credentials:\n%s", again.Bytes())
	}
	s.reply(again, 202, "Accepted", "")
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if res := s.notify(d, fmt.Sprintf("refer;id=%d", n), "terminated", "SIP/2.0 200 OK"); res.Status() != 200 {
		t.Errorf("report answered %s", res.Start)
	}
	if e := s.event(c, sip.Referred); e.Status != 200 {
		t.Errorf("event %+v", e)
	}
}
