package media

import (
	"bytes"
	crand "crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pion/srtp/v3"
)

// A Security says whether a leg's audio is encrypted (SRTP, keys by RFC 4568 in
// the SDP, which is as safe as the signalling that carries it).
type Security uint8

// The three policies.
const (
	SecurityOff      Security = iota // RTP/AVP; an answer by SRTP is refused
	SecurityOptional                 // RTP/AVP with keys (RFC 8643): encrypted if they can
	SecurityRequired                 // RTP/SAVP: encrypted or no call
)

// ErrNotSecure: the other side does not encrypt and we must, or the other way
// round, or with nothing we know (SIP 488).
var ErrNotSecure = errors.New("no common encryption")

// A suite is how SRTP encrypts and authenticates.
type suite struct {
	name    string
	profile srtp.ProtectionProfile
	size    int // bytes of key and salt
}

// suites are ours by preference: the first costs least. AES-256 is taken when
// offered; offering it too would make an INVITE too long for one datagram.
var suites = []suite{
	{"AEAD_AES_128_GCM", srtp.ProtectionProfileAeadAes128Gcm, 16 + 12},              // RFC 7714 §14.2
	{"AES_CM_128_HMAC_SHA1_80", srtp.ProtectionProfileAes128CmHmacSha1_80, 16 + 14}, // RFC 4568 §6.2
	{"AES_CM_128_HMAC_SHA1_32", srtp.ProtectionProfileAes128CmHmacSha1_32, 16 + 14}, // RFC 4568 §6.2
	{"AEAD_AES_256_GCM", srtp.ProtectionProfileAeadAes256Gcm, 32 + 12},              // RFC 7714 §14.2
}

// offeredSuites is how many of suites we offer.
const offeredSuites = 3

// A keying is one a=crypto: what one side encrypts with. It never prints its key.
type keying struct {
	tag   int
	suite *suite
	key   []byte // and salt
}

// String leaves the key out.
func (k *keying) String() string {
	if k == nil {
		return "in the clear"
	}
	return k.suite.name + " with a key of " + strconv.Itoa(len(k.key)) + " bytes"
}

func (k *keying) equal(o *keying) bool {
	return k == o || k != nil && o != nil && k.suite == o.suite && bytes.Equal(k.key, o.key)
}

func newKeying(tag int, s *suite) *keying {
	k := &keying{tag: tag, suite: s, key: make([]byte, s.size)}
	_, _ = crand.Read(k.key) // never fails
	return k
}

// line is the attribute.
func (k *keying) line() string {
	return fmt.Sprintf("a=crypto:%d %s inline:%s\r\n", k.tag, k.suite.name, base64.StdEncoding.EncodeToString(k.key))
}

// readKeying reads the value of an a=crypto (RFC 4568 §9.1). What we do not know,
// more keys than one, an MKI or a session parameter that changes the packets, is
// not taken.
func readKeying(value string) (*keying, bool) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return nil, false
	}
	tag, err := strconv.ParseUint(f[0], 10, 31)
	if err != nil {
		return nil, false
	}
	for _, p := range f[3:] {
		if name := strings.ToUpper(p); !strings.HasPrefix(name, "-") && !strings.HasPrefix(name, "WSH=") {
			return nil, false
		}
	}
	inline, ok := cutPrefixFold(f[2], "inline:")
	if !ok || strings.Contains(inline, ";") {
		return nil, false
	}
	text, rest, _ := strings.Cut(inline, "|") // then a lifetime and an MKI
	if strings.Contains(rest, ":") {
		return nil, false
	}
	for i := range suites {
		s := &suites[i]
		if !strings.EqualFold(f[1], s.name) {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			key, err = base64.RawStdEncoding.DecodeString(text) // some leave the padding out
		}
		return &keying{tag: int(tag), suite: s, key: key}, err == nil && len(key) == s.size
	}
	return nil, false
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// offeredKeys are what we encrypt with, one for each suite we offer; they stay the
// same for the life of a leg unless the other side changes its own.
func offeredKeys() []*keying {
	var keys []*keying
	for i := range offeredSuites {
		keys = append(keys, newKeying(i+1, &suites[i]))
	}
	return keys
}

// renew makes new keys of all but the one in use: a key that was given up is never
// used again, for its packet counter has begun.
func (w *wishes) renew(used *keying) {
	for i, k := range w.keys {
		if !k.equal(used) {
			w.keys[i] = newKeying(k.tag, k.suite)
		}
	}
}

// answeredKeys judges an answer to our keys: ours is the one its tag names.
func answeredKeys(policy Security, ours []*keying, s section) (send, hear *keying, err error) {
	if policy == SecurityOff {
		if s.secure {
			return nil, nil, fmt.Errorf("%w: %s was not offered", ErrNotSecure, s.proto)
		}
		return nil, nil, nil
	}
	for _, theirs := range s.keys {
		for _, own := range ours {
			if own.tag == theirs.tag && own.suite == theirs.suite {
				return own, theirs, nil
			}
		}
	}
	if policy == SecurityRequired || s.secure || len(s.keys) > 0 {
		return nil, nil, fmt.Errorf("%w: answered %s with %d usable keys", ErrNotSecure, s.proto, len(s.keys))
	}
	return nil, nil, nil
}

// chosenKeys judges an offer: the first of its keys we can use, by their order,
// and a new one of ours, unless they kept theirs and so do we.
func chosenKeys(policy Security, s section, before terms) (send, hear *keying, err error) {
	if policy == SecurityOff || len(s.keys) == 0 {
		if s.secure || policy == SecurityRequired {
			return nil, nil, fmt.Errorf("%w: offered %s with %d usable keys", ErrNotSecure, s.proto, len(s.keys))
		}
		return nil, nil, nil
	}
	theirs := s.keys[0]
	if theirs.equal(before.hearKey) && before.sendKey != nil {
		own := *before.sendKey
		own.tag = theirs.tag
		return &own, theirs, nil
	}
	return newKeying(theirs.tag, theirs.suite), theirs, nil
}
