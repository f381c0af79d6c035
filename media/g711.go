package media

// The tables follow the reference code of ITU-T G.191 (alaw_compress and its
// three siblings): A-law keeps 12 bits of a sample, µ-law 14.
var (
	aLawOf  = buildALaw()
	uLawOf  = buildULaw()
	aLawPCM = buildALawPCM()
	uLawPCM = buildULawPCM()
)

// EncodeALaw writes src as A-law to dst and returns how many samples fitted.
func EncodeALaw(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	for i, s := range src[:n] {
		dst[i] = aLawOf[uint16(s)>>4]
	}
	return n
}

// EncodeULaw writes src as µ-law to dst and returns how many samples fitted.
func EncodeULaw(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	for i, s := range src[:n] {
		dst[i] = uLawOf[uint16(s)>>2]
	}
	return n
}

// DecodeALaw writes the samples of A-law src to dst and returns how many fitted.
func DecodeALaw(dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	for i, b := range src[:n] {
		dst[i] = aLawPCM[b]
	}
	return n
}

// DecodeULaw writes the samples of µ-law src to dst and returns how many fitted.
func DecodeULaw(dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	for i, b := range src[:n] {
		dst[i] = uLawPCM[b]
	}
	return n
}

func buildALaw() (table [1 << 12]byte) {
	for i := range table {
		s := int16(i << 4)
		table[i] = compressALaw(s)
	}
	return table
}

func compressALaw(s int16) byte {
	ix := int(s) >> 4
	if s < 0 {
		ix = int(^s) >> 4 // 1's complement, as the reference does
	}
	if ix > 15 {
		exp := 1
		for ix > 16+15 {
			ix >>= 1
			exp++
		}
		ix += exp<<4 - 16
	}
	if s >= 0 {
		ix |= 0x80
	}
	return byte(ix ^ 0x55) // even bits inverted on the line
}

func buildULaw() (table [1 << 14]byte) {
	for i := range table {
		s := int16(i << 2)
		table[i] = compressULaw(s)
	}
	return table
}

func compressULaw(s int16) byte {
	abs := int(s)>>2 + 33
	if s < 0 {
		abs = int(^s)>>2 + 33
	}
	abs = min(abs, 0x1FFF)
	segment := 1
	for i := abs >> 6; i != 0; i >>= 1 {
		segment++
	}
	high, low := 8-segment, 0xF-(abs>>segment)&0xF
	code := high<<4 | low
	if s >= 0 {
		code |= 0x80
	}
	return byte(code)
}

func buildALawPCM() (table [256]int16) {
	for i := range table {
		code := i ^ 0x55
		exp, mantissa := code&0x7F>>4, code&0xF
		if exp > 0 {
			mantissa += 16
		}
		v := mantissa<<4 + 8
		if exp > 1 {
			v <<= exp - 1
		}
		if code < 128 {
			v = -v
		}
		table[i] = int16(v)
	}
	return table
}

func buildULawPCM() (table [256]int16) {
	for i := range table {
		code := ^i & 0xFF
		exp, mantissa := code>>4&7, code&0xF
		step := 4 << (exp + 1)
		v := 0x80<<exp + step*mantissa + step/2 - 4*33
		if i < 128 {
			v = -v
		}
		table[i] = int16(v)
	}
	return table
}
