package siptest

import (
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"
)

const (
	frameTime    = 20 * time.Millisecond // one packet (RFC 3551 4.5)
	frameSamples = 160                   // 20 ms at 8 kHz
	alawSilence  = 0xD5                  // the A-law byte nearest zero
	payloadPCMA  = 8                     // RFC 3551 table 4
	loudLevel    = 250                   // mean |sample| of a voiced frame: about -42 dBFS
)

// loudness is |sample| of each A-law byte (ITU-T G.711).
var loudness = func() (t [256]int32) {
	for i := range t {
		v := int32(i) ^ 0x55
		mantissa, segment := (v&0x0F)<<4, (v&0x70)>>4
		switch segment {
		case 0:
			t[i] = mantissa + 8
		default:
			t[i] = (mantissa + 0x108) << (segment - 1)
		}
	}
	return t
}()

// loud reports whether A-law audio carries a voice rather than silence.
func loud(alaw []byte) bool {
	var sum int64
	for _, b := range alaw {
		sum += int64(loudness[b])
	}
	return len(alaw) > 0 && sum/int64(len(alaw)) >= loudLevel
}

// encodeALaw turns one 16-bit sample into A-law.
func encodeALaw(s int) byte {
	sign := 0x80
	if s < 0 {
		s, sign = -s-1, 0
	}
	s = min(s, 32635)
	v := s >> 4
	if s >= 256 {
		exponent := bits.Len(uint(s)) - 8
		v = exponent<<4 | s>>(exponent+3)&0x0F
	}
	return byte(v|sign) ^ 0x55
}

// tone is a sine of so many hertz, A-law.
func tone(hertz float64, d time.Duration) []byte {
	out := make([]byte, int(d.Milliseconds())*8)
	for i := range out {
		out[i] = encodeALaw(int(8000 * math.Sin(2*math.Pi*hertz*float64(i)/8000)))
	}
	return out
}

// hum is how people sound when no Voice is given: 150 ms of tone a character,
// the pitch moving so that it is no single call-progress tone.
func hum(text string) []byte {
	var out []byte
	for _, r := range text {
		out = append(out, tone(180+float64(r%32)*10, 150*time.Millisecond)...)
	}
	return out
}

// rtpPayload returns payload type and payload of an RTP packet, past CSRCs and
// extension, without padding (RFC 3550 5.1). RTCP and short packets are not ok.
func rtpPayload(b []byte) (pt byte, payload []byte, ok bool) {
	if len(b) < 12 || b[0]>>6 != 2 || (b[1] >= 192 && b[1] <= 223) { // RFC 5761 4
		return 0, nil, false
	}
	at := 12 + 4*int(b[0]&0x0F)
	if b[0]&0x10 != 0 {
		if len(b) < at+4 {
			return 0, nil, false
		}
		at += 4 + 4*int(binary.BigEndian.Uint16(b[at+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[end-1])
	}
	if at > end {
		return 0, nil, false
	}
	return b[1] & 0x7F, b[at:end], true
}

// sender numbers the packets of one stream. Sequence, timestamp and SSRC start
// at random (RFC 3550 5.1).
type sender struct {
	seq    uint16
	ts     uint32
	ssrc   uint32
	marker bool // the next audio packet begins a talkspurt
	buf    [12 + frameSamples]byte
}

func newSender() *sender {
	return &sender{seq: uint16(rand.Uint32()), ts: rand.Uint32(), ssrc: rand.Uint32(), marker: true}
}

// skip lets 20 ms of the media clock pass without a packet.
func (s *sender) skip() {
	s.ts += frameSamples
	s.marker = true
}

// audio frames up to 20 ms of A-law, filled up with silence. The result is
// valid until the next call.
func (s *sender) audio(alaw []byte) []byte {
	s.head(payloadPCMA, s.marker, s.ts)
	n := copy(s.buf[12:], alaw)
	for i := 12 + n; i < len(s.buf); i++ {
		s.buf[i] = alawSilence
	}
	s.ts += frameSamples
	s.marker = false
	return s.buf[:]
}

func (s *sender) head(pt byte, marker bool, ts uint32) {
	s.buf[0], s.buf[1] = 0x80, pt
	if marker {
		s.buf[1] |= 0x80
	}
	binary.BigEndian.PutUint16(s.buf[2:], s.seq)
	binary.BigEndian.PutUint32(s.buf[4:], ts)
	binary.BigEndian.PutUint32(s.buf[8:], s.ssrc)
	s.seq++
}

// Lengths of a key press in packets: 160 ms held, the end said three times
// (RFC 4733 2.5.1.4), then 100 ms before the next key.
const (
	keyHeld  = 8
	keyEnds  = 3
	keySteps = keyHeld + keyEnds + 5
)

// key frames step 0 to keySteps-1 of a key press; nil means a pause. All packets
// of one press carry the timestamp of its first (RFC 4733 2.5.1.2).
func (s *sender) key(pt byte, digit byte, step int) []byte {
	start := s.ts - uint32(step)*frameSamples
	defer s.skip()
	if step >= keyHeld+keyEnds {
		return nil
	}
	s.head(pt, step == 0, start)
	s.buf[12], s.buf[13] = digit, 10 // volume -10 dBm0
	if step >= keyHeld {
		s.buf[13] |= 0x80
	}
	binary.BigEndian.PutUint16(s.buf[14:], uint16(min(step+1, keyHeld)*frameSamples))
	return s.buf[:16]
}

// keyEvent is the RFC 4733 event of a key.
func keyEvent(k byte) (byte, bool) {
	switch {
	case k >= '0' && k <= '9':
		return k - '0', true
	case k == '*':
		return 10, true
	case k == '#':
		return 11, true
	}
	return 0, false
}
