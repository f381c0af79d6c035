package siptest

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var callNumber atomic.Int64

// uac is a caller made of nothing but a Peer and a UDP socket: a bot that says
// something, waits for the person, and hangs up after its turns.
type uac struct {
	t       *testing.T
	p       *Peer
	rtp     *net.UDPConn
	gw      string
	number  string
	callID  string
	branch  string
	event   int              // telephone-event payload type offered; 0 = none
	replies int              // what the bot waits for before it hangs up
	cancel  bool             // CANCEL at the first 180
	lead    func(m *Message) // bends the INVITE

	provisional []int
	final       *Message
	byeFrom     string       // us or callee
	info        atomic.Int64 // keys that came by INFO
	rtpIn       int
	rtpOut      int
	loudIn      int
	digits      string
	seqGaps     int
	lastSeq     uint16
	early       int // packets before the final response
	answered    atomic.Bool
	remote      atomic.Pointer[netip.AddrPort]
}

func newUAC(t *testing.T, g *Gateway, number string) *uac {
	t.Helper()
	p, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	rtp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rtp.Close() })
	n := callNumber.Add(1)
	return &uac{t: t, p: p, rtp: rtp, gw: g.Addr(), number: number, event: 101,
		callID: fmt.Sprintf("call-%d@test", n), branch: fmt.Sprintf("z9hG4bKuac%d", n)}
}

func (u *uac) request(method string, seq int, toTag string, parts ...Part) *Message {
	to := "<sip:" + u.number + "@" + u.gw + ">"
	if toTag != "" {
		to += ";tag=" + toTag
	}
	branch := u.branch
	if method != "INVITE" && method != "CANCEL" {
		branch = newBranch()
	}
	m := &Message{Start: "" + method + " sip:" + u.number + "@" + u.gw + " SIP/2.0", Header: []Field{
		{"Via", "SIP/2.0/UDP " + u.p.Addr() + ";rport;branch=" + branch}, {"Max-Forwards", "70"},
		{"From", "<sip:4001@127.0.0.1>;tag=uac"}, {"To", to}, {"Call-ID", u.callID},
		{"CSeq", fmt.Sprintf("%d %s", seq, method)}, u.p.Contact(), {"X-Attempt", "attempt-" + u.number},
	}}
	for _, part := range parts {
		part.addTo(m)
	}
	return m
}

func (u *uac) send(m *Message) {
	if err := u.p.Send(m.Bytes(), u.gw); err != nil {
		u.t.Error(err)
	}
}

func (u *uac) offer() SDP {
	return describe("127.0.0.1", u.rtp.LocalAddr().(*net.UDPAddr).Port, 1, u.event, "sendrecv")
}

// run places the call and returns when it has ended on the wire.
func (u *uac) run(ctx context.Context) {
	u.t.Helper()
	inv := u.request("INVITE", 1, "", u.offer())
	if u.lead != nil {
		u.lead(inv)
	}
	u.send(inv)
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); u.talk(ctx) }()
	defer func() { stop(); <-ended }()
	for {
		m, _, err := u.p.Next(ctx)
		if err != nil {
			u.t.Errorf("call to %s: %v", u.number, err)
			return
		}
		if u.take(m) {
			return
		}
	}
}

// take handles one message and reports whether the call is over.
func (u *uac) take(m *Message) bool {
	_, method := m.CSeq()
	if len(m.Body) > 0 && m.Status() != 0 {
		if s, err := parseSDP(m.Body); err == nil {
			u.remote.CompareAndSwap(nil, &s.addr)
		}
	}
	switch status := m.Status(); {
	case m.Method() == "BYE":
		u.byeFrom = "callee"
		u.p.Reply(m, 200, "OK", "")
		return true
	case m.Method() == "INFO":
		u.info.Add(1)
		u.p.Reply(m, 200, "OK", "")
	case method == "BYE":
		u.byeFrom = "us"
		return true
	case method != "INVITE" || status == 0:
	case status < 200:
		u.provisional = append(u.provisional, status)
		if status == 180 && u.cancel {
			u.send(u.request("CANCEL", 1, ""))
		}
	case status == 200:
		u.final = m
		u.answered.Store(true)
		u.send(u.request("ACK", 1, m.ToTag()))
		if u.cancel {
			u.send(u.request("BYE", 2, m.ToTag()))
		}
	default:
		u.final = m
		ack := u.request("ACK", 1, m.ToTag())
		ack.Set("Via", "SIP/2.0/UDP "+u.p.Addr()+";rport;branch="+u.branch)
		u.send(ack)
		return true
	}
	return false
}

// talk is the bot's mouth and ears: 400 ms of tone a turn, then it waits until
// the person has spoken and stopped, or 2 s have passed. Quiet is counted in
// packets, so that a stalled machine does not look like a person who finished.
// After the replies it expects, and one turn more, it hangs up.
func (u *uac) talk(ctx context.Context) {
	tx, buf := newSender(), make([]byte, 2048)
	voice := tone(700, 400*time.Millisecond)
	next, saying := time.Now(), []byte(nil)
	turns, replies, waited, heard, quiet, bye := 0, 0, 0, false, 0, false
	for ctx.Err() == nil {
		next = next.Add(frameTime)
		voiced, silent := u.listen(buf, next)
		if !u.answered.Load() || bye {
			continue
		}
		quiet, waited = quiet+silent, waited+1
		if voiced > 0 {
			heard, quiet = true, 0
		}
		replied := heard && quiet >= 12 || int(u.info.Load()) > replies
		if replied {
			heard, replies = false, replies+1
		}
		if len(saying) == 0 && (turns == 0 || replied || waited > 100 || replies >= u.replies && waited > 25) {
			if bye = turns > max(2, u.replies) && replies >= u.replies; bye {
				u.send(u.request("BYE", 2, u.final.ToTag()))
				continue
			}
			turns, waited, saying = turns+1, 0, voice
		}
		n := min(frameSamples, len(saying))
		if u.rtpSend(tx.audio(saying[:n])) {
			u.rtpOut++
		}
		if saying = saying[n:]; len(saying) > 0 {
			waited = 0
		}
	}
	u.listen(buf, time.Now().Add(frameTime)) // what came before the end
}

func (u *uac) rtpSend(b []byte) bool {
	to := u.remote.Load()
	if to == nil {
		return false
	}
	_, err := u.rtp.WriteToUDPAddrPort(b, *to)
	return err == nil
}

// listen reads until the next frame is due and counts what came. Packets from
// elsewhere are some other test's.
func (u *uac) listen(buf []byte, until time.Time) (voiced, silent int) {
	u.rtp.SetReadDeadline(until)
	for {
		n, from, err := u.rtp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return voiced, silent
		}
		pt, payload, ok := rtpPayload(buf[:n])
		if to := u.remote.Load(); to == nil || *to != netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) {
			continue
		}
		if !ok {
			u.t.Errorf("not RTP: %x", buf[:min(n, 16)])
			continue
		}
		u.rtpIn++
		if !u.answered.Load() {
			u.early++
		}
		seq := binary.BigEndian.Uint16(buf[2:])
		if u.rtpIn > 1 && seq != u.lastSeq+1 {
			u.seqGaps++
		}
		u.lastSeq = seq
		switch {
		case int(pt) == u.event && u.event != 0:
			if buf[1]&0x80 != 0 { // the marker begins a press
				u.digits += strings.Split("0 1 2 3 4 5 6 7 8 9 * #", " ")[payload[0]]
			}
			voiced++
		case loud(payload):
			u.loudIn++
			voiced++
		default:
			silent++
		}
	}
}

// record is what the gateway wrote about this call.
func (u *uac) record(g *Gateway) CallRecord {
	for _, r := range g.Truth().Calls {
		if r.CallID == u.callID {
			return r
		}
	}
	u.t.Fatalf("the gateway knows no call %s", u.callID)
	return CallRecord{}
}
