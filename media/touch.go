package media

import (
	"math"
	"math/cmplx"
	"strings"
)

// The frequencies of the keypad (ITU-T Q.23), and its keys by row and column.
var (
	touchRows = [4]float64{697, 770, 852, 941}
	touchCols = [4]float64{1209, 1336, 1477, 1633}
)

const touchKeys = "123A456B789C*0#D"

// What counts as a key (ITU-T Q.24): a tone of 40 ms does, one of 20 ms does not;
// the column may be 4 dB louder than the row or 8 dB softer, the other tones of
// each group are 8 dB down, and both together are most of all that is heard: a
// voice has harmonics, a keypad has none.
const (
	touchStep    = 51    // samples between two looks, 6.4 ms; each look takes two steps
	touchFloor   = 4.4e8 // power of one tone: -38 dB below full scale
	touchForward = 2.8   // 4 dB, and what the short look makes of it
	touchReverse = 8     // 8 dB, likewise
	touchPeak    = 4     // 6 dB
	touchShare   = 0.72  // of all power, in both tones; 1.5 % beside the frequency leave no more
	touchClear   = 0.88  // what a telephone's leave
	touchOn      = 5     // looks in a row that agree make a key,
	touchSure    = 4     // if so many of them are clear,
	touchDoubt   = 7     // and otherwise so many
	touchOff     = 5     // looks without it end it: 32 ms
)

// A touch hears keys in the audio itself, where telephone-event was not agreed. It
// knows no clock: samples in, keys out.
type touch struct {
	s1, s2 [8]float64    // Goertzel's memory over this step, rows then columns
	before [8]complex128 // the step before
	power  [2]float64    // all of it, of this step and the one before
	n      int

	last     byte // of the look before
	run      int  // looks in a row
	sure     int  // of them, clear ones
	held     byte // the key that is down
	released int  // looks without it

	keys [8]byte // pressed and not yet fetched
	told int
}

// touchTurns are, for each tone, 2 cos ω, e^-jω and e^-jω·step.
var touchTurns, touchBack, touchOver = func() (turns [8]float64, back, over [8]complex128) {
	for i := range turns {
		f := touchRows[i%4]
		if i >= 4 {
			f = touchCols[i-4]
		}
		w := 2 * math.Pi * f / sampleRate
		turns[i], back[i], over[i] = 2*math.Cos(w), cmplx.Rect(1, -w), cmplx.Rect(1, -w*touchStep)
	}
	return turns, back, over
}()

// hear takes samples.
func (t *touch) hear(pcm []int16) {
	for _, v := range pcm {
		x := float64(v)
		t.power[0] += x * x
		for i := range t.s1 {
			t.s1[i], t.s2[i] = x+touchTurns[i]*t.s1[i]-t.s2[i], t.s1[i]
		}
		if t.n++; t.n == touchStep {
			key, clear := t.judge()
			t.look(key, clear)
			t.s1, t.s2, t.n = [8]float64{}, [8]float64{}, 0
			t.power[0], t.power[1] = 0, t.power[0]
		}
	}
}

// judge says which key the last two steps hold, zero for none, and whether little
// else is in them.
func (t *touch) judge() (key byte, clear bool) {
	var power [8]float64
	row, col := 0, 4
	for i := range power {
		step := complex(t.s1[i], 0) - touchBack[i]*complex(t.s2[i], 0)
		both := t.before[i] + touchOver[i]*step
		t.before[i] = step
		power[i] = real(both)*real(both) + imag(both)*imag(both)
		if i < 4 && power[i] > power[row] {
			row = i
		} else if i > 4 && power[i] > power[col] {
			col = i
		}
	}
	r, c := power[row], power[col]
	all := touchStep * (t.power[0] + t.power[1])
	if r < touchFloor || c < touchFloor || c > r*touchForward || r > c*touchReverse ||
		r+c < touchShare*all {
		return 0, false
	}
	for i, p := range power {
		if i < 4 && i != row && p*touchPeak > r || i >= 4 && i != col && p*touchPeak > c {
			return 0, false
		}
	}
	return touchKeys[4*row+col-4], r+c > touchClear*all
}

// look files what one look showed.
func (t *touch) look(key byte, clear bool) {
	if key != t.last {
		t.last, t.run, t.sure = key, 0, 0
	}
	t.run++
	if clear {
		t.sure++
	}
	if t.held != 0 {
		if key == t.held {
			t.released = 0
		} else if t.released++; t.released >= touchOff {
			t.held = 0
		}
	}
	if key == 0 || key == t.held || t.run < touchOn || t.sure < touchSure && t.run < touchDoubt {
		return
	}
	t.held, t.released = key, 0
	if t.told < len(t.keys) {
		t.keys[t.told] = key
		t.told++
	}
}

// TouchTones are keys as tones in the audio, for a trunk that takes neither
// telephone-event nor SIP INFO; other characters are pauses.
func TouchTones(keys string) *Clip {
	const on, off = sampleRate / 10, sampleRate / 10
	pcm := make([]int16, 0, len(keys)*(on+off))
	for _, key := range []byte(strings.ToUpper(keys)) {
		at := strings.IndexByte(touchKeys, key)
		for i := range on {
			v := 0.0
			if at >= 0 { // -9 dB and -7 dB of full scale, as telephones do
				turn := 2 * math.Pi * float64(i) / sampleRate
				v = 0.355*math.Sin(turn*touchRows[at/4]) + 0.447*math.Sin(turn*touchCols[at%4])
			}
			pcm = append(pcm, int16(v*math.MaxInt16))
		}
		pcm = append(pcm, make([]int16, off)...)
	}
	return NewClip(pcm)
}
