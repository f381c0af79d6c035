package main

import (
	"fmt"
	"net"
	"slices"
	"time"

	"warmline/sip"
)

// TrunkConfig is one carrier line; docs/trunks.md explains it to those who run
// one.
type TrunkConfig struct {
	Name      string         `yaml:"name"`
	Addr      string         `yaml:"addr"`
	Targets   []TargetConfig `yaml:"targets"`
	Transport string         `yaml:"transport"`
	TLS       TLSConfig      `yaml:"tls"`
	Proxy     string         `yaml:"proxy"`
	External  string         `yaml:"external"`
	BigToTCP  bool           `yaml:"big_to_tcp"`
	KeepAlive time.Duration  `yaml:"keep_alive"`

	User      string         `yaml:"user"`
	Password  string         `yaml:"password"`
	Realm     string         `yaml:"realm"`
	RefuseMD5 bool           `yaml:"refuse_md5"`
	Domain    string         `yaml:"domain"`
	Register  RegisterConfig `yaml:"register"`
	Options   time.Duration  `yaml:"options"`

	CallerID  string         `yaml:"caller_id"`
	CallerIDs []string       `yaml:"caller_ids"`
	Identity  IdentityConfig `yaml:"identity"`
	Numbers   NumbersConfig  `yaml:"numbers"`
	UserPhone bool           `yaml:"user_phone"`
	Allow     []string       `yaml:"allow"`
	Deny      []string       `yaml:"deny"`

	Codecs         []string      `yaml:"codecs"`
	PTime          int           `yaml:"ptime"`
	SRTP           string        `yaml:"srtp"`
	NoReliable     bool          `yaml:"no_reliable"`
	SessionExpires time.Duration `yaml:"session_expires"`

	Rate      float64         `yaml:"rate"`
	Channels  int             `yaml:"channels"`
	Failover  []string        `yaml:"failover"`
	Priority  int             `yaml:"priority"`
	Silence   time.Duration   `yaml:"silence"`
	Redirects RedirectsConfig `yaml:"redirects"`

	Inbound InboundConfig `yaml:"inbound"`
}

// TargetConfig is one gateway of several.
type TargetConfig struct {
	Addr     string `yaml:"addr"`
	Priority int    `yaml:"priority"`
	Weight   int    `yaml:"weight"`
}

// TLSConfig is how a trunk by TLS is trusted, and trusts us.
type TLSConfig struct {
	ServerName string `yaml:"server_name"`
	CA         string `yaml:"ca"`
	Cert       string `yaml:"cert"`
	Key        string `yaml:"key"`
}

// RegisterConfig is for carriers that do not know our address.
type RegisterConfig struct {
	Enabled   bool          `yaml:"enabled"`
	Registrar string        `yaml:"registrar"`
	Expires   time.Duration `yaml:"expires"`
}

// IdentityConfig is who is shown as the caller.
type IdentityConfig struct {
	From      string `yaml:"from"`
	Asserted  bool   `yaml:"asserted"`
	Preferred bool   `yaml:"preferred"`
	Privacy   string `yaml:"privacy"`
	Anonymous bool   `yaml:"anonymous"`
}

// NumbersConfig is how numbers are written.
type NumbersConfig struct {
	Country  string         `yaml:"country"`
	National string         `yaml:"national"`
	To       string         `yaml:"to"`
	From     string         `yaml:"from"`
	Tel      bool           `yaml:"tel"`
	Prefixes []PrefixConfig `yaml:"prefixes"`
}

// PrefixConfig replaces the beginning of a number.
type PrefixConfig struct {
	Of string `yaml:"of"`
	By string `yaml:"by"`
}

// RedirectsConfig is what a 3xx may do.
type RedirectsConfig struct {
	Hops    int      `yaml:"hops"`
	Domains []string `yaml:"domains"`
}

// sip is the trunk as signalling knows it.
func (t TrunkConfig) sip() sip.Trunk {
	s := sip.Trunk{
		Name: t.Name, Addr: t.Addr, Transport: t.Transport, TLS: sip.TLS(t.TLS), Proxy: t.Proxy, External: t.External,
		BigToTCP: t.BigToTCP, KeepAlive: t.KeepAlive,
		User: t.User, Password: t.Password, Realm: t.Realm, RefuseMD5: t.RefuseMD5, Domain: t.Domain,
		Register: sip.Register{Wanted: t.Register.Enabled, Registrar: t.Register.Registrar, Expires: t.Register.Expires}, Options: t.Options,
		From: t.CallerID, CallerIDs: t.CallerIDs, Identity: sip.Identity(t.Identity), UserPhone: t.UserPhone,
		Numbers: sip.Numbers{Country: t.Numbers.Country, National: t.Numbers.National, To: t.Numbers.To, From: t.Numbers.From, Tel: t.Numbers.Tel},
		Allow:   t.Allow, Deny: t.Deny, NoReliable: t.NoReliable, SessionExpires: t.SessionExpires,
		Rate: t.Rate, Channels: t.Channels, Priority: t.Priority, Silence: t.Silence, Redirects: sip.Redirects(t.Redirects),
	}
	for _, g := range t.Targets {
		s.Targets = append(s.Targets, sip.Target(g))
	}
	for _, p := range t.Numbers.Prefixes {
		s.Numbers.Prefixes = append(s.Numbers.Prefixes, sip.Prefix(p))
	}
	return s
}

// failover are the trunks behind one, as signalling knows them.
func (c Config) failover(t TrunkConfig) []sip.Trunk {
	var all []sip.Trunk
	for _, name := range t.Failover {
		if other, err := c.trunk(name); err == nil {
			all = append(all, other.sip())
		}
	}
	return all
}

// sameAudio reports whether both trunks are offered the same.
func sameAudio(a, b TrunkConfig) bool {
	ac, ap, as, aerr := a.audio()
	bc, bp, bs, berr := b.audio()
	return aerr == nil && berr == nil && slices.Equal(ac, bc) && ap == bp && as == bs
}

// checkTrunks refuses trunks that cannot work, naming the key.
func (c Config) checkTrunks() error {
	seen := map[string]bool{}
	for i, t := range c.Trunks {
		at := fmt.Sprintf("config: trunks[%d]", i)
		switch {
		case t.Name == "":
			return fmt.Errorf("%s: name is empty", at)
		case seen[t.Name]:
			return fmt.Errorf("%s: name %q stands twice", at, t.Name)
		case t.Addr == "" && len(t.Targets) == 0:
			return fmt.Errorf("%s: neither addr nor targets", at)
		case t.Rate <= 0 || t.Rate > 1000:
			return fmt.Errorf("%s: rate %g is not between 0 and 1000 calls per second", at, t.Rate)
		case t.Channels <= 0:
			return fmt.Errorf("%s: channels %d; at least 1 is needed", at, t.Channels)
		case t.User != "" && t.Realm == "":
			return fmt.Errorf("%s: user without realm; credentials are only sent to the realm named here", at)
		}
		if _, _, _, err := t.audio(); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if err := t.sip().Check(); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		seen[t.Name] = true
	}
	return c.checkFailover()
}

// hostOf is an address without its port.
func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}

// checkFailover refuses a way around that could not carry the same offer.
func (c Config) checkFailover() error {
	for i, t := range c.Trunks {
		for _, name := range t.Failover {
			other, err := c.trunk(name)
			switch {
			case err != nil || name == t.Name:
				return fmt.Errorf("config: trunks[%d]: failover %q is no other trunk", i, name)
			case !sameAudio(t, other):
				return fmt.Errorf("config: trunks[%d]: failover %q has other codecs, ptime or srtp; a call that moves keeps its offer", i, name)
			case hostOf(t.External) != hostOf(other.External):
				return fmt.Errorf("config: trunks[%d]: failover %q has another external; a call that moves keeps its offer, and so the address in it", i, name)
			case other.sip().Loopback() != t.sip().Loopback():
				return fmt.Errorf("config: trunks[%d]: failover %q is on this machine and the trunk is not, or the other way round", i, name)
			}
		}
	}
	return nil
}
