package wecom

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Why a callback was not believed.
var (
	ErrSignature = errors.New("the callback's signature is wrong")
	ErrCipher    = errors.New("the callback does not decrypt")
	ErrReceiver  = errors.New("the callback is meant for another corp")
)

const (
	keyLength   = 32
	padBlock    = 32 // WeCom pads to 32 bytes although AES blocks have 16 (doc 90968)
	randomBytes = 16
	lengthBytes = 4
)

// envelope is WeCom's callback crypto: AES-256-CBC, the key's head as IV, and
// random(16) | length(4) | message | receiver inside.
type envelope struct {
	token    string
	receiver string
	block    cipher.Block
	iv       []byte
}

// newEnvelope reads the 43-character EncodingAESKey. It is decoded loosely:
// WeCom's own sample key ends in bits that strict base64 refuses.
func newEnvelope(token, aesKey, receiver string) (*envelope, error) {
	key, err := base64.StdEncoding.DecodeString(aesKey + "=")
	if err != nil || len(key) != keyLength {
		return nil, fmt.Errorf("an EncodingAESKey has 43 letters and digits, this one has %d and does not decode to %d bytes", len(aesKey), keyLength)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("using the EncodingAESKey: %w", err)
	}
	return &envelope{token: token, receiver: receiver, block: block, iv: key[:aes.BlockSize]}, nil
}

// sign is hex(sha1) over the four strings in byte order. The order hides which
// string was which, so the signature proves the set of values, not their places.
func (e *envelope) sign(timestamp, nonce, encrypted string) string {
	parts := []string{e.token, timestamp, nonce, encrypted}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

func (e *envelope) verify(signature, timestamp, nonce, encrypted string) error {
	want := e.sign(timestamp, nonce, encrypted)
	if subtle.ConstantTimeCompare([]byte(want), []byte(signature)) != 1 {
		return ErrSignature
	}
	return nil
}

// open decrypts and checks every length on the way.
func (e *envelope) open(encrypted string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil {
		return nil, fmt.Errorf("%w: not base64", ErrCipher)
	}
	if len(b) < padBlock || len(b)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrCipher, len(b))
	}
	cipher.NewCBCDecrypter(e.block, e.iv).CryptBlocks(b, b)
	pad := int(b[len(b)-1])
	if pad < 1 || pad > padBlock || !bytes.Equal(b[len(b)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, fmt.Errorf("%w: bad padding", ErrCipher)
	}
	b = b[:len(b)-pad]
	if len(b) < randomBytes+lengthBytes {
		return nil, fmt.Errorf("%w: too short", ErrCipher)
	}
	b = b[randomBytes:]
	n := binary.BigEndian.Uint32(b)
	b = b[lengthBytes:]
	if uint64(n) > uint64(len(b)) {
		return nil, fmt.Errorf("%w: the message claims %d bytes of %d", ErrCipher, n, len(b))
	}
	if string(b[n:]) != e.receiver {
		return nil, ErrReceiver
	}
	return b[:n:n], nil
}
