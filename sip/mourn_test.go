package sip_test

import (
	"errors"
	"slices"
	"testing"

	"warmline/sip"
	"warmline/sip/siptest"
)

// requests are what we may send inside an answered call, and how.
var requests = []struct {
	method string
	send   func(s *stage, c *sip.Call) error
}{
	{"INVITE", func(s *stage, c *sip.Call) error { _, err := c.Reinvite(s.ctx, []byte(hold)); return err }},
	{"UPDATE", func(s *stage, c *sip.Call) error { _, err := c.Update(s.ctx, []byte(hold)); return err }},
	{"REFER", func(s *stage, c *sip.Call) error { return c.Refer(s.ctx, "1") }},
	{"INFO", func(s *stage, c *sip.Call) error { return c.Press(s.ctx, "1") }},
}

// wait waits for a request of a method inside the call.
func (s *stage) within(method string) *siptest.Message {
	s.Helper()
	m, err := s.peer.WaitFor(s.ctx, method+" inside the call", func(m *siptest.Message) bool {
		return m.Method() == method && m.ToTag() == "a"
	})
	if err != nil {
		s.Fatal(err)
	}
	return m
}

func TestChallengesInsideTheCallAreAnsweredInTheNextCSeq(t *testing.T) { // RFC 3261 22.2, 14.1
	challenges := []struct {
		status             int
		ask, header, value string
	}{
		{401, "WWW-Authenticate", "Authorization", `Digest realm="carrier", nonce="n", algorithm=SHA-256, qop="auth"`},
		{407, "Proxy-Authenticate", "Proxy-Authorization", `Digest realm="carrier", nonce="n"`},
	}
	bye := struct {
		method string
		send   func(s *stage, c *sip.Call) error
	}{"BYE", func(s *stage, c *sip.Call) error { c.Hangup(""); return nil }}
	for _, tt := range append(slices.Clone(requests), bye) {
		for _, ch := range challenges {
			t.Run(tt.method+" "+ch.ask, func(t *testing.T) {
				s := newStage(t)
				s.trunk.User, s.trunk.Password, s.trunk.Realm = "shop", "secret", "carrier"
				c := s.dial()
				s.reply(s.request("INVITE"), 200, "OK", "a", sdp(30000), field("Allow", "INVITE, UPDATE"))
				s.requestTo("ACK", "a")
				s.event(c, sip.Answered)
				result := make(chan error, 1)
				go func() { result <- tt.send(s, c) }()
				first := s.within(tt.method)
				s.reply(first, ch.status, "Authenticate", "", field(ch.ask, ch.value))
				again := s.within(tt.method)
				for again.Branch() == first.Branch() {
					again = s.within(tt.method)
				}
				n, _ := again.CSeq()
				if before, _ := first.CSeq(); n != before+1 || again.Get(ch.header) == "" || string(again.Body) != string(first.Body) {
					t.Errorf("with credentials:\n%s", again.Bytes())
				}
				s.reply(again, 200, "OK", "", sdp(30010))
				if err := <-result; err != nil {
					t.Error(err)
				}
				if tt.method == "INVITE" { // RFC 3261 22.1: the ACK carries them too
					if ack := s.requestTo("ACK", "a"); ack.Get(ch.header) != again.Get(ch.header) {
						t.Errorf("ACK without the credentials of its INVITE:\n%s", ack.Bytes())
					}
				}
			})
		}
	}
}

func TestASecondChallengeInsideTheCallIsARefusal(t *testing.T) {
	s := newStage(t)
	s.trunk.User, s.trunk.Password, s.trunk.Realm = "shop", "secret", "carrier"
	c := s.dial()
	s.answer(c, "a")
	result := make(chan error, 1)
	go func() { result <- c.Refer(s.ctx, "1") }()
	for range 2 {
		s.reply(s.request("REFER"), 407, "Authenticate", "", field("Proxy-Authenticate", `Digest realm="carrier", nonce="n"`))
	}
	var refused *sip.RefusedError
	if err := <-result; !errors.As(err, &refused) || refused.Status != 407 {
		t.Errorf("Refer returned %v", err)
	}
	s.ping()
	if n := s.peer.Count("REFER"); n != 2 {
		t.Errorf("%d REFERs, want 2", n)
	}
}

func TestForeignRealmsInsideTheCallGetNoCredentials(t *testing.T) { // CVE-2021-41158's class
	s := newStage(t)
	s.trunk.User, s.trunk.Password, s.trunk.Realm = "shop", "secret", "carrier"
	c := s.dial()
	s.answer(c, "a")
	result := make(chan error, 1)
	go func() { result <- c.Refer(s.ctx, "1") }()
	s.reply(s.request("REFER"), 407, "Authenticate", "", field("Proxy-Authenticate", `Digest realm="attacker.example", nonce="n"`))
	if err := <-result; err == nil {
		t.Error("Refer accepted")
	}
	for _, m := range s.peer.Received() {
		if m.Get("Authorization")+m.Get("Proxy-Authorization") != "" {
			t.Errorf("credentials given away:\n%s", m.Bytes())
		}
	}
}

// TestAForgottenCallEnds is RFC 3261 12.2.1.2: 481 or 408 to a request inside
// the call ends it; for 408 the other side may still be there and gets a BYE.
func TestAForgottenCallEnds(t *testing.T) {
	for _, tt := range requests {
		for _, status := range []int{481, 408} {
			t.Run(tt.method+" answered "+map[int]string{481: "481", 408: "408"}[status], func(t *testing.T) {
				s := newStage(t)
				c := s.dial()
				s.reply(s.request("INVITE"), 200, "OK", "a", sdp(30000), field("Allow", "INVITE, UPDATE"))
				s.requestTo("ACK", "a")
				s.event(c, sip.Answered)
				result := make(chan error, 1)
				go func() { result <- tt.send(s, c) }()
				s.reply(s.within(tt.method), status, "Gone", "")
				if why := s.ended(c); why.Status != status || why.By != sip.ByCarrier {
					t.Errorf("cause %+v", why)
				}
				if err := <-result; err == nil {
					t.Errorf("%s succeeded", tt.method)
				}
				if status == 408 {
					s.reply(s.request("BYE"), 200, "OK", "")
				}
			})
		}
	}
}

func TestByesThatCrossAreBothAnswered(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	c.Hangup("")
	ours := s.request("BYE")
	theirs, err := d.Bye()
	if err != nil {
		t.Fatal(err)
	}
	if res := s.response(s.peer, theirs); res.Status() != 200 {
		t.Errorf("their BYE answered %s", res.Start)
	}
	s.reply(ours, 481, "Call Does Not Exist", "")
	if why := s.ended(c); why.By != sip.ByUs {
		t.Errorf("cause %+v", why)
	}
}

// TestEveryFormOfHold is RFC 3264 8.4 and RFC 6337 5.3: what the call's media
// answers goes back as it is; the old form of hold is an address of zeros.
func TestEveryFormOfHold(t *testing.T) {
	forms := []struct{ name, offer, answer string }{
		{"sendonly", string(sdp(30000)) + "a=sendonly\r\n", offer + "a=recvonly\r\n"},
		{"recvonly", string(sdp(30000)) + "a=recvonly\r\n", offer + "a=sendonly\r\n"},
		{"inactive", string(sdp(30000)) + "a=inactive\r\n", offer + "a=inactive\r\n"},
		{"c=0.0.0.0", string(siptest.NewSDP("0.0.0.0", 30000, 2)), offer + "a=recvonly\r\n"},
		{"back", string(sdp(30000)), offer},
	}
	for _, method := range []string{"INVITE", "UPDATE"} {
		t.Run(method, func(t *testing.T) {
			s := newStage(t)
			c := s.dial(func(i *sip.Invite) {
				i.OnOffer = func(sdp []byte) ([]byte, error) {
					for _, f := range forms {
						if f.offer == string(sdp) {
							return []byte(f.answer), nil
						}
					}
					return nil, errors.New("unknown offer")
				}
			})
			d := s.peer.Dialog(s.answer(c, "a"), "a")
			for _, f := range forms {
				res := s.inDialog(d, method, s.peer.Contact(), siptest.SDP(f.offer))
				if res.Status() != 200 || string(res.Body) != f.answer {
					t.Errorf("%s answered:\n%s", f.name, res.Bytes())
				}
				if method == "INVITE" {
					d.Send("ACK")
				}
			}
		})
	}
}

func TestASecondReinviteWaitsForTheAnswerInTheFirstOnesAck(t *testing.T) { // RFC 3261 14.2
	s := newStage(t)
	c := s.dial(func(i *sip.Invite) { i.OnOffer = func([]byte) ([]byte, error) { return []byte(offer), nil } })
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	s.inDialog(d, "INVITE", s.peer.Contact()) // our offer is out, its answer comes in the ACK
	if res := s.inDialog(d, "INVITE", s.peer.Contact(), sdp(30010)); res.Status() != 500 || res.Get("Retry-After") == "" {
		t.Errorf("second re-INVITE answered:\n%s", res.Bytes())
	}
	if res := s.inDialog(d, "UPDATE", s.peer.Contact(), sdp(30010)); res.Status() != 491 {
		t.Errorf("UPDATE answered %s", res.Start)
	}
}

func TestKeysArePressedByInfoOneAfterTheOther(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	s.answer(c, "a")
	result := make(chan error, 1)
	go func() { result <- c.Press(s.ctx, "1#d") }()
	for _, want := range []string{"1", "#", "D"} {
		info := s.request("INFO")
		if got := string(info.Body); got != "Signal="+want+"\r\nDuration=160\r\n" || info.Get("Content-Type") != "application/dtmf-relay" {
			t.Errorf("INFO carries %q as %q", got, info.Get("Content-Type"))
		}
		s.reply(info, 200, "OK", "")
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	go func() { result <- c.Press(s.ctx, "2") }()
	s.reply(s.request("INFO"), 415, "Unsupported Media Type", "")
	var refused *sip.RefusedError
	if err := <-result; !errors.As(err, &refused) || refused.Status != 415 {
		t.Errorf("refused key: %v", err)
	}
	if err := c.Press(s.ctx, "x"); err == nil {
		t.Error("x is a key")
	}
}

func TestExtensionsWeDoNotHaveAreRefused(t *testing.T) { // RFC 3261 8.2.2.3
	in := newInbound(t)
	invite := in.peer.Invite("sip:1@"+in.agent.Addr(), "1", sdp(30000), field("Require", "timer, 100rel"), field("Require", "precondition"))
	in.send(invite)
	if res := in.response(in.peer, invite); res.Status() != 420 || res.Get("Unsupported") != "100rel, precondition" {
		t.Errorf("INVITE answered:\n%s", res.Bytes())
	}
	_, d := in.up(field("Require", "timer"), field("Supported", "timer"))
	if res := in.inDialog(d, "UPDATE", in.peer.Contact(), field("Require", "x")); res.Status() != 420 || res.Get("Unsupported") != "x" {
		t.Errorf("UPDATE answered:\n%s", res.Bytes())
	}
}

// TestShortAndFoldedHeadersAreRead is RFC 3261 7.3.1 and 7.3.3, with two Via and
// two Record-Route values in one line.
func TestShortAndFoldedHeadersAreRead(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	raw := "SIP/2.0 200 OK\r\nv: " + invite.Get("Via") + "\r\nf: " + invite.Get("From") +
		"\r\nt: " + invite.Get("To") + "\r\n ;tag=a\r\ni: " + invite.Get("Call-ID") + "\r\nCSeq:  1\r\n\tINVITE\r\nm: <sip:" + s.peer.Addr() +
		">;+x=\"a,b\", <sip:other@10.0.0.1>\r\nRecord-Route: <sip:" + s.peer.Addr() + ";LR>,\r\n <sip:edge.example;lr>\r\n" +
		"x: 1800\r\n ;Refresher=UAS\r\nc: Application/SDP\r\nl: " + "0\r\n\r\n"
	if err := s.peer.Send([]byte(raw), s.agent.Addr()); err != nil {
		t.Fatal(err)
	}
	s.event(c, sip.Answered)
	ack := s.requestTo("ACK", "a")
	if got := ack.All("Route"); len(got) != 2 || got[0] != "<sip:edge.example;lr>" || ack.URI() != "sip:"+s.peer.Addr() {
		t.Errorf("ACK:\n%s", ack.Bytes())
	}
	bye := s.peer.Dialog(invite, "a").Request("BYE", siptest.Q850(16, "x"))
	raw = "BYE " + bye.URI() + " SIP/2.0\r\nV: SIP/2.0/UDP " + s.peer.Addr() + ";Branch=z9hG4bK-short;RPORT, SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK-up\r\n" +
		"F: " + bye.Get("From") + "\r\nT:\r\n " + bye.Get("To") + "\r\nI: " + bye.Get("Call-ID") + "\r\nCseq: " + bye.Get("CSeq") + "\r\n\r\n"
	if err := s.peer.Send([]byte(raw), s.agent.Addr()); err != nil {
		t.Fatal(err)
	}
	if why := s.ended(c); why.By != sip.ByCallee {
		t.Errorf("cause %+v", why)
	}
}
