package sip_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warmline/sip"
	"warmline/sip/siptest"
)

// inDialog sends a request of the callee and returns our answer.
func (s *stage) inDialog(d *siptest.Dialog, method string, parts ...siptest.Part) *siptest.Message {
	s.Helper()
	req, err := d.Send(method, parts...)
	if err != nil {
		s.Fatal(err)
	}
	return s.response(s.peer, req)
}

// body is a body of any type.
func (s *stage) withBody(m *siptest.Message, kind, text string) *siptest.Message {
	m.Set("Content-Type", kind)
	m.Body = []byte(text)
	return m
}

func (s *stage) send(m *siptest.Message) {
	s.Helper()
	if err := s.peer.Send(m.Bytes(), s.agent.Addr()); err != nil {
		s.Fatal(err)
	}
}

func TestNewOffersDuringTheCall(t *testing.T) {
	const answer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\n"
	for _, method := range []string{"INVITE", "UPDATE"} {
		t.Run("by "+method, func(t *testing.T) {
			s := newStage(t)
			offers := make(chan string, 4)
			c := s.dial(func(i *sip.Invite) {
				i.OnOffer = func(sdp []byte) ([]byte, error) {
					offers <- string(sdp)
					if strings.Contains(string(sdp), "m=audio 30020") {
						return nil, errors.New("no such codec")
					}
					return []byte(answer), nil
				}
			})
			d := s.peer.Dialog(s.answer(c, "a"), "a")

			res := s.inDialog(d, method, s.peer.Contact(), sdp(30010))
			if res.Status() != 200 || string(res.Body) != answer || res.Get("Content-Type") != "application/sdp" || res.Get("Contact") == "" {
				t.Errorf("offer answered:\n%s", res.Bytes())
			}
			if diff := cmp.Diff(string(sdp(30010)), <-offers); diff != "" {
				t.Errorf("offer (-want +got):\n%s", diff)
			}
			if method == "INVITE" {
				again, err := s.peer.WaitStatus(s.ctx, "INVITE", 200) // until ACK, we repeat
				if err != nil || again.Branch() != res.Branch() {
					t.Errorf("200 not repeated before ACK: %v", err)
				}
				if _, err := d.Send("ACK"); err != nil {
					t.Fatal(err)
				}
			}
			s.ping()

			if res := s.inDialog(d, method, s.peer.Contact(), sdp(30020)); res.Status() != 488 {
				t.Errorf("refused offer answered %s", res.Start)
			}
			if method == "INVITE" {
				d.Send("ACK")
			}
			if res := s.inDialog(d, "UPDATE"); res.Status() != 200 || len(res.Body) != 0 {
				t.Errorf("session refresh answered %s with %d bytes", res.Start, len(res.Body))
			}
			c.Hangup("")
			s.reply(s.requestTo("BYE", "a"), 200, "OK", "")
			s.ended(c)
		})
	}
}

func TestAskedForAnOfferWeRepeatOursAndTakeTheAnswerFromTheAck(t *testing.T) {
	s := newStage(t)
	answers := make(chan string, 1)
	c := s.dial(func(i *sip.Invite) {
		i.OnOffer = func(sdp []byte) ([]byte, error) { answers <- string(sdp); return []byte("ignored"), nil }
	})
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	res := s.inDialog(d, "INVITE", s.peer.Contact())
	if res.Status() != 200 || string(res.Body) != offer {
		t.Errorf("asked for an offer, we said:\n%s", res.Bytes())
	}
	if _, err := d.Send("ACK", sdp(30010)); err != nil {
		t.Fatal(err)
	}
	if got := <-answers; got != string(sdp(30010)) {
		t.Errorf("answer %q", got)
	}
	if got := s.agent.Stats().Live; got != 1 {
		t.Errorf("%d live calls, want 1", got)
	}
	c.Hangup("")
	s.ended(c)
}

func TestWithoutOnOfferTheCallStaysAsItWas(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	if res := s.inDialog(d, "INVITE", s.peer.Contact(), sdp(30010)); res.Status() != 488 {
		t.Errorf("offer answered %s", res.Start)
	}
}

func TestAnAnswerNobodyAcknowledgesEndsTheCall(t *testing.T) {
	s := newStage(t)
	c := s.dial(func(i *sip.Invite) { i.OnOffer = func([]byte) ([]byte, error) { return []byte(offer), nil } })
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	s.inDialog(d, "INVITE", s.peer.Contact(), sdp(30010))
	s.reply(s.requestTo("BYE", "a"), 200, "OK", "")
	if why := s.ended(c); why.By != sip.ByCarrier {
		t.Errorf("cause %+v", why)
	}
}

func TestKeysComeByInfo(t *testing.T) {
	tests := []struct {
		name, kind, body, digit string
		status                  int
	}{
		{"a relayed key", "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5", 200},
		{"spaces and lower case", "Application/DTMF-Relay; x=y", "signal = a \r\n", "A", 200},
		{"a star by event number", "application/dtmf-relay", "Signal=10", "*", 200},
		{"a hash", "application/dtmf", "#", "#", 200},
		{"a keep-alive", "text/plain", "", "", 200},
		{"no key", "application/dtmf-relay", "Signal=99", "", 415},
		{"something else", "application/x-picture", "...", "", 415},
	}
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	for _, tt := range tests {
		req := s.withBody(d.Request("INFO"), tt.kind, tt.body)
		s.send(req)
		if res := s.response(s.peer, req); res.Status() != tt.status {
			t.Errorf("%s: answered %s", tt.name, res.Start)
		}
		if tt.digit != "" {
			if e := s.event(c, sip.Info); e.Digit != tt.digit {
				t.Errorf("%s: digit %q, want %q", tt.name, e.Digit, tt.digit)
			}
		}
	}
}

func TestRequestsInsideTheCallAreServedInOrderOfCSeq(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	var order []*siptest.Message
	for _, digit := range "1234" {
		order = append(order, s.withBody(d.Request("INFO"), "application/dtmf", string(digit)))
	}
	bye := d.Request("BYE")
	for _, m := range []*siptest.Message{order[1], order[0], order[3], bye, order[2]} {
		s.send(m)
	}
	var got strings.Builder
	for e := range c.Events() {
		got.WriteString(e.Digit)
	}
	if got.String() != "1234" {
		t.Errorf("keys in order %q, want 1234", got.String())
	}
	if res := s.response(s.peer, bye); res.Status() != 200 {
		t.Errorf("BYE answered %s", res.Start)
	}
}

func TestARequestFromThePastIsRefused(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	old := d.Request("BYE")
	if res := s.inDialog(d, "OPTIONS"); res.Status() != 200 || res.Get("Allow") == "" {
		t.Errorf("OPTIONS answered:\n%s", res.Bytes())
	}
	s.send(old)
	if res := s.response(s.peer, old); res.Status() != 500 {
		t.Errorf("BYE with a CSeq of the past answered %s", res.Start)
	}
	if got := s.agent.Stats().Live; got != 1 {
		t.Errorf("%d live calls, want 1", got)
	}
	c.Hangup("")
	s.ended(c)
}

func TestByeThatOvertakesTheAnswerEndsTheCall(t *testing.T) {
	s := newStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	bye := s.peer.Dialog(invite, "a").Request("BYE")
	s.send(bye)
	s.reply(invite, 200, "OK", "a", sdp(30000))
	s.event(c, sip.Answered)
	if why := s.ended(c); why.By != sip.ByCallee {
		t.Errorf("cause %+v", why)
	}
	if res := s.response(s.peer, bye); res.Status() != 200 {
		t.Errorf("BYE answered %s", res.Start)
	}
}

func TestSpoofedRequestsDoNotTouchTheCall(t *testing.T) {
	s := newStage(t)
	stranger := s.newPeer("127.0.0.2:0") // another trunk of ours, not this call's
	other, err := s.agent.Dial(s.ctx, sip.Trunk{Name: "other", Addr: stranger.Addr(), From: "1"}, sip.Invite{To: "1"})
	if err != nil {
		t.Fatal(err)
	}
	other.Hangup("")
	c := s.dial()
	invite := s.answer(c, "a")
	d := s.peer.Dialog(invite, "a")
	tests := []struct {
		name string
		from *siptest.Peer
		bend func(*siptest.Message)
	}{
		{"our tag is guessed", s.peer, func(m *siptest.Message) { m.Set("To", strings.Replace(m.Get("To"), invite.FromTag(), "guess", 1)) }},
		{"their tag is guessed", s.peer, func(m *siptest.Message) { m.Set("From", strings.Replace(m.Get("From"), "tag=a", "tag=guess", 1)) }},
		{"both tags are known, but it comes from another trunk", stranger, func(*siptest.Message) {}},
		{"the Call-ID is guessed", s.peer, func(m *siptest.Message) { m.Set("Call-ID", "guess") }},
	}
	for _, tt := range tests {
		bye := d.Request("BYE")
		tt.bend(bye)
		if err := tt.from.Send(bye.Bytes(), s.agent.Addr()); err != nil {
			t.Fatal(err)
		}
		if res := s.response(tt.from, bye); res.Status() != 481 {
			t.Errorf("%s: answered %s", tt.name, res.Start)
		}
	}
	if got := s.agent.Stats(); got.Live != 1 || got.Spoofed != 3 {
		t.Errorf("%d live calls and %d spoofed requests, want 1 and 3", got.Live, got.Spoofed)
	}
	if _, err := d.Bye(); err != nil {
		t.Fatal(err)
	}
	if why := s.ended(c); why.By != sip.ByCallee {
		t.Errorf("cause %+v", why)
	}
}

func TestMoreRequestsThanTheCallCanHoldAreAskedToComeLater(t *testing.T) {
	s := newStage(t)
	entered, leave := make(chan bool), make(chan bool)
	c := s.dial(func(i *sip.Invite) {
		i.OnOffer = func([]byte) ([]byte, error) { entered <- true; <-leave; return []byte(offer), nil }
	})
	d := s.peer.Dialog(s.answer(c, "a"), "a")
	if _, err := d.Reinvite(sdp(30010)); err != nil {
		t.Fatal(err)
	}
	<-entered // the owner is busy now
	const sent, room = 12, 8
	for range sent {
		if _, err := d.Send("OPTIONS"); err != nil {
			t.Fatal(err)
		}
	}
	statuses := map[int]int{}
	for n := range sent {
		if n == sent-room {
			close(leave)
		}
		res, err := s.peer.WaitStatus(s.ctx, "OPTIONS", 0)
		if err != nil {
			t.Fatal(err)
		}
		statuses[res.Status()]++
		if res.Status() == 500 && res.Get("Retry-After") == "" {
			t.Error("500 without Retry-After")
		}
	}
	if diff := cmp.Diff(map[int]int{200: room, 500: sent - room}, statuses); diff != "" {
		t.Errorf("answers by status (-want +got):\n%s", diff)
	}
	c.Hangup("")
	s.ended(c)
}
