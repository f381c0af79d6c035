package sip

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

// sdpOf finds the session description in a message: the body itself, or its
// part of a multipart body, as gateways that also carry ISUP send it.
func sdpOf(m gosip.Message) []byte {
	body := m.Body()
	if len(body) == 0 {
		return nil
	}
	kind, params := contentType(m)
	switch {
	case kind == "application/sdp":
		return body
	case kind == "" && bytes.HasPrefix(body, []byte("v=0")):
		return body
	case strings.HasPrefix(kind, "multipart/"):
		return sdpPart(body, params["boundary"])
	}
	return nil
}

// maxParts is more than any gateway sends: SDP, ISUP, a location.
const maxParts = 8

func sdpPart(body []byte, boundary string) []byte {
	if boundary == "" {
		return nil
	}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxParts {
		part, err := r.NextRawPart()
		if err != nil {
			return nil
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if kind != "application/sdp" {
			continue
		}
		sdp, err := io.ReadAll(part)
		if err != nil {
			return nil
		}
		return sdp
	}
	return nil
}

func contentType(m gosip.Message) (string, map[string]string) {
	all := values(m, "content-type")
	if len(all) == 0 {
		return "", nil
	}
	kind, params, err := mime.ParseMediaType(all[0])
	if err != nil {
		kind, _, _ = strings.Cut(all[0], ";")
	}
	return strings.ToLower(strings.TrimSpace(kind)), params
}

// digitOf reads a pressed key from an INFO body, or "" when there is none.
// The forms are those of application/dtmf-relay ("Signal=5") and
// application/dtmf ("5"); keys may come by event number, 10 for * and 11 for #.
func digitOf(kind string, body []byte) string {
	text := strings.TrimSpace(string(body))
	switch kind {
	case "application/dtmf-relay":
		for line := range strings.Lines(text) {
			name, value, found := strings.Cut(line, "=")
			if found && strings.EqualFold(strings.TrimSpace(name), "signal") {
				return key(strings.TrimSpace(value))
			}
		}
		return ""
	case "application/dtmf":
		return key(text)
	}
	return ""
}

// key names one of the sixteen keys, by itself or by RFC 4733 event number.
func key(s string) string {
	const events = "0123456789*#ABCD"
	s = strings.ToUpper(s)
	if len(s) == 1 && strings.Contains(events, s) {
		return s
	}
	if len(s) == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '5' {
		return events[10+s[1]-'0' : 11+s[1]-'0']
	}
	return ""
}
