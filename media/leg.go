package media

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// A Leg is the audio of one call. Its methods may be called from any goroutine;
// the frames are its shard's business.
type Leg struct {
	// What a visit needs stands together: at a thousand legs a visit costs what it
	// fetches from memory. The shard's own, but for playing.
	after   *Leg // in the same slot
	due     int64
	phase   int
	gone    bool
	rtp     Packets
	socket  unsafe.Pointer // what rtp points to, if that is to be fetched before a visit
	playing atomic.Pointer[playlist]
	flow    flow

	engine *Engine
	shard  *shard
	config LegConfig
	port   int
	rtcp   Packets
	mail   mailbox
	plays  atomic.Uint64

	mu     sync.Mutex // of the negotiation; never taken by the shard
	local  description
	wishes wishes
	agreed terms
	guard  *guard // as the shard has it
	tap    *Tap

	closing sync.Once
	final   Stats // set by the shard at the end
}

func newLeg(e *Engine, c LegConfig, port int, rtp, rtcp Packets) *Leg {
	start, session := random64(), random64()
	l := &Leg{engine: e, shard: e.emptiest(), config: c, port: port, rtp: rtp, rtcp: rtcp}
	if r, ok := rtp.(interface{ memory() unsafe.Pointer }); ok {
		l.socket = r.memory()
	}
	l.mail.ch = make(chan Event, eventRoom)
	// o= numbers stay below 2^62: some parsers use signed 64 bit.
	l.local = description{host: e.public, port: port, session: session >> 2, version: session >> 34}
	if c.Public.IsValid() {
		l.local.host = c.Public
	}
	l.flow.out = header{seq: uint16(start), ts: uint32(start >> 16), ssrc: uint32(session ^ start>>32)}
	l.wishes = wishes{codecs: c.Codecs, ptime: c.PTime, security: c.Security}
	if c.Security != SecurityOff {
		l.wishes.keys = offeredKeys()
	}
	l.agreed = terms{codec: c.Codecs[0], pt: uint8(c.Codecs[0]), takes: static(c.Codecs), eventIn: [2]int{eventPT, -1}, dir: Inactive, ptime: c.PTime}
	l.flow.terms = l.agreed
	l.flow.rtcp.cname = strconv.FormatUint(random64(), 36) // RFC 7022: random, says nothing
	return l
}

// Offer is our SDP: in an INVITE, or in the answer to a re-INVITE without SDP.
func (l *Leg) Offer() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offer()
}

func (l *Leg) offer() []byte {
	a := audioLine{
		proto: "RTP/AVP", formats: static(l.config.Codecs), event: eventPT, ptime: l.config.PTime,
		mux: true, keys: l.wishes.keys,
	}
	if l.config.Security == SecurityRequired {
		a.proto = "RTP/SAVP"
	}
	return l.local.seal(l.local.head() + l.local.audio(a))
}

// Signalled tells where the signalling turned out to come from, of a leg that was
// opened before that was known; it counts for every description taken from then on.
func (l *Leg) Signalled(from netip.Addr) {
	l.shard.do(func() { l.config.Signal = from })
}

// Accept takes the answer to our offer, from any provisional or final response.
// From then on the leg sends: silence, until Play. A later answer replaces an
// earlier one. Errors wrap ErrRejected, ErrNoCodec, ErrNotSecure or ErrBadSDP and
// change nothing.
func (l *Leg) Accept(answer []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, err := l.wishes.judgeAnswer(answer)
	if err != nil {
		return fmt.Errorf("accepting SDP answer: %w", err)
	}
	return l.settleOn(t)
}

// Reoffer takes a re-INVITE's or UPDATE's offer and gives the answer; a hold is
// answered as a hold. No offer asks for ours, which then wants an Accept.
func (l *Leg) Reoffer(offer []byte) (answer []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(offer) == 0 {
		return l.offer(), nil
	}
	t, body, err := l.local.judgeOffer(offer, &l.wishes, l.agreed)
	if err != nil {
		return nil, fmt.Errorf("answering SDP offer: %w", err)
	}
	if err := l.settleOn(t); err != nil {
		return nil, err
	}
	return l.local.seal(body), nil
}

// settleOn hands new terms to the shard.
func (l *Leg) settleOn(t terms) error {
	if t.remote.IsValid() {
		if ip := t.remote.Addr(); l.config.Loopback && !ip.IsLoopback() {
			return fmt.Errorf("%w: media at %s on a loopback trunk", ErrBadSDP, ip)
		} else if ip.Is4() != l.engine.ip.Is4() && !l.engine.ip.IsUnspecified() {
			return fmt.Errorf("%w: media at %s, ours at %s", ErrBadSDP, ip, l.engine.ip)
		}
	}
	g, err := newGuard(t, l.agreed, l.guard)
	if err != nil {
		return err
	}
	l.playing.Load().prepare(t.codec)
	open := false
	l.shard.do(func() {
		if open = !l.gone; open {
			l.adopt(t, g, l.shard.now())
		}
	})
	if !open {
		return ErrClosed
	}
	if l.agreed.sendKey != nil && !l.agreed.sendKey.equal(t.sendKey) {
		l.wishes.renew(t.sendKey)
	}
	l.agreed, l.guard = t, g
	return nil
}

// Play replaces what is playing, from the next frame on. Clips may be shared; nil
// ones are passed over. The ID comes back in the event that says the play is over.
func (l *Leg) Play(clips ...*Clip) uint64 {
	p := newPlaylist(l.plays.Add(1), clips)
	if slices.Contains(l.config.Codecs, G722) { // it is encoded here, not among the frames
		l.mu.Lock()
		defer l.mu.Unlock()
		p.prepare(l.agreed.codec)
	}
	l.put(p)
	return p.id
}

// Stop ends what is playing; silence goes on.
func (l *Leg) Stop() { l.put(nil) }

func (l *Leg) put(p *playlist) {
	if old := l.playing.Swap(p); old.drop() {
		l.mail.post(old.played(0))
	}
}

// Events are what happens on the leg, each told once. The channel is closed by
// Close, after the last play's end has been told.
func (l *Leg) Events() <-chan Event { return l.mail.ch }

// Tap opens what the callee says, from now on; it gives the same tap until that
// is closed.
func (l *Leg) Tap() *Tap {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tap != nil && !l.tap.shut.Load() {
		return l.tap
	}
	t := newTap()
	if !l.shard.do(func() {
		if l.gone {
			t.end()
			return
		}
		l.flow.ear().tap = t
	}) {
		t.end()
	}
	l.tap = t
	return t
}

// Stats is the leg as it is now, or as it was at the end.
func (l *Leg) Stats() (st Stats) {
	if !l.shard.do(func() {
		if st = l.final; !l.gone {
			st = l.stats()
		}
	}) {
		return l.final
	}
	return st
}

// Close says goodbye by RTCP, frees the ports and gives the record of the leg. It
// may be called again.
func (l *Leg) Close() Stats {
	l.closing.Do(func() {
		l.shard.do(func() {
			if !l.gone {
				l.finish(l.shard)
			}
		})
	})
	st := l.final
	st.EventsLost = l.mail.lost.Load()
	return st
}

// finish is the end of a leg, on its shard.
func (l *Leg) finish(s *shard) {
	if p := l.flow.player.list; p != nil {
		l.mail.post(p.played(l.flow.player.sent))
	}
	if old := l.playing.Swap(nil); old.drop() {
		l.mail.post(old.played(0))
	}
	if l.flow.live {
		l.report(s.now(), true)
	}
	l.final = l.stats()
	if l.flow.order != nil {
		l.flow.order.end()
	}
	l.mail.close()
	_ = l.rtp.Close()
	_ = l.rtcp.Close()
	s.remove(l)
	s.load.Add(-1)
	l.engine.ports.release(l.port, time.Now())
}

// stats gathers the record; on the shard.
func (l *Leg) stats() Stats {
	f := &l.flow
	st := Stats{
		Codec: f.terms.codec, LocalPort: l.port, SSRC: f.heard.ssrc, OwnSSRC: f.out.ssrc,
		Sent: f.packets, Skipped: f.skipped, SendErrors: f.errors,
		Received: f.heard.total(), Lost: f.heard.lost(), Late: f.heard.late, Jitter: f.heard.jitterTime(),
		Digits: f.digit, Dropped: f.drops.total(), Drops: f.drops,
		RTCPSent: f.rtcp.sent, RTCPReceived: f.rtcp.taken,
		RemoteLost: f.rtcp.lost, RemoteFraction: float64(f.rtcp.fraction) / 256,
		RemoteJitter: time.Duration(f.rtcp.remoteJitter) * (time.Second / sampleRate),
		RoundTrip:    f.rtcp.roundTrip, RemoteBye: f.rtcp.bye, EventsLost: l.mail.lost.Load(),
	}
	if f.terms.sendKey != nil {
		st.Security = f.terms.sendKey.suite.name
	}
	if f.first != 0 {
		st.FirstRTP, st.LastRTP = l.engine.epoch.Add(f.first), l.engine.epoch.Add(f.last)
	}
	if f.order != nil && f.order.tap != nil {
		st.TapMissed = f.order.tap.Dropped()
	}
	st.judge(f.heard.expected(), f.terms.ptime)
	return st
}

// period is the packet time of what we send, and so of the visits.
func (l *Leg) period() time.Duration { return time.Duration(l.flow.terms.ptime) * time.Millisecond }
