package media

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// Why a description cannot be used; the errors of Accept and Reoffer wrap these.
var (
	// ErrRejected: the other side answered our audio with port 0.
	ErrRejected = errors.New("audio rejected with port 0")
	// ErrNoCodec: there is no codec both sides know (SIP 488).
	ErrNoCodec = errors.New("no common codec")
	// ErrBadSDP: the description cannot be read.
	ErrBadSDP = errors.New("bad SDP")
)

const (
	maxSDP      = 16 << 10 // a carrier's answer is well under 2 kB
	maxSections = 16       // m= lines in one description
	maxFormats  = 128      // formats in one m= line
	maxKeys     = 16       // a=crypto in one section
)

// A section is one m= of a remote description, as far as it matters here.
type section struct {
	media, proto string
	port         int
	formats      []string
	codecs       []format // in their order of preference
	eventPT      int      // telephone-event payload type they receive, -1 without
	dir          Direction
	addr         netip.AddrPort // where their RTP is; invalid when put on hold by 0.0.0.0
	rtcp         netip.AddrPort
	mux          bool // a=rtcp-mux
	ptime        int  // milliseconds, 0 if unsaid
	maxptime     int
	secure       bool // by its profile: RTP/SAVP
	keys         []*keying
}

// audio tells whether the section is RTP audio that is not switched off. Keys by
// DTLS are another profile, and not ours.
func (s section) audio() bool {
	return s.media == "audio" && s.port > 0 && (s.secure || s.proto == "RTP/AVP" || s.proto == "RTP/AVPF")
}

// readSDP gives the m= sections of a description. It never panics, whatever
// comes: sizes are bounded, and only lines that matter reach the parser.
func readSDP(b []byte) ([]section, error) {
	if len(b) > maxSDP {
		return nil, fmt.Errorf("%w: %d bytes", ErrBadSDP, len(b))
	}
	text, others, err := tidySDP(string(b))
	if err != nil {
		return nil, err
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadSDP, err)
	}
	if len(d.MediaDescriptions) == 0 {
		return nil, fmt.Errorf("%w: no m= line", ErrBadSDP)
	}
	sections := make([]section, 0, len(d.MediaDescriptions))
	for i, m := range d.MediaDescriptions {
		if other := others[i]; other != nil {
			sections = append(sections, *other)
			continue
		}
		s, err := readSection(&d, m)
		if err != nil {
			return nil, err
		}
		sections = append(sections, s)
	}
	return sections, nil
}

// tidySDP keeps c=, m= and a= in the order the grammar wants and replaces the
// rest. Carriers send stray spaces, bare newlines, odd o= users and e= lines;
// none of that is a reason to lose a call. What is not audio (T.38's m=image is
// unknown to the parser) is kept from it and given as sections of its own.
func tidySDP(text string) (tidy string, others map[int]*section, err error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "v=0") {
		return "", nil, fmt.Errorf("%w: does not start with v=0", ErrBadSDP)
	}
	type part struct{ m, c, a string }
	parts := []part{{}}
	others = map[int]*section{}
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r", "\n"), "\n") {
		line = strings.TrimSpace(line)
		if len(line) < 3 || line[1] != '=' {
			continue
		}
		last := &parts[len(parts)-1]
		switch line[0] {
		case 'm':
			if len(parts) > maxSections {
				return "", nil, fmt.Errorf("%w: more than %d m= lines", ErrBadSDP, maxSections)
			}
			f := strings.Fields(line[2:])
			if len(f) >= 4 && len(f) <= maxFormats && f[0] != "audio" {
				others[len(parts)-1] = &section{media: f[0], proto: f[2], formats: f[3:], eventPT: -1}
				f = strings.Fields("application 0 RTP/AVP 0")
			}
			parts = append(parts, part{m: "m=" + strings.Join(f, " ") + "\r\n"})
		case 'c':
			last.c = strings.Join(strings.Fields(line), " ") + "\r\n"
		case 'a':
			last.a += line + "\r\n"
		}
	}
	var out strings.Builder
	out.WriteString("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\n" + parts[0].c + "t=0 0\r\n" + parts[0].a)
	for _, p := range parts[1:] {
		out.WriteString(p.m + p.c + p.a)
	}
	return out.String(), others, nil
}

func readSection(d *sdp.SessionDescription, m *sdp.MediaDescription) (section, error) {
	s := section{
		media: m.MediaName.Media, proto: strings.Join(m.MediaName.Protos, "/"),
		port: m.MediaName.Port.Value, formats: m.MediaName.Formats, eventPT: -1,
	}
	s.secure = s.proto == "RTP/SAVP" || s.proto == "RTP/SAVPF"
	if s.port < 0 || s.port > 65535 || len(s.formats) > maxFormats {
		return s, fmt.Errorf("%w: m=%s port %d with %d formats", ErrBadSDP, s.media, s.port, len(s.formats))
	}
	if !s.audio() {
		return s, nil
	}
	for _, list := range [][]sdp.Attribute{d.Attributes, m.Attributes} { // media level wins
		for _, a := range list {
			if dir, ok := directionNamed(a.Key); ok {
				s.dir = dir
			}
		}
	}
	names := rtpmaps(m.Attributes)
	for _, f := range s.formats {
		s.addFormat(f, names)
	}
	for _, a := range append(slices.Clip(d.Attributes), m.Attributes...) {
		switch a.Key {
		case "ptime":
			s.ptime, _ = strconv.Atoi(strings.TrimSpace(a.Value))
		case "maxptime":
			s.maxptime, _ = strconv.Atoi(strings.TrimSpace(a.Value))
		case "rtcp-mux":
			s.mux = true
		}
	}
	for _, a := range m.Attributes { // RFC 4568 §5.1: only there
		if k, ok := readKeying(a.Value); a.Key == "crypto" && ok && len(s.keys) < maxKeys {
			s.keys = append(s.keys, k)
		}
	}
	return s, s.locate(d, m)
}

// rtpmaps maps a payload type to its upper-case "NAME/RATE".
func rtpmaps(attributes []sdp.Attribute) map[string]string {
	names := map[string]string{}
	for _, a := range attributes {
		if a.Key != "rtpmap" {
			continue
		}
		pt, name, ok := strings.Cut(strings.TrimSpace(a.Value), " ")
		if ok && len(names) < maxFormats {
			name = strings.ToUpper(strings.TrimSpace(name))
			names[pt] = strings.TrimSuffix(name, "/1")
		}
	}
	return names
}

// addFormat notes one format of the m= line. The static types need no rtpmap (RFC
// 3551 §6); with one, its name counts and not the number.
func (s *section) addFormat(text string, names map[string]string) {
	pt, err := strconv.Atoi(text)
	if err != nil || pt < 0 || pt > 127 {
		return
	}
	name, named := names[text]
	if name == "TELEPHONE-EVENT/8000" {
		if s.eventPT < 0 && pt > 34 {
			s.eventPT = pt
		}
		return
	}
	codec, ok := codecNamed(name)
	if !named {
		codec, ok = Codec(pt), Codec(pt).known()
	}
	f := format{uint8(pt), codec}
	if ok && pt != comfortNoise && (pt < 64 || pt > 95) && !slices.Contains(s.codecs, f) { // RFC 5761 §4
		s.codecs = append(s.codecs, f)
	}
}

// locate reads c= (media level before session level) and a=rtcp (RFC 3605).
func (s *section) locate(d *sdp.SessionDescription, m *sdp.MediaDescription) error {
	c := m.ConnectionInformation
	if c == nil {
		c = d.ConnectionInformation
	}
	if c == nil || c.Address == nil {
		return fmt.Errorf("%w: audio without c=", ErrBadSDP)
	}
	ip, err := readIP(c.Address.Address)
	if err != nil {
		return err
	}
	if ip.IsUnspecified() { // hold as before RFC 3264: send nothing
		if s.dir == SendRecv {
			s.dir = SendOnly
		} else if s.dir == RecvOnly {
			s.dir = Inactive
		}
		return nil
	}
	s.addr = netip.AddrPortFrom(ip, uint16(s.port))
	if s.port < 65535 {
		s.rtcp = netip.AddrPortFrom(ip, uint16(s.port+1))
	}
	v, _ := m.Attribute("rtcp")
	if f := strings.Fields(v); len(f) > 0 {
		if port, err := strconv.ParseUint(f[0], 10, 16); err == nil && port > 0 {
			s.rtcp = netip.AddrPortFrom(ip, uint16(port))
		}
	}
	return nil
}

func readIP(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ip, fmt.Errorf("%w: c= address %q", ErrBadSDP, text)
	}
	ip = ip.Unmap()
	if ip.IsMulticast() || ip.Zone() != "" || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return ip, fmt.Errorf("%w: c= address %s is not one host", ErrBadSDP, ip)
	}
	return ip, nil
}
