package sip_test

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"warmline/sip"
	"warmline/sip/siptest"
)

// TestMain shortens T1 from 500 ms, so that 64·T1 of silence is 6.4 s. T2 keeps
// its 4 s: an ACK held back that long is one of the faults looked for. The tests
// mostly wait for each other's packets, so many run side by side.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() == "" { // fuzzing has workers of its own number
		flag.Set("test.parallel", "16")
	}
	gosip.SetTimers(100*time.Millisecond, 4*time.Second, 5*time.Second)
	os.Exit(m.Run())
}

// stage is one agent, one trunk, and the scripted callee behind it.
type stage struct {
	*testing.T
	ctx   context.Context
	peer  *siptest.Peer
	agent *sip.Agent
	trunk sip.Trunk
}

func newStage(t *testing.T) *stage {
	t.Helper()
	t.Parallel()
	return newStageOf(t)
}

// newStageOf is a further stage of a test that has one.
func newStageOf(t *testing.T) *stage {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(stop)
	s := &stage{T: t, ctx: ctx}
	s.peer = s.newPeer("127.0.0.1:0")
	s.agent = s.listen(sip.Config{Addr: "127.0.0.1:0"})
	s.trunk = sip.Trunk{Name: "test", Addr: s.peer.Addr(), From: "02150001234"}
	return s
}

func (s *stage) newPeer(addr string) *siptest.Peer {
	s.Helper()
	p, err := siptest.Listen(addr)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { p.Close() })
	return p
}

// listen opens an agent whose end does not wait for silent callees.
func (s *stage) listen(c sip.Config) *sip.Agent {
	s.Helper()
	a, err := sip.Listen(s.ctx, c)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { a.Close() })
	return a
}

const offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8\r\n"

func (s *stage) dial(change ...func(*sip.Invite)) *sip.Call {
	s.Helper()
	inv := sip.Invite{To: "13800138000", SDP: []byte(offer), AttemptID: "a-1"}
	for _, f := range change {
		f(&inv)
	}
	c, err := s.agent.Dial(s.ctx, s.trunk, inv)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// request waits for the callee to receive a request.
func (s *stage) request(method string) *siptest.Message {
	s.Helper()
	m, err := s.peer.Wait(s.ctx, method)
	if err != nil {
		s.Fatal(err)
	}
	return m
}

// requestTo waits for a request to the phone with this tag.
func (s *stage) requestTo(method, tag string) *siptest.Message {
	s.Helper()
	m, err := s.peer.WaitFor(s.ctx, method+" to tag "+tag, func(m *siptest.Message) bool {
		return m.Method() == method && m.ToTag() == tag
	})
	if err != nil {
		s.Fatal(err)
	}
	return m
}

// response waits for our answer to one request of the callee.
func (s *stage) response(p *siptest.Peer, to *siptest.Message) *siptest.Message {
	s.Helper()
	m, err := p.WaitFor(s.ctx, "answer to "+to.Method(), func(m *siptest.Message) bool {
		return m.Status() >= 200 && m.Branch() == to.Branch()
	})
	if err != nil {
		s.Fatal(err)
	}
	return m
}

func (s *stage) reply(req *siptest.Message, status int, phrase, tag string, parts ...siptest.Part) {
	s.Helper()
	if err := s.peer.Reply(req, status, phrase, tag, parts...); err != nil {
		s.Fatal(err)
	}
}

// event waits for an event of a kind, passing over others.
func (s *stage) event(c *sip.Call, kind sip.EventKind) sip.Event {
	s.Helper()
	for {
		select {
		case e, open := <-c.Events():
			if !open {
				s.Fatalf("events closed before %q; ladder:\n%s", kind, ladderOf(c))
			}
			if e.Kind == kind {
				return e
			}
		case <-s.ctx.Done():
			s.Fatalf("no %q; ladder:\n%s", kind, ladderOf(c))
		}
	}
}

// ended waits for the last event and checks that it is the last.
func (s *stage) ended(c *sip.Call) sip.Cause {
	s.Helper()
	e := s.event(c, sip.Ended)
	if _, open := <-c.Events(); open {
		s.Error("an event came after Ended")
	}
	return e.Cause
}

// answer lets the callee take the call.
func (s *stage) answer(c *sip.Call, tag string) *siptest.Message {
	s.Helper()
	invite := s.request("INVITE")
	s.reply(invite, 200, "OK", tag, sdp(30000))
	s.requestTo("ACK", tag)
	s.event(c, sip.Answered)
	return invite
}

// ping shows that everything the callee sent before has been read.
func (s *stage) ping() {
	s.Helper()
	branch := "z9hG4bK-ping-" + strings.ReplaceAll(s.Name(), "/", "-") + time.Now().Format("150405.000000000")
	raw := strings.ReplaceAll("OPTIONS sip:us@"+s.agent.Addr()+" SIP/2.0\nVia: SIP/2.0/UDP "+s.peer.Addr()+";rport;branch="+branch+
		"\nFrom: <sip:trunk@x>;tag=p\nTo: <sip:us@x>\nCall-ID: "+branch+"\nCSeq: 1 OPTIONS\nMax-Forwards: 70\nContent-Length: 0\n\n", "\n", "\r\n")
	if err := s.peer.Send([]byte(raw), s.agent.Addr()); err != nil {
		s.Fatal(err)
	}
	m, err := s.peer.WaitStatus(s.ctx, "OPTIONS", 200)
	if err != nil {
		s.Fatal(err)
	}
	if m.Get("Allow") == "" {
		s.Error("OPTIONS answered without Allow")
	}
}

func sdp(port int) siptest.SDP { return siptest.NewSDP("127.0.0.1", port, 1) }

func ladderOf(c *sip.Call) string {
	var b strings.Builder
	for _, t := range c.Ladder() {
		arrow := "<- "
		if t.Sent {
			arrow = "-> "
		}
		b.WriteString(arrow + t.Line + "\n")
	}
	return b.String()
}
