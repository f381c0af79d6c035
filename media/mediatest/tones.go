package mediatest

import (
	"math"
	"time"
)

// Tone is a sine of hz at rate samples a second; amplitude 1 is full scale.
func Tone(hz float64, d time.Duration, rate int, amplitude float64) []int16 {
	pcm := make([]int16, int(int64(d)*int64(rate)/int64(time.Second)))
	for i := range pcm {
		pcm[i] = int16(math.Round(amplitude * math.MaxInt16 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return pcm
}

// Cadence repeats a tone: on, off, on, off… Chinese ringback is 450 Hz with 1 s
// and 4 s, busy with 350 ms and 350 ms, congestion with 700 ms and 700 ms (GB/T 3380).
func Cadence(hz float64, on, off time.Duration, times, rate int) []int16 {
	var pcm []int16
	for range times {
		pcm = append(pcm, Tone(hz, on, rate, 0.25)...)
		pcm = append(pcm, make([]int16, int(int64(off)*int64(rate)/int64(time.Second)))...)
	}
	return pcm
}

// Power is the share of full scale that pcm has at hz, in decibels: a sine of
// amplitude 1 has 0 dB. It is Goertzel's sum under a Hann window.
func Power(pcm []int16, hz float64, rate int) float64 {
	turn := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var s1, s2, weight float64
	for i, v := range pcm {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(len(pcm)))
		weight += w
		s1, s2 = w*float64(v)/math.MaxInt16+turn*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - turn*s1*s2
	return 10 * math.Log10(max(power/(weight*weight/4), 1e-20))
}
