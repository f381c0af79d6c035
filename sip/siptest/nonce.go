package siptest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// nonceLife is how long a caller may reuse a nonce, counting nc up.
const nonceLife = 5 * time.Minute

// nonceBook makes nonces that prove themselves and remembers their use.
type nonceBook struct {
	key  []byte
	used map[string]bool // nonce and nc
}

func (b *nonceBook) fresh(now time.Time) string {
	at := strconv.FormatInt(now.UnixMilli(), 36)
	return at + "-" + b.seal(at)
}

func (b *nonceBook) seal(at string) string {
	h := hmac.New(sha256.New, b.key)
	h.Write([]byte(at))
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// check says why a request may not pass. Stale credentials were right, but
// their nonce was not: too old, or its nc already used (RFC 7616 3.3).
func (b *nonceBook) check(m *Message, a Auth, now time.Time) (stale bool, err error) {
	if err := CheckDigest(m, a.Realm, a.User, a.Password); err != nil {
		return false, err
	}
	c := Credentials(m)
	at, seal, _ := strings.Cut(c["nonce"], "-")
	ms, err := strconv.ParseInt(at, 36, 64)
	if err != nil || !hmac.Equal([]byte(seal), []byte(b.seal(at))) {
		return true, fmt.Errorf("checking nonce %q: not one of ours", c["nonce"])
	}
	if age := now.Sub(time.UnixMilli(ms)); age > nonceLife {
		return true, fmt.Errorf("checking nonce: %s old", age)
	}
	use := c["nonce"] + " " + c["nc"]
	if b.used[use] {
		return true, fmt.Errorf("checking nonce: nc %s used before", c["nc"])
	}
	b.used[use] = true
	return false, nil
}
