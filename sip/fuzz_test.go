package sip

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"warmline/sip/siptest"
)

// FuzzChallenge reads what asks for our password; no answer may start a line.
func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="r", nonce="n", qop="auth, auth-int", algorithm=SHA-256, opaque="o", stale=TRUE`)
	f.Add(`digest realm="r",nonce="a\"b",algorithm=MD5-sess`)
	f.Add(`Basic realm="r"`)
	f.Add(`Digest realm="r", nonce="n", qop=","`)
	f.Fuzz(func(t *testing.T, s string) {
		if checkValue("header", s) != nil {
			return // sipgo's lines have no control characters; cleanLines sees to it
		}
		c, ok := choose([]string{s, s}, "r", false)
		if !ok {
			return
		}
		if c.realm != "r" || c.nonce == "" {
			t.Errorf("chose %+v", c)
		}
		if got := c.answer("u", "p", "INVITE", "sip:x", "c", 1, []byte("b")); checkValue("answer", got) != nil || !strings.HasPrefix(got, "Digest ") {
			t.Errorf("answer %q", got)
		}
	})
}

// FuzzSipfrag reads the reports of a transfer (RFC 3420).
func FuzzSipfrag(f *testing.F) {
	for _, s := range []string{"SIP/2.0 200 OK\r\n", "SIP/2.0 999 x", "SIP/2.0 100", "INVITE sip:x SIP/2.0", "SIP/2.0 486 \x00\x7f\r\nX: y", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		status, phrase, ok := parseSipfrag(body)
		if ok != (status != 0) || ok && (status < 100 || status > 699) || printable(phrase) != phrase {
			t.Errorf("%d %q %v", status, phrase, ok)
		}
	})
}

// FuzzMultipart finds SDP in bodies of several parts.
func FuzzMultipart(f *testing.F) {
	f.Add(`multipart/mixed;boundary="b"`, []byte("--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--"))
	f.Add(`multipart/mixed;boundary=`, []byte("--"))
	f.Add(`multipart/x; boundary=b; boundary=c`, []byte("--b\nContent-Type: application/sdp\n\nv=0\n--b"))
	f.Add(`application/dtmf-relay`, []byte("Signal=5\r\n"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		res := gosip.NewResponse(200, "OK")
		res.AppendHeader(gosip.NewHeader("Content-Type", kind))
		res.SetBody(body)
		if sdp := sdpOf(res); len(sdp) > len(body) {
			t.Errorf("%d bytes of SDP in %d", len(sdp), len(body))
		}
		name, _ := contentType(res)
		if d := digitOf(name, body); len(d) > 1 {
			t.Errorf("digit %q", d)
		}
	})
}

// FuzzCaller reads who calls, and how long a session lasts.
func FuzzCaller(f *testing.F) {
	f.Add(`"A, <b>" <sip:+8613800138000@x;user=phone>, <tel:1>`, "1800;refresher=uas")
	f.Add(`<sip:%0d%0a@x>`, "x")
	f.Add(`tel:1;phone-context=+86`, "4294967296")
	f.Fuzz(func(t *testing.T, identity, expires string) {
		if n := numberIn(identity); len(n) > maxValue || checkValue("number", n) != nil {
			t.Errorf("caller %q", n)
		}
		interval, refresher, ok := parseSessionExpires(expires)
		if interval < 0 || !ok && interval != 0 || refresher != "" && refresher != "uac" && refresher != "uas" {
			t.Errorf("%v %q %v", interval, refresher, ok)
		}
	})
}

// line is a call that is up, on a wire, and the hand that writes to it.
type line struct {
	agent *Agent
	peer  *siptest.Peer
	call  *Call
	n     int // messages said
	asked int // questions asked
}

func newLine(tb testing.TB) *line {
	tb.Helper()
	near, far := siptest.Wire("127.0.0.1:5060", "127.0.0.1:5080")
	a, err := listenOn(context.Background(), near, Config{OnCall: func(i *Incoming) { i.Reject(486, "Busy Here") }})
	if err != nil {
		tb.Fatal(err)
	}
	l := &line{agent: a, peer: siptest.On(far)}
	tb.Cleanup(func() { a.Close(); l.peer.Close() })
	if err := a.Serve(context.Background(), l.trunk()); err != nil {
		tb.Fatal(err)
	}
	return l
}

func (l *line) trunk() Trunk {
	return Trunk{Name: "t", Addr: "127.0.0.1:5080", From: "1", User: "u", Password: "p", Realm: "r"}
}

// up places a call with a REFER of ours open in it, if there is none.
func (l *line) up(ctx context.Context, tb testing.TB) {
	tb.Helper()
	if l.call != nil && !l.call.isOver() {
		return
	}
	c, err := l.agent.Dial(ctx, l.trunk(), Invite{To: "2", SDP: []byte("v=0\r\n"), OnOffer: func(b []byte) ([]byte, error) { return b, nil }})
	if err != nil {
		tb.Fatal(err)
	}
	l.call = c
	invite := l.wait(ctx, tb, "INVITE", func(m *siptest.Message) bool { return m.Method() == "INVITE" && m.Get("Call-ID") == c.id })
	l.peer.Reply(invite, 200, "OK", "theirs", siptest.NewSDP("127.0.0.1", 30000, 1), siptest.Field{Name: "Session-Expires", Value: "1800"})
	for e := range c.Events() {
		if e.Kind == Answered {
			break
		}
	}
	go c.Refer(ctx, "3")
	l.wait(ctx, tb, "REFER", func(m *siptest.Message) bool { return m.Method() == "REFER" && m.Get("Call-ID") == c.id })
	l.ask(ctx, tb, 1000+l.n)
}

func (l *line) wait(ctx context.Context, tb testing.TB, what string, ok func(*siptest.Message) bool) *siptest.Message {
	tb.Helper()
	m, err := l.peer.WaitFor(ctx, what, ok)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// say writes a message with the call's own names in it, and waits until the call
// has answered a question asked after it.
func (l *line) say(ctx context.Context, tb testing.TB, s string) {
	tb.Helper()
	l.n++
	s = strings.NewReplacer("$ID", l.call.id, "$OUR", l.call.tag, "$THEIR", "theirs", "$SEQ", fmt.Sprint(1000+l.n),
		"$VIA", fmt.Sprintf("SIP/2.0/UDP 127.0.0.1:5080;rport;branch=z9hG4bK-a%d", l.n), "\n", "\r\n").Replace(s)
	if err := l.peer.Send([]byte(s), l.agent.Addr()); err != nil {
		tb.Fatal(err)
	}
	l.ask(ctx, tb, 1) // a number of the past: refused, but at once
}

// ask asks the call whether it lives; any answer will do.
func (l *line) ask(ctx context.Context, tb testing.TB, seq int) {
	tb.Helper()
	l.asked++
	branch := fmt.Sprintf("z9hG4bK-b%d", l.asked)
	question := fmt.Sprintf("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=%s\r\nFrom: <sip:a@b>;tag=theirs\r\nTo: <sip:c@d>;tag=%s\r\nCall-ID: %s\r\nCSeq: %d OPTIONS\r\n\r\n",
		branch, l.call.tag, l.call.id, seq)
	if err := l.peer.Send([]byte(question), l.agent.Addr()); err != nil {
		tb.Fatal(err)
	}
	l.wait(ctx, tb, "an answer to OPTIONS", func(m *siptest.Message) bool { return m.Status() >= 200 && m.Branch() == branch })
}

// inCall are messages as a hostile or broken peer of a live call may send them;
// sipgo lets through those without the headers every message must have.
var inCall = []string{
	"INVITE sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ INVITE\nContact: <sip:a@127.0.0.1:5080>\nContent-Type: application/sdp\nSupported: timer\nSession-Expires: 90;refresher=uas\n\nv=0\n",
	"INVITE sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ INVITE\n\n",
	"ACK sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ ACK\n\n",
	"ACK sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ INVITE\nContent-Type: application/sdp\n\nv=0\n",
	"UPDATE sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ UPDATE\nx: 99999999999\nk: timer\n\n",
	"NOTIFY sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ NOTIFY\no: refer;id=2\nSubscription-State: terminated\nContent-Type: message/sipfrag\n\nSIP/2.0 200 OK\n",
	"INFO sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ INFO\nc: application/dtmf-relay\n\nSignal=1\n",
	"BYE sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ BYE\nReason: Q.850;cause=16\n\n",
	"CANCEL sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ CANCEL\n\n",
	"PRACK sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ PRACK\nRAck: 1 1 INVITE\n\n",
	"SIP/2.0 200 OK\nVia: $VIA\nFrom: <sip:a@b>;tag=$OUR\nTo: <sip:c@d>;tag=$THEIR\nCall-ID: $ID\nCSeq: 1 INVITE\nContact: <sip:x@127.0.0.1:5080>\n\n",
	"SIP/2.0 200 OK\nVia: $VIA\nFrom: <sip:a@b>;tag=$OUR\nTo: <sip:c@d>\nCall-ID: $ID\nCSeq: 7 INVITE\n\n",
	"SIP/2.0 183 x\nVia: $VIA\nFrom: <sip:a@b>;tag=$OUR\nTo: <sip:c@d>;tag=new\nCall-ID: $ID\nCSeq: 1 INVITE\nRequire: 100rel\nRSeq: 1\n\n",
	"SIP/2.0 491 x\nVia: $VIA\nFrom: <sip:a@b>;tag=$OUR\nCall-ID: $ID\nCSeq: 1 INVITE\n\n",
	"INVITE sip:1@x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=new\nTo: <sip:c@d>\nCall-ID: in$SEQ\nCSeq: 1 INVITE\nContact: <sip:x@127.0.0.1:5080>\nP-Asserted-Identity: <tel:1>\n\n",
	"BYE sip:x SIP/2.0\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ BYE\n\n",
	"BYE sip:x SIP/2.0\nVia: $VIA\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\nCSeq: $SEQ BYE\n\n",
	"UPDATE sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nCall-ID: $ID\nCSeq: $SEQ UPDATE\n\n",
	"INVITE sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCSeq: $SEQ INVITE\n\n",
	"INVITE sip:x SIP/2.0\nVia: $VIA\nFrom: <sip:a@b>;tag=$THEIR\nTo: <sip:c@d>;tag=$OUR\nCall-ID: $ID\n\n",
	"INVITE sip:x SIP/2.0\nVia: $VIA\n\n",
	"SIP/2.0 200 OK\nCSeq: 1 INVITE\n\n",
	"SIP/2.0 180 Ringing\nVia: $VIA\nCall-ID: $ID\n\n",
}

// TestMessagesThatLackWhatTheyNeedDoNotHurt: sipgo parses messages without
// Call-ID, CSeq, From, To or Via (192 of 4,500 hostile ones, measured), and a
// handler that trusts them panics.
func TestMessagesThatLackWhatTheyNeedDoNotHurt(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	l := newLine(t)
	for _, s := range inCall {
		for lost := range strings.Count(s, "\n") {
			l.up(ctx, t)
			lines := strings.SplitAfter(s, "\n")
			lines[lost] = ""
			if lost == 0 {
				lines[0] = s[:strings.Index(s, "\n")+1] // the start line stays
			}
			l.say(ctx, t, strings.Join(lines, ""))
		}
	}
}

// FuzzCall feeds mutated messages to a live call through the real socket reader,
// parser, transactions and owner: nothing may panic, and the call, or its
// absence, must answer the next question.
func FuzzCall(f *testing.F) {
	for _, s := range inCall {
		f.Add(s)
	}
	l := newLine(f)
	f.Fuzz(func(t *testing.T, s string) {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		l.up(ctx, t)
		l.say(ctx, t, s)
	})
}
