package media

import (
	"fmt"
	"net/netip"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

const (
	maxTag       = 16 // what SRTP adds to a packet, with the suites we know
	replayWindow = 128
)

// A guard encrypts and opens the packets of one leg; its shard's own.
type guard struct {
	out, in *srtp.Context
	old     *srtp.Context // opens what was sent before they changed their key
	header  rtp.Header    // scratch, so that a packet allocates none
	rtcp    rtcp.Header
	spare   []byte // a packet for old, since opening in vain destroys it
}

// newGuard makes the guard for new terms and keeps what has not changed of the one
// before: its rollover counters go on.
func newGuard(t, before terms, g *guard) (*guard, error) {
	if t.sendKey == nil || t.hearKey == nil {
		return nil, nil
	}
	next := &guard{}
	var err error
	if g != nil && t.sendKey.equal(before.sendKey) {
		next.out = g.out
	} else if next.out, err = t.sendKey.context(); err != nil {
		return nil, err
	}
	if g != nil && t.hearKey.equal(before.hearKey) {
		next.in = g.in
		return next, nil
	}
	if next.in, err = t.hearKey.context(); err != nil {
		return nil, err
	}
	if g != nil {
		next.old = g.in
	}
	return next, nil
}

func (k *keying) context() (*srtp.Context, error) {
	keyLen, err := k.suite.profile.KeyLen()
	if err != nil {
		return nil, fmt.Errorf("keying %s: %w", k.suite.name, err)
	}
	c, err := srtp.CreateContext(k.key[:keyLen], k.key[keyLen:], k.suite.profile,
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return nil, fmt.Errorf("keying %s: %w", k.suite.name, err) // says lengths, not keys
	}
	return c, nil
}

// seal encrypts a packet in place; its buffer has room for maxTag more.
func (g *guard) seal(packet []byte) ([]byte, error) {
	return g.out.EncryptRTP(packet, packet, &g.header)
}

// open authenticates and decrypts a packet in place; nil is a packet that is not
// theirs, or a copy.
func (g *guard) open(packet []byte) []byte {
	if g.old != nil {
		g.spare = append(g.spare[:0], packet...)
	}
	plain, err := g.in.DecryptRTP(packet, packet, &g.header)
	if err == nil {
		g.old = nil
		return plain
	}
	if g.old != nil {
		if plain, err = g.old.DecryptRTP(packet, g.spare, &g.header); err == nil {
			return plain
		}
	}
	return nil
}

// openRTCP is open for a datagram of RTCP.
func (g *guard) openRTCP(b []byte) ([]byte, error) { return g.in.DecryptRTCP(nil, b, &g.rtcp) }

// unwrap opens one datagram of an encrypted leg. What cannot be the call's by its
// header or source is dropped before any of it is decrypted; nothing is changed by
// a packet that was not authenticated.
func (l *Leg) unwrap(b []byte, from netip.AddrPort) []byte {
	f := &l.flow
	if len(b) < rtpHeaderSize || b[0]>>6 != 2 {
		f.drops.Malformed++
		return nil
	}
	if _, _, ok := f.terms.hears(b[1] & 0x7F); !ok {
		f.drops.Type++
		return nil
	}
	if !f.latch.possible(from) {
		f.drops.Foreign++
		return nil
	}
	plain := f.guard.open(b)
	if plain == nil {
		f.drops.Auth++
	}
	return plain
}
