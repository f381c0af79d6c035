package sip_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"warmline/sip"
	"warmline/sip/siptest"
)

// raw writes a request outside any call.
func raw(method, from, extra string) *siptest.Message {
	m, err := siptest.Parse([]byte(strings.ReplaceAll(method+" sip:us@example SIP/2.0\nVia: SIP/2.0/UDP "+from+
		";rport;branch=z9hG4bK-"+method+"-raw\nFrom: <sip:x@example>;tag=f\nTo: <sip:us@example>\nCall-ID: raw-"+method+
		"\nCSeq: 7 "+method+"\nMax-Forwards: 70\n"+extra+"\n", "\n", "\r\n")))
	if err != nil {
		panic(err)
	}
	return m
}

func TestRequestsOutsideAnyCall(t *testing.T) {
	tests := []struct {
		name, method, extra string
		status              int
		header, value       string
	}{
		{"somebody calls in", "INVITE", "", 403, "", ""},
		{"a trunk asks whether we live", "OPTIONS", "", 200, "Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"},
		{"a BYE without a call", "BYE", "", 481, "", ""},
		{"a CANCEL without an INVITE", "CANCEL", "", 481, "", ""},
		{"a method we do not know", "MESSAGE", "", 405, "Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"},
		{"a transfer", "REFER", "", 405, "Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"},
		{"an extension we do not have", "OPTIONS", "Require: 100rel, x\n", 420, "Unsupported", "100rel, x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			c := s.dial() // opens the door for the trunk
			req := raw(tt.method, s.peer.Addr(), tt.extra)
			s.send(req)
			res := s.response(s.peer, req)
			if res.Status() != tt.status || res.Get(tt.header) != tt.value {
				t.Errorf("answered:\n%s", res.Bytes())
			}
			if tt.method == "INVITE" {
				ack := raw("INVITE", s.peer.Addr(), "")
				ack.Start = strings.Replace(ack.Start, "INVITE", "ACK", 1)
				ack.Set("CSeq", "7 ACK")
				s.send(ack)
			}
			c.Hangup("")
		})
	}
}

func TestPacketsFromAddressesOfNoTrunkAreDropped(t *testing.T) {
	s := newStage(t)
	stranger := s.newPeer("127.0.0.3:0")
	c := s.dial()
	for _, m := range []*siptest.Message{raw("OPTIONS", stranger.Addr(), ""), raw("INVITE", stranger.Addr(), "")} {
		if err := stranger.Send(m.Bytes(), s.agent.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.peer.Send([]byte("\x80\x08 this is not SIP but RTP, forty bytes"), s.agent.Addr()); err != nil {
		t.Fatal(err)
	}
	s.ping()
	if got := s.agent.Stats().Dropped; got != 3 {
		t.Errorf("%d packets dropped, want 3", got)
	}
	if got := stranger.Received(); len(got) != 0 {
		t.Errorf("a stranger got %d answers", len(got))
	}
	c.Hangup("")
}

func TestNothingIsSentWhenTheCallCannotBePlaced(t *testing.T) {
	tests := []struct {
		name   string
		change func(*sip.Trunk, *sip.Invite)
	}{
		{"a line break in the number", func(_ *sip.Trunk, i *sip.Invite) { i.To = "138\r\nX-Evil: 1" }},
		{"no number", func(_ *sip.Trunk, i *sip.Invite) { i.To = "" }},
		{"a NUL in the caller ID", func(_ *sip.Trunk, i *sip.Invite) { i.From = "1\x00" }},
		{"no caller ID", func(tr *sip.Trunk, _ *sip.Invite) { tr.From = "" }},
		{"a line break in the attempt ID", func(_ *sip.Trunk, i *sip.Invite) { i.AttemptID = "a\nb" }},
		{"a line break in the domain", func(tr *sip.Trunk, _ *sip.Invite) { tr.Domain = "a\r\nb" }},
		{"parameters smuggled in the domain", func(tr *sip.Trunk, _ *sip.Invite) { tr.Domain = "a;maddr=1.2.3.4" }},
		{"a line break in the digest user", func(tr *sip.Trunk, _ *sip.Invite) { tr.User = "a\r\nb" }},
		{"no gateway", func(tr *sip.Trunk, _ *sip.Invite) { tr.Addr = "" }},
		{"port zero", func(tr *sip.Trunk, _ *sip.Invite) { tr.Addr = "127.0.0.1:0" }},
		{"a port that is none", func(tr *sip.Trunk, _ *sip.Invite) { tr.Addr = "127.0.0.1:port" }},
		{"an address that cannot be reached from the loopback socket", func(tr *sip.Trunk, _ *sip.Invite) { tr.Addr = "192.0.2.1:5060" }},
	}
	s := newStage(t)
	for _, tt := range tests {
		trunk, inv := s.trunk, sip.Invite{To: "13800138000", SDP: []byte(offer)}
		tt.change(&trunk, &inv)
		if c, err := s.agent.Dial(s.ctx, trunk, inv); err == nil {
			t.Errorf("%s: dialed %s", tt.name, c.ID())
		} else if strings.Contains(err.Error(), "13800138000") {
			t.Errorf("%s: the error shows the number: %v", tt.name, err)
		}
	}
	if got := s.agent.Stats(); got.Dialed != 0 || got.Live != 0 {
		t.Errorf("%d dialed, %d live", got.Dialed, got.Live)
	}
	if got := s.peer.Received(); len(got) != 0 {
		t.Errorf("%d messages were sent", len(got))
	}
}

func TestStrangeNumbersAreEscaped(t *testing.T) {
	s := newStage(t)
	c := s.dial(func(i *sip.Invite) { i.To = "*100#@evil;x=<y>" })
	if got, want := s.request("INVITE").URI(), "sip:*100%23%40evil%3Bx%3D%3Cy%3E@"+s.peer.Addr(); got != want {
		t.Errorf("Request-URI %q, want %q", got, want)
	}
	c.Hangup("\r\nX-Evil: 1")
	if why := s.ended(c); strings.ContainsAny(why.Phrase, "\r\n") {
		t.Errorf("phrase %q", why.Phrase)
	}
}

func TestAHangupReasonCannotAddHeaders(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	s.answer(c, "a")
	c.Hangup("x\"\r\nX-Evil: 1\r\n再见")
	bye := s.request("BYE")
	if bye.Get("X-Evil") != "" {
		t.Error("the reason became a header")
	}
	s.reply(bye, 200, "OK", "")
}

// lockedBuffer lets a logger write while the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestNoiseOnTheSocketDoesNotBecomeLog(t *testing.T) {
	s := newStage(t)
	log := new(lockedBuffer)
	s.agent = s.listen(sip.Config{Addr: "127.0.0.1:0",
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	c := s.dial()
	for range 200 {
		if err := s.peer.Send([]byte("GARBAGE 13900139000 and no SIP at all, again and again"), s.agent.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	s.ping()
	c.Hangup("")
	s.ended(c)
	if n := strings.Count(log.String(), "sip transport:"); n == 0 || n > 10 {
		t.Errorf("%d lines about noise, want few but some", n)
	}
	for _, number := range []string{"13900139000", "13800138000"} {
		if strings.Contains(log.String(), number) {
			t.Errorf("the log shows a number:\n%s", log)
		}
	}
}

func TestALoneLineFeedInAHeaderIsDropped(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	bad := s.peer.Response(invite, 486, "Busy", "a\nX-Evil: 1")
	if err := s.peer.Send(bad.Bytes(), s.agent.Addr()); err != nil {
		t.Fatal(err)
	}
	s.ping()
	if got := s.agent.Stats(); got.Dropped != 1 || got.Live != 1 {
		t.Errorf("%d packets dropped, %d live calls, want one each", got.Dropped, got.Live)
	}
	c.Hangup("")
}
