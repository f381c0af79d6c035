package media

import "strconv"

// A Codec is an audio codec by its static RTP payload type (RFC 3551 §6).
type Codec uint8

// The codecs of telephony that carry a byte for every 8 kHz tick.
const (
	PCMU Codec = 0 // G.711 µ-law, North America and Japan
	PCMA Codec = 8 // G.711 A-law, everywhere else, China included
	G722 Codec = 9 // 16 kHz sound; its RTP clock says 8000 (RFC 3551 §4.5.2)
)

const (
	sampleRate    = 8000 // of the RTP clock, and of what taps hear
	frameSamples  = 160  // 20 ms, the frame clips are counted in
	maxPayload    = 480  // 60 ms, the longest packet time agreed to
	comfortNoise  = 13   // RFC 3389, static payload type
	eventPT       = 101  // the telephone-event payload type we offer
	silenceALaw   = 0xD5
	silenceULaw   = 0xFF
	silenceG722   = 0xFF // steps of nothing in both bands
	maxDatagram   = 2048 // receive buffer; RTP of telephony stays far below
	rtpHeaderSize = 12
)

// String gives the codec's name as in a=rtpmap.
func (c Codec) String() string {
	switch c {
	case PCMA:
		return "PCMA"
	case PCMU:
		return "PCMU"
	case G722:
		return "G722"
	}
	return "payload type " + strconv.Itoa(int(c))
}

// codecNamed is the codec of an a=rtpmap, upper case and without "/1".
func codecNamed(name string) (Codec, bool) {
	for _, c := range []Codec{PCMA, PCMU, G722} {
		if name == c.String()+"/8000" {
			return c, true
		}
	}
	return 0, false
}

func (c Codec) known() bool { return c == PCMA || c == PCMU || c == G722 }

func (c Codec) silence() byte {
	if c == PCMA {
		return silenceALaw
	}
	return silenceULaw // which is silenceG722
}

// A decoder turns the payloads of one stream into 8 kHz samples. Its zero value is
// ready; only G.722 needs a memory.
type decoder struct{ lower g722Band }

// decode gives a sample for each byte; dst is at least as long as payload.
func (d *decoder) decode(dst []int16, payload []byte, c Codec) int {
	switch c {
	case G722:
		return g722Narrow(&d.lower, dst, payload)
	case PCMU:
		return DecodeULaw(dst, payload)
	}
	return DecodeALaw(dst, payload)
}

// An encoder is the other way, for one stream.
type encoder struct{ g722 g722Encoder }

// encode gives a byte for each sample.
func (e *encoder) encode(dst []byte, pcm []int16, c Codec) {
	switch c {
	case G722:
		e.g722.narrow(dst, pcm)
	case PCMU:
		EncodeULaw(dst, pcm)
	default:
		EncodeALaw(dst, pcm)
	}
}
