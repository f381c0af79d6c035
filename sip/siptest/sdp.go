package siptest

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// SDP is a session description. As a [Part] it becomes the body of a message,
// with its Content-Type.
type SDP []byte

func (s SDP) addTo(m *Message) {
	m.Header = append(m.Header, Field{"Content-Type", "application/sdp"})
	m.Body = s
}

// NewSDP describes one audio stream at host:port: PCMA and telephone-event 101,
// 20 ms, sendrecv. Version is the second number of the o= line.
func NewSDP(host string, port, version int) SDP {
	return describe(host, port, version, 101, "sendrecv")
}

func describe(host string, port, version, event int, direction string) SDP {
	family := "IP4"
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		family = "IP6"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- 20261 %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", version, family, host, family, host)
	if event == 0 {
		fmt.Fprintf(&b, "m=audio %d RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n", port)
	} else {
		fmt.Fprintf(&b, "m=audio %d RTP/AVP 8 %d\r\na=rtpmap:8 PCMA/8000\r\n", port, event)
		fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", event, event)
	}
	fmt.Fprintf(&b, "a=ptime:20\r\na=%s\r\n", direction)
	return SDP(b.String())
}

// stream is what the gateway needs of a caller's SDP.
type stream struct {
	addr      netip.AddrPort
	payloads  []int  // of the first audio line, in order
	event     int    // telephone-event payload type; 0 = none
	direction string // sendrecv, sendonly, recvonly, inactive
}

// pcma reports whether A-law audio was offered.
func (s stream) pcma() bool { return slices.Contains(s.payloads, 8) }

// parseSDP reads the first audio stream of a description (RFC 8866).
func parseSDP(b []byte) (stream, error) {
	s := stream{direction: "sendrecv"}
	var session, media netip.Addr
	audio, seen := false, false
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		kind, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		switch {
		case kind == "m":
			audio = strings.HasPrefix(value, "audio ") && !seen
			if audio {
				seen = true
				if err := s.readMedia(value); err != nil {
					return s, err
				}
			}
		case kind == "c" && (audio || !seen):
			f := strings.Fields(value)
			if len(f) != 3 {
				return s, fmt.Errorf("parsing SDP connection %q: want IN IP4 address", value)
			}
			addr, err := netip.ParseAddr(f[2])
			if err != nil {
				return s, fmt.Errorf("parsing SDP connection %q: %w", value, err)
			}
			if audio {
				media = addr
			} else {
				session = addr
			}
		case kind == "a" && (audio || !seen):
			s.readAttribute(value)
		}
	}
	if !seen {
		return s, fmt.Errorf("parsing SDP of %d bytes: no m=audio line", len(b))
	}
	if !media.IsValid() {
		media = session
	}
	if !media.IsValid() {
		return s, fmt.Errorf("parsing SDP of %d bytes: no c= line", len(b))
	}
	s.addr = netip.AddrPortFrom(media, s.addr.Port())
	return s, nil
}

func (s *stream) readMedia(value string) error {
	f := strings.Fields(value)
	if len(f) < 4 {
		return fmt.Errorf("parsing SDP media %q: want audio port proto payloads", value)
	}
	port, err := strconv.ParseUint(f[1], 10, 16)
	if err != nil {
		return fmt.Errorf("parsing SDP media %q: %w", value, err)
	}
	s.addr = netip.AddrPortFrom(netip.Addr{}, uint16(port))
	for _, p := range f[3:] {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || n > 127 {
			return fmt.Errorf("parsing SDP media %q: payload type %q is not 0 to 127", value, p)
		}
		s.payloads = append(s.payloads, n)
	}
	return nil
}

func (s *stream) readAttribute(value string) {
	switch value {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		s.direction = value
		return
	}
	rest, ok := strings.CutPrefix(value, "rtpmap:")
	if !ok {
		return
	}
	pt, name, _ := strings.Cut(rest, " ")
	if strings.HasPrefix(strings.ToLower(name), "telephone-event/8000") {
		if n, err := strconv.Atoi(pt); err == nil && n > 0 && n < 128 {
			s.event = n
		}
	}
}
