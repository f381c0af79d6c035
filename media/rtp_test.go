package media

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
)

func FuzzReadRTP(f *testing.F) {
	plain := make([]byte, 172)
	header{marker: true, pt: 8, seq: 65535, ts: 1 << 31, ssrc: 7}.put(plain)
	f.Add(plain)
	f.Add(append([]byte{0xB1, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 0xBE, 0xDE, 0, 1, 0x10, 1, 0, 0}, 1, 2, 3, 4, 0, 2))
	f.Add([]byte{0xA0, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, payload, ok := readRTP(b)
		if !ok {
			return
		}
		var p rtp.Packet
		if err := p.Unmarshal(b); err != nil {
			return // pion also looks inside extensions
		}
		got := header{p.Marker, p.PayloadType, p.SequenceNumber, p.Timestamp, p.SSRC}
		if h != got || !bytes.Equal(payload, p.Payload) {
			t.Fatalf("%x: read %+v with %d bytes, pion %+v with %d", b, h, len(payload), got, len(p.Payload))
		}
	})
}

func TestMalformedRTPIsRefused(t *testing.T) {
	tests := []struct {
		name string
		b    []byte
	}{
		{"empty", nil},
		{"eleven bytes", make([]byte, 11)},
		{"version 1", append([]byte{0x40}, make([]byte, 20)...)},
		{"fifteen CSRCs and no room", append([]byte{0x8F}, make([]byte, 20)...)},
		{"an extension longer than the packet", append([]byte{0x90, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, make([]byte, 9)...)},
		{"padding longer than the packet", append(append([]byte{0xA0}, make([]byte, 12)...), 200)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, ok := readRTP(tt.b); ok {
				t.Error("was taken")
			}
		})
	}
}
