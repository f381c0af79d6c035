package main

import (
	"bytes"
	"fmt"
	"strings"
)

// answer is what a phone says to a request; nil to what wants no answer. It is
// written here and not taken from a SIP library, so that the far end costs little
// and shares no fault with what is measured.
func (x *exchange) answer(request []byte) []byte {
	head, _, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	method, _, _ := strings.Cut(lines[0], " ")
	if method == "ACK" || method == "SIP/2.0" || method == "" {
		return nil
	}
	var copied strings.Builder
	var call string
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "call-id", "i":
			call = strings.TrimSpace(value)
		case "to", "t":
			if !strings.Contains(value, "tag=") {
				line += ";tag=far"
			}
		case "via", "v", "from", "f", "cseq":
		default:
			continue
		}
		copied.WriteString(line + "\r\n")
	}
	status, body := "200 OK", ""
	switch method {
	case "INVITE":
		port, ok := x.seat(call)
		if !ok {
			status = "486 Busy Here"
			break
		}
		body = fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8 101\r\n"+
			"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n", port)
	case "BYE":
		x.clear(call)
	}
	if body != "" {
		fmt.Fprintf(&copied, "Contact: <sip:far@127.0.0.1:%d>\r\nContent-Type: application/sdp\r\n", x.door.Port)
	}
	return fmt.Appendf(nil, "SIP/2.0 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, copied.String(), len(body), body)
}
