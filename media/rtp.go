package media

import "encoding/binary"

// A header is the fixed part of an RTP packet (RFC 3550 §5.1).
type header struct {
	marker bool
	pt     uint8
	seq    uint16
	ts     uint32
	ssrc   uint32
}

// put writes the header to the first 12 bytes of b.
func (h header) put(b []byte) {
	first := 2<<30 | uint32(h.pt)<<16 | uint32(h.seq)
	if h.marker {
		first |= 1 << 23
	}
	binary.BigEndian.PutUint32(b, first)
	binary.BigEndian.PutUint32(b[4:], h.ts)
	binary.BigEndian.PutUint32(b[8:], h.ssrc)
}

// readRTP splits a datagram into header and payload, stepping over CSRCs,
// extension and padding. It is ours rather than pion's because a flood of
// nonsense must not allocate errors; a fuzz test holds it against pion's.
func readRTP(b []byte) (h header, payload []byte, ok bool) {
	if len(b) < rtpHeaderSize || b[0]>>6 != 2 {
		return h, nil, false
	}
	h = header{
		marker: b[1]&0x80 != 0, pt: b[1] & 0x7F,
		seq:  binary.BigEndian.Uint16(b[2:]),
		ts:   binary.BigEndian.Uint32(b[4:]),
		ssrc: binary.BigEndian.Uint32(b[8:]),
	}
	at := rtpHeaderSize + 4*int(b[0]&0x0F)
	if b[0]&0x10 != 0 { // extension: profile, length in words
		if len(b) < at+4 {
			return h, nil, false
		}
		at += 4 + 4*int(binary.BigEndian.Uint16(b[at+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 && end > at { // padding: last byte counts itself
		pad := int(b[end-1])
		if pad == 0 {
			return h, nil, false
		}
		end -= pad
	}
	if end < at {
		return h, nil, false
	}
	return h, b[at:end], true
}
