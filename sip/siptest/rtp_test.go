package siptest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLoudTellsVoiceFromSilence(t *testing.T) {
	frame := func(b byte) []byte {
		out := make([]byte, frameSamples)
		for i := range out {
			out[i] = b
		}
		return out
	}
	noise := make([]byte, frameSamples)
	for i := range noise {
		noise[i] = encodeALaw((i%2*2 - 1) * 60) // a quiet line: -55 dBFS
	}
	for name, tt := range map[string]struct {
		frame []byte
		want  bool
	}{
		"A-law silence":          {frame(0xD5), false},
		"A-law negative silence": {frame(0x55), false},
		"nothing at all":         {nil, false},
		"line noise":             {noise, false},
		"a tone":                 {tone(700, frameTime), true},
		"a hum":                  {hum("你")[:frameSamples], true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := loud(tt.frame); got != tt.want {
				t.Errorf("loud = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestALawKeepsLoudness(t *testing.T) {
	for s := -32768; s <= 32767; s += 7 {
		want := int32(s)
		if s < 0 {
			want = -want
		}
		got := loudness[encodeALaw(s)]
		if diff := max(got-want, want-got); diff > max(16, want/16) {
			t.Fatalf("sample %d came back as %d", s, got)
		}
	}
}

func TestKeyPressIsOneTimestamp(t *testing.T) {
	s := newSender()
	s.audio(nil)
	start := s.ts
	type packet struct {
		Marker, End     bool
		Event, Duration int
		SameStamp       bool
	}
	var got []packet
	for step := range keySteps {
		b := s.key(101, 9, step)
		if b == nil {
			continue
		}
		stamp := uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7])
		got = append(got, packet{b[1]&0x80 != 0, b[13]&0x80 != 0, int(b[12]), int(b[14])<<8 | int(b[15]), stamp == start})
	}
	var want []packet
	for i := 1; i <= keyHeld; i++ {
		want = append(want, packet{i == 1, false, 9, i * 160, true})
	}
	for range keyEnds {
		want = append(want, packet{false, true, 9, keyHeld * 160, true})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s.ts-start != keySteps*frameSamples {
		t.Errorf("the media clock moved %d, want %d", s.ts-start, keySteps*frameSamples)
	}
}

func FuzzRTPPayload(f *testing.F) {
	f.Add(newSender().audio(nil))
	f.Add([]byte{0xB1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 1, 9, 9, 9, 9, 7, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, payload, ok := rtpPayload(b); ok && len(payload) > len(b)-12 {
			t.Errorf("%d bytes of payload in a packet of %d", len(payload), len(b))
		}
	})
}

// BenchmarkCall20ms is one call's turn of the wheel: a packet received, one sent.
func BenchmarkCall20ms(b *testing.B) {
	g, err := Start(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	c := &call{g: g, rec: &CallRecord{}, answered: true, ear: listener{patience: 1 << 62}, media: stream{direction: "sendrecv"}}
	if !c.openAudio(time.Now()) {
		b.Fatal("no RTP port")
	}
	defer c.closeAudio()
	c.media.addr = netip.AddrPortFrom(g.ip, uint16(c.sock.port)) // hears itself
	c.aim()
	b.ReportAllocs()
	for b.Loop() {
		c.nextFrame = time.Now()
		c.visit(c.nextFrame)
	}
}
