package dialer

import (
	"net"
	"net/netip"

	"warmline/media"
	"warmline/sip"
)

// legTo is how a leg of this job towards a trunk is opened. Where the trunk's
// address is written out, its media may come from there too.
func (j Job) legTo(t sip.Trunk) media.LegConfig {
	c := media.LegConfig{Codecs: j.Codecs, PTime: j.PTime, Security: j.Security, Loopback: t.Loopback()}
	if host, _, err := net.SplitHostPort(t.Addr); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil {
			c.Signal = ip.Unmap()
		}
	}
	return c
}
