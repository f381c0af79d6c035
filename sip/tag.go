package sip

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// Sizes of a From tag before it is written in hex: enough chance to be unique
// (RFC 3261 19.3 wants 32 bits), enough MAC not to be guessed over a network.
const (
	tagSalt = 6
	tagMAC  = 8
)

// tags makes and knows our own From tags. A tag carries a MAC over the Call-ID,
// so an answer can be recognised as ours without remembering the call: with a
// key from the configuration, even after a restart.
type tags struct{ key []byte }

func newTags(key []byte) tags {
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		rand.Read(key)
	}
	return tags{key}
}

// issue makes the tag of a new call.
func (t tags) issue(callID string) string {
	salt := make([]byte, tagSalt, tagSalt+tagMAC)
	rand.Read(salt)
	return hex.EncodeToString(append(salt, t.mac(callID, salt)...))
}

// repeat is issue for a call that comes in: the same for the same INVITE.
func (t tags) repeat(callID, branch string) string {
	salt := t.mac(branch, []byte(callID))[:tagSalt:tagSalt]
	return hex.EncodeToString(append(salt, t.mac(callID, salt)...))
}

// ours reports whether we issued this tag for this call.
func (t tags) ours(callID, tag string) bool {
	b, err := hex.DecodeString(tag)
	if err != nil || len(b) != tagSalt+tagMAC {
		return false
	}
	return hmac.Equal(b[tagSalt:], t.mac(callID, b[:tagSalt]))
}

func (t tags) mac(callID string, salt []byte) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write(salt)
	h.Write([]byte(callID))
	return h.Sum(nil)[:tagMAC]
}

// randomHex names a call or a transaction.
func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// newBranch names a transaction (RFC 3261 8.1.1.7).
func newBranch() string { return branchMagic + randomHex(9) }

// branchMagic marks branches of RFC 3261 transactions.
const branchMagic = "z9hG4bK"
