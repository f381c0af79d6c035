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

// An audioLine is what one m=audio section of ours says.
type audioLine struct {
	proto   string
	formats []format
	event   int // the telephone-event type, -1 for none
	ptime   int
	dir     Direction
	mux     bool // RTCP on the RTP port
	keys    []*keying
}

// audio is one m=audio section.
func (d *description) audio(a audioLine) string {
	var b strings.Builder
	fmt.Fprintf(&b, "m=audio %d %s", d.port, a.proto)
	for _, f := range a.formats {
		fmt.Fprintf(&b, " %d", f.pt)
	}
	if a.event >= 0 {
		fmt.Fprintf(&b, " %d", a.event)
	}
	b.WriteString("\r\n")
	for _, f := range a.formats {
		fmt.Fprintf(&b, "a=rtpmap:%d %s/8000\r\n", f.pt, f.codec)
	}
	if a.event >= 0 {
		fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", a.event, a.event)
	}
	for _, k := range a.keys {
		b.WriteString(k.line())
	}
	if a.mux {
		b.WriteString("a=rtcp-mux\r\n")
	}
	fmt.Fprintf(&b, "a=ptime:%d\r\na=%s\r\n", a.ptime, a.dir)
	return b.String()
}

// A format is a payload type and the codec it stands for.
type format struct {
	pt    uint8
	codec Codec
}

// static are the codecs with the types RFC 3551 gives them.
func static(codecs []Codec) []format {
	all := make([]format, len(codecs))
	for i, c := range codecs {
		all[i] = format{uint8(c), c}
	}
	return all
}

// terms are what both sides have agreed to; immutable once made.
type terms struct {
	codec      Codec // what we send
	pt         uint8 // as what: a number of theirs
	mux        bool  // RTCP comes and goes on the RTP port (RFC 5761)
	dir        Direction
	ptime      int      // milliseconds of what we send
	eventIn    [2]int   // telephone-event types we take: ours and theirs; -1 for none. Theirs is what we press with
	takes      []format // what we take: our numbers and theirs
	remote     netip.AddrPort
	remoteRTCP netip.AddrPort

	sendKey, hearKey *keying // nil is in the clear
}

// samples is one packet time in samples, which are also ticks of the RTP clock.
func (t *terms) samples() int { return t.ptime * (sampleRate / 1000) }

// hears tells what a payload type is under the agreed terms.
func (t *terms) hears(pt uint8) (codec Codec, kind payloadKind, ok bool) {
	for i := range t.takes {
		if t.takes[i].pt == pt {
			return t.takes[i].codec, audioPayload, true
		}
	}
	if int(pt) == t.eventIn[0] || int(pt) == t.eventIn[1] {
		return 0, eventPayload, true
	}
	return 0, noisePayload, pt == comfortNoise
}

// A payloadKind is what a payload type stands for.
type payloadKind uint8

const (
	audioPayload payloadKind = iota
	eventPayload             // RFC 4733
	noisePayload             // RFC 3389: silence
)

// wishes are our side of a negotiation.
type wishes struct {
	codecs   []Codec
	ptime    int
	security Security
	keys     []*keying // offered
}

// judgeAnswer reads the answer to our offer.
func (w *wishes) judgeAnswer(answer []byte) (terms, error) {
	sections, err := readSDP(answer)
	if err != nil {
		return terms{}, err
	}
	// Ours was the only m= line; some answer with more, and not in order.
	s := sections[max(0, slices.IndexFunc(sections, func(s section) bool { return s.media == "audio" }))]
	if s.media == "audio" && s.port == 0 {
		return terms{}, ErrRejected
	}
	if !s.audio() {
		return terms{}, fmt.Errorf("%w: answered m=%s %s", ErrBadSDP, s.media, s.proto)
	}
	t, err := s.agree(w)
	if err != nil {
		return terms{}, err
	}
	if t.sendKey, t.hearKey, err = answeredKeys(w.security, w.keys, s); err != nil {
		return terms{}, err
	}
	return t, nil
}

// agree makes the terms of a section. The first of their formats that we know is
// what we send, by their number; any of ours may come in, by either's.
func (s section) agree(w *wishes) (terms, error) {
	i := slices.IndexFunc(s.codecs, func(f format) bool { return slices.Contains(w.codecs, f.codec) })
	if i < 0 {
		return terms{}, fmt.Errorf("%w: theirs %s, ours %v", ErrNoCodec, strings.Join(s.formats, " "), w.codecs)
	}
	t := terms{
		codec: s.codecs[i].codec, pt: s.codecs[i].pt, takes: static(w.codecs), eventIn: [2]int{eventPT, s.eventPT},
		remote: s.addr, remoteRTCP: s.rtcp, mux: s.mux, dir: s.dir.mirror(), ptime: packetTime(s.ptime, s.maxptime, w.ptime),
	}
	for _, f := range s.codecs {
		if slices.Contains(w.codecs, f.codec) && !slices.Contains(t.takes, f) {
			t.takes = append(t.takes, f)
		}
	}
	if s.mux {
		t.remoteRTCP = s.addr
	}
	return t, nil
}

// packetTimes are what we send; each is a whole number of turns of the wheel.
var packetTimes = []int{60, 40, 30, 20, 10}

// packetTime is what we send when they wish for one time and bear at most another
// (0 is unsaid): the longest of ours within both.
func packetTime(wish, most, ours int) int {
	if wish < packetTimes[len(packetTimes)-1] || wish > 200 {
		wish = ours
	}
	if most > 0 {
		wish = min(wish, most)
	}
	for _, p := range packetTimes {
		if p <= wish {
			return p
		}
	}
	return packetTimes[len(packetTimes)-1]
}

// judgeOffer reads an offer and gives the terms and the body of our answer: the
// first usable audio is taken, every other m= line is refused with port 0. An
// offer whose audio is switched off gives terms that neither send nor hear.
func (d *description) judgeOffer(offer []byte, w *wishes, before terms) (terms, string, error) {
	sections, err := readSDP(offer)
	if err != nil {
		return terms{}, "", err
	}
	taken := slices.IndexFunc(sections, section.audio)
	agreed := before
	agreed.dir = Inactive
	if taken >= 0 {
		if agreed, err = sections[taken].agree(w); err != nil {
			return terms{}, "", err
		}
		if agreed.sendKey, agreed.hearKey, err = chosenKeys(w.security, sections[taken], before); err != nil {
			return terms{}, "", err
		}
	}
	body := d.head()
	for i, s := range sections {
		if i != taken {
			body += refusal(s)
			continue
		}
		a := audioLine{proto: s.proto, event: s.eventPT, ptime: agreed.ptime, dir: agreed.dir, mux: s.mux}
		for _, f := range s.codecs {
			if slices.Contains(w.codecs, f.codec) {
				a.formats = append(a.formats, f)
			}
		}
		if agreed.sendKey != nil {
			a.keys = []*keying{agreed.sendKey}
		}
		body += d.audio(a)
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
