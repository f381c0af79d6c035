package media

import (
	"testing"
	"time"

	"warmline/media/mediatest"
)

func TestResampleKeepsWhatATelephoneCarries(t *testing.T) {
	for _, from := range []int{16000, 22050, 24000, 44100, 48000} {
		for _, hz := range []float64{100, 300, 1000, 2000, 3400} {
			out := Resample(mediatest.Tone(hz, time.Second, from, 0.5), from, sampleRate)
			if len(out) != sampleRate {
				t.Fatalf("%d Hz: one second became %d samples", from, len(out))
			}
			middle := out[1000:7000]
			if got := mediatest.Power(middle, hz, sampleRate); got < -6.5 || got > -5.8 {
				t.Errorf("%d Hz: a tone of %.0f Hz at -6 dB came out at %.1f dB", from, hz, got)
			}
		}
	}
}

func TestResampleKeepsOutWhatWouldFoldBack(t *testing.T) {
	for _, from := range []int{16000, 22050, 24000, 48000} {
		for _, hz := range []float64{4100, 5000, 6500, 7900} {
			out := Resample(mediatest.Tone(hz, time.Second, from, 0.5), from, sampleRate)
			if got := mediatest.Power(out[1000:7000], 8000-hz, sampleRate); got > -66 {
				t.Errorf("%d Hz: a tone of %.0f Hz folds back with %.1f dB, want below -66", from, hz, got)
			}
		}
	}
}

func TestResampleUpwardsMakesNoImages(t *testing.T) {
	out := Resample(mediatest.Tone(1000, time.Second, 8000, 0.5), 8000, 16000)
	if got := mediatest.Power(out[2000:14000], 1000, 16000); got < -6.5 || got > -5.8 {
		t.Errorf("the tone came out at %.1f dB, want -6", got)
	}
	if got := mediatest.Power(out[2000:14000], 7000, 16000); got > -66 {
		t.Errorf("its image has %.1f dB, want below -66", got)
	}
}

func TestResampleOfOddInput(t *testing.T) {
	if got := Resample(nil, 16000, 8000); len(got) != 0 {
		t.Errorf("nothing became %d samples", len(got))
	}
	if got := Resample([]int16{1}, 0, 8000); got != nil {
		t.Errorf("a rate of zero gave %v", got)
	}
	pcm := []int16{1, 2, 3}
	same := Resample(pcm, 8000, 8000)
	same[0] = 9
	if pcm[0] != 1 {
		t.Error("the same rate shares memory with the input")
	}
	loud := Resample(mediatest.Tone(997, time.Second, 16000, 1), 16000, 8000)
	if p := mediatest.Power(loud[1000:7000], 997, 8000); p < -0.5 {
		t.Errorf("full scale came out at %.1f dB: it wrapped around", p)
	}
}
