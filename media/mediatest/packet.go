package mediatest

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// A Packet is one RTP packet without the rare parts (RFC 3550 §5.1).
type Packet struct {
	Type    uint8 // payload type
	Marker  bool
	Seq     uint16
	Time    uint32
	SSRC    uint32
	Payload []byte
}

// Parse reads a packet; extensions, CSRCs and padding are errors, because media
// never sends them.
func Parse(b []byte) (Packet, error) {
	if len(b) < 12 {
		return Packet{}, fmt.Errorf("RTP packet of %d bytes", len(b))
	}
	if b[0] != 0x80 {
		return Packet{}, fmt.Errorf("RTP packet begins with %#02x, want 0x80", b[0])
	}
	return Packet{
		Type: b[1] & 0x7F, Marker: b[1] >= 0x80,
		Seq:  binary.BigEndian.Uint16(b[2:]),
		Time: binary.BigEndian.Uint32(b[4:]),
		SSRC: binary.BigEndian.Uint32(b[8:]),

		Payload: append([]byte(nil), b[12:]...),
	}, nil
}

// Bytes is the packet on the wire.
func (p Packet) Bytes() []byte {
	b := make([]byte, 12, 12+len(p.Payload))
	b[0], b[1] = 0x80, p.Type
	if p.Marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], p.Seq)
	binary.BigEndian.PutUint32(b[4:], p.Time)
	binary.BigEndian.PutUint32(b[8:], p.SSRC)
	return append(b, p.Payload...)
}

// A Source numbers the packets of one sender.
type Source struct {
	Type      uint8 // of audio
	EventType uint8 // of key presses
	Seq       uint16
	Time      uint32
	SSRC      uint32
}

// Audio is the next packet with this payload; one byte is one sample.
func (s *Source) Audio(payload []byte) Packet {
	p := Packet{Type: s.Type, Seq: s.Seq, Time: s.Time, SSRC: s.SSRC, Payload: payload}
	s.Seq++
	s.Time += uint32(len(payload))
	return p
}

// Press is a key press as RFC 4733 sends it: one packet per 20 ms with growing
// duration, and the end three times. Unknown keys give nothing.
func (s *Source) Press(key byte, frames int) []Packet {
	code := strings.IndexByte("0123456789*#ABCD", key)
	if code < 0 {
		return nil
	}
	start := s.Time
	var all []Packet
	for i := range frames + 3 {
		last := i >= frames
		duration := uint16(160 * min(i+1, frames))
		payload := []byte{byte(code), 10, byte(duration >> 8), byte(duration)}
		if last {
			payload[1] |= 0x80
		}
		all = append(all, Packet{
			Type: s.EventType, Marker: i == 0, Seq: s.Seq, Time: start, SSRC: s.SSRC, Payload: payload,
		})
		s.Seq++
	}
	s.Time += uint32(160 * (frames + 3))
	return all
}
