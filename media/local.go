package media

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A description is our side of the SDP. The session ID in o= never changes; the
// version goes up by one whenever the rest of the text does (RFC 3264 §8).
type description struct {
	host    netip.Addr
	port    int
	session uint64
	version uint64
	body    string // what was last sent, from s= on
}

// seal puts v= and o= before a body.
func (d *description) seal(body string) []byte {
	if d.body != "" && d.body != body {
		d.version++
	}
	d.body = body
	return fmt.Appendf(nil, "v=0\r\no=- %d %d IN %s\r\n%s", d.session, d.version, d.network(), body)
}

func (d *description) network() string {
	if d.host.Is4() {
		return "IP4 " + d.host.String()
	}
	return "IP6 " + d.host.String()
}

func (d *description) head() string {
	return "s=-\r\nc=IN " + d.network() + "\r\nt=0 0\r\n"
}

// audio is one m=audio section; event is the telephone-event type, -1 for none.
func (d *description) audio(proto string, codecs []Codec, event, ptime int, dir Direction) string {
	var b strings.Builder
	fmt.Fprintf(&b, "m=audio %d %s", d.port, proto)
	for _, c := range codecs {
		fmt.Fprintf(&b, " %d", c)
	}
	if event >= 0 {
		fmt.Fprintf(&b, " %d", event)
	}
	b.WriteString("\r\n")
	for _, c := range codecs {
		fmt.Fprintf(&b, "a=rtpmap:%d %s/8000\r\n", c, c)
	}
	if event >= 0 {
		fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", event, event)
	}
	fmt.Fprintf(&b, "a=ptime:%d\r\na=%s\r\n", ptime, dir)
	return b.String()
}

// terms are what both sides have agreed to; immutable once made.
type terms struct {
	codec      Codec   // what we send
	codecs     []Codec // what we take
	eventIn    [2]int  // telephone-event types we take: ours and theirs; -1 for none
	remote     netip.AddrPort
	remoteRTCP netip.AddrPort
	dir        Direction
	ptime      int // milliseconds of what we send
}

// samples is one packet time in samples, which are also ticks of the RTP clock.
func (t *terms) samples() int { return t.ptime * (sampleRate / 1000) }

// judgeAnswer reads the answer to our offer of codecs.
func judgeAnswer(answer []byte, codecs []Codec) (terms, error) {
	sections, err := readSDP(answer)
	if err != nil {
		return terms{}, err
	}
	s := sections[0] // ours was the only m= line
	if s.media == "audio" && s.port == 0 {
		return terms{}, ErrRejected
	}
	if !s.audio() {
		return terms{}, fmt.Errorf("%w: answered m=%s %s", ErrBadSDP, s.media, s.proto)
	}
	return s.agree(codecs, eventPT)
}

// agree makes the terms of a section against the codecs we know. The first of
// theirs that we know is what we send; any of ours may come in.
func (s section) agree(codecs []Codec, ourEvent int) (terms, error) {
	i := slices.IndexFunc(s.codecs, func(c Codec) bool { return slices.Contains(codecs, c) })
	if i < 0 {
		return terms{}, fmt.Errorf("%w: theirs %s, ours %v", ErrNoCodec, strings.Join(s.formats, " "), codecs)
	}
	t := terms{
		codec: s.codecs[i], codecs: codecs, eventIn: [2]int{ourEvent, s.eventPT},
		remote: s.addr, remoteRTCP: s.rtcp, dir: s.dir.mirror(), ptime: 20,
	}
	switch s.ptime {
	case 10, 20, 30, 40, 60:
		t.ptime = s.ptime
	}
	return t, nil
}

// judgeOffer reads a re-INVITE and gives the terms and the body of our answer:
// the first usable audio is taken, every other m= line is refused with port 0. An
// offer whose audio is switched off gives terms that neither send nor hear.
func (d *description) judgeOffer(offer []byte, codecs []Codec, before terms) (terms, string, error) {
	sections, err := readSDP(offer)
	if err != nil {
		return terms{}, "", err
	}
	taken := slices.IndexFunc(sections, section.audio)
	agreed := before
	agreed.dir = Inactive
	if taken >= 0 {
		if agreed, err = sections[taken].agree(codecs, eventPT); err != nil {
			return terms{}, "", err
		}
	}
	body := d.head()
	for i, s := range sections {
		if i != taken {
			body += refusal(s)
			continue
		}
		answered := slices.DeleteFunc(slices.Clone(s.codecs), func(c Codec) bool { return !slices.Contains(codecs, c) })
		body += d.audio(s.proto, answered, s.eventPT, agreed.ptime, agreed.dir)
	}
	return agreed, body, nil
}

// refusal answers an m= line with port 0 and its own first format.
func refusal(s section) string {
	format := "0"
	if len(s.formats) > 0 {
		format = s.formats[0]
	}
	return "m=" + s.media + " " + strconv.Itoa(0) + " " + s.proto + " " + format + "\r\n"
}
