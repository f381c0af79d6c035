package dialer

import (
	"math"
	"sync"

	"warmline/media"
)

// chime is what a customer hears while an agent is asked, when no recording is
// configured: four soft notes without a gap, so that nobody takes it for the end.
var chime = sync.OnceValue(func() *media.Clip {
	const rate, note = 8000, 8000 // one second a note
	var pcm []int16
	for _, hz := range []float64{392, 494, 587, 494} { // G B D B
		for i := range note {
			swell := 0.4 + 0.6*math.Sin(math.Pi*float64(i)/note)
			v := math.Sin(2*math.Pi*hz*float64(i)/rate) + 0.3*math.Sin(4*math.Pi*hz*float64(i)/rate)
			pcm = append(pcm, int16(2500*swell*v))
		}
	}
	return media.NewClip(pcm)
})
