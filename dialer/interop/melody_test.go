package interop

import (
	"math"
	"slices"
	"testing"
	"time"

	"warmline/media"
	"warmline/media/mediatest"
)

const (
	rate     = 8000
	noteTime = 160 * time.Millisecond
	noteSize = rate * 160 / 1000
)

// slides are where the notes of the melody begin, in Hz; each slides up by 240.
// No two share a band at the same time, so that only the right place fits.
var slides = []float64{420, 1900, 980, 2600, 700, 1500, 2950, 560, 2250, 1200, 840, 1700}

// melody is what the tests say: 1.92 s of notes a narrow-band codec carries
// whole. Unlike speech it is found again to the sample, note by note.
func melody() []int16 {
	pcm := make([]int16, 0, len(slides)*noteSize)
	for _, from := range slides {
		phase := 0.0
		for i := range noteSize {
			x := float64(i) / noteSize
			phase += 2 * math.Pi * (from + 240*x) / rate
			pcm = append(pcm, int16(9000*math.Sin(math.Pi*x)*math.Sin(phase)))
		}
	}
	return pcm
}

// likeness says how much of said is in heard: the mean correlation of its notes
// with where they should be, 1 for a copy. Between notes a jitter buffer may
// have moved the time by as much as drift. What was said several times may be
// put together from the notes of all sayings, for on a busy machine any of them
// may be torn.
func likeness(said, heard []int16) float64 {
	const drift = 60 * rate / 1000
	best := make([]float64, len(said)/noteSize)
	for _, anchor := range []int{3, 8} {
		for _, at := range sayings(said, heard, anchor) {
			for n := range best {
				c, i := seek(note(said, n), heard, at+n*noteSize-drift, at+n*noteSize+drift)
				best[n] = max(best[n], c)
				if c > 0.9 {
					at = i - n*noteSize
				}
			}
		}
	}
	sum := 0.0
	for _, c := range best {
		sum += c
	}
	return sum / float64(len(best))
}

// sayings finds where said begins in heard, by one of its notes. The middle
// quarter of the note will do, and is quick.
func sayings(said, heard []int16, anchor int) (at []int) {
	middle := anchor*noteSize + 3*noteSize/8
	want := said[middle : middle+noteSize/4]
	for from := 0; from+len(want) <= len(heard); from += len(said) / 2 {
		if c, i := seek(want, heard, from, from+len(said)/2-1); c > 0.8 {
			at = append(at, i-middle)
		}
	}
	return at
}

func note(pcm []int16, n int) []int16 { return pcm[n*noteSize : (n+1)*noteSize] }

// seek finds where from…to of heard correlates best with want, without regard
// to loudness.
func seek(want, heard []int16, from, to int) (best float64, at int) {
	from, to = max(0, from), min(to, len(heard)-len(want))
	own := product(want, want)
	for i := from; i <= to; i++ {
		piece := heard[i : i+len(want)]
		power := product(piece, piece)
		if power < int64(len(want)) { // silence is like nothing
			continue
		}
		if c := float64(product(want, piece)) / math.Sqrt(float64(own)*float64(power)); c > best {
			best, at = c, i
		}
	}
	return best, at
}

func product(a, b []int16) (sum int64) {
	for i, x := range a {
		sum += int64(x) * int64(b[i])
	}
	return sum
}

// carries is the likeness from which a melody counts as carried. G.711 gives
// 0.999; a lost 20 ms costs about 0.01, a lost note 0.08.
const carries = 0.95

// has tells whether pcm holds a steady tone of hz for at least 200 ms.
func has(pcm []int16, hz float64) bool {
	const piece = rate / 5
	for i := 0; i+piece <= len(pcm); i += piece / 2 {
		if mediatest.Power(pcm[i:i+piece], hz, rate) > -30 && mediatest.Power(pcm[i:i+piece], hz*1.3, rate) < -50 {
			return true
		}
	}
	return false
}

func TestTheMelodyIsToldFromWhatIsNot(t *testing.T) {
	t.Parallel()
	m := melody()
	coded := make([]byte, len(m))
	media.EncodeALaw(coded, m)
	decoded := make([]int16, len(m))
	media.DecodeALaw(decoded, coded)
	mixed := slices.Clone(m)
	for n := range len(slides) / 2 {
		copy(note(mixed, n), note(m, len(slides)-1-n))
	}
	quiet := make([]int16, len(m))
	for i, s := range m {
		quiet[i] = s / 8
	}
	late := slices.Concat(make([]int16, 3000), m[:6*noteSize], make([]int16, 200), m[6*noteSize:], make([]int16, 3000))
	for _, tt := range []struct {
		name     string
		heard    []int16
		min, max float64
	}{
		{"itself", m, 0.9999, 1.0001},
		{"through A-law, after a second", slices.Concat(make([]int16, rate), decoded), 0.99, 1},
		{"quieter", quiet, 0.99, 1.0001},
		{"late, with 25 ms put in by a jitter buffer", late, 0.99, 1.0001},
		{"said twice, torn in different places", slices.Concat(torn(m, 2), make([]int16, 777), torn(m, 7)), 0.99, 1.0001},
		{"said twice, torn in the same place", slices.Concat(torn(m, 2), make([]int16, 777), torn(m, 2)), 0.9, carries},
		{"silence", make([]int16, 2*len(m)), 0, 0},
		{"nothing", nil, 0, 0},
		{"half its notes in other places", slices.Concat(mixed, make([]int16, rate)), 0, 0.8},
		{"the first half only", slices.Concat(m[:len(m)/2], make([]int16, len(m))), 0.4, 0.6},
		{"backwards", backwards(m), 0, 0.7},
		{"a steady tone", mediatest.Tone(1500, 3*time.Second, rate, 0.5), 0, 0.5},
	} {
		if got := likeness(m, tt.heard); got < tt.min || got > tt.max {
			t.Errorf("%s: likeness %.4f, want %.4f to %.4f", tt.name, got, tt.min, tt.max)
		}
	}
}

// torn is said without most of a note.
func torn(pcm []int16, n int) []int16 {
	out := slices.Clone(pcm)
	clear(note(out, n)[noteSize/5:])
	return out
}

func backwards(pcm []int16) []int16 {
	out := slices.Clone(pcm)
	slices.Reverse(out)
	return out
}

func TestAToneIsToldFromAnother(t *testing.T) {
	t.Parallel()
	pcm := slices.Concat(make([]int16, 1234), mediatest.Tone(440, 500*time.Millisecond, rate, 0.3))
	if !has(pcm, 440) || has(pcm, 880) || has(pcm[:1200], 440) || has(nil, 440) {
		t.Error("has does not tell tones apart")
	}
}
