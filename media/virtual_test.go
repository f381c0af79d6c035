package media

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"warmline/media/mediatest"
)

// inMemory is an engine on a network without a machine below it.
func inMemory(t *testing.T, n *mediatest.Network) *Engine {
	return engine(t, Config{Shards: 1, Listen: func(at netip.AddrPort) (Packets, error) {
		s, err := n.Listen(at)
		if errors.Is(err, mediatest.ErrOccupied) {
			return nil, fmt.Errorf("%w: %w", ErrOccupied, err)
		}
		return s, err
	}})
}

// farEnd binds the RTP and RTCP addresses of the other side.
func farEnd(t *testing.T, n *mediatest.Network) (rtp, rtcp *mediatest.Socket) {
	t.Helper()
	rtp, err := n.Listen(at("127.0.0.1:9000"))
	if err != nil {
		t.Fatal(err)
	}
	rtcp, err = n.Listen(at("127.0.0.1:9001"))
	if err != nil {
		t.Fatal(err)
	}
	return rtp, rtcp
}

// hear gives the next RTP packet.
func hear(t *testing.T, s *mediatest.Socket) mediatest.Packet {
	t.Helper()
	b, _, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := mediatest.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// discard throws away what has come.
func discard(s *mediatest.Socket) {
	for b, ok := make([]byte, 500), true; ok; {
		_, _, _, ok = s.Receive(b)
	}
}

func TestSilenceFromTheOtherSideIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		rtp, _ := farEnd(t, &n)
		e := inMemory(t, &n)
		defer e.Close()
		l := open(t, e, LegConfig{Loopback: true})
		start := time.Now()
		if err := l.Accept(mediatest.Answer(rtp.Addr())); err != nil {
			t.Fatal(err)
		}
		got := <-l.Events()
		if waited := time.Since(start).Round(100 * time.Millisecond); got.Kind != EventTimeout || waited != 15*time.Second {
			t.Errorf("%q after %v, want a timeout after 15 s", got.Kind, waited)
		}
		source := mediatest.Source{Type: 8}
		if err := rtp.Send(source.Audio(make([]byte, 160)).Bytes(), at(fmt.Sprintf("127.0.0.1:%d", l.port))); err != nil {
			t.Fatal(err)
		}
		if got := <-l.Events(); got.Kind != EventFirst {
			t.Errorf("%q, want the first packet", got.Kind)
		}
		start = time.Now()
		got = <-l.Events()
		if waited := time.Since(start).Round(100 * time.Millisecond); got.Kind != EventTimeout || waited != 30*time.Second {
			t.Errorf("%q after %v, want a timeout after 30 s", got.Kind, waited)
		}
	})
}

func TestPlaysAreToldWithWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		rtp, _ := farEnd(t, &n)
		e := inMemory(t, &n)
		defer e.Close()
		l := open(t, e, LegConfig{})
		loud := NewClip(mediatest.Tone(1000, time.Second, 8000, 0.5))
		never := l.Play(loud)
		first := l.Play(loud, loud)
		if got := <-l.Events(); got.ID != never || got.Frames != 0 || got.Total != 50 {
			t.Errorf("a play replaced before it began: %+v", got)
		}
		if err := l.Accept(mediatest.Answer(rtp.Addr())); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			hear(t, rtp)
		}
		second := l.Play(loud)
		if got := <-l.Events(); got.ID != first || got.Frames != 10 || got.Total != 100 {
			t.Errorf("a play replaced after ten frames: %+v", got)
		}
		if got := <-l.Events(); got.ID != second || got.Frames != 50 || got.Total != 50 {
			t.Errorf("a whole play: %+v", got)
		}
		discard(rtp)
		third := l.Play(loud)
		for hear(t, rtp).Payload[7] == silenceALaw {
		}
		l.Stop()
		if got := <-l.Events(); got.ID != third || got.Frames == 0 || got.Frames == 50 {
			t.Errorf("a play stopped: %+v", got)
		}
		fourth := l.Play(loud)
		l.Close()
		if got := <-l.Events(); got.ID != fourth || got.Total != 50 {
			t.Errorf("a play the end cut off: %+v", got)
		}
	})
}

func TestFramesKeepTheirTime(t *testing.T) {
	for _, ptime := range []int{10, 20, 30, 40, 60} {
		t.Run(fmt.Sprintf("%d ms", ptime), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n mediatest.Network
				rtp, _ := farEnd(t, &n)
				e := inMemory(t, &n)
				defer e.Close()
				l := open(t, e, LegConfig{})
				if err := l.Accept(mediatest.Answer(rtp.Addr(), fmt.Sprintf("a=ptime:%d", ptime))); err != nil {
					t.Fatal(err)
				}
				before, start := hear(t, rtp), time.Now()
				for i := 1; i <= 200; i++ {
					p := hear(t, rtp)
					if p.Seq != before.Seq+1 || p.Time != before.Time+uint32(ptime*8) || p.Marker || len(p.Payload) != ptime*8 {
						t.Fatalf("packet %d: %d/%d after %d/%d", i, p.Seq, p.Time, before.Seq, before.Time)
					}
					if i == 1 { // the first interval may hold the change of packet time
						start = time.Now().Add(-time.Duration(ptime) * time.Millisecond)
					}
					if want := time.Duration(i*ptime) * time.Millisecond; time.Since(start) != want {
						t.Fatalf("packet %d came after %v, want %v", i, time.Since(start), want)
					}
					before = p
				}
			})
		})
	}
}

func TestALateShardSkipsAndNeverBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		rtp, _ := farEnd(t, &n)
		e := inMemory(t, &n)
		defer e.Close()
		l := open(t, e, LegConfig{})
		if err := l.Accept(mediatest.Answer(rtp.Addr())); err != nil {
			t.Fatal(err)
		}
		before := hear(t, rtp)
		l.shard.do(func() { time.Sleep(500 * time.Millisecond) }) // the machine was elsewhere
		after := hear(t, rtp)
		gap := int(after.Time-before.Time) / 160
		if gap < 23 || gap > 26 || after.Seq != before.Seq+1 || !after.Marker {
			t.Errorf("after half a second: %d frames on, sequence +%d, marker %v", gap, after.Seq-before.Seq, after.Marker)
		}
		came := time.Now()
		hear(t, rtp)
		hear(t, rtp)
		if took := time.Since(came); took < 20*time.Millisecond {
			t.Errorf("the next two packets came within %v", took)
		}
		if st := e.Stats(); st.Skipped != uint64(gap-1) || st.LateMax < 400*time.Millisecond {
			t.Errorf("skipped %d, want %d; worst %v", st.Skipped, gap-1, st.LateMax)
		}
	})
}

func TestHoldStopsOurAudioAndItsEndResumesThePlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		rtp, _ := farEnd(t, &n)
		e := inMemory(t, &n)
		defer e.Close()
		l := open(t, e, LegConfig{})
		if err := l.Accept(mediatest.Answer(rtp.Addr())); err != nil {
			t.Fatal(err)
		}
		id := l.Play(NewClip(mediatest.Tone(500, time.Second, 8000, 0.5)))
		hear(t, rtp)
		if _, err := l.Reoffer(mediatest.Answer(rtp.Addr(), "a=sendonly")); err != nil {
			t.Fatal(err)
		}
		discard(rtp)
		held := l.Stats().Sent
		time.Sleep(time.Minute) // virtual
		if st := l.Stats(); st.Sent != held {
			t.Errorf("%d packets were sent on hold", st.Sent-held)
		}
		if _, err := l.Reoffer(mediatest.Answer(rtp.Addr())); err != nil {
			t.Fatal(err)
		}
		if p := hear(t, rtp); !p.Marker {
			t.Error("the first packet after hold has no marker")
		}
		if got := <-l.Events(); got.ID != id || got.Frames != 50 {
			t.Errorf("after hold: %+v, want the whole play and no timeout before", got)
		}
	})
}

func TestReportsGoBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		e := inMemory(t, &n)
		defer e.Close()
		a, b := open(t, e, LegConfig{}), open(t, e, LegConfig{})
		count := 0
		n.Copies = func(from, to netip.AddrPort, _ []byte) int {
			if int(from.Port()) == a.port {
				if count++; count%10 == 0 && count > 10 {
					return 0
				}
			}
			return 1
		}
		join(t, a, b)
		time.Sleep(30 * time.Second) // virtual
		sa, sb := a.Stats(), b.Close()
		if sb.Lost < 100 || sb.Lost > 200 || sa.Lost != 0 {
			t.Errorf("b lost %d, a lost %d; want a tenth and none", sb.Lost, sa.Lost)
		}
		if sa.RemoteLost == 0 || sa.RemoteFraction < 0.08 || sa.RemoteFraction > 0.12 || sa.RTCPReceived < 3 || sa.RTCPSent < 3 {
			t.Errorf("a was told of %d lost, share %.2f, in %d reports", sa.RemoteLost, sa.RemoteFraction, sa.RTCPReceived)
		}
		if sa.RoundTrip > 2*time.Second { // RTCP is looked at once a second
			t.Errorf("round trip %v", sa.RoundTrip)
		}
		time.Sleep(2 * time.Second)
		if st := a.Stats(); !st.RemoteBye {
			t.Error("a did not hear b's goodbye")
		}
	})
}

func FuzzRTCP(f *testing.F) {
	b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 7, LastSenderReport: 1}}}, &rtcp.Goodbye{Sources: []uint32{1}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var c control
		c.take(b, 7, time.Unix(1e9, 0), time.Second)
		if c.roundTrip < 0 || c.roundTrip > time.Minute {
			t.Fatalf("round trip %v", c.roundTrip)
		}
	})
}

// local is where a leg's RTP socket is bound.
func local(l *Leg) netip.AddrPort { return netip.AddrPortFrom(l.engine.ip, uint16(l.port)) }

// RFC 1918 in the SDP of a trunk by name: only the signalling tells that it is on
// the public network.
func TestAnAddressBehindTheirNATWaitsAlsoWhenTheTrunkHasAName(t *testing.T) {
	for _, tt := range []struct {
		name, signalled string
		waits           bool
	}{
		{"a public gateway", "203.0.113.5", true}, {"a private one", "10.1.2.1", false}, {"nobody told us", "", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var n mediatest.Network
			e := inMemory(t, &n)
			defer e.Close()
			l := open(t, e, LegConfig{})
			if tt.signalled != "" {
				l.Signalled(netip.MustParseAddr(tt.signalled))
			}
			if err := l.Accept(mediatest.Answer(at("10.1.2.3:4000"))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if st := l.Stats(); (st.Sent+st.SendErrors == 0) != tt.waits {
				t.Errorf("%s: %d packets sent", tt.name, st.Sent+st.SendErrors)
			}
		})
	}
}

// The carrier sends sound where the SDP says, offered or answered.
func TestAnAddressOfItsOwnIsAnnouncedToATrunk(t *testing.T) {
	e := engine(t, Config{Public: "198.51.100.1"})
	for _, tt := range []struct{ public, want string }{{"203.0.113.9", "203.0.113.9"}, {"", "198.51.100.1"}} {
		var c LegConfig
		if tt.public != "" {
			c.Public = netip.MustParseAddr(tt.public)
		}
		offer := open(t, e, c).Offer()
		answer, err := open(t, e, c).Reoffer(mediatest.Answer(at("127.0.0.1:9000")))
		if err != nil {
			t.Fatal(err)
		}
		for what, sdp := range map[string][]byte{"offer": offer, "answer": answer} {
			if n := strings.Count(string(sdp), "IN IP4 "+tt.want+"\r\n"); n != 2 || strings.Count(string(sdp), "IN IP4") != 2 {
				t.Errorf("the %s names %s %d times, want o= and c=:\n%s", what, tt.want, n, sdp)
			}
		}
	}
	if _, err := e.Open(LegConfig{Public: netip.MustParseAddr("2001:db8::1")}); err == nil {
		t.Error("an IPv6 address is announced for sound by IPv4")
	}
}
