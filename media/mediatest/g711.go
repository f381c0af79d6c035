package mediatest

// ALaw is the A-law code nearest to a sample, found by trying all 256.
func ALaw(sample int16) byte { return nearest(sample, ALawValue) }

// ULaw is the µ-law code nearest to a sample, found by trying all 256.
func ULaw(sample int16) byte { return nearest(sample, ULawValue) }

// ALawValue is what an A-law code stands for, by the segments of G.711 table 1a
// scaled to 16 bits.
func ALawValue(code byte) int16 {
	code ^= 0x55
	segment, step := int(code>>4&7), int(code&15)
	v := 2*step + 1 // of 4096 steps
	if segment > 0 {
		v = (2*step + 33) << (segment - 1)
	}
	if code < 128 {
		v = -v
	}
	return int16(v * 8)
}

// ULawValue is what a µ-law code stands for, by the segments of G.711 table 2a
// scaled to 16 bits.
func ULawValue(code byte) int16 {
	code = ^code
	segment, step := int(code>>4&7), int(code&15)
	v := (2*step+33)<<segment - 33 // of 8192 steps
	if code >= 128 {
		v = -v
	}
	return int16(v * 4)
}

func nearest(sample int16, value func(byte) int16) byte {
	best, miss := byte(0), 1<<30
	for c := range 256 {
		d := int(sample) - int(value(byte(c)))
		if d < 0 {
			d = -d
		}
		if d < miss {
			best, miss = byte(c), d
		}
	}
	return best
}
