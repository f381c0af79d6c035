package media

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"warmline/media/mediatest"
)

func open(t testing.TB, e *Engine, c LegConfig) *Leg {
	t.Helper()
	l, err := e.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func engine(t testing.TB, c Config) *Engine {
	t.Helper()
	e, err := NewEngine(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// await gives the next event of a kind.
func await(t testing.TB, l *Leg, kind EventKind) Event {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-l.Events():
			if !ok {
				t.Fatalf("events closed before %q", kind)
			}
			if e.Kind == kind {
				return e
			}
		case <-limit:
			t.Fatalf("no %q within 10 s", kind)
		}
	}
}

// join lets two legs talk to each other.
func join(t testing.TB, a, b *Leg) {
	t.Helper()
	answer, err := b.Reoffer(a.Offer())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Accept(answer); err != nil {
		t.Fatal(err)
	}
}

func TestTwoLegsTalkOverLoopback(t *testing.T) {
	for name, listen := range map[string]ListenFunc{"raw sockets": listenUDP, "portable sockets": listenNet} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, Config{Listen: listen, PortMin: 22000, PortMax: 22999})
			converse(t, e) // how it sounds depends on the machine; the test below knows none
		})
	}
}

func TestWhatOneLegPlaysTheOtherHearsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		e := inMemory(t, &n)
		defer e.Close()
		heard := converse(t, e)
		tone := mediatest.Tone(1000, 500*time.Millisecond, 8000, 0.5)
		for i := range tone {
			if d := int(heard[i]) - int(tone[i]); d < -512 || d > 512 { // A-law's widest step at half of full scale
				t.Fatalf("sample %d is %d, played was %d", i, heard[i], tone[i])
			}
		}
		if p := mediatest.Power(heard, 1000, 8000); p < -6.1 || p > -5.9 {
			t.Errorf("the tone at -6 dB was heard at %.2f dB", p)
		}
		if st := e.Stats(); st.Skipped != 0 || st.Dropped != 0 {
			t.Errorf("%d frames were skipped, %d packets dropped", st.Skipped, st.Dropped)
		}
	})
}

// converse has one leg play half a second of a tone to another, and gives what that
// one heard from the first sound on.
func converse(t *testing.T, e *Engine) []int16 {
	t.Helper()
	a, b := open(t, e, LegConfig{Loopback: true}), open(t, e, LegConfig{Loopback: true})
	tap := b.Tap()
	join(t, a, b)
	await(t, a, EventFirst)
	await(t, b, EventFirst)
	id := a.Play(NewClip(mediatest.Tone(1000, 500*time.Millisecond, 8000, 0.5)))
	if got := await(t, a, EventPlayed); got.ID != id || got.Frames != 25 || got.Total != 25 {
		t.Errorf("played %+v, want 25 of 25 of play %d", got, id)
	}
	heard := make([]int16, 0, 8000)
	for pcm := make([]int16, frameSamples); len(heard) < 4000; {
		n, err := tap.Read(t.Context(), pcm)
		if err != nil {
			t.Fatal(err)
		}
		if len(heard) > 0 || mediatest.Power(pcm[:n], 1000, 8000) > -10 {
			heard = append(heard, pcm[:n]...)
		}
	}
	sa, sb := a.Close(), b.Close()
	if sa.Sent == 0 || sb.Received+5 < sa.Sent || sb.Received > sa.Sent || sb.Lost != 0 || sb.Dropped > 1 {
		t.Errorf("a sent %d; b received %d, lost %d, dropped %+v", sa.Sent, sb.Received, sb.Lost, sb.Drops)
	}
	if sb.SSRC != sa.OwnSSRC || sa.Codec != PCMA || sb.FirstRTP.IsZero() {
		t.Errorf("b heard SSRC %d, a is %d; codec %s", sb.SSRC, sa.OwnSSRC, sa.Codec)
	}
	if _, open := <-drained(a); open {
		t.Error("events are not closed")
	}
	return heard[:4000]
}

func drained(l *Leg) <-chan Event {
	for range l.Events() {
	}
	return l.Events()
}

func TestAForeignSourceCannotInject(t *testing.T) {
	e := engine(t, Config{PortMin: 23000, PortMax: 23999})
	l := open(t, e, LegConfig{Loopback: true})
	friend, stranger := peer(t), peer(t)
	if err := l.Accept(friend.SDP()); err != nil {
		t.Fatal(err)
	}
	first, err := friend.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if first.Type != 8 || !first.Marker || len(first.Payload) != 160 || first.Payload[0] != silenceALaw {
		t.Errorf("the first packet is %+v", first.Packet)
	}
	loud := make([]byte, 160)
	source := mediatest.Source{Type: 8, EventType: 101, SSRC: 9}
	for range 20 {
		send(t, stranger, source.Audio(loud), first)
	}
	for _, p := range source.Press('5', 5) {
		send(t, stranger, p, first)
	}
	source.Type = 3 // GSM
	for range 5 {
		send(t, friend, source.Audio(loud), first)
	}
	source.Type = 8
	if err := friend.SendRaw([]byte("not RTP at all"), first.From); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		send(t, friend, source.Audio(loud), first)
	}
	source.SSRC = 10
	send(t, friend, source.Audio(loud), first)
	source.SSRC = 9
	for _, p := range source.Press('1', 5) {
		send(t, friend, p, first)
	}
	if d := await(t, l, EventDigit); d.Digit != "1" {
		t.Errorf("digit %q, want 1: the stranger's 5 got in", d.Digit)
	}
	st := l.Close()
	// The stranger sent 28, the friend 3 + 8 good ones; 3 of the 8 repeat the end but are packets.
	if st.Received < 6 || st.Received > 11 || st.Drops.Foreign != 28 || st.Drops.Type != 5 || st.Drops.Malformed != 1 || st.Drops.SSRC != 1 {
		t.Errorf("received %d, dropped %+v", st.Received, st.Drops)
	}
	if stranger.Count() != 0 {
		t.Errorf("the stranger was sent %d packets", stranger.Count())
	}
}

func peer(t testing.TB) *mediatest.Peer {
	t.Helper()
	p, err := mediatest.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func send(t testing.TB, p *mediatest.Peer, packet mediatest.Packet, to mediatest.Heard) {
	t.Helper()
	if err := p.Send(packet, to.From); err != nil {
		t.Fatal(err)
	}
}

func TestALoopbackLegSpeaksToNobodyElse(t *testing.T) {
	l := open(t, engine(t, Config{}), LegConfig{Loopback: true})
	if err := l.Accept(sdpOf("c=IN IP4 192.0.2.1", "t=0 0", "m=audio 4000 RTP/AVP 8")); !errors.Is(err, ErrBadSDP) {
		t.Errorf("got %v, want %v", err, ErrBadSDP)
	}
	if st := l.Close(); st.Sent != 0 {
		t.Errorf("sent %d packets", st.Sent)
	}
}

func TestAfterTheEnd(t *testing.T) {
	e := engine(t, Config{})
	l, other := open(t, e, LegConfig{}), open(t, e, LegConfig{})
	l.Close()
	l.Close()
	l.Play(NewClip(make([]int16, 160)))
	l.Stop()
	if err := l.Accept(mediatest.Answer(at("127.0.0.1:9"))); !errors.Is(err, ErrClosed) {
		t.Errorf("accepting on a closed leg: %v", err)
	}
	if _, err := l.Tap().Read(t.Context(), make([]int16, 160)); err == nil {
		t.Error("a tap of a closed leg reads on")
	}
	e.Close()
	if _, err := e.Open(LegConfig{}); !errors.Is(err, ErrClosed) {
		t.Errorf("opening on a closed engine: %v", err)
	}
	if _, open := <-other.Events(); open {
		t.Error("the engine's end is not the leg's")
	}
	if st := other.Close(); st.LocalPort == 0 {
		t.Errorf("no record of a leg the engine closed: %+v", st)
	}
}

func TestConfigsAreChecked(t *testing.T) {
	for name, c := range map[string]Config{
		"a name for an address":       {IP: "localhost"},
		"any address cannot be named": {IP: "0.0.0.0"},
		"ports the wrong way round":   {PortMin: 20, PortMax: 10},
	} {
		if e, err := NewEngine(c); err == nil {
			e.Close()
			t.Errorf("%s was accepted", name)
		}
	}
	e := engine(t, Config{})
	if _, err := e.Open(LegConfig{Codecs: []Codec{18}}); err == nil {
		t.Error("G.729 was accepted")
	}
}
