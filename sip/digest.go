package sip

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"net/netip"
	"strings"
	"sync"

	gosip "github.com/emiago/sipgo/sip"
)

// challenge is one Digest challenge (RFC 3261 22, RFC 8760).
type challenge struct {
	realm, nonce, opaque, algorithm string
	qop                             []string
	stale                           bool
	hasQOP                          bool
}

// algorithms, strongest first (RFC 8760 2.4: a client uses the strongest it
// supports among those offered). "-sess" variants stand beside their own.
var algorithms = []struct {
	name string
	new  func() hash.Hash
}{
	{"SHA-512-256", sha512.New512_256},
	{"SHA-256", sha256.New},
	{"MD5", md5.New},
}

// strength is the place of the challenge's algorithm in algorithms, -1 when
// unknown; no algorithm means MD5.
func (c challenge) strength() int {
	name := strings.TrimSuffix(strings.ToUpper(c.algorithm), "-SESS")
	if name == "" {
		name = "MD5"
	}
	for i, a := range algorithms {
		if a.name == name {
			return i
		}
	}
	return -1
}

// protection picks the qop: auth before auth-int, "" for RFC 2069 servers that
// offer none. It reports false when only unknown ones are offered.
func (c challenge) protection() (string, bool) {
	if !c.hasQOP {
		return "", true
	}
	for _, want := range []string{"auth", "auth-int"} {
		for _, q := range c.qop {
			if strings.EqualFold(q, want) {
				return want, true
			}
		}
	}
	return "", false
}

// parseChallenge reads a WWW-Authenticate or Proxy-Authenticate value; false
// for other schemes, for a challenge without realm or nonce, and for one that
// could not be repeated in a header.
func parseChallenge(s string) (challenge, bool) {
	scheme, rest, found := strings.Cut(strings.TrimSpace(s), " ")
	if !found || !strings.EqualFold(scheme, "Digest") {
		return challenge{}, false
	}
	var c challenge
	var hasRealm bool
	for p := range splitQuoted(rest, ',') {
		name, value, _ := strings.Cut(p, "=")
		value = unquote(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "realm":
			c.realm, hasRealm = value, true
		case "nonce":
			c.nonce = value
		case "opaque":
			c.opaque = value
		case "algorithm":
			c.algorithm = value
		case "stale":
			c.stale = strings.EqualFold(value, "true")
		case "qop":
			c.hasQOP = true
			for q := range strings.SplitSeq(value, ",") {
				c.qop = append(c.qop, strings.TrimSpace(q))
			}
		}
	}
	for _, v := range []string{c.realm, c.nonce, c.opaque} {
		if checkValue("challenge", v) != nil {
			return challenge{}, false
		}
	}
	return c, hasRealm && c.nonce != ""
}

// unquote takes a token or quoted-string's value.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// choose picks the strongest challenge for the realm we have a password for.
// MD5 is the weakest; noMD5 leaves it out.
func choose(offered []string, realm string, noMD5 bool) (challenge, bool) {
	var best challenge
	found := false
	for _, s := range offered {
		c, ok := parseChallenge(s)
		if !ok || c.realm != realm || c.strength() < 0 || noMD5 && algorithms[c.strength()].name == "MD5" {
			continue
		}
		if _, ok := c.protection(); !ok {
			continue
		}
		if !found || c.strength() < best.strength() {
			best, found = c, true
		}
	}
	return best, found
}

// answer computes the Authorization value for a request (RFC 7616 3.4). uri is
// the Request-URI exactly as sent: servers compare them. nc counts the uses of
// the nonce, from 1.
func (c challenge) answer(user, password, method, uri, cnonce string, nc uint32, body []byte) string {
	alg := algorithms[c.strength()]
	sum := func(s string) string {
		h := alg.new()
		h.Write([]byte(s))
		return hex.EncodeToString(h.Sum(nil))
	}
	qop, _ := c.protection()
	sess := strings.HasSuffix(strings.ToUpper(c.algorithm), "-SESS")

	a1 := sum(user + ":" + c.realm + ":" + password)
	if sess {
		a1 = sum(a1 + ":" + c.nonce + ":" + cnonce)
	}
	a2 := method + ":" + uri
	if qop == "auth-int" {
		a2 += ":" + sum(string(body))
	}
	count := fmt.Sprintf("%08x", nc)
	response := sum(a1 + ":" + c.nonce + ":" + sum(a2))
	if qop != "" {
		response = sum(a1 + ":" + c.nonce + ":" + count + ":" + cnonce + ":" + qop + ":" + sum(a2))
	}

	var b strings.Builder
	fmt.Fprintf(&b, "Digest username=%s, realm=%s, nonce=%s, uri=%s, response=%s",
		quote(user), quote(c.realm), quote(c.nonce), quote(uri), quote(response))
	if c.algorithm != "" {
		b.WriteString(", algorithm=" + alg.name)
		if sess {
			b.WriteString("-sess")
		}
	}
	if qop != "" || sess {
		b.WriteString(", cnonce=" + quote(cnonce))
	}
	if qop != "" {
		b.WriteString(", qop=" + qop + ", nc=" + count)
	}
	if c.opaque != "" {
		b.WriteString(", opaque=" + quote(c.opaque))
	}
	return b.String()
}

// credential answers a 401 or 407 for the request it refused, and keeps the nonce
// for the requests that follow. It reports false when the challenge is not the
// trunk's to make: other peer, other realm, no password, nothing we can compute.
func (p *peer) credential(res *gosip.Response, req *gosip.Request) (h gosip.Header, stale, ok bool) {
	ask, give := "www-authenticate", "Authorization"
	if res.StatusCode == 407 {
		ask, give = "proxy-authenticate", "Proxy-Authorization"
	}
	if p.trunk.User == "" || !p.owns(res.Source()) {
		return nil, false, false
	}
	c, ok := choose(values(res, ask), p.trunk.realm(), p.trunk.RefuseMD5)
	if !ok {
		return nil, false, false
	}
	return p.sign(c, give, p.nonces.keep(p.nonceKey(), nonce{challenge: c, header: give}), req), c.stale, true
}

// preauthorize signs a request with the last nonce the target gave, if there is
// one, which saves the refusal and its ACK (RFC 7616 3.6: nc counts its uses).
func (p *peer) preauthorize(req *gosip.Request) (gosip.Header, bool) {
	if p.trunk.User == "" {
		return nil, false
	}
	n, ok := p.nonces.use(p.nonceKey())
	if !ok {
		return nil, false
	}
	return p.sign(n.challenge, n.header, n.count, req), true
}

func (p *peer) sign(c challenge, header string, nc uint32, req *gosip.Request) gosip.Header {
	return gosip.NewHeader(header, c.answer(p.trunk.User, p.trunk.Password, req.Method.String(), req.Recipient.String(), randomHex(8), nc, req.Body()))
}

// refused forgets the nonce of a password that was not taken.
func (p *peer) refused() { p.nonces.drop(p.nonceKey()) }

// nonces are the last ones of every target that asked for a password.
type nonces struct {
	mu    sync.Mutex
	known map[nonceKey]nonce
}

// nonceKey pins a nonce to the target that gave it and the credentials it was
// given for.
type nonceKey struct {
	dest                  netip.AddrPort
	user, password, realm string
}

type nonce struct {
	challenge
	header string // the one it is answered in
	count  uint32 // uses so far
}

func (p *peer) nonceKey() nonceKey {
	return nonceKey{p.dest, p.trunk.User, p.trunk.Password, p.trunk.realm()}
}

// keep takes the nonce of a challenge and counts a use of it. One that is given
// to several requests goes on counting (RFC 7616 3.4: nc is of the nonce).
func (n *nonces) keep(k nonceKey, v nonce) (count uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil || len(n.known) >= maxTargets {
		n.known = map[nonceKey]nonce{}
	}
	if old := n.known[k]; old.nonce == v.nonce {
		v.count = old.count
	}
	v.count++
	n.known[k] = v
	return v.count
}

// use counts one more use of a nonce.
func (n *nonces) use(k nonceKey) (nonce, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, ok := n.known[k]
	if !ok {
		return v, false
	}
	v.count++
	n.known[k] = v
	return v, true
}

func (n *nonces) drop(k nonceKey) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.known, k)
}
