package wecom

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// vector is one known callback: WeCom's own samples, go-workwx's, and ones made
// with OpenSSL.
type vector struct {
	Name, Token, Key, Receiver         string
	Timestamp, Nonce, Encrypt, Message string
	Signature                          string
	Contains                           []string
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/callback_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func door(t testing.TB, v vector) *Callback {
	t.Helper()
	c, err := NewCallback(CallbackConfig{
		Token: v.Token, AESKey: v.Key, Receive: v.Receiver,
		Consume: func(context.Context, Event) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOpenReadsPublishedVectors(t *testing.T) {
	list := vectors(t)
	if len(list) != 13 {
		t.Fatalf("got %d vectors, want 13", len(list))
	}
	for _, v := range list {
		t.Run(v.Name, func(t *testing.T) {
			got, err := door(t, v).Open(v.Signature, v.Timestamp, v.Nonce, v.Encrypt)
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Contains) == 0 && string(got) != v.Message {
				t.Errorf("got %q, want %q", got, v.Message)
			}
			for _, part := range v.Contains {
				if !strings.Contains(string(got), part) {
					t.Errorf("%q lacks %q", got, part)
				}
			}
		})
	}
}

// forge seals an arbitrary plaintext with v's key, so that broken insides can be
// tried behind a good signature.
func forge(t *testing.T, v vector, plain []byte) (signature, encrypted string) {
	t.Helper()
	e, err := newEnvelope(v.Token, v.Key, v.Receiver)
	if err != nil {
		t.Fatal(err)
	}
	if len(plain)%aes.BlockSize != 0 {
		t.Fatalf("%d bytes are no whole blocks", len(plain))
	}
	b := append([]byte{}, plain...)
	cipher.NewCBCEncrypter(e.block, e.iv).CryptBlocks(b, b)
	encrypted = base64.StdEncoding.EncodeToString(b)
	return e.sign(v.Timestamp, v.Nonce, encrypted), encrypted
}

func TestOpenRefuses(t *testing.T) {
	v := vectors(t)[0]
	raw, err := base64.StdEncoding.DecodeString(v.Encrypt)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEnvelope(v.Token, v.Key, v.Receiver)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(b []byte) (string, string) {
		enc := base64.StdEncoding.EncodeToString(b)
		return e.sign(v.Timestamp, v.Nonce, enc), enc
	}
	plain := func(length uint32, msg, receiver string, pad byte, size int) []byte {
		b := make([]byte, 16, size)
		b = binary.BigEndian.AppendUint32(b, length)
		b = append(append(b, msg...), receiver...)
		for len(b) < size {
			b = append(b, pad)
		}
		return b
	}
	tests := []struct {
		name string
		make func() (signature, encrypted string)
		want error
	}{
		{"a flipped signature nibble", func() (string, string) { return "6" + v.Signature[1:], v.Encrypt }, ErrSignature},
		{"no signature", func() (string, string) { return "", v.Encrypt }, ErrSignature},
		{"a signature in capitals", func() (string, string) { return strings.ToUpper(v.Signature), v.Encrypt }, ErrSignature},
		{"a ciphertext cut by a block", func() (string, string) { return signed(raw[:len(raw)-16]) }, ErrCipher},
		{"a ciphertext cut by a byte", func() (string, string) { return signed(raw[:len(raw)-1]) }, ErrCipher},
		{"an empty ciphertext", func() (string, string) { return signed(nil) }, ErrCipher},
		{"something that is not base64", func() (string, string) { return e.sign(v.Timestamp, v.Nonce, "?"), "?" }, ErrCipher},
		{"a padding of zero", func() (string, string) { return forge(t, v, plain(1, "x", v.Receiver, 0, 64)) }, ErrCipher},
		{"a padding beyond 32", func() (string, string) { return forge(t, v, plain(1, "x", v.Receiver, 33, 96)) }, ErrCipher},
		{"a padding of unequal bytes", func() (string, string) {
			b := plain(1, "x", v.Receiver, 25, 64)
			b[len(b)-3] = 7
			return forge(t, v, b)
		}, ErrCipher},
		{"a length beyond the message", func() (string, string) { return forge(t, v, plain(1000, "x", v.Receiver, 25, 64)) }, ErrCipher},
		{"the largest length", func() (string, string) { return forge(t, v, plain(1<<32-1, "x", v.Receiver, 25, 64)) }, ErrCipher},
		{"nothing but padding", func() (string, string) { return forge(t, v, []byte(strings.Repeat(" ", 32))) }, ErrCipher},
		{"another corp", func() (string, string) { return forge(t, v, plain(1, "x", "wwffffffffffffffff", 25, 64)) }, ErrReceiver},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			signature, encrypted := tt.make()
			msg, err := door(t, v).Open(signature, v.Timestamp, v.Nonce, encrypted)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %q, %v, want %v", msg, err, tt.want)
			}
		})
	}
}

func TestSignatureProvesTheSetOfValuesOnly(t *testing.T) {
	v := vectors(t)[0]
	// Known weakness of the scheme: sorted strings hide their places.
	if _, err := door(t, v).Open(v.Signature, v.Nonce, v.Timestamp, v.Encrypt); err != nil {
		t.Errorf("swapped timestamp and nonce: %v", err)
	}
}

func TestNewCallbackRefusesBadKeys(t *testing.T) {
	for _, key := range []string{"", "short", strings.Repeat("?", 43), strings.Repeat("A", 44)} {
		_, err := NewCallback(CallbackConfig{Token: "t", AESKey: key, Consume: func(context.Context, Event) error { return nil }})
		if err == nil {
			t.Errorf("key %q was taken", key)
		}
	}
}

func FuzzOpen(f *testing.F) {
	list := vectors(f)
	for _, v := range list {
		f.Add([]byte(v.Encrypt))
	}
	e, err := newEnvelope("t", list[0].Key, "ww0123456789abcdef")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if msg, err := e.open(string(b)); err == nil && len(msg) > len(b) {
			t.Errorf("%d bytes out of %d", len(msg), len(b))
		}
		// The same bytes as ciphertext, so that the inner checks are reached.
		e.open(base64.StdEncoding.EncodeToString(b))
	})
}
