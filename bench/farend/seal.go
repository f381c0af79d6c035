package main

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"warmline/bench"
)

// A sealer encrypts packets as SRTP with AEAD_AES_128_GCM (RFC 7714 §8), written
// here anew: a far end that shared the media room's library could not witness
// against it. One key serves all phones, as each has its own SSRC.
type sealer struct {
	aead  cipher.AEAD
	salt  [12]byte
	nonce [12]byte
}

// newSealer derives the session's key and salt from those of bench.FarKey.
func newSealer() (*sealer, error) {
	master, err := aes.NewCipher(bench.FarKey[:16])
	if err != nil {
		return nil, fmt.Errorf("keying SRTP: %w", err)
	}
	key, salt := derive(master, 0), derive(master, 2) // labels of RFC 3711 §4.3.2
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("keying SRTP: %w", err)
	}
	s := &sealer{}
	copy(s.salt[:], salt[:])
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("keying SRTP: %w", err)
	}
	return s, nil
}

// derive is the first block of a key stream (RFC 3711 §4.3.1); the salt of 12
// bytes is filled up to 14 with zeros (RFC 7714 §11).
func derive(master cipher.Block, label byte) (out [16]byte) {
	copy(out[:], bench.FarKey[16:])
	out[7] ^= label
	master.Encrypt(out[:], out[:])
	return out
}

// seal encrypts all but the header of a packet to dst; turns is how often its
// sequence number has begun anew.
func (s *sealer) seal(dst, packet []byte, turns uint32) []byte {
	n := s.nonce[:]
	n[0], n[1] = 0, 0
	copy(n[2:6], packet[8:12]) // SSRC
	binary.BigEndian.PutUint32(n[6:], turns)
	copy(n[10:], packet[2:4]) // sequence number
	for i := range n {
		n[i] ^= s.salt[i]
	}
	return s.aead.Seal(append(dst, packet[:12]...), n, packet[12:], packet[:12])
}
