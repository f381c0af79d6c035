package media

// G.722 at 64 kbit/s (ITU-T G.722): 16 kHz sound split into two bands of 8 kHz by
// a quadrature mirror filter, each coded by adaptive differential PCM, six bits of
// a byte for the lower and two for the upper. The names of the blocks and the
// tables are the recommendation's. One byte is one tick of the RTP clock, which
// says 8000 by a mistake that RFC 3551 §4.5.2 keeps.
//
// The lower band by itself is a telephone's 8 kHz sound. Taps take only that, and
// sound of 8 kHz is sent as that with a silent upper band: no filter, half the work.

// A g722Band is the state of one band's predictor and step size.
type g722Band struct {
	s, sz int32    // SL, SZL: predicted, and its zero part
	r, p  [3]int32 // RLT, PLT
	a     [3]int32 // AL; index 0 is not used
	d, b  [7]int32 // DLT, BL; b[0] is not used
	nb    int32    // NBL: logarithm of the step
	det   int32    // DETL: the step; zero before the start
}

const (
	g722LowStart  = 32
	g722HighStart = 8
)

var (
	g722Q6 = [32]int32{ // QUANTL decision levels
		0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714,
		786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919, 0, 0,
	}
	g722LowNegative = [32]uint8{
		0, 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19,
		18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 0,
	}
	g722LowPositive = [32]uint8{
		0, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47,
		46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 0,
	}
	g722LowLog  = [16]int32{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60} // WL by RL42
	g722HighLog = [4]int32{798, -214, 798, -214}                                                              // WH by RH2
	g722Power   = [32]int32{                                                                                  // ILB: 2^(i/32)
		2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
		2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
	}
	g722QM2 = [4]int32{-7408, -1616, 7408, 1616}
	g722QM4 = [16]int32{
		0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
		20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
	}
	g722QM6 = [64]int32{
		-136, -136, -136, -136, -24808, -21904, -19008, -16704,
		-14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
		-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576,
		-3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192,
		10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032,
		1688, 1360, 1040, 728, 432, 136, -432, -136,
	}
	g722QMF = [12]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}
)

// low codes one sample of the lower band, 15 bits wide, in six bits.
func (b *g722Band) low(x int32) uint8 {
	b.start(g722LowStart)
	el := clamp16(x - b.s)
	wd := el
	if el < 0 {
		wd = ^el
	}
	i := 1
	for i < 30 && wd >= g722Q6[i]*b.det>>12 {
		i++
	}
	code := g722LowPositive[i]
	if el < 0 {
		code = g722LowNegative[i]
	}
	b.adaptLow(code >> 2)
	return code
}

// high codes one sample of the upper band in two bits.
func (b *g722Band) high(x int32) uint8 {
	b.start(g722HighStart)
	eh := clamp16(x - b.s)
	wd := eh
	if eh < 0 {
		wd = ^eh
	}
	code := uint8(3)
	if wd >= 564*b.det>>12 {
		code = 2
	}
	if eh < 0 {
		code -= 2
	}
	b.adaptHigh(code)
	return code
}

// lowOf is the sample a six-bit code stands for; 15 bits wide.
func (b *g722Band) lowOf(code uint8) int32 {
	b.start(g722LowStart)
	x := max(-16384, min(16383, b.s+b.det*g722QM6[code]>>15))
	b.adaptLow(code >> 2)
	return x
}

// highOf is the sample a two-bit code stands for.
func (b *g722Band) highOf(code uint8) int32 {
	b.start(g722HighStart)
	x := max(-16384, min(16383, b.s+b.det*g722QM2[code]>>15))
	b.adaptHigh(code)
	return x
}

// start makes the zero value a band at rest.
func (b *g722Band) start(det int32) {
	if b.det == 0 {
		b.det = det
	}
}

// adaptLow is INVQAL, LOGSCL, SCALEL and block 4 of the lower band.
func (b *g722Band) adaptLow(code4 uint8) {
	d := b.det * g722QM4[code4] >> 15
	b.nb = max(0, min(18432, b.nb*127>>7+g722LowLog[code4]))
	b.det = g722Step(b.nb, 8)
	b.predict(d)
}

// adaptHigh is INVQAH, LOGSCH, SCALEH and block 4 of the upper band.
func (b *g722Band) adaptHigh(code uint8) {
	d := b.det * g722QM2[code] >> 15
	b.nb = max(0, min(22528, b.nb*127>>7+g722HighLog[code]))
	b.det = g722Step(b.nb, 10)
	b.predict(d)
}

func g722Step(nb, shift int32) int32 {
	step := g722Power[nb>>6&31]
	if wd := shift - nb>>11; wd < 0 {
		step <<= -wd
	} else {
		step >>= wd
	}
	return step << 2
}

// predict is block 4: the quantised difference d moves both predictors on.
func (b *g722Band) predict(d int32) {
	b.d[0], b.r[0], b.p[0] = d, clamp16(b.s+d), clamp16(b.sz+d) // RECONS, PARREC
	b.a[1], b.a[2] = b.poles()
	b.zeros(d)
	copy(b.d[1:], b.d[:6])
	b.r[2], b.r[1] = b.r[1], b.r[0]
	b.p[2], b.p[1] = b.p[1], b.p[0]

	sp := clamp16(b.a[1]*clamp16(2*b.r[1])>>15 + b.a[2]*clamp16(2*b.r[2])>>15) // FILTEP
	sz := int32(0)                                                             // FILTEZ
	for i := 1; i < 7; i++ {
		sz += b.b[i] * clamp16(2*b.d[i]) >> 15
	}
	b.sz = clamp16(sz)
	b.s = clamp16(sp + b.sz) // PREDIC
}

// poles is UPPOL2 and UPPOL1.
func (b *g722Band) poles() (a1, a2 int32) {
	wd := clamp16(4 * b.a[1])
	if b.p[0]>>31 == b.p[1]>>31 {
		wd = min(-wd, 32767)
	}
	a2 = wd>>7 - 128
	if b.p[0]>>31 == b.p[2]>>31 {
		a2 += 256
	}
	a2 = max(-12288, min(12288, a2+b.a[2]*32512>>15))

	a1 = -192
	if b.p[0]>>31 == b.p[1]>>31 {
		a1 = 192
	}
	limit := clamp16(15360 - a2)
	return max(-limit, min(limit, clamp16(a1+b.a[1]*32640>>15))), a2
}

// zeros is UPZERO.
func (b *g722Band) zeros(d int32) {
	step := int32(128)
	if d == 0 {
		step = 0
	}
	for i := 1; i < 7; i++ {
		wd := -step
		if b.d[i]>>31 == d>>31 {
			wd = step
		}
		b.b[i] = clamp16(wd + b.b[i]*32640>>15)
	}
}

func clamp16(v int32) int32 { return max(-32768, min(32767, v)) }

// A g722Encoder codes one stream; its zero value is ready. A stream is wide or
// narrow, not both.
type g722Encoder struct {
	lower, upper g722Band
	x            [24]int32 // of the mirror filter
}

// wide codes 16 kHz samples, two to a byte, and gives the bytes written.
func (e *g722Encoder) wide(dst []byte, pcm16k []int16) int {
	n := min(len(dst), len(pcm16k)/2)
	for i := range n {
		copy(e.x[:], e.x[2:])
		e.x[22], e.x[23] = int32(pcm16k[2*i]), int32(pcm16k[2*i+1])
		odd, even := int32(0), int32(0)
		for j, c := range g722QMF {
			odd += e.x[2*j] * c
			even += e.x[2*j+1] * g722QMF[11-j]
		}
		dst[i] = e.upper.high((even-odd)>>14)<<6 | e.lower.low((even+odd)>>14)
	}
	return n
}

// narrow codes 8 kHz samples, one to a byte.
func (e *g722Encoder) narrow(dst []byte, pcm8k []int16) int {
	n := min(len(dst), len(pcm8k))
	for i, v := range pcm8k[:n] {
		dst[i] = e.upper.high(0)<<6 | e.lower.low(int32(v)>>1)
	}
	return n
}

// A g722Decoder is the other way; its zero value is ready.
type g722Decoder struct {
	lower, upper g722Band
	x            [24]int32
}

// wide gives 16 kHz samples, two for a byte, and how many.
func (d *g722Decoder) wide(dst []int16, src []byte) int {
	n := min(len(dst)/2, len(src))
	for i, code := range src[:n] {
		low, high := d.lower.lowOf(code&0x3F), d.upper.highOf(code>>6)
		copy(d.x[:], d.x[2:])
		d.x[22], d.x[23] = low+high, low-high
		first, second := int32(0), int32(0)
		for j, c := range g722QMF {
			second += d.x[2*j] * c
			first += d.x[2*j+1] * g722QMF[11-j]
		}
		dst[2*i], dst[2*i+1] = int16(clamp16(first>>11)), int16(clamp16(second>>11))
	}
	return 2 * n
}

// g722Narrow gives the lower band as 8 kHz samples, one for a byte.
func g722Narrow(lower *g722Band, dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	for i, code := range src[:n] {
		dst[i] = int16(clamp16(2 * lower.lowOf(code&0x3F)))
	}
	return n
}

// g722AtRest is an encoder as a decoder is after a second of silenceG722, so that
// a clip fits onto the silence before it without a click.
func g722AtRest() g722Encoder {
	var e g722Encoder
	for range sampleRate {
		e.lower.lowOf(silenceG722 & 0x3F)
		e.upper.highOf(silenceG722 >> 6)
	}
	return e
}
