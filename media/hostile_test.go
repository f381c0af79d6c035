package media

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"warmline/media/mediatest"
)

// TestNobodyElseIsHeardOrSpokenTo: RTP bleed (CVE-2017-14099, CVE-2025-53399). While
// fifty calls talk, a stranger and another port of the far end's own host send valid
// A-law to every port, with the call's next sequence numbers and even its SSRC:
// nothing is sent to either and the tap hears what it would have heard.
func TestNobodyElseIsHeardOrSpokenTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		e := inMemory(t, &n)
		defer e.Close()
		listen := func(addr string) *mediatest.Socket {
			s, err := n.Listen(at(addr))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		stranger, neighbour := listen("203.0.113.9:4000"), listen("127.0.0.1:5999")
		const calls, frames = 50, 100
		var legs [calls]*Leg
		var far [calls]*mediatest.Socket
		var taps [calls]*Tap
		for i := range legs {
			far[i] = listen(fmt.Sprintf("127.0.0.1:%d", 6000+2*i))
			legs[i] = open(t, e, LegConfig{})
			taps[i] = legs[i].Tap()
			if err := legs[i].Accept(mediatest.Answer(far[i].Addr())); err != nil {
				t.Fatal(err)
			}
		}
		friend := mediatest.Source{Type: 8, EventType: 101, SSRC: 5}
		loud := make([]byte, 160) // 0x00 is no silence in A-law
		var want []int16
		heard := make([][]int16, calls)
		for frame := range frames {
			payload := slices.Repeat([]byte{byte(frame)}, 160)
			pcm := make([]int16, 160)
			DecodeALaw(pcm, payload)
			want = append(want, pcm...)
			good := friend.Audio(payload)
			for i, l := range legs {
				if err := far[i].Send(good.Bytes(), local(l)); err != nil {
					t.Fatal(err)
				}
				if frame == 0 {
					continue // the learning window closes with the first good packet
				}
				for _, ssrc := range []uint32{5, 6} {
					bad := mediatest.Packet{Type: 8, Seq: good.Seq + 1, Time: good.Time + 160, SSRC: ssrc, Payload: loud}
					for _, s := range []*mediatest.Socket{stranger, neighbour} {
						if err := s.Send(bad.Bytes(), local(l)); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			time.Sleep(20 * time.Millisecond)
			for i, tap := range taps {
				buf := make([]int16, tapSize)
				heard[i] = append(heard[i], buf[:tap.take(buf)]...)
			}
		}
		for i, l := range legs {
			if st := l.Stats(); st.Drops.Foreign != 4*(frames-1) || st.Received < frames-1 || st.Digits != 0 {
				t.Errorf("call %d: received %d, dropped %+v", i, st.Received, st.Drops)
			}
			got := heard[i]
			for len(got) > 0 && got[0] == 0 { // silence before the answer
				got = got[1:]
			}
			if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) || len(got) < (frames-3)*160 {
				t.Errorf("call %d: the tap heard something else, in %d samples", i, len(got))
			}
		}
		for _, s := range []*mediatest.Socket{stranger, neighbour} {
			if _, _, _, ok := s.Receive(make([]byte, 500)); ok {
				t.Errorf("%s was sent a packet", s.Addr())
			}
		}
	})
}

// TestRTCPThatIsNone: too short (AST-2017-008), lengths that lie, other versions: each
// is counted, none changes anything.
func TestRTCPThatIsNone(t *testing.T) {
	good, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 7, TotalLost: 9}}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing": {}, "one byte": {0x81}, "a header alone": good[:4], "cut in the report": good[:20],
		"version 1":                append([]byte{0x41}, good[1:]...),
		"more reports than bytes":  append([]byte{0x9F}, good[1:]...),
		"a length beyond the end":  append([]byte{0x81, 201, 0xFF, 0xFF}, good[4:]...),
		"SDES without its end":     {0x81, 202, 0, 1, 0, 0, 0, 1},
		"BYE with 31 sources":      {0x9F, 203, 0, 1, 0, 0, 0, 1},
		"XR shorter than its head": {0x80, 207, 0, 0},
	} {
		var c control
		c.take(b, 7, time.Unix(1e9, 0), time.Second)
		if c.lost != 0 || c.bye || c.roundTrip != 0 || c.theirReport != 0 {
			t.Errorf("%s changed something: %+v", name, c)
		}
	}
}

// TestReportsOfReducedSize: RFC 5506; a report or a goodbye alone in its datagram.
func TestReportsOfReducedSize(t *testing.T) {
	var c control
	for _, p := range []rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 7, TotalLost: 9}}},
		&rtcp.Goodbye{Sources: []uint32{1}},
	} {
		b, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if !c.take(b, 7, time.Unix(1e9, 0), time.Second) {
			t.Errorf("%T alone was refused", p)
		}
	}
	if c.lost != 9 || !c.bye {
		t.Errorf("after both: %+v", c)
	}
}

// TestReportsShareThePortOnlyWhenAgreed: RFC 5761 §5.1.1 and §4.
func TestReportsShareThePortOnlyWhenAgreed(t *testing.T) {
	for _, mux := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var n mediatest.Network
			e := inMemory(t, &n)
			defer e.Close()
			a, b := open(t, e, LegConfig{}), open(t, e, LegConfig{})
			onRTP, onRTCP := 0, 0
			n.Copies = func(from, to netip.AddrPort, p []byte) int {
				if isRTCP(p) && to.Port()%2 == 0 {
					onRTP++
				} else if isRTCP(p) {
					onRTCP++
				}
				return 1
			}
			offer := string(a.Offer())
			if !mux {
				offer = strings.Replace(offer, "a=rtcp-mux\r\n", "", 1)
			}
			answer, err := b.Reoffer([]byte(offer))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(answer), "rtcp-mux") != mux {
				t.Errorf("offered mux %v, answered %q", mux, answer)
			}
			if err := a.Accept(answer); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
			sa, sb := a.Stats(), b.Stats()
			if (onRTP > 0) != mux || (onRTCP > 0) == mux {
				t.Errorf("mux %v: %d reports on RTP ports, %d on their own", mux, onRTP, onRTCP)
			}
			if sa.RTCPReceived < 3 || sb.RTCPReceived < 3 || sa.Dropped+sb.Dropped > 0 || sa.MOS < 4 {
				t.Errorf("mux %v: a %+v, b %+v", mux, sa, sb)
			}
		})
	}
}

// rtpOf is a packet with what RFC 3550 §5.1 allows: CSRCs, an extension, padding.
func rtpOf(p mediatest.Packet, csrcs, extension, padding int) []byte {
	b := p.Bytes()
	head, payload := slices.Clone(b[:12]), b[12:]
	head[0] |= byte(csrcs)
	head = append(head, make([]byte, 4*csrcs)...)
	if extension > 0 {
		head[0] |= 0x10
		head = append(head, 0xBE, 0xDE)
		head = binary.BigEndian.AppendUint16(head, uint16(extension))
		head = append(head, make([]byte, 4*extension)...)
	}
	out := append(head, payload...)
	if padding > 0 {
		out[0] |= 0x20
		out = append(out, make([]byte, padding-1)...)
		out = append(out, byte(padding))
	}
	return out
}

// TestAStreamMayChangeAsItGoes: packet time, payload type, SSRC, comfort noise, long
// packets, and the rare parts of the header; the tap hears all of it in its time.
func TestAStreamMayChangeAsItGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		rtp, _ := farEnd(t, &n)
		e := inMemory(t, &n)
		defer e.Close()
		l := open(t, e, LegConfig{})
		tap := l.Tap()
		if err := l.Accept(mediatest.Answer(rtp.Addr())); err != nil {
			t.Fatal(err)
		}
		source := mediatest.Source{Type: 8, SSRC: 5, Seq: 65530, Time: 1<<32 - 500}
		var heard []int16
		send := func(p mediatest.Packet, csrcs, extension, padding int, ms time.Duration) {
			t.Helper()
			if err := rtp.Send(rtpOf(p, csrcs, extension, padding), local(l)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(ms * time.Millisecond)
			buf := make([]int16, tapSize)
			heard = append(heard, buf[:tap.take(buf)]...)
		}
		samples := 0
		say := func(n, csrcs, extension, padding int) {
			t.Helper()
			payload := make([]byte, n)
			tone := mediatest.Tone(1000, time.Duration(samples+n)*time.Second/8000, 8000, 0.5)[samples:]
			if source.Type == 0 {
				EncodeULaw(payload, tone)
			} else {
				EncodeALaw(payload, tone)
			}
			samples += n
			send(source.Audio(payload), csrcs, extension, padding, time.Duration(n/8))
		}
		for range 10 {
			say(160, 0, 0, 0)
		}
		for _, rare := range [][3]int{{2, 0, 0}, {0, 3, 0}, {0, 0, 4}, {15, 5, 40}} {
			say(160, rare[0], rare[1], rare[2])
		}
		for _, n := range []int{80, 240, 320, 480, 640, 960, 1280, 80, 160} { // 10 to 160 ms
			for range 3 {
				say(n, 0, 0, 0)
			}
		}
		source.Type = 0
		for range 10 {
			say(160, 0, 0, 0)
		}
		source.Type, source.SSRC, source.Seq, source.Time = 8, 99, 7, 12345 // another sender behind the SBC
		samples -= 160                                                      // its first packet is not yet believed
		for range 11 {
			say(160, 0, 0, 0)
		}
		time.Sleep(100 * time.Millisecond)
		st := l.Stats()
		if st.Lost != 0 || st.Drops.SSRC != 1 || st.Drops.Malformed+st.Drops.Type+st.Drops.Repeated != 0 {
			t.Errorf("lost %d, dropped %+v", st.Lost, st.Drops)
		}
		if got, want := len(heard), samples-480; got < want {
			t.Errorf("%d samples were heard of %d", got, samples)
		}
		for i := 0; i+800 <= min(len(heard), 10000); i += 800 { // up to the change of SSRC the tone is whole
			if p := mediatest.Power(heard[i:i+800], 1000, 8000); p < -6.6 || p > -5.4 {
				t.Errorf("after %d ms the tone at -6 dB is at %.1f dB", i/8, p)
			}
		}
		before := l.Stats().Received
		for range 5 { // RFC 3389: noise instead of silence; it keeps the call alive and is no audio
			p := source.Audio([]byte{60})
			p.Type = comfortNoise
			send(p, 0, 0, 0, 20)
		}
		if st := l.Stats(); st.Received != before+5 || st.Drops.Type != 0 {
			t.Errorf("comfort noise: received %d, dropped %+v", st.Received-before, st.Drops)
		}
	})
}

// TestABadNetwork: F12. Loss of a twentieth and a fifth, a tenth doubled, jitter up to
// 200 ms: the tap stays on its clock, losses are counted as they were, keys come once.
func TestABadNetwork(t *testing.T) {
	for _, loss := range []float64{0.05, 0.20} {
		synctest.Test(t, func(t *testing.T) {
			var n mediatest.Network
			rtp, _ := farEnd(t, &n)
			e := inMemory(t, &n)
			defer e.Close()
			l := open(t, e, LegConfig{})
			tap := l.Tap()
			if err := l.Accept(mediatest.Answer(rtp.Addr())); err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			source := mediatest.Source{Type: 8, EventType: 101, SSRC: 5}
			later := map[int][]mediatest.Packet{} // by the 20 ms they arrive in
			const frames, key = 1500, "7"
			presses, lost := 0, 0
			plan := func(at int, p mediatest.Packet) {
				if at > 0 && rng.Float64() < loss {
					lost++
					return
				}
				at += rng.IntN(11)
				later[at] = append(later[at], p)
				if rng.IntN(10) == 0 {
					later[at+1] = append(later[at+1], p)
				}
			}
			for i := 0; i < frames; i++ {
				if i%100 == 50 {
					presses++
					for j, p := range source.Press(key[0], 8) {
						plan(i+j, p)
					}
					i += 10
					continue
				}
				plan(i, source.Audio(slices.Repeat([]byte{0x55}, 160)))
			}
			heard := 0
			for i := range frames + 20 {
				for _, p := range later[i] {
					if err := rtp.Send(p.Bytes(), local(l)); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(20 * time.Millisecond)
				buf := make([]int16, tapSize)
				heard += tap.take(buf)
			}
			st := l.Close()
			if off := int(st.Lost) - lost; off < -5 || off > 5 {
				t.Errorf("%.0f %%: %d packets were lost, %d counted", 100*loss, lost, st.Lost)
			}
			if st.Digits != presses {
				t.Errorf("%.0f %%: %d presses became %d", 100*loss, presses, st.Digits)
			}
			if want := frames * 160; heard < want*95/100 || heard > want*105/100 {
				t.Errorf("%.0f %%: the tap heard %d samples in the time of %d", 100*loss, heard, want)
			}
			if st.MOS < 1 || st.MOS > 4 {
				t.Errorf("%.0f %% lost and 200 ms of jitter are MOS %.2f", 100*loss, st.MOS)
			}
		})
	}
}
