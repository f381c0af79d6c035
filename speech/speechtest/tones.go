// Package speechtest is a voice and a pair of ears that understand each other
// without any engine: a modem whose sound is the text.
//
// [Speak] turns words into tones, [Ears] turns tones back into words, and
// [Voice] lets the bot speak the same way, so that a simulated person on the
// other end of a real RTP stream can hear what was said to them. What a test
// says arrives as what was said, or does not arrive; it never arrives as
// something else.
//
// # Sound
//
// One of sixteen tones carries four bits for 24 ms. The tones are the multiples
// of 125 Hz from 750 to 2625 Hz, single ones, so that no pair of them is a DTMF
// key; every symbol holds whole cycles of each, so tones follow one another
// without a click and are orthogonal over any 8 ms. An utterance is
//
//	4 symbols   preamble, for finding the first sample
//	3 symbols   length of the text in bytes
//	1 symbol    exclusive or of those three
//	2 per byte  the text, UTF-8, high half first
//	4 symbols   CRC-16 (CCITT) of the text
//
// which makes 不要再打了 one second long. It survives A-law and µ-law, levels
// from −6 to −30 dBFS, any offset of the sampling grid, light noise, and one lost
// packet of the text that silence took the place of. What is damaged more than
// that is not heard.
package speechtest

import (
	"math"

	"warmline/media"
)

const (
	tones     = 16
	firstTone = 6   // ×125 Hz = 750 Hz
	period    = 64  // samples after which every tone is where it began
	symbol    = 192 // samples of one symbol: 24 ms, three periods

	// maxBytes is what a three-symbol length can say.
	maxBytes = 1<<12 - 1

	// loudness is the peak of what Speak says: −10 dBFS, room for a codec above
	// and for attenuation below.
	loudness = 0.316 * 32767
)

// preamble is the opening of an utterance: far apart in pitch and different
// under every shift, so that it matches at one place only.
var preamble = [...]int{15, 0, 12, 3}

// wave holds one period of sine and cosine.
var wave = func() (w [period]struct{ sin, cos float32 }) {
	for i := range w {
		a := 2 * math.Pi * float64(i) / period
		w[i].sin, w[i].cos = float32(math.Sin(a)), float32(math.Cos(a))
	}
	return w
}()

// Speak returns text as 8 kHz samples. A text longer than 4095 bytes is cut
// there, at the start of a character.
func Speak(text string) []int16 {
	symbols := encode(text)
	pcm := make([]int16, 0, len(symbols)*symbol)
	for _, s := range symbols {
		for n := range symbol {
			pcm = append(pcm, int16(loudness*wave[(s+firstTone)*n%period].sin))
		}
	}
	return pcm
}

// ALaw returns what Speak says as A-law bytes, 8000 a second: the voice of a
// person behind a test gateway.
func ALaw(text string) []byte {
	pcm := Speak(text)
	out := make([]byte, len(pcm))
	media.EncodeALaw(out, pcm)
	return out
}

// encode lays an utterance out in symbols.
func encode(text string) []int {
	b := []byte(text)
	if len(b) > maxBytes {
		n := maxBytes
		for n > 0 && b[n]&0xC0 == 0x80 { // inside a character
			n--
		}
		b = b[:n]
	}
	out := append([]int(nil), preamble[:]...)
	l := [3]int{len(b) >> 8, len(b) >> 4 & 15, len(b) & 15}
	out = append(out, l[0], l[1], l[2], l[0]^l[1]^l[2])
	for _, c := range b {
		out = append(out, int(c>>4), int(c&15))
	}
	crc := checksum(b)
	for shift := 12; shift >= 0; shift -= 4 {
		out = append(out, int(crc>>shift)&15)
	}
	return out
}

// checksum is CRC-16/CCITT-FALSE.
func checksum(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
