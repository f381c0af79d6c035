package media

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
)

const (
	rtcpInterval = 5 * time.Second // RFC 3550 §6.2, halved to one and a half by chance
	rtcpPoll     = 3 * time.Second // how often the RTCP socket is looked at
	rtcpDrain    = 4               // datagrams taken per look
	ntpEpoch     = 2208988800      // seconds from 1900 to 1970
)

// A control is the RTCP side of a leg: what is reported and what was heard. It
// knows no socket; times are given to it.
type control struct {
	poll  time.Duration
	next  time.Duration
	cname string

	expected, received uint64 // at our last report

	theirReport   uint32 // middle 32 bits of the NTP time in their last SR
	theirReportAt time.Duration

	sent, taken  uint64
	lost         uint32
	fraction     uint8
	remoteJitter uint32
	roundTrip    time.Duration
	bye          bool
}

// due tells whether a report should go out, and sets the next time.
func (c *control) due(now time.Duration) bool {
	if c.next == 0 {
		c.next = now + c.spread()
	}
	if now < c.next {
		return false
	}
	c.next = now + c.spread()
	return true
}

func (c *control) spread() time.Duration { return rtcpInterval/2 + rand.N(rtcpInterval) }

// report builds SR (or RR when nothing was sent) and SDES, and BYE at the end.
func (c *control) report(f *flow, wall time.Time, now time.Duration, bye bool) ([]byte, error) {
	var blocks []rtcp.ReceptionReport
	if f.heard.started {
		blocks = []rtcp.ReceptionReport{c.block(&f.heard, now)}
	}
	var first rtcp.Packet = &rtcp.ReceiverReport{SSRC: f.out.ssrc, Reports: blocks}
	if f.packets > 0 {
		first = &rtcp.SenderReport{
			SSRC: f.out.ssrc, NTPTime: ntpTime(wall), RTPTime: f.out.ts,
			PacketCount: uint32(f.packets), OctetCount: uint32(f.octets), Reports: blocks,
		}
	}
	all := []rtcp.Packet{first, rtcp.NewCNAMESourceDescription(f.out.ssrc, c.cname)}
	if bye {
		all = append(all, &rtcp.Goodbye{Sources: []uint32{f.out.ssrc}})
	}
	b, err := rtcp.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("building RTCP report: %w", err)
	}
	return b, nil
}

// block reports what we hear (RFC 3550 §6.4.1, A.3).
func (c *control) block(r *reception, now time.Duration) rtcp.ReceptionReport {
	expected, received := r.expected()-c.expected, r.total()-c.received
	c.expected, c.received = r.expected(), r.total()
	fraction := uint64(0)
	if expected > received {
		fraction = min(255, (expected-received)<<8/expected)
	}
	block := rtcp.ReceptionReport{
		SSRC: r.ssrc, FractionLost: uint8(fraction), TotalLost: uint32(min(r.lost(), 0x7FFFFF)),
		LastSequenceNumber: r.max - 1<<16, Jitter: r.jitter >> 4, LastSenderReport: c.theirReport,
	}
	if c.theirReport != 0 {
		block.Delay = uint32((now - c.theirReportAt) * 65536 / time.Second)
	}
	return block
}

// take reads a datagram that came at a time, by the wall and by the shard's clock;
// ours is our own SSRC.
func (c *control) take(b []byte, ours uint32, wall time.Time, now time.Duration) bool {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		return false
	}
	c.taken++
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			c.theirReport, c.theirReportAt = uint32(p.NTPTime>>16), now
			c.reports(p.Reports, ours, wall)
		case *rtcp.ReceiverReport:
			c.reports(p.Reports, ours, wall)
		case *rtcp.Goodbye:
			c.bye = true
		}
	}
	return true
}

func (c *control) reports(reports []rtcp.ReceptionReport, ours uint32, wall time.Time) {
	for _, r := range reports {
		if r.SSRC != ours {
			continue
		}
		c.lost, c.fraction, c.remoteJitter = r.TotalLost, r.FractionLost, r.Jitter
		if r.LastSenderReport == 0 {
			continue
		}
		trip := int32(uint32(ntpTime(wall)>>16) - r.LastSenderReport - r.Delay)
		if trip >= 0 && trip < 60<<16 { // more than a minute is a lie or a broken clock
			c.roundTrip = time.Duration(trip) * time.Second / 65536
		}
	}
}

// ntpTime is seconds since 1900 in 32.32 fixed point.
func ntpTime(t time.Time) uint64 {
	seconds := uint64(t.Unix()) + ntpEpoch
	return seconds<<32 | uint64(t.Nanosecond())<<32/1e9
}

// control looks at the RTCP socket every three seconds and reports every five; it
// says when it is to be called again.
func (l *Leg) control(s *shard, now time.Duration) {
	f := &l.flow
	if now >= f.rtcp.poll {
		f.rtcp.poll = now + rtcpPoll
		for range rtcpDrain {
			n, from, at, ok := l.rtcp.Receive(s.in[:])
			if !ok {
				break
			}
			l.hearRTCP(s.in[:n], from, at, now)
		}
	}
	f.control = f.rtcp.poll
	if !f.live {
		return
	}
	if f.rtcp.due(now) {
		l.report(now, false)
	}
	f.control = min(f.rtcp.poll, f.rtcp.next)
}

// isRTCP tells RTCP from RTP on one port, by the second byte (RFC 5761 §4).
func isRTCP(b []byte) bool { return len(b) > 1 && b[1] >= 192 && b[1] <= 223 }

// hearRTCP takes one datagram, from either socket. It came at a time the kernel
// knows, or is taken to have come now; a second in the socket is no round trip.
func (l *Leg) hearRTCP(b []byte, from netip.AddrPort, at time.Time, now time.Duration) {
	f := &l.flow
	if at.IsZero() {
		at = l.shard.epoch.Add(now)
	}
	ok := f.live && l.believed(from)
	if ok && f.guard != nil {
		var err error
		b, err = f.guard.openRTCP(b)
		ok = err == nil
	}
	if !ok || !f.rtcp.take(b, f.out.ssrc, at, at.Sub(l.shard.epoch)) {
		f.drops.RTCP++
	}
}

// believed tells whether RTCP may come from an address: the host RTP comes from
// or was announced for. It never moves anything.
func (l *Leg) believed(from netip.AddrPort) bool {
	return from.Addr() == l.flow.latch.source.Addr() || from.Addr() == l.flow.terms.remoteRTCP.Addr()
}

func (l *Leg) report(now time.Duration, bye bool) {
	f := &l.flow
	socket, to := l.rtcp, f.terms.remoteRTCP
	if f.terms.mux {
		socket, to = l.rtp, f.latch.source
	}
	if !to.IsValid() || f.latch.waits {
		return
	}
	b, err := f.rtcp.report(f, time.Now(), now, bye)
	if err == nil && f.guard != nil {
		b, err = f.guard.out.EncryptRTCP(nil, b, &f.guard.rtcp)
	}
	if err == nil {
		err = socket.Send(b, to)
	}
	if err == nil {
		f.rtcp.sent++
	}
}
