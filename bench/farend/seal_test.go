package main

import (
	"bytes"
	"testing"

	"github.com/pion/srtp/v3"

	"warmline/bench"
)

// TestTheFarEndsSRTPIsOpenedByOthers: RFC 7714 and its keys, by pion's hand.
func TestTheFarEndsSRTPIsOpenedByOthers(t *testing.T) {
	s, err := newSealer()
	if err != nil {
		t.Fatal(err)
	}
	opener, err := srtp.CreateContext(bench.FarKey[:16], bench.FarKey[16:], srtp.ProtectionProfileAeadAes128Gcm)
	if err != nil {
		t.Fatal(err)
	}
	for i, seq := range []byte{254, 255, 0, 1} { // over the end of the sequence numbers
		packet := append([]byte{2 << 6, 8, 255, seq, 0, 0, 0, 160, 1, 2, 3, 4}, bytes.Repeat([]byte{0xD5}, 160)...)
		turns := uint32(0)
		if i > 1 {
			packet[2], turns = 0, 1
		}
		got, err := opener.DecryptRTP(nil, s.seal(nil, packet, turns), nil)
		if err != nil || !bytes.Equal(got, packet) {
			t.Errorf("packet %d: %x, %v; want %x", i, got, err, packet)
		}
	}
	dst, packet := make([]byte, 0, bench.PacketSize+16), make([]byte, bench.PacketSize)
	if n := testing.AllocsPerRun(100, func() { s.seal(dst, packet, 0) }); n != 0 {
		t.Errorf("a packet allocates %v times", n)
	}
}
