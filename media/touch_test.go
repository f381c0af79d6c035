package media

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"warmline/media/mediatest"
)

// pair is a key's two tones: hertz off by a share, decibels below full scale each.
func pair(key int, off float64, d time.Duration, rowDB, colDB float64) []int16 {
	row := mediatest.Tone(touchRows[key/4]*(1+off), d, 8000, math.Pow(10, rowDB/20))
	for i, v := range mediatest.Tone(touchCols[key%4]*(1+off), d, 8000, math.Pow(10, colDB/20)) {
		row[i] += v
	}
	return row
}

func pause(d time.Duration) []int16 { return make([]int16, int(d/time.Millisecond)*8) }

// heard runs samples through A-law and the detector, in packets.
func heardKeys(pcm []int16) string {
	var t touch
	keys := ""
	law, out := make([]byte, 160), make([]int16, 160)
	for len(pcm) > 0 {
		n := min(160, len(pcm))
		EncodeALaw(law, pcm[:n])
		DecodeALaw(out, law[:n])
		t.hear(out[:n])
		keys += string(t.keys[:t.told])
		t.told = 0
		pcm = pcm[n:]
	}
	return keys
}

// TestKeysAreHeardInTheAudio: ITU-T Q.24, each with the time before it moved so
// that every alignment with the detector's blocks is met.
func TestKeysAreHeardInTheAudio(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name         string
		length       time.Duration
		off          float64
		row, col     float64
		want         bool
		noise        int
		interruption time.Duration
	}{
		{name: "a telephone's", length: 100 * ms, row: -9, col: -7, want: true},
		{name: "40 ms", length: 40 * ms, row: -9, col: -7, want: true},
		{name: "soft", length: 60 * ms, row: -30, col: -30, want: true},
		{name: "1.5 % high", length: 60 * ms, off: 0.015, row: -10, col: -10, want: true},
		{name: "1.5 % low", length: 60 * ms, off: -0.015, row: -10, col: -10, want: true},
		{name: "the column 3 dB louder", length: 60 * ms, row: -13, col: -10, want: true},
		{name: "the column 7 dB softer", length: 60 * ms, row: -10, col: -17, want: true},
		{name: "in noise 15 dB below", length: 80 * ms, row: -10, col: -10, want: true, noise: 2500},
		{name: "held for two seconds", length: 2000 * ms, row: -10, col: -10, want: true},
		{name: "interrupted for 10 ms", length: 80 * ms, row: -10, col: -10, want: true, interruption: 10 * ms},
		{name: "20 ms", length: 20 * ms, row: -9, col: -7},
		{name: "5 % off", length: 100 * ms, off: 0.05, row: -10, col: -10},
		{name: "the column 9 dB louder", length: 100 * ms, row: -19, col: -10},
		{name: "the column 14 dB softer", length: 100 * ms, row: -10, col: -24},
		{name: "the row alone", length: 100 * ms, row: -10, col: -99},
		{name: "whispered", length: 100 * ms, row: -45, col: -45},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			for key := range 16 {
				for shift := range 6 {
					pcm := append(pause(time.Duration(100+2*shift)*ms), pair(key, tt.off, tt.length, tt.row, tt.col)...)
					if tt.interruption > 0 {
						pcm = append(append(pcm, pause(tt.interruption)...), pair(key, tt.off, tt.length, tt.row, tt.col)...)
					}
					pcm = append(pcm, pause(100*ms)...)
					if tt.noise > 0 {
						for i := range pcm {
							pcm[i] += int16(rng.IntN(2*tt.noise) - tt.noise)
						}
					}
					want := ""
					if tt.want {
						want = touchKeys[key : key+1]
					}
					if got := heardKeys(pcm); got != want {
						t.Fatalf("key %c, %d ms on: heard %q, want %q", touchKeys[key], 2*shift, got, want)
					}
				}
			}
		})
	}
}

func TestKeysOneAfterTheOther(t *testing.T) {
	var pcm []int16
	want := "1122*#0D1"
	for i := range want {
		for key := range touchKeys {
			if touchKeys[key] == want[i] {
				pcm = append(append(pcm, pair(key, 0, 50*time.Millisecond, -10, -8)...), pause(50*time.Millisecond)...)
			}
		}
	}
	if got := heardKeys(append(pcm, pause(100*time.Millisecond)...)); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// TestAVoiceIsNoKey: talk-off. A made voice of two minutes: a gliding pitch with
// its harmonics under formants, in syllables; vowels are what fools detectors.
func TestAVoiceIsNoKey(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	got := ""
	for range 8 {
		got += heardKeys(madeVoice(rng, 15*time.Second))
	}
	if len(got) > 0 {
		t.Errorf("two minutes of voice pressed %q", got)
	}
	for name, pcm := range map[string][]int16{
		"ringback":   mediatest.Cadence(450, time.Second, time.Second, 20, 8000),
		"a fax":      mediatest.Tone(1100, 3*time.Second, 8000, 0.5),
		"its answer": mediatest.Tone(2100, 3*time.Second, 8000, 0.5),
	} {
		if got := heardKeys(pcm); got != "" {
			t.Errorf("%s pressed %q", name, got)
		}
	}
}

// madeVoice sums harmonics of a pitch under three formants, a syllable at a time.
func madeVoice(rng *rand.Rand, d time.Duration) []int16 {
	var pcm []int16
	phase := 0.0
	for len(pcm) < int(d/time.Second)*8000 {
		from, to := 80+220*rng.Float64(), 80+220*rng.Float64()
		formants := [3]float64{250 + 650*rng.Float64(), 800 + 1500*rng.Float64(), 2200 + 1000*rng.Float64()}
		length := 800 + rng.IntN(2400)
		for i := range length {
			share := float64(i) / float64(length)
			pitch := from + (to-from)*share
			phase += 2 * math.Pi * pitch / 8000
			v := 0.0
			for h := 1; float64(h)*pitch < 3800 && h < 30; h++ {
				gain := 0.0
				for k, f := range formants {
					w := (float64(h)*pitch - f) / float64(80+60*k) // wider upwards, as a throat is
					gain += 1 / (1 + w*w) / float64(k+1)
				}
				v += gain * math.Sin(float64(h)*phase)
			}
			v += 0.1 * (rng.Float64() - 0.5) // breath
			pcm = append(pcm, int16(6000*v*math.Sin(math.Pi*share)))
		}
		pcm = append(pcm, make([]int16, rng.IntN(800))...)
	}
	return pcm
}

// TestKeysInTheAudioOfACall: only where telephone-event was not agreed.
func TestKeysInTheAudioOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		rtp, _ := farEnd(t, &n)
		e := inMemory(t, &n)
		defer e.Close()
		for _, tt := range []struct {
			answer []byte
			want   int
		}{
			{sdpOf("c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9000 RTP/AVP 8"), 3},
			{mediatest.Answer(rtp.Addr()), 0},
		} {
			l := open(t, e, LegConfig{})
			if err := l.Accept(tt.answer); err != nil {
				t.Fatal(err)
			}
			source, clip := mediatest.Source{Type: 8, SSRC: 9}, TouchTones("5#0")
			for i := 0; i < len(clip.aLaw); i += 160 {
				if err := rtp.Send(source.Audio(clip.aLaw[i:i+160]).Bytes(), local(l)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
			time.Sleep(200 * time.Millisecond)
			st := l.Close()
			got := ""
			for e := range l.Events() {
				got += e.Digit
			}
			if st.Digits != tt.want || tt.want > 0 && got != "5#0" {
				t.Errorf("%d keys, %q; want %d", st.Digits, got, tt.want)
			}
		}
	})
}

// BenchmarkTouch20ms is what a call without telephone-event costs more, a frame.
func BenchmarkTouch20ms(b *testing.B) {
	var d touch
	pcm := mediatest.Tone(700, 20*time.Millisecond, 8000, 0.3)
	b.ReportAllocs()
	for b.Loop() {
		d.hear(pcm)
	}
}
