package media

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// echoOfOne is a far end for one leg without a machine below it: one good packet
// per visit, and everything sent is thrown away.
type echoOfOne struct {
	packet [172]byte
	h      header
	from   netip.AddrPort
	given  bool
}

func (e *echoOfOne) Receive(b []byte) (int, netip.AddrPort, time.Time, bool) {
	if e.given {
		return 0, netip.AddrPort{}, time.Time{}, false
	}
	e.given = true
	e.h.seq++
	e.h.ts += 160
	e.h.put(e.packet[:])
	return copy(b, e.packet[:]), e.from, time.Time{}, true
}

func (e *echoOfOne) Send([]byte, netip.AddrPort) error { e.given = false; return nil }
func (e *echoOfOne) Close() error                      { return nil }

// loneLeg is a leg on a shard that does not run.
func loneLeg(tb testing.TB, rtp, rtcp Packets, remote netip.AddrPort) (*Leg, *shard) {
	tb.Helper()
	s := newShard(time.Now().Add(-time.Second), goSleeper{})
	e := &Engine{epoch: s.epoch, shards: []*shard{s}, public: remote.Addr()}
	l := newLeg(e, LegConfig{Codecs: both, PTime: 20, FirstTimeout: time.Hour, Timeout: time.Hour}, 6000, rtp, rtcp)
	s.add(l)
	t := l.agreed
	t.remote, t.dir, t.eventIn[1] = remote, SendRecv, eventPT
	l.adopt(t, nil, s.now())
	l.playing.Store(newPlaylist(1, slices.Repeat([]*Clip{NewClip(make([]int16, frameSamples*5))}, 1000)))
	return l, s
}

// BenchmarkCall20ms is one packet time of one call: a visit that takes one packet
// in and sends one frame out. "memory" is our own work, with a tap open and read;
// "sockets" adds the kernel: the call sends to itself over loopback.
func BenchmarkCall20ms(b *testing.B) {
	b.Run("memory", func(b *testing.B) {
		far := &echoOfOne{from: at("127.0.0.1:9000"), h: header{pt: 8, ssrc: 1}}
		l, s := loneLeg(b, far, far, far.from)
		l.rtcp = silent{}
		l.flow.order = &reorder{tap: newTap()}
		pcm := make([]int16, tapSize)
		b.ReportAllocs()
		now := s.now()
		for b.Loop() {
			now += 20 * time.Millisecond
			l.visit(s, now)
			if l.flow.packets%100 == 0 {
				l.flow.order.tap.take(pcm)
			}
		}
		report(b, l)
	})
	b.Run("sockets", func(b *testing.B) {
		ports, err := newPorts(24000, 24999)
		if err != nil {
			b.Fatal(err)
		}
		port, rtp, rtcp, err := ports.bind(netip.MustParseAddr("127.0.0.1"), listenUDP)
		if err != nil {
			b.Fatal(err)
		}
		defer rtp.Close()
		defer rtcp.Close()
		l, s := loneLeg(b, rtp, rtcp, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)))
		b.ReportAllocs()
		now := s.now()
		for b.Loop() {
			now += 20 * time.Millisecond
			l.visit(s, now)
		}
		report(b, l)
	})
}

func report(b *testing.B, l *Leg) {
	if st := l.stats(); st.Received+1 < st.Sent || st.Sent == 0 || st.Dropped > 0 {
		b.Fatalf("received %d, sent %d, dropped %+v", st.Received, st.Sent, st.Drops)
	}
}

// silent is a socket nobody writes to.
type silent struct{}

func (silent) Receive([]byte) (int, netip.AddrPort, time.Time, bool) {
	return 0, netip.AddrPort{}, time.Time{}, false
}
func (silent) Send([]byte, netip.AddrPort) error { return nil }
func (silent) Close() error                      { return nil }

func TestAFrameDoesNotAllocate(t *testing.T) {
	far := &echoOfOne{from: at("127.0.0.1:9000"), h: header{pt: 8, ssrc: 1}}
	l, s := loneLeg(t, far, silent{}, far.from)
	l.flow.order = &reorder{tap: newTap()}
	now := s.now()
	l.flow.rtcp.next = now + time.Hour // reports may allocate, frames may not
	if n := testing.AllocsPerRun(1000, func() {
		now += 20 * time.Millisecond
		l.visit(s, now)
	}); n != 0 {
		t.Errorf("a frame allocates %v times", n)
	}
}

func FuzzIntake(f *testing.F) {
	packet := make([]byte, 172)
	header{pt: 8, seq: 1, ssrc: 1}.put(packet)
	f.Add(packet, packet[:14], uint8(0))
	header{pt: 101, seq: 2, ssrc: 1}.put(packet)
	f.Add(packet, packet, uint8(1))
	far := at("10.0.0.1:4000")
	f.Fuzz(func(t *testing.T, first, second []byte, other uint8) {
		l, s := loneLeg(t, silent{}, silent{}, far)
		l.flow.order = &reorder{tap: newTap()}
		now := s.now()
		for i, b := range [][]byte{first, second, first, second} {
			now += 20 * time.Millisecond
			from := far
			if other>>i&1 != 0 {
				from = at("10.0.0.1:4002")
			}
			l.intake(b, from, now, now)
			l.settle(now)
		}
		if st := l.stats(); st.Received+st.Dropped > 4 || st.Digits > 4 {
			t.Fatalf("four packets became %d and %d, %d digits", st.Received, st.Dropped, st.Digits)
		}
	})
}
