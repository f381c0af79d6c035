package dialer

import (
	"context"
	"net"
	"net/netip"

	"warmline/media"
	"warmline/sip"
)

// sound is how this job's trunk wants its audio.
func (j Job) sound() media.LegConfig {
	return media.LegConfig{Codecs: j.Codecs, PTime: j.PTime, Security: j.Security}
}

// sound is how an agent's trunk wants its audio.
func (a Agent) sound() media.LegConfig {
	return media.LegConfig{Codecs: a.Codecs, PTime: a.PTime, Security: a.Security}
}

// open opens a leg towards a trunk: with our address as that trunk sees it and,
// where the trunk's own is written out, with media allowed to come from there too.
func (d *Dialer) open(ctx context.Context, t sip.Trunk, sound media.LegConfig) (*media.Leg, error) {
	sound.Loopback, sound.Signal, sound.Public = t.Loopback(), written(t), d.SIP.Outward(ctx, t)
	return d.Media.Open(sound)
}

// written is a trunk's address where it is no name and no proxy stands before it.
func written(t sip.Trunk) netip.Addr {
	host, _, err := net.SplitHostPort(t.Addr)
	if err != nil || t.Proxy != "" {
		return netip.Addr{}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return ip.Unmap()
}

// signalled tells a leg where the call's gateway turned out to be, when that was
// not written: a name's address, one of several targets, a proxy, another trunk.
func signalled(l *media.Leg, t sip.Trunk, gateway netip.Addr) {
	if gateway.IsValid() && gateway != written(t) && !t.Loopback() {
		l.Signalled(gateway)
	}
}
