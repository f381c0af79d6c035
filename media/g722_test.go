package media

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"warmline/media/mediatest"
)

// sweep is what TestG722IsBitExact codes: tones over both bands, white noise at
// full scale and silence. Integers only, so that it is the same everywhere.
func sweep() []int16 {
	rng := rand.New(rand.NewPCG(1, 2))
	var pcm []int16
	for _, period := range []int{80, 16, 5, 3} { // square waves of 200 Hz to 5.3 kHz
		for i := range 4800 {
			v := int16(20000)
			if i%period >= period/2 {
				v = -20000
			}
			pcm = append(pcm, v)
		}
	}
	for range 16000 {
		pcm = append(pcm, int16(rng.IntN(65536)-32768))
	}
	return append(pcm, make([]int16, 4000)...)
}

// TestG722IsBitExact holds both directions against what libavcodec 59 makes of the
// same samples: the encoder's bytes and the decoder's samples were compared with it
// byte by byte, and these are their digests.
func TestG722IsBitExact(t *testing.T) {
	pcm := sweep()
	coded := make([]byte, len(pcm)/2)
	var e g722Encoder
	if n := e.wide(coded, pcm); n != len(coded) {
		t.Fatalf("coded %d bytes of %d", n, len(coded))
	}
	if got, want := digest(coded), wantCoded; got != want {
		t.Errorf("encoder: %s, want %s", got, want)
	}
	var d g722Decoder
	out := make([]int16, len(pcm))
	d.wide(out, coded)
	raw := make([]byte, 0, 2*len(out))
	for _, v := range out {
		raw = append(raw, byte(v), byte(v>>8))
	}
	if got, want := digest(raw), wantDecoded; got != want {
		t.Errorf("decoder: %s, want %s", got, want)
	}
}

func digest(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

const (
	wantCoded   = "f1f2e6b204cce250c5f408dc2d7fa1c0e95548e0e1187ee743caeb200de2aa78"
	wantDecoded = "50df883af3d004f129d4e7222d1573046b95c3235cdaa586929df6819473c481"
)

// ratio is how far the error of got lies below want, in decibels.
func ratio(want, got []int16) float64 {
	signal, noise := 0.0, 1.0
	for i := 800; i < len(want); i++ {
		s, e := float64(want[i]), float64(want[i])-float64(got[i])
		signal, noise = signal+s*s, noise+e*e
	}
	return 10 * math.Log10(signal/noise)
}

func TestG722CarriesWideAndNarrowSound(t *testing.T) {
	for _, hz := range []float64{200, 440, 1000, 2500, 3300} {
		pcm := mediatest.Tone(hz, time.Second, 8000, 0.3)
		b := make([]byte, len(pcm))
		var e g722Encoder
		e.narrow(b, pcm)
		out := make([]int16, len(pcm))
		var lower g722Band
		g722Narrow(&lower, out, b)
		if r := ratio(pcm, out); r < 20 {
			t.Errorf("%v Hz as 8 kHz sound: error %.1f dB below", hz, r)
		}
		wide := make([]int16, 2*len(b)) // a far end that decodes both bands
		var d g722Decoder
		d.wide(wide, b)
		if p := mediatest.Power(wide[4000:], hz, 16000); p < -11.5 || p > -9.5 {
			t.Errorf("%v Hz at -10.5 dB is heard at %.1f dB by a wide far end", hz, p)
		}
	}
	for _, hz := range []float64{440, 3000, 5000, 6500} {
		pcm := mediatest.Tone(hz, time.Second, 16000, 0.3)
		b := make([]byte, len(pcm)/2)
		var e g722Encoder
		e.wide(b, pcm)
		out := make([]int16, len(pcm))
		var d g722Decoder
		d.wide(out, b)
		if p := mediatest.Power(out[4000:], hz, 16000); p < -11.5 || p > -9.5 {
			t.Errorf("%v Hz at -10.5 dB came through at %.1f dB", hz, p)
		}
	}
}

// TestClipsInG722FitOntoSilence: a clip is coded from a state of rest, so there is
// no click where it begins, and silence after it is silent.
func TestClipsInG722FitOntoSilence(t *testing.T) {
	clip := NewClip(append(make([]int16, 1600), mediatest.Tone(500, time.Second, 8000, 0.1)...))
	clip.prepare(G722)
	quiet := make([]byte, 1600)
	hush(quiet, G722)
	var lower g722Band
	hear := func(b []byte) []int16 {
		pcm := make([]int16, len(b))
		g722Narrow(&lower, pcm, b)
		return pcm
	}
	peak := func(pcm []int16) (most int16) {
		for _, v := range pcm {
			most = max(most, v, -v)
		}
		return most
	}
	for round := range 3 {
		hear(quiet)
		if p := peak(hear(clip.bytes(G722)[:1600])); p > 100 {
			t.Errorf("round %d: the clip's silence has a peak of %d", round, p)
		}
		if p := peak(hear(clip.bytes(G722)[1600:])); p < 3000 || p > 3600 {
			t.Errorf("round %d: a tone of 3277 has a peak of %d", round, p)
		}
		hear(quiet)
		if p := peak(hear(quiet)); p > 100 {
			t.Errorf("round %d: silence after it has a peak of %d", round, p)
		}
	}
	wide := NewWideClip(mediatest.Tone(5000, time.Second, 16000, 0.3))
	if wide.Duration() != time.Second {
		t.Errorf("a second of 16 kHz is %v long", wide.Duration())
	}
	wide.prepare(G722)
	pcm := make([]int16, 16000)
	var d g722Decoder
	d.wide(pcm, wide.bytes(G722))
	if p := mediatest.Power(pcm[4000:], 5000, 16000); p < -12 {
		t.Errorf("5 kHz at -10.5 dB came through at %.1f dB", p)
	}
}

// TestACallInG722: agreed by its static type without rtpmap, sent with a clock of
// 8000 (RFC 3551 §4.5.2), heard by the tap; a change to A-law goes on with the play.
func TestACallInG722(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		e := inMemory(t, &n)
		defer e.Close()
		a, b := open(t, e, LegConfig{Codecs: []Codec{G722, PCMA}}), open(t, e, LegConfig{Codecs: []Codec{G722, PCMA}})
		id := a.Play(NewClip(mediatest.Tone(1000, 4*time.Second, 8000, 0.5))) // before anything is agreed
		tap := b.Tap()
		join(t, a, b)
		hears := func() float64 {
			t.Helper()
			var pcm []int16
			for buf := make([]int16, 800); len(pcm) < 4800; {
				n, err := tap.Read(t.Context(), buf)
				if err != nil {
					t.Fatal(err)
				}
				pcm = append(pcm, buf[:n]...)
			}
			return mediatest.Power(pcm[1600:], 1000, 8000)
		}
		if p := hears(); p < -7 || p > -5 {
			t.Errorf("the tone at -6 dB was heard at %.1f dB", p)
		}
		if st := a.Stats(); st.Codec != G722 {
			t.Errorf("the codec is %s", st.Codec)
		}
		answer, err := b.Reoffer(sdpOf("c=IN IP4 127.0.0.1", "t=0 0", fmt.Sprintf("m=audio %d RTP/AVP 8", a.port)))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Accept(answer); err != nil {
			t.Fatal(err)
		}
		if p := hears(); p < -7 || p > -5 {
			t.Errorf("after the change to A-law the tone was heard at %.1f dB", p)
		}
		if got := await(t, a, EventPlayed); got.ID != id || got.Frames != 200 {
			t.Errorf("the play: %+v", got)
		}
		if st := b.Close(); st.Lost != 0 || st.Drops.Type != 0 || a.Stats().Codec != PCMA {
			t.Errorf("b: %+v, a speaks %s", st, a.Stats().Codec)
		}
	})
}

// BenchmarkG722Frame is 20 ms of a bridge or a tap; a clip costs it once, when it
// is first played.
func BenchmarkG722Frame(b *testing.B) {
	pcm := mediatest.Tone(1000, 20*time.Millisecond, 8000, 0.5)
	coded := make([]byte, 160)
	b.Run("encode", func(b *testing.B) {
		var e g722Encoder
		b.ReportAllocs()
		for b.Loop() {
			e.narrow(coded, pcm)
		}
	})
	b.Run("decode", func(b *testing.B) {
		var lower g722Band
		b.ReportAllocs()
		for b.Loop() {
			g722Narrow(&lower, pcm, coded)
		}
	})
}
