package sip

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

// Numbers says how a trunk wants numbers written. The zero value writes them as
// they were given.
type Numbers struct {
	Country  string   // country calling code that numbers without one belong to; "86" when empty
	National string   // what stands before a national number, "0" in most countries; see nationalPrefix
	To       string   // the called number: "", "+e164" (+8613800138000), "e164" (8613800138000), "national" (13800138000, 02160001111)
	From     string   // the caller ID, the same choices
	Tel      bool     // tel: URIs in Request-URI and To (RFC 3966); they are written +e164
	Prefixes []Prefix // rules on the called number once it is written; the longest that fits is used
}

// Prefix replaces the beginning of a number: {"", "9"} puts a 9 before every
// number, {"0086", "0"} makes an exit code national, {"0", ""} takes a 0 away.
type Prefix struct{ Of, By string }

// Identity says who a trunk shows as the caller.
type Identity struct {
	From      string // user part of From when the carrier wants its account there; the caller ID when empty
	Asserted  bool   // the caller ID in P-Asserted-Identity (RFC 3325 9.1)
	Preferred bool   // the caller ID in P-Preferred-Identity (RFC 3325 9.2)
	Privacy   string // the Privacy header, as "id" (RFC 3323 4.2, RFC 3325 9.3)
	Anonymous bool   // From is anonymous.invalid (RFC 3323 4.1.1.3)
}

// form is a call as one trunk wants it written; users are escaped.
type form struct {
	to       string // user part of Request-URI and To
	tel      string // what follows tel:, "" of a SIP URI
	caller   string // user part of the caller ID
	from     string // user part of From
	host     string // of the Request-URI, when a redirection names it
	port     int
	identity Identity
}

// form writes a call as the trunk wants it. It refuses a number the trunk may not
// call and a caller ID it does not own.
func (t *Trunk) form(inv Invite) (f form, err error) {
	n := t.Numbers
	written, whole, err := n.write(inv.To, n.To)
	if err != nil {
		return f, err
	}
	if err := t.mayCall(inv.To); err != nil {
		return f, err
	}
	if n.Tel && whole {
		f.tel, _, _ = n.write(inv.To, "+e164")
	}
	if f.to, err = escapeUser("number", rewrite(written, n.Prefixes)); err != nil {
		return f, err
	}
	caller := inv.From
	if caller == "" {
		caller = t.From
	}
	if err := t.owns(caller); err != nil {
		return f, err
	}
	if caller, _, err = n.write(caller, n.From); err != nil {
		return f, fmt.Errorf("caller ID: %w", err)
	}
	if f.caller, err = escapeUser("caller ID", caller); err != nil {
		return f, err
	}
	f.from, f.identity = f.caller, t.Identity
	if t.Identity.From != "" {
		f.from, err = escapeUser("user of From", t.Identity.From)
	}
	return f, err
}

// owns refuses a caller ID that is not the trunk's, when it says which are.
func (t *Trunk) owns(caller string) error {
	if len(t.CallerIDs) == 0 {
		return nil
	}
	number, whole := t.Numbers.e164(caller)
	for _, own := range t.CallerIDs {
		n, w := t.Numbers.e164(own)
		if own == caller || whole && w && n == number {
			return nil
		}
	}
	return errors.New("the caller ID is not one the trunk owns")
}

// digits takes visual separators (RFC 3966 5.1.1) out of a number. It reports
// false for what is no number.
func digits(s string) (string, bool) {
	s = strings.TrimSpace(s)
	plus := strings.HasPrefix(s, "+")
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			out = append(out, c)
		case c == '+' && i == 0, strings.IndexByte(" -.()", c) >= 0:
		default:
			return "", false
		}
	}
	if len(out) == 0 {
		return "", false
	}
	if plus {
		return "+" + string(out), true
	}
	return string(out), true
}

const (
	// E.164 numbers have at most 15 digits; none in use has fewer than 7.
	minE164, maxE164 = 7, 15

	// shortest is the length from which digits are a subscriber's number: what
	// is shorter is a service's short code.
	shortest = 7
)

// country is the calling code of numbers written without one.
func (n Numbers) country() string {
	if n.Country == "" {
		return "86"
	}
	return n.Country
}

// nationalPrefix is what is dialled before a national number: 1 in North
// America, 0 nearly everywhere else.
func (n Numbers) nationalPrefix() string {
	switch {
	case n.National != "":
		return n.National
	case n.country() == "1":
		return "1"
	}
	return "0"
}

// exits are the exit codes of countries that dial abroad by another than 00: read
// as a number at home, what stands behind one would pass for the country's own.
var exits = map[string]string{"1": "011", "7": "810", "81": "010"}

// e164 is a number with + and country code. It reports false for short codes,
// names, and digits that cannot be a number of anybody's.
func (n Numbers) e164(s string) (string, bool) {
	d, ok := digits(s)
	if !ok {
		return "", false
	}
	switch {
	case d[0] == '+':
		d = d[1:]
	case strings.HasPrefix(d, "00"): // the exit code ITU-T E.164 recommends
		d = d[2:]
	case exits[n.country()] != "" && strings.HasPrefix(d, exits[n.country()]):
		d = strings.TrimPrefix(d, exits[n.country()])
	case len(d) < shortest:
		return "", false
	case n.country() == "86" && len(d) == 13 && strings.HasPrefix(d, "861"): // a Chinese mobile without its +
	default:
		d = n.country() + strings.TrimPrefix(d, n.nationalPrefix())
	}
	if len(d) < minE164 || len(d) > maxE164 || d[0] == '0' {
		return "", false
	}
	return "+" + d, true
}

// write writes a number in one of the formats. whole is false of short codes and
// names, which stay as they are.
func (n Numbers) write(s, format string) (written string, whole bool, err error) {
	number, whole := n.e164(s)
	switch {
	case format == "" || !whole:
		return s, whole, nil
	case format == "+e164":
		return number, true, nil
	case format == "e164":
		return number[1:], true, nil
	case format == "national":
		return n.home(number), true, nil
	}
	return "", false, fmt.Errorf("number format %q is none of +e164, e164 and national", format)
}

// home writes a number as it is dialled in its own country, and one abroad behind
// the exit code.
func (n Numbers) home(number string) string {
	rest, ok := strings.CutPrefix(number, "+"+n.country())
	switch {
	case !ok:
		return "00" + number[1:]
	case n.country() == "86" && (len(rest) == 11 && rest[0] == '1' || strings.HasPrefix(rest, "400") || strings.HasPrefix(rest, "800")):
		return rest // Chinese mobiles and service numbers have no 0 before them
	}
	return n.nationalPrefix() + rest
}

// rewrite applies the longest rule that fits.
func rewrite(number string, rules []Prefix) string {
	best := -1
	for i, r := range rules {
		if strings.HasPrefix(number, r.Of) && (best < 0 || len(r.Of) > len(rules[best].Of)) {
			best = i
		}
	}
	if best < 0 {
		return number
	}
	return rules[best].By + strings.TrimPrefix(number, rules[best].Of)
}

// addresses makes the three URIs of an INVITE.
func (c *Call) addresses() (uri, to, from gosip.Uri) {
	p := c.peer
	host, port := p.uriHost()
	to = gosip.Uri{Scheme: "sip", User: p.form.to, Host: host, Port: port}
	if p.form.tel != "" {
		to = gosip.Uri{Scheme: "tel", Host: p.form.tel} // sipgo writes scheme and host; a tel URI is no more
	}
	uri = to
	if p.trunk.UserPhone && p.form.tel == "" {
		uri.UriParams = gosip.HeaderParams{{K: "user", V: "phone"}}
	}
	return uri, to, p.fromURI(p.form.from)
}

// fromURI is a URI of ours at the trunk.
func (p *peer) fromURI(user string) gosip.Uri {
	if p.form.identity.Anonymous && user == p.form.from {
		return gosip.Uri{Scheme: "sip", User: "anonymous", Host: "anonymous.invalid"}
	}
	u := gosip.Uri{Scheme: "sip", User: user, Host: p.trunk.Domain}
	if u.Host == "" {
		u.Host, u.Port = p.local.host, p.local.port
	}
	return u
}

// uriHost is host and port of the Request-URI: the redirection's, the domain's,
// or the gateway's as configured.
func (p *peer) uriHost() (host string, port int) {
	switch {
	case p.form.host != "":
		return p.form.host, p.form.port
	case p.trunk.Domain != "":
		return p.trunk.Domain, 0
	case p.trunk.Proxy != "":
		host, port, _ = splitTarget(p.trunk.gateways()[0].Addr)
		return host, port
	}
	return p.at.host, p.at.port
}

// identity are the headers that say who calls (RFC 3323, 3325).
func (p *peer) identity() []gosip.Header {
	var hs []gosip.Header
	id := p.form.identity
	caller := gosip.Uri{Scheme: "sip", User: p.form.caller, Host: p.trunk.Domain}
	if caller.Host == "" {
		caller.Host, caller.Port = p.uriHost()
	}
	if id.Asserted {
		hs = append(hs, gosip.NewHeader("P-Asserted-Identity", "<"+caller.String()+">"))
	}
	if id.Preferred {
		hs = append(hs, gosip.NewHeader("P-Preferred-Identity", "<"+caller.String()+">"))
	}
	if id.Privacy != "" {
		hs = append(hs, gosip.NewHeader("Privacy", id.Privacy))
	}
	return hs
}

// checkNumbers refuses formats, rules and identities that cannot be written.
func (t *Trunk) checkNumbers() error {
	for _, f := range []string{t.Numbers.To, t.Numbers.From} {
		if !slices.Contains([]string{"", "+e164", "e164", "national"}, f) {
			return fmt.Errorf("number format %q is none of +e164, e164 and national", f)
		}
	}
	for _, d := range []string{t.Numbers.Country, t.Numbers.National} {
		if strings.Trim(d, "0123456789") != "" || len(d) > 4 {
			return fmt.Errorf("%q is no country code or national prefix", d)
		}
	}
	for _, r := range t.Numbers.Prefixes {
		for _, s := range []string{r.Of, r.By} {
			if strings.Trim(s, "+*#0123456789") != "" {
				return fmt.Errorf("prefix rule %q to %q: only digits, +, * and # may stand there", r.Of, r.By)
			}
		}
	}
	id := t.Identity
	if err := checkValue("user of From", id.From); err != nil {
		return err
	}
	for value := range strings.SplitSeq(id.Privacy, ";") { // RFC 3323 4.2, RFC 3325 9.3, RFC 7044 10.1
		if id.Privacy != "" && !slices.Contains([]string{"id", "header", "session", "user", "none", "critical", "history"}, strings.TrimSpace(value)) {
			return fmt.Errorf("privacy %q is not one of id, header, session, user, history, critical and none", id.Privacy)
		}
	}
	return nil
}
