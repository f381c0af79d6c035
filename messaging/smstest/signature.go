package smstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// skew is how far a request's time may be off (Tencent Cloud API, 签名方法 v3).
const skew = 5 * time.Minute

var authorization = regexp.MustCompile(`^TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d\d-\d\d)/([a-z0-9]+)/tc3_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$`)

// authentic checks a request's TC3-HMAC-SHA256 signature and returns the
// provider's error code, or "".
func authentic(r *http.Request, body []byte, id, key string, now time.Time) string {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return "AuthFailure.InvalidAuthorization"
	}
	gotID, date, service, names, signature := m[1], m[2], m[3], m[4], m[5]
	if gotID != id {
		return "AuthFailure.SecretIdNotFound"
	}
	seconds, err := strconv.ParseInt(r.Header.Get("X-TC-Timestamp"), 10, 64)
	if err != nil {
		return "AuthFailure.SignatureFailure"
	}
	at := time.Unix(seconds, 0).UTC()
	if now.Sub(at).Abs() > skew || at.Format("2006-01-02") != date {
		return "AuthFailure.SignatureExpire"
	}
	list := strings.Split(names, ";")
	if !sort.StringsAreSorted(list) || !has(list, "host") || !has(list, "content-type") {
		return "AuthFailure.SignatureFailure"
	}
	var headers strings.Builder
	for _, name := range list {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "x-tc-action":
			value = strings.ToLower(value)
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := r.Method + "\n/\n" + r.URL.RawQuery + "\n" + headers.String() + "\n" + names + "\n" + sum(body)
	want := tc3(key, date, service, seconds, canonical)
	if subtle.ConstantTimeCompare([]byte(want), []byte(signature)) != 1 {
		return "AuthFailure.SignatureFailure"
	}
	return ""
}

func has(list []string, name string) bool {
	for _, n := range list {
		if n == name {
			return true
		}
	}
	return false
}

// tc3 is the signature of a canonical request.
func tc3(secret, date, service string, seconds int64, canonical string) string {
	scope := date + "/" + service + "/tc3_request"
	text := "TC3-HMAC-SHA256\n" + strconv.FormatInt(seconds, 10) + "\n" + scope + "\n" + sum([]byte(canonical))
	key := []byte("TC3" + secret)
	for _, part := range []string{date, service, "tc3_request", text} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
