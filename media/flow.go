package media

import "time"

// A flow is everything about a leg that its shard alone may touch: what was
// agreed, what goes out, what comes in. No lock guards it; other goroutines reach it
// by commands to the shard.
type flow struct {
	live     bool   // a description has been accepted
	timedOut bool   // told
	visits   uint8  // goes round
	eager    uint8  // visits that still take all there is
	lack     uint8  // visits in a row that found no packet
	pressing bool   // dial has keys
	usual    format // of the last audio taken, or noType

	out    header // the next packet's
	player player
	guard  *guard   // nil: in the clear
	order  *reorder // only while somebody hears the leg
	from   *inlet   // only while bridged: the other leg's audio

	first, last     time.Duration // when RTP was taken; zero: never
	waitFrom        time.Duration // when waiting for RTP began
	patience        time.Duration // how long a silence may last that began with a packet
	packets, octets uint64
	control         time.Duration // when RTCP is to be thought of

	keys  keypad
	heard reception
	latch latch
	terms terms
	rtcp  control
	dial  dialling // keys being pressed by us

	drops   Drops
	known   uint64 // of the drops, by the shard
	digit   int
	skipped uint64
	errors  uint64
}

// drain is how many datagrams one visit takes; a flood waits in the kernel, where
// the rest of it is thrown away.
const drain = 16

// How many visits look for all there is after one that found more than was due,
// and which visit does so anyway: two thirds of a second are no delay that lasts.
const (
	eagerVisits = 8
	eagerAnyway = 32
)

// noType is no payload type: those have seven bits.
const noType = 0xFF

// quietAfter is when a tap starts to hear silence.
const quietAfter = 100 * time.Millisecond

// visit is one packet time of a leg: take in, tell, send. No call on this path allocates.
func (l *Leg) visit(s *shard, now time.Duration) {
	l.receive(s, now)
	l.settle(now)
	sent := l.transmit(s)
	if l.flow.order != nil && len(l.flow.order.listeners) > 0 {
		l.flow.order.pass(l.flow.terms.codec, sent, l.flow.terms.samples())
	}
	if now >= l.flow.control {
		l.control(s, now)
	}
}

// ear is what hears the leg, made when the first listens.
func (f *flow) ear() *reorder {
	if f.order == nil {
		f.order = &reorder{}
	}
	return f.order
}

// receive takes what has come. As one packet comes while one is sent, one is
// looked for; more only when there is a reason to: the last visits found none (it
// may be here now, too) or more than was due, this packet is no plain audio of the
// call (what waits behind it may be), or it is time to look whether their clock is
// faster.
func (l *Leg) receive(s *shard, now time.Duration) {
	f := &l.flow
	found, taken, due := 0, uint64(0), 1+int(f.lack)
	enough := due
	if f.visits++; f.eager > 0 || f.visits%eagerAnyway == 0 {
		enough = drain
		f.eager = max(f.eager, 1) - 1
	}
	for found < enough {
		n, from, at, ok := l.rtp.Receive(s.in[:])
		if !ok {
			break
		}
		found++
		came := time.Duration(0)
		if !at.IsZero() {
			came = at.Sub(s.epoch)
		}
		if l.intake(s.in[:n], from, now, came) {
			taken++
			if s.in[1]&0x7F == f.usual.pt {
				continue
			}
		}
		enough = drain
	}
	switch {
	case found == 0:
		f.lack = min(f.lack+1, drain-1)
	case found > due:
		f.eager, f.lack = eagerVisits, 0
	default:
		f.lack = 0
	}
	s.taken += taken
	if enough > 1 { // nothing is dropped otherwise
		drops := f.drops.total()
		s.dropped.Add(drops - f.known)
		f.known = drops
	}
}

// settle is what time alone brings about.
func (l *Leg) settle(now time.Duration) {
	f := &l.flow
	if d := f.keys.tick(now); d != 0 {
		l.pressed(d)
	}
	if f.order != nil {
		if f.order.wanted() {
			f.order.visit(now-f.last > quietAfter, f.terms.samples())
			l.touched()
		} else {
			f.order = nil
		}
	}
	if !f.live || f.timedOut || f.terms.dir != SendRecv { // on hold, silence is right
		return
	}
	limit := f.patience
	if f.last <= f.waitFrom { // nothing since the description
		limit = l.config.FirstTimeout
	}
	if now-max(f.last, f.waitFrom) >= limit {
		f.timedOut = true
		l.mail.post(Event{Kind: EventTimeout})
	}
}

// transmit sends one frame, of the playlist, the other leg or silence, and gives
// its audio; nil when none was sent.
func (l *Leg) transmit(s *shard) []byte {
	f := &l.flow
	if !f.live {
		return nil
	}
	l.follow()
	samples := f.terms.samples()
	if !f.terms.dir.sends() || !f.latch.source.IsValid() {
		f.out.ts += uint32(samples) // time goes on while held
		f.out.marker = true
		return nil
	}
	if f.from != nil && f.terms.eventIn[1] >= 0 {
		f.from.keys(&f.dial)
		f.pressing = len(f.dial.keys) > 0
	}
	if f.pressing && f.dial.busy(samples) {
		l.press(s, samples)
		return nil
	}
	packet := s.out[:rtpHeaderSize+samples]
	f.out.put(packet)
	l.frame(packet[rtpHeaderSize:], f.terms.codec)
	f.out.ts += uint32(samples)
	l.send(s, packet)
	return packet[rtpHeaderSize:]
}

// send hands one packet to the socket and counts it.
func (l *Leg) send(s *shard, packet []byte) {
	f := &l.flow
	f.out.seq++
	f.out.marker = false
	size, err := len(packet)-rtpHeaderSize, error(nil)
	if f.guard != nil {
		packet, err = f.guard.seal(packet)
	}
	if err == nil {
		err = l.rtp.Send(packet, f.latch.source)
	}
	if err != nil {
		f.errors++
		return
	}
	f.packets++
	f.octets += uint64(size)
	s.given++
}

// frame writes the next audio and tells when a play is over.
func (l *Leg) frame(b []byte, codec Codec) {
	p := &l.flow.player
	if p.list == nil {
		if l.flow.from != nil {
			l.flow.from.fill(b, codec)
		} else {
			hush(b, codec)
		}
		return
	}
	if p.fill(b, codec) {
		l.mail.post(p.list.played(p.sent))
		l.playing.CompareAndSwap(p.list, nil)
		*p = player{}
	}
}

// follow looks whether Play or Stop has changed the list: it tells the end of the
// old one and takes the new one, unless that was dropped meanwhile.
func (l *Leg) follow() {
	p := &l.flow.player
	next := l.playing.Load()
	if next == p.list {
		return
	}
	if p.list != nil {
		l.mail.post(p.list.played(p.sent))
	}
	*p = player{}
	if next != nil && next.state.CompareAndSwap(listWaiting, listTaken) {
		p.list = next
	}
}

// skip moves time on by frames that can no longer be sent in time.
func (f *flow) skip(frames int) {
	samples := frames * f.terms.samples()
	f.out.ts += uint32(samples)
	f.out.marker = true
	f.skipped += uint64(frames)
	if f.order != nil {
		f.order.pass(f.terms.codec, nil, samples)
	}
}

// adopt makes new terms count. The latch opens again only when their address moved.
func (l *Leg) adopt(t terms, g *guard, now time.Duration) {
	f := &l.flow
	if !f.live || t.remote != f.terms.remote {
		f.latch.aim(t.remote, &l.config)
	}
	if !f.live {
		f.out.marker = true
	}
	f.terms, f.live, f.guard = t, true, g
	f.usual = format{pt: noType}
	f.out.pt, f.control = t.pt, 0
	f.waitFrom, f.timedOut, f.patience = now, false, l.config.Timeout
	switch {
	case t.eventIn[1] >= 0:
		if f.order != nil {
			f.order.touch = nil
		}
	case f.ear().touch == nil:
		f.order.touch = &touch{}
	}
}
