package sip

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

// Redirects says whether a carrier may send a call elsewhere (3xx, RFC 3261 8.1.3.4).
// By default it may not: a redirection decides who is called and who pays.
type Redirects struct {
	Hops    int      // followed in one call, at most 3; 0 follows none
	Domains []string // hosts, with their subdomains, a call may be sent to; the trunk's own domain when empty
}

// maxRedirects bounds a carrier that sends a call round in circles.
const maxRedirects = 3

// redirect follows a 3xx if the trunk may send calls to one of its Contacts.
func (c *Call) redirect(res *gosip.Response) bool {
	t := c.peer.trunk
	if res.StatusCode < 300 || res.StatusCode > 399 || c.isOver() || c.cancel || c.routing.turned >= min(t.Redirects.Hops, maxRedirects) {
		return false
	}
	for _, contact := range contacts(res) {
		f, ok := t.sentTo(contact, c.peer.form)
		if !ok {
			continue
		}
		c.routing.turned++
		why := causeOf(res)
		why.By = ByCarrier
		c.judge(worked, why)
		c.stand()
		transport := cmp.Or(param(contact.UriParams, "transport"), t.Transport)
		target := Target{Addr: f.host}
		if f.port != 0 {
			target.Addr += ":" + strconv.Itoa(f.port)
		}
		return c.moveTo(why, func(ctx context.Context) approached { return c.turn(ctx, t, target, transport, f) })
	}
	c.agent.log.Warn("redirection not followed: it leads out of the trunk's domains", "trunk", t, "call", c.id)
	return false
}

// turn readies the way to where a redirection leads.
func (c *Call) turn(ctx context.Context, t *Trunk, target Target, transport string, f form) approached {
	if t.Transport == "tls" || !slices.Contains([]string{"udp", "tcp", "tls"}, strings.ToLower(transport)) {
		transport = t.Transport // never from TLS to anything less
	}
	at, err := c.agent.dns.locate(ctx, target, strings.ToLower(transport))
	if err != nil {
		return approached{err: err}
	}
	if len(at) == 0 {
		return approached{err: errors.New("the redirection leads nowhere")}
	}
	w := way{trunk: t, at: at[0], form: f}
	for _, e := range at {
		w.ips = append(w.ips, e.dest.Addr())
	}
	p, err := c.agent.approach(ctx, w)
	return approached{peer: p, err: err, to: &w}
}

// sentTo is the call as a redirection wants it written, if the trunk may be sent
// there and may call that number.
func (t *Trunk) sentTo(contact gosip.Uri, f form) (form, bool) {
	if contact.Scheme != "sip" || !t.mayRedirectTo(contact.Host) || t.mayCall(contact.User) != nil {
		return f, false
	}
	user, err := escapeUser("redirected number", contact.User)
	if err != nil || checkToken("redirected host", contact.Host) != nil || contact.Port < 0 || contact.Port > 65535 {
		return f, false
	}
	f.to, f.tel, f.host, f.port = user, "", contact.Host, contact.Port
	return f, true
}

func (t *Trunk) mayRedirectTo(host string) bool {
	domains := t.Redirects.Domains
	if len(domains) == 0 {
		domains = []string{t.domain()}
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, err := netip.ParseAddr(host)
	address := err == nil
	return slices.ContainsFunc(domains, func(d string) bool {
		d = strings.ToLower(d)
		return host == d || !address && strings.HasSuffix(host, "."+d)
	})
}

// contacts are a redirection's, best first (RFC 3261 20.10, q).
func contacts(res *gosip.Response) []gosip.Uri {
	type choice struct {
		uri gosip.Uri
		q   float64
	}
	var all []choice
	for _, h := range res.GetHeaders("contact") {
		c, ok := h.(*gosip.ContactHeader)
		if !ok || c.Address.Wildcard || len(all) >= maxForks {
			continue
		}
		q, err := strconv.ParseFloat(param(c.Params, "q"), 64)
		if err != nil {
			q = 1
		}
		all = append(all, choice{*c.Address.Clone(), q})
	}
	slices.SortStableFunc(all, func(a, b choice) int { return cmp.Compare(b.q, a.q) })
	uris := make([]gosip.Uri, len(all))
	for i, c := range all {
		uris[i] = c.uri
	}
	return uris
}
