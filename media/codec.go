package media

import "strconv"

// A Codec is an audio codec by its static RTP payload type (RFC 3551 §6).
type Codec uint8

// The two G.711 laws; both are 8 kHz, one byte a sample.
const (
	PCMU Codec = 0 // µ-law, North America and Japan
	PCMA Codec = 8 // A-law, everywhere else, China included
)

const (
	sampleRate    = 8000 // of G.711 and of its RTP clock
	frameSamples  = 160  // 20 ms, the frame clips are counted in
	maxPayload    = 480  // 60 ms, the longest packet time agreed to
	comfortNoise  = 13   // RFC 3389, static payload type
	eventPT       = 101  // the telephone-event payload type we offer
	silenceALaw   = 0xD5
	silenceULaw   = 0xFF
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
	}
	return "payload type " + strconv.Itoa(int(c))
}

func (c Codec) known() bool { return c == PCMA || c == PCMU }

// decode turns one payload into samples; dst is at least as long as payload.
func (c Codec) decode(dst []int16, payload []byte) int {
	if c == PCMU {
		return DecodeULaw(dst, payload)
	}
	return DecodeALaw(dst, payload)
}

// encode turns samples into a payload as long as there are samples.
func (c Codec) encode(dst []byte, pcm []int16) {
	if c == PCMU {
		EncodeULaw(dst, pcm)
		return
	}
	EncodeALaw(dst, pcm)
}

func (c Codec) silence() byte {
	if c == PCMU {
		return silenceULaw
	}
	return silenceALaw
}
