package speech

import "math"

// Loudness is the active speech level clips are brought to, in dB below full
// scale. A G.711 line has little headroom above it and carriers expect about
// this (ITU-T P.56 puts speech at −26 dBov; phones on noisy streets want more).
const Loudness = -20.0

// Normalize scales speech so that its active level is dbfs and returns the same
// slice. Pauses do not count: only 20 ms stretches within 30 dB of the loudest
// are measured. It never clips; a very peaky voice stays a little softer.
func Normalize(pcm []int16, rate int, dbfs float64) []int16 {
	frame := max(rate/50, 1)
	var powers []float64
	loudest, peak := 0.0, 0.0
	for i := 0; i < len(pcm); i += frame {
		part := pcm[i:min(i+frame, len(pcm))]
		sum := 0.0
		for _, s := range part {
			sum += float64(s) * float64(s)
			peak = max(peak, math.Abs(float64(s)))
		}
		p := sum / float64(len(part))
		powers = append(powers, p)
		loudest = max(loudest, p)
	}
	if loudest == 0 {
		return pcm
	}
	sum, n := 0.0, 0
	for _, p := range powers {
		if p >= loudest/1000 { // 30 dB
			sum += p
			n++
		}
	}
	rms := math.Sqrt(sum / float64(n))
	gain := math.Pow(10, dbfs/20) * 32768 / rms
	gain = min(gain, 32000/peak)
	for i, s := range pcm {
		pcm[i] = int16(math.Round(float64(s) * gain))
	}
	return pcm
}
