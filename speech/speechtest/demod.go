package speechtest

import "unicode/utf8"

const (
	block   = period / 2     // samples between two looks at the line: 4 ms
	perSym  = symbol / block // blocks of a symbol
	inner   = 2 * period     // samples of a symbol that are weighed: its middle
	margin  = (symbol - inner) / 2
	history = 32 // blocks remembered, more than a preamble and a look around
	synced  = len(preamble) * perSym

	// gate is the mean square below which the line is silent: −44 dBFS.
	gate = 207 * 207
	// tonal is the share of a symbol's power that must be in its one tone.
	tonal = 0.5
)

// demod finds utterances in samples. It looks for the preamble's four tones
// every block while the line is loud enough, and weighs all sixteen once per
// symbol when it has found one, so silence costs a sum of squares.
type demod struct {
	samples [history * block]int16
	n       int // samples taken
	sums    [history]sums
	from    int // first block the search may use
	found   int // first block that looked like a preamble's start; −1 is none

	reading bool
	start   int // sample where the utterance began
	symbols []int
	lost    []int // indexes of symbols that carry no tone
	want    int   // symbols of the whole utterance, once the length is known
	purity  float64
}

// sums is one block as heard by the search: each preamble tone and the power.
type sums struct {
	tone  [len(preamble)]complex64
	power float32
}

// take hears one block and returns a text when it completes an utterance.
func (d *demod) take(pcm *[block]int16) (text string, purity float64, ok bool) {
	at := d.n / block
	copy(d.samples[at%history*block:], pcm[:])
	d.n += block
	if d.reading {
		return d.read()
	}
	d.sums[at%history] = weigh(pcm, at)
	d.search(at)
	return "", 0, false
}

// power is the mean square of a block.
func power(pcm *[block]int16) float32 {
	var p float32
	for _, s := range pcm {
		p += float32(s) * float32(s)
	}
	return p / block
}

// weigh measures a block for the search.
func weigh(pcm *[block]int16, at int) (s sums) {
	s.power = power(pcm)
	if s.power < gate {
		return s
	}
	phase := at % 2 * block
	for i, tone := range preamble {
		k := tone + firstTone
		var re, im float32
		for n, v := range pcm {
			w := &wave[k*(n+phase)%period]
			re += float32(v) * w.cos
			im += float32(v) * w.sin
		}
		s.tone[i] = complex(re, im)
	}
	return s
}

// search looks whether a preamble ends at this block, and once one was seen and
// the blocks around it are known, starts reading at the best of them.
func (d *demod) search(at int) {
	if d.found >= 0 {
		if at < d.found+synced+perSym-1 {
			return
		}
		best, score := d.found, float32(0)
		for b := d.found; b <= d.found+perSym; b++ {
			if s := d.match(b); s > score {
				best, score = b, s
			}
		}
		d.found = -1
		d.reading, d.start = true, best*block
		d.symbols, d.lost, d.want, d.purity = d.symbols[:0], d.lost[:0], 0, 0
		return
	}
	b := at - synced + 2 // so that the last symbol's middle ends at this block
	if b < d.from {
		return
	}
	for i := range preamble {
		var tone complex64
		var p float32
		for j := range inner / block {
			s := &d.sums[(b+i*perSym+margin/block+j)%history]
			tone += s.tone[i]
			p += s.power * block
		}
		if p < gate*inner || norm(tone)*2/inner < tonal*p {
			return
		}
	}
	d.found = b
}

// match says how well a preamble starts at block b: the power that each of its
// tones has over the whole of its symbol.
func (d *demod) match(b int) (score float32) {
	for i := range preamble {
		var tone complex64
		for j := range perSym {
			tone += d.sums[(b+i*perSym+j)%history].tone[i]
		}
		score += norm(tone)
	}
	return score
}

func norm(c complex64) float32 { return real(c)*real(c) + imag(c)*imag(c) }

// read takes the symbols that are complete by now.
func (d *demod) read() (text string, purity float64, ok bool) {
	for {
		first := d.start + (len(preamble)+len(d.symbols))*symbol + margin
		if d.n < first+inner {
			return "", 0, false
		}
		s, share := d.symbol(first)
		if d.want > 0 && len(d.symbols) == d.want { // mended: the line must be silent now
			purity, text, ok = d.purity/float64(d.want), "", share == 0
			if ok {
				text, ok = mend(d.symbols, d.lost)
			}
			d.stop()
			return text, purity, ok
		}
		if share < tonal {
			d.lost = append(d.lost, len(d.symbols))
		}
		d.symbols = append(d.symbols, s)
		d.purity += float64(share)
		if !d.plausible() {
			d.stop()
			return "", 0, false
		}
		if len(d.symbols) == d.want && len(d.lost) == 0 {
			purity = d.purity / float64(d.want)
			text, ok = decode(d.symbols)
			d.stop()
			return text, purity, ok
		}
	}
}

// plausible checks the header when it is complete, and that no more is lost
// than one packet: two neighbours of the text. What comes after them must be
// whole, so that a packet cut out or put in, which moves all that follows, is
// noticed by the end being in the wrong place.
func (d *demod) plausible() bool {
	if n := len(d.lost); n > 0 {
		first, last := d.lost[0], d.lost[n-1]
		if first < 4 || last-first > 1 || last >= d.want-4 {
			return false
		}
	}
	if len(d.symbols) != 4 {
		return true
	}
	h := d.symbols
	n := h[0]<<8 | h[1]<<4 | h[2]
	d.want = 4 + 2*n + 4
	return n > 0 && h[3] == h[0]^h[1]^h[2]
}

func (d *demod) stop() {
	d.reading = false
	d.from = d.n / block
}

// symbol returns the strongest tone in the samples from first on, and its share
// of their power. The sum over two periods comes first; its halves added serve
// the even multiples of 125 Hz and subtracted the odd ones.
func (d *demod) symbol(first int) (tone int, share float32) {
	var half [2][block]float32
	var p float32
	for n := range block {
		var q [4]float32
		for i := range q {
			q[i] = float32(d.samples[(first+n+i*block)%len(d.samples)])
			p += q[i] * q[i]
		}
		a, b := q[0]+q[2], q[1]+q[3]
		half[0][n], half[1][n] = a+b, a-b
	}
	if p < gate*inner {
		return 0, 0
	}
	var best float32
	for t := range tones {
		k := t + firstTone
		var re, im float32
		for n, v := range &half[k%2] {
			w := &wave[k*n%period]
			re += v * w.cos
			im += v * w.sin
		}
		if e := re*re + im*im; e > best {
			best, tone = e, t
		}
	}
	return tone, best * 2 / inner / p
}

// mend tries every value of the one or two lost neighbours. A burst of up to 16
// bits always changes a CRC-16, so at most one value fits.
func mend(symbols, lost []int) (string, bool) {
	for v := range 1 << (4 * len(lost)) {
		for i, at := range lost {
			symbols[at] = v >> (4 * i) & 15
		}
		if text, ok := decode(symbols); ok {
			return text, true
		}
	}
	return "", false
}

// decode turns the symbols of an utterance, without preamble, into its text.
func decode(symbols []int) (string, bool) {
	body := symbols[4:]
	b := make([]byte, len(body)/2)
	for i := range b {
		b[i] = byte(body[2*i]<<4 | body[2*i+1])
	}
	text, sum := b[:len(b)-2], b[len(b)-2:]
	if checksum(text) != uint16(sum[0])<<8|uint16(sum[1]) || !utf8.Valid(text) {
		return "", false
	}
	return string(text), true
}
