package media

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"warmline/media/mediatest"
)

// only keeps the a=crypto of one suite in a description, as a far end that knows
// only that would answer.
func onlySuite(sdp []byte, name string) []byte {
	var out []string
	for line := range strings.SplitSeq(strings.TrimSuffix(string(sdp), "\r\n"), "\r\n") {
		if !strings.HasPrefix(line, "a=crypto:") || strings.Contains(line, name) {
			out = append(out, line)
		}
	}
	return []byte(strings.Join(out, "\r\n") + "\r\n")
}

// TestAnEncryptedCall: audio, keys and reports both ways under each suite; on the
// wire nothing of the clip is seen, and the copy or change of a packet is dropped.
func TestAnEncryptedCall(t *testing.T) {
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n mediatest.Network
				e := inMemory(t, &n)
				defer e.Close()
				a, b := open(t, e, LegConfig{Security: SecurityRequired}), open(t, e, LegConfig{Security: SecurityOptional})
				offer := onlySuite(a.Offer(), s.name)
				if s.profile == suites[3].profile { // we do not offer it: a leg that does
					a.wishes.keys = []*keying{newKeying(1, &suites[3])}
					offer = a.Offer()
				}
				quiet := bytes.Repeat([]byte{silenceALaw}, 20)
				seen, readable, replay := 0, 0, [][]byte(nil)
				var mu sync.Mutex // of these: the shard counts, the test reads and sends
				n.Copies = func(from, to netip.AddrPort, p []byte) int {
					mu.Lock()
					defer mu.Unlock()
					seen++
					if bytes.Contains(p, quiet) {
						readable++
					}
					if len(p) > 150 && len(replay) < 20 && int(from.Port()) == a.port {
						replay = append(replay, bytes.Clone(p))
					}
					return 1
				}
				tap := b.Tap()
				answer, err := b.Reoffer(offer)
				if err != nil {
					t.Fatal(err)
				}
				if err := a.Accept(answer); err != nil {
					t.Fatal(err)
				}
				await(t, b, EventFirst)
				await(t, a, EventFirst)
				a.Play(NewClip(mediatest.Tone(1000, 5*time.Second, 8000, 0.5)))
				if err := a.Press("7"); err != nil {
					t.Fatal(err)
				}
				if got := await(t, b, EventDigit); got.Digit != "7" {
					t.Errorf("digit %q, want 7", got.Digit)
				}
				var pcm []int16
				for buf := make([]int16, 800); len(pcm) < 16000; {
					n, err := tap.Read(t.Context(), buf)
					if err != nil {
						t.Fatal(err)
					}
					pcm = append(pcm, buf[:n]...)
				}
				if p := mediatest.Power(pcm[8000:], 1000, 8000); p < -7 || p > -5 {
					t.Errorf("the tone at -6 dB was heard at %.1f dB", p)
				}
				time.Sleep(10 * time.Second)
				mu.Lock()
				all, clear, again := seen, readable, replay
				mu.Unlock()
				if clear > 0 || all < 500 {
					t.Errorf("%d of %d packets could be read on the way", clear, all)
				}
				for _, p := range again {
					if err := a.rtp.Send(p, local(b)); err != nil {
						t.Fatal(err)
					}
				}
				p := bytes.Clone(again[0])
				p[3] ^= 0x40 // another sequence number, the same tag
				if err := a.rtp.Send(p, local(b)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(100 * time.Millisecond)
				sa, sb := a.Stats(), b.Stats()
				if sb.Drops.Auth != uint64(len(again))+1 || sb.Lost != 0 || sa.Drops.Auth != 0 {
					t.Errorf("of %d replayed and one changed: %+v", len(again), sb.Drops)
				}
				if sa.Security != s.name || sb.Security != s.name || sa.RTCPReceived == 0 || sb.RTCPReceived == 0 || sa.Drops.RTCP+sb.Drops.RTCP != 0 {
					t.Errorf("a: %+v\nb: %+v", sa, sb)
				}
			})
		})
	}
}

// TestKeysChangeOnAReInvite: RFC 4568 §7.1; no packet is lost on the way from one
// key to the next, and the counters of keys that stay go on.
func TestKeysChangeOnAReInvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		e := inMemory(t, &n)
		defer e.Close()
		a, b := open(t, e, LegConfig{Security: SecurityRequired}), open(t, e, LegConfig{Security: SecurityRequired})
		join(t, a, b)
		await(t, a, EventFirst)
		first := b.agreed
		time.Sleep(25 * time.Minute) // past 65536 packets: the rollover counter is not zero
		join(t, a, b)                // a session refresh: the same keys
		if !b.agreed.sendKey.equal(first.sendKey) || !b.agreed.hearKey.equal(first.hearKey) {
			t.Error("a refresh with the same offer changed the keys")
		}
		time.Sleep(time.Second)
		a.wishes.renew(nil)
		offer := a.Offer()
		answer, err := b.Reoffer(offer)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // the answer is on its way; a still sends with its old key
		if err := a.Accept(answer); err != nil {
			t.Fatal(err)
		}
		if b.agreed.hearKey.equal(first.hearKey) || b.agreed.sendKey.equal(first.sendKey) {
			t.Error("new keys of theirs did not bring new keys of ours")
		}
		time.Sleep(time.Second)
		sa, sb := a.Stats(), b.Stats()
		if sb.Drops.Auth != 0 || sb.Lost != 0 {
			t.Errorf("b lost %d and could not open %d", sb.Lost, sb.Drops.Auth)
		}
		if sa.Drops.Auth > 6 { // b changed its own key at once, a learned of it 100 ms later
			t.Errorf("a could not open %d", sa.Drops.Auth)
		}
		if sb.Received < 75000 {
			t.Errorf("b received %d", sb.Received)
		}
	})
}

// TestOnlyAnAuthenticatedPacketLatches: facts §3.4; a source that may win in the
// clear wins nothing without the key.
func TestOnlyAnAuthenticatedPacketLatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		e := inMemory(t, &n)
		defer e.Close()
		a, b := open(t, e, LegConfig{Security: SecurityRequired}), open(t, e, LegConfig{Security: SecurityRequired})
		rogue, err := n.Listen(at("127.0.0.1:9002"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := b.Reoffer(a.Offer())
		if err != nil {
			t.Fatal(err)
		}
		source := mediatest.Source{Type: 8, SSRC: 77}
		for range 50 {
			if err := rogue.Send(source.Audio(make([]byte, 170)).Bytes(), local(b)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		if st := b.Stats(); st.Received != 0 || st.Drops.Auth != 50 || b.flow.latch.locked || b.flow.latch.run != 0 {
			t.Errorf("received %d, dropped %+v", st.Received, st.Drops)
		}
		if _, _, _, ok := rogue.Receive(make([]byte, 500)); ok {
			t.Error("the rogue was sent a packet")
		}
		if err := a.Accept(answer); err != nil {
			t.Fatal(err)
		}
		await(t, b, EventFirst)
	})
}

func TestEncryptionThatIsNotAgreedIsSaid(t *testing.T) {
	l := open(t, engine(t, Config{}), LegConfig{Security: SecurityRequired})
	if err := l.Accept(mediatest.Answer(at("127.0.0.1:9"))); !errors.Is(err, ErrNotSecure) {
		t.Errorf("a plain answer: %v, want %v", err, ErrNotSecure)
	}
	if st := l.Close(); st.Sent != 0 {
		t.Errorf("%d packets were sent in the clear", st.Sent)
	}
}

// secured is a leg whose far end has the key, on a shard that does not run.
func secured(tb testing.TB, s *suite) (*Leg, *shard, *guard) {
	far := &echoOfOne{from: at("127.0.0.1:9000"), h: header{pt: 8, ssrc: 1}}
	l, sh := loneLeg(tb, far, silent{}, far.from)
	t := l.flow.terms
	t.sendKey, t.hearKey = newKeying(1, s), newKeying(1, s)
	g, err := newGuard(t, terms{}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	l.adopt(t, g, sh.now())
	theirs, err := newGuard(terms{sendKey: t.hearKey, hearKey: t.sendKey}, terms{}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	l.rtp = &sealedEcho{echoOfOne: far, guard: theirs}
	return l, sh, theirs
}

// sealedEcho encrypts what echoOfOne gives.
type sealedEcho struct {
	*echoOfOne
	guard *guard
}

func (e *sealedEcho) Receive(b []byte) (int, netip.AddrPort, time.Time, bool) {
	n, from, at, ok := e.echoOfOne.Receive(b)
	if ok {
		sealed, err := e.guard.seal(b[:n])
		if err != nil {
			panic(err)
		}
		n = len(sealed)
	}
	return n, from, at, ok
}

func TestAnEncryptedFrameDoesNotAllocate(t *testing.T) {
	for i := range suites {
		l, s, _ := secured(t, &suites[i])
		now := s.now()
		l.flow.rtcp.next = now + time.Hour
		n := testing.AllocsPerRun(1000, func() {
			now += 20 * time.Millisecond
			l.visit(s, now)
		})
		most := 0.0
		if i == 1 || i == 2 {
			most = 1 // HMAC's, and only under the race detector
		}
		if st := l.stats(); n > most || st.Received < 900 || st.Drops.Auth != 0 {
			t.Errorf("%s: a frame allocates %v times; received %d, dropped %+v", suites[i].name, n, st.Received, st.Drops)
		}
	}
}

// BenchmarkEncryptedCall20ms is BenchmarkCall20ms/memory with SRTP; the far end's
// own encryption is in it.
func BenchmarkEncryptedCall20ms(b *testing.B) {
	for i := range suites {
		b.Run(suites[i].name, func(b *testing.B) {
			l, s, _ := secured(b, &suites[i])
			b.ReportAllocs()
			now := s.now()
			for b.Loop() {
				now += 20 * time.Millisecond
				l.visit(s, now)
			}
		})
	}
}

func FuzzSecureIntake(f *testing.F) {
	s := &suites[1]
	key := &keying{tag: 1, suite: s, key: make([]byte, s.size)}
	g, err := newGuard(terms{sendKey: key, hearKey: key}, terms{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	packet := make([]byte, 172, 200)
	header{pt: 8, seq: 1, ssrc: 1}.put(packet)
	f.Add(packet, false)
	sealed, err := g.seal(packet)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, false)
	f.Add([]byte{0x80, 200, 0, 1, 0, 0, 0, 1, 0x80, 0, 0, 1}, true)
	f.Fuzz(func(t *testing.T, b []byte, mux bool) {
		l, sh := loneLeg(t, silent{}, silent{}, at("10.0.0.1:4000"))
		terms := l.flow.terms
		terms.sendKey, terms.hearKey, terms.mux = key, key, mux
		g, err := newGuard(terms, l.flow.terms, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.adopt(terms, g, sh.now())
		l.flow.ear().tap = newTap()
		for range 2 {
			l.intake(bytes.Clone(b), at("10.0.0.1:4000"), sh.now(), sh.now())
		}
		if st := l.stats(); st.Received > 1 || st.Received == 1 && !bytes.Equal(b, sealed) {
			t.Fatalf("taken: %d of %s", st.Received, fmt.Sprintf("%x", b))
		}
	})
}
