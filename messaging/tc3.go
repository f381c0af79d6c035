package messaging

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// tc3 is Tencent Cloud's request signature, version 3 (TC3-HMAC-SHA256).
type tc3 struct {
	id, key string // SecretId, SecretKey
	service string
}

// header is one signed header: name in small letters, value as signed.
type header struct{ name, value string }

// authorization signs POST / with the given headers, which stand in the order of
// their names, and the body.
func (s tc3) authorization(headers []header, body []byte, at time.Time) string {
	names := make([]string, len(headers))
	for i, h := range headers {
		names[i] = h.name
	}
	signed := strings.Join(names, ";")
	return "TC3-HMAC-SHA256 Credential=" + s.id + "/" + s.scope(at) +
		", SignedHeaders=" + signed + ", Signature=" + s.sign(canonical(headers, signed, body), at)
}

// canonical is the request as it is signed.
func canonical(headers []header, signed string, body []byte) string {
	var b strings.Builder
	b.WriteString("POST\n/\n\n")
	for _, h := range headers {
		b.WriteString(h.name + ":" + strings.TrimSpace(h.value) + "\n")
	}
	b.WriteString("\n" + signed + "\n" + hexSum(body))
	return b.String()
}

func (s tc3) scope(at time.Time) string {
	return at.UTC().Format(time.DateOnly) + "/" + s.service + "/tc3_request"
}

func (s tc3) sign(canonical string, at time.Time) string {
	text := "TC3-HMAC-SHA256\n" + strconv.FormatInt(at.Unix(), 10) + "\n" + s.scope(at) + "\n" + hexSum([]byte(canonical))
	key := mac([]byte("TC3"+s.key), at.UTC().Format(time.DateOnly))
	key = mac(key, s.service)
	key = mac(key, "tc3_request")
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
