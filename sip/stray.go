package sip

import (
	"context"
	"net/netip"
	"sync"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// maxStrays bounds what we remember of forgotten calls' answers.
const maxStrays = 1024

// strays remembers the ACKs of answers whose call is forgotten, so that a
// repeated answer gets its ACK again but not another BYE.
type strays struct {
	mu    sync.Mutex
	known map[string]stray
}

type stray struct {
	ack *gosip.Request
	at  time.Time
}

// remember returns the ACK already sent for this answer, or keeps the new one.
// It reports false when there is no room.
func (s *strays) remember(key string, ack *gosip.Request, now time.Time) (sent *gosip.Request, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, found := s.known[key]; found {
		return old.ack, true
	}
	if len(s.known) >= maxStrays {
		for k, v := range s.known {
			if now.Sub(v.at) > 64*gosip.T1 {
				delete(s.known, k)
			}
		}
	}
	if len(s.known) >= maxStrays {
		return nil, false
	}
	if s.known == nil {
		s.known = map[string]stray{}
	}
	s.known[key] = stray{ack, now}
	return nil, true
}

// onStray takes responses to no call. Answers matter: the call may be forgotten,
// or this process may be younger than the call.
func (a *Agent) onStray(res *gosip.Response) {
	cseq := res.CSeq()
	if cseq == nil || cseq.MethodName != gosip.INVITE || res.StatusCode < 200 || res.StatusCode >= 300 {
		return // nothing else charges anybody
	}
	id, tag := callID(res), fromTag(res)
	if !a.tags.ours(id, tag) {
		a.count.spoofed.Add(1)
		return
	}
	a.spawn(func() { a.dismiss(res) }) // which may look for a way and wait for a stream
}

// dismiss acknowledges and hangs up an answer from itself alone.
func (a *Agent) dismiss(res *gosip.Response) {
	source, err := netip.ParseAddrPort(res.Source())
	if err != nil {
		return
	}
	via, laddr, err := a.wayBack(res, source)
	if err != nil {
		return
	}
	sameHost := func(ip netip.Addr) bool { return ip == source.Addr().Unmap() }
	d, ok := dialogOf(res, via, laddr, sameHost)
	if !ok {
		return
	}
	ack := d.request(gosip.ACK, d.seq)
	sent, ok := a.stray.remember(callID(res)+" "+toTag(res), ack, time.Now())
	if !ok {
		return
	}
	if sent != nil {
		a.send(repeat(sent, d.seq))
		return
	}
	a.count.late.Add(1)
	a.send(ack)
	bye := d.request(gosip.BYE, d.next())
	bye.AppendHeader(gosip.NewHeader("Reason", `SIP;cause=487;text="call is over"`))
	a.spawn(func() { a.transact(context.Background(), bye) })
	a.log.Warn("answer to a forgotten call hung up", "call", callID(res))
}
