package media

import (
	"testing"
	"testing/synctest"
	"time"

	"warmline/media/mediatest"
)

// twoCalls are two legs of an engine with a far end each, both answered.
func twoCalls(t *testing.T, n *mediatest.Network, secondAnswer ...string) (a, b *Leg, farA, farB *mediatest.Socket) {
	t.Helper()
	e := inMemory(t, n)
	t.Cleanup(e.Close)
	farA, _ = farEnd(t, n)
	farB, err := n.Listen(at("127.0.0.1:9100"))
	if err != nil {
		t.Fatal(err)
	}
	a, b = open(t, e, LegConfig{}), open(t, e, LegConfig{})
	if err := a.Accept(mediatest.Answer(farA.Addr())); err != nil {
		t.Fatal(err)
	}
	answer := mediatest.Answer(farB.Addr())
	if len(secondAnswer) > 0 {
		answer = []byte(secondAnswer[0])
	}
	if err := b.Accept(answer); err != nil {
		t.Fatal(err)
	}
	return a, b, farA, farB
}

// talk sends one packet every 20 ms of virtual time and gives what far heard meanwhile.
func talk(t *testing.T, from *mediatest.Socket, to *Leg, payloads [][]byte, far *mediatest.Socket) []mediatest.Packet {
	t.Helper()
	source := mediatest.Source{Type: uint8(to.agreed.codec), SSRC: 5, Seq: 100}
	var heard []mediatest.Packet
	for _, payload := range payloads {
		if err := from.Send(source.Audio(payload).Bytes(), local(to)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		for b := make([]byte, 500); ; {
			n, _, _, ok := far.Receive(b)
			if !ok {
				break
			}
			p, err := mediatest.Parse(b[:n])
			if err != nil {
				t.Fatal(err)
			}
			heard = append(heard, p)
		}
	}
	return heard
}

// marked are payloads that can be told apart: the second byte counts.
func marked(count int) (all [][]byte) {
	for i := range count {
		payload := make([]byte, 160)
		for j := range payload {
			payload[j] = byte(i + 1)
		}
		all = append(all, payload)
	}
	return all
}

func TestABridgeCarriesPacketsUnchangedWhenTheCodecIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		a, b, farA, farB := twoCalls(t, &n)
		bridge := NewBridge(a, b)
		for _, way := range []struct {
			from *mediatest.Socket
			to   *Leg
			far  *mediatest.Socket
		}{{farA, a, farB}, {farB, b, farA}} {
			discard(way.far)
			next := byte(1)
			for _, p := range talk(t, way.from, way.to, marked(50), way.far) {
				switch p.Payload[0] {
				case silenceALaw:
				case next:
					next++
					if p.Payload[159] != p.Payload[0] {
						t.Fatalf("frame %d was cut", p.Payload[0])
					}
				default:
					t.Fatalf("frame %d where %d was due", p.Payload[0], next)
				}
			}
			if next < 46 {
				t.Errorf("%d of 50 frames came through in their second", next-1)
			}
		}
		bridge.Close()
		bridge.Close()
		discard(farB)
		for _, p := range talk(t, farA, a, marked(10), farB) {
			if p.Payload[0] != silenceALaw {
				t.Fatal("a bridge that is closed still carries")
			}
		}
	})
}

func TestABridgeTranscodesBetweenTheLaws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		a, b, farA, farB := twoCalls(t, &n, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9100 RTP/AVP 0\r\n")
		defer NewBridge(a, b).Close()
		tone := mediatest.Tone(1000, time.Second, 8000, 0.5)
		var payloads [][]byte
		for i := 0; i < len(tone); i += 160 {
			payload := make([]byte, 160)
			EncodeALaw(payload, tone[i:i+160])
			payloads = append(payloads, payload)
		}
		var pcm []int16
		for _, p := range talk(t, farA, a, payloads, farB) {
			if p.Type != 0 {
				t.Fatalf("payload type %d on a µ-law leg", p.Type)
			}
			var frame [160]int16
			DecodeULaw(frame[:], p.Payload)
			pcm = append(pcm, frame[:]...)
		}
		if power := mediatest.Power(pcm[1600:6400], 1000, 8000); power < -6.5 || power > -5.5 {
			t.Errorf("the tone at -6 dB came through at %.1f dB", power)
		}
	})
}

func TestAPlayOnABridgedLegIsHeardByThatSideAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		a, b, farA, farB := twoCalls(t, &n)
		defer NewBridge(a, b).Close()
		talk(t, farA, a, marked(10), farB)
		id := b.Play(NewClip(mediatest.Tone(440, 200*time.Millisecond, 8000, 0.5)))
		held := 0
		for _, p := range talk(t, farA, a, marked(40), farB) {
			if p.Payload[0] != p.Payload[80] {
				held++
			}
		}
		if held != 10 {
			t.Errorf("%d frames of hold music, want 10 and the other side again", held)
		}
		if got := <-b.Events(); got.ID != id || got.Frames != 10 {
			t.Errorf("the hold music's end: %+v", got)
		}
		if got := <-a.Events(); got.Kind != EventFirst {
			t.Errorf("the other side was told %+v", got)
		}
	})
}

func TestABridgePassesKeysOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		a, b, farA, farB := twoCalls(t, &n)
		defer NewBridge(a, b).Close()
		source := mediatest.Source{Type: 8, EventType: 101, SSRC: 5}
		for _, p := range append([]mediatest.Packet{source.Audio(make([]byte, 160))}, source.Press('7', 5)...) {
			if err := farA.Send(p.Bytes(), local(a)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		for {
			if p := hear(t, farB); p.Type == 96 {
				if p.Payload[0] != 7 || !p.Marker {
					t.Errorf("the key came through as %+v", p)
				}
				return
			}
		}
	})
}

func TestABridgeOutlivesItsLegs(t *testing.T) {
	e := engine(t, Config{})
	a, b, c := open(t, e, LegConfig{}), open(t, e, LegConfig{}), open(t, e, LegConfig{})
	first := NewBridge(a, b)
	second := NewBridge(a, c) // a consultation becomes the call
	a.Close()
	first.Close()
	second.Close()
	var held bool
	c.shard.do(func() { held = c.flow.from != nil })
	if held {
		t.Error("a closed bridge still holds a leg")
	}
}

// TestABridgeDoesNotAllocate: both ends of a bridged leg's frame, transcoding.
func TestABridgeDoesNotAllocate(t *testing.T) {
	far := &echoOfOne{from: at("127.0.0.1:9000"), h: header{pt: 8, ssrc: 1}}
	l, s := loneLeg(t, far, silent{}, far.from)
	l.playing.Store(nil)
	p := newPipe()
	l.flow.ear().to, l.flow.from = p, &inlet{pipe: p} // it hears itself
	l.flow.terms.codec = G722
	now := s.now()
	l.flow.rtcp.next = now + time.Hour
	if n := testing.AllocsPerRun(1000, func() {
		now += 20 * time.Millisecond
		l.visit(s, now)
	}); n != 0 {
		t.Errorf("a bridged frame allocates %v times", n)
	}
}
