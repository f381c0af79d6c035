package wecom

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Kinds of state token: which of our things the token points at.
const (
	TokenInvitation = "iv" // one invitation: exact attribution
	TokenCampaign   = "cp" // a campaign's fixed link: the person is known by number only
)

const (
	tokenKind   = 2
	tokenRandom = 16 // bytes; 26 characters of base32
	tokenLength = tokenKind + 26
	maxChannel  = 64 // bytes; WeCom cuts the rest off in silence
)

var tokenEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewState makes an opaque token of 28 characters: two for the kind, the rest
// random. It fits a Contact-me state (30) and customer_channel (64 bytes) and
// never holds anything about a person. A nil random is crypto/rand.
func NewState(kind string, random io.Reader) (string, error) {
	if len(kind) != tokenKind || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") != "" {
		return "", fmt.Errorf("a state token's kind has two small letters, not %q", kind)
	}
	if random == nil {
		random = rand.Reader
	}
	var b [tokenRandom]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("making a state token: %w", err)
	}
	return kind + tokenEncoding.EncodeToString(b[:]), nil
}

// StateKind gives the kind of a token that we could have made. A person may
// come back with an old or foreign state: then the second value is false.
func StateKind(token string) (string, bool) {
	if len(token) != tokenLength {
		return "", false
	}
	if _, err := tokenEncoding.DecodeString(token[tokenKind:]); err != nil {
		return "", false
	}
	return token[:tokenKind], true
}

// LinkURL puts the token on an acquisition link as customer_channel. The link
// may carry a query of its own already.
func LinkURL(link, token string) (string, error) {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "", fmt.Errorf("acquisition link %q is not an absolute web address", link)
	}
	if token == "" || len(token) > maxChannel {
		return "", fmt.Errorf("a customer channel has 1 to %d bytes, not %d", maxChannel, len(token))
	}
	q := u.Query()
	q.Set("customer_channel", token)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// SchemeURL is the form of a link that opens WeChat from another app's page.
func SchemeURL(link string) string {
	return "weixin://biz/ww/profile/" + url.QueryEscape(link)
}
