package siptest

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Challenge answers a request with 407 and one digest challenge: MD5, qop auth
// (RFC 3261 22.3). The toTag is "challenge".
func (p *Peer) Challenge(req *Message, realm, nonce string, stale bool) error {
	return p.Reply(req, 407, "Proxy Authentication Required", "challenge", challenge("MD5", realm, nonce, stale))
}

func challenge(algorithm, realm, nonce string, stale bool) Field {
	v := fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"`, realm, nonce, algorithm)
	if stale {
		v += ", stale=true"
	}
	return Field{"Proxy-Authenticate", v}
}

// Credentials are the parameters of a Proxy-Authorization or Authorization
// header, lower-case names, unquoted values; nil when there is none.
func Credentials(req *Message) map[string]string {
	v := req.Get("Proxy-Authorization")
	if v == "" {
		v = req.Get("Authorization")
	}
	scheme, rest, _ := strings.Cut(v, " ")
	if !strings.EqualFold(scheme, "Digest") {
		return nil
	}
	out := map[string]string{}
	for _, p := range splitList(rest) {
		k, val, _ := strings.Cut(p, "=")
		out[strings.ToLower(strings.TrimSpace(k))] = strings.Trim(strings.TrimSpace(val), `"`)
	}
	return out
}

// CheckDigest says what is wrong with a request's digest credentials, or nil.
// The digest uri must be the Request-URI, every parameter of it.
func CheckDigest(req *Message, realm, user, password string) error {
	c := Credentials(req)
	switch {
	case c == nil:
		return fmt.Errorf("checking digest of %s: no digest credentials", req.Method())
	case c["realm"] != realm || c["username"] != user:
		return fmt.Errorf("checking digest: credentials are for user %q of realm %q", c["username"], c["realm"])
	case c["uri"] != req.URI():
		return fmt.Errorf("checking digest: uri %q is not the Request-URI %q", c["uri"], req.URI())
	}
	sum := digestSum(c["algorithm"])
	if sum == nil {
		return fmt.Errorf("checking digest: algorithm %q is not MD5 or SHA-256", c["algorithm"])
	}
	ha1 := sum(user + ":" + realm + ":" + password)
	ha2 := sum(req.Method() + ":" + c["uri"])
	want := sum(ha1 + ":" + c["nonce"] + ":" + ha2)
	if c["qop"] != "" {
		want = sum(strings.Join([]string{ha1, c["nonce"], c["nc"], c["cnonce"], c["qop"], ha2}, ":"))
	}
	if want != c["response"] {
		return fmt.Errorf("checking digest: response of user %q does not match", user)
	}
	return nil
}

func digestSum(algorithm string) func(string) string {
	switch strings.ToUpper(algorithm) {
	case "", "MD5":
		return func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
	case "SHA-256":
		return func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	}
	return nil
}
