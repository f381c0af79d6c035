package media

import (
	"math"
	"slices"
	"sync"
)

// The filter is a sinc under a Kaiser window: 32 zero crossings to each side and
// 70 dB of stop band. Its middle lies below the Nyquist frequency of the lower
// rate, so that 3.4 kHz passes and what would fold back from above 4 kHz does not.
const (
	sincCrossings = 32
	sincSteps     = 512    // table points per crossing; linear between them
	sincRolloff   = 0.9325 // of the lower Nyquist frequency
	kaiserBeta    = 6.755  // 0.1102 × (70 − 8.7)
)

// Resample converts pcm from one rate in Hz to another by a windowed sinc. The
// result starts and ends with the input; a rate of zero or less gives nil.
func Resample(pcm []int16, from, to int) []int16 {
	switch {
	case from <= 0 || to <= 0:
		return nil
	case from == to:
		return slices.Clone(pcm)
	}
	scale := sincRolloff * min(1, float64(to)/float64(from))
	reach := sincCrossings / scale // in input samples
	table := sincTable()
	out := make([]int16, int((int64(len(pcm))*int64(to)+int64(from)-1)/int64(from)))
	for i := range out {
		at := float64(int64(i)*int64(from)) / float64(to)
		first := max(0, int(math.Ceil(at-reach)))
		last := min(len(pcm)-1, int(at+reach))
		sum := 0.0
		for j := first; j <= last; j++ {
			x := math.Abs(at-float64(j)) * scale * sincSteps
			k := int(x)
			sum += float64(pcm[j]) * (table[k] + (table[k+1]-table[k])*(x-float64(k)))
		}
		out[i] = int16(max(math.MinInt16, min(math.MaxInt16, math.Round(sum*scale))))
	}
	return out
}

// sincTable is one side of the windowed sinc, with two zeros after its end.
var sincTable = sync.OnceValue(func() []float64 {
	table := make([]float64, sincCrossings*sincSteps+2)
	for i := range sincCrossings * sincSteps {
		x := float64(i) / sincSteps
		window := bessel(kaiserBeta*math.Sqrt(1-x*x/(sincCrossings*sincCrossings))) / bessel(kaiserBeta)
		table[i] = window
		if i > 0 {
			table[i] *= math.Sin(math.Pi*x) / (math.Pi * x)
		}
	}
	return table
})

// bessel is the modified Bessel function of the first kind, order zero.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}
