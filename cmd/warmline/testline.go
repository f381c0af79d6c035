package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"warmline/dialer"
	"warmline/media"
	"warmline/sip"
)

// testLine is the line a test call goes by: a trunk and how its sound is offered.
type testLine struct {
	trunk    sip.Trunk
	failover []sip.Trunk
	codecs   []media.Codec
	ptime    int
	security media.Security
	callerID string
	named    bool // a trunk of the config
}

// line is what the flags describe: a peer, or a trunk of the config with all its
// settings, exactly as campaigns use it.
func (c *callCmd) line(cfg Config) (testLine, error) {
	if strings.HasPrefix(c.Trunk, "sip:") {
		return c.peer()
	}
	t, err := cfg.trunk(c.Trunk)
	if err != nil {
		return testLine{}, fmt.Errorf("--trunk %q is neither sip:HOST:PORT nor a trunk of the config: %w", c.Trunk, err)
	}
	for flag, value := range map[string]string{
		"--transport": c.Transport, "--srtp": c.SRTP, "--codec": c.Codec, "--user": c.User, "--password": c.Password, "--realm": c.Realm, "--tls-ca": c.TLSCA,
	} {
		if value != "" {
			return testLine{}, fmt.Errorf("trunk %s of the config brings its own settings: leave %s out", t.Name, flag)
		}
	}
	l := testLine{trunk: t.sip(), failover: cfg.failover(t), callerID: c.From, named: true}
	if l.codecs, l.ptime, l.security, err = t.audio(); err != nil {
		return testLine{}, fmt.Errorf("trunk %s: %w", t.Name, err)
	}
	if l.callerID == "" {
		l.callerID = t.CallerID
	}
	return l, nil
}

// peer is the line of --trunk sip:HOST:PORT and the flags beside it.
func (c *callCmd) peer() (l testLine, err error) {
	addr, err := peerAddr(c.Trunk)
	if err != nil {
		return l, err
	}
	if _, _, err := net.SplitHostPort(strings.TrimPrefix(c.Trunk, "sip:")); err != nil && c.Transport == "tls" {
		addr = strings.TrimSuffix(addr, ":5060") + ":5061"
	}
	wish := TrunkConfig{SRTP: c.SRTP, Codecs: []string{"pcma", "pcmu"}}
	if c.Codec != "" && c.Codec != "both" {
		wish.Codecs = strings.Split(c.Codec, ",")
	}
	if l.codecs, l.ptime, l.security, err = wish.audio(); err != nil {
		return l, err
	}
	l.trunk = sip.Trunk{
		Name: "call", Addr: addr, User: c.User, Password: c.Password, Realm: c.Realm, From: c.From,
		Transport: c.Transport, TLS: sip.TLS{CA: c.TLSCA},
	}
	if l.callerID = c.From; l.callerID == "" {
		l.callerID, l.trunk.From = "warmline", "warmline"
	}
	if err := l.trunk.Check(); err != nil {
		return l, fmt.Errorf("--trunk %s: %w", c.Trunk, err)
	}
	return l, nil
}

// address is what the audit notes: the peer, or the trunk's name and gateway.
func (l testLine) address() string {
	if l.named {
		return l.trunk.String()
	}
	return l.trunk.Addr
}

// bind readies a dialer's addresses for a line: towards a peer the address that
// reaches it, for a trunk of the config those of the config with a port of our own.
func (l testLine) bind(cfg *Config) error {
	if l.named {
		host, _, err := net.SplitHostPort(cfg.SIP.Listen)
		if err != nil {
			return fmt.Errorf("sip.listen: %w", err)
		}
		cfg.SIP.Listen = net.JoinHostPort(host, "0")
		return nil
	}
	ip, err := localIP(l.trunk.Addr)
	if err != nil {
		return err
	}
	cfg.SIP.Listen, cfg.Media.IP = net.JoinHostPort(ip, "0"), ip
	return nil
}

// ready registers with a trunk of the config that wants it, and learns our address
// where the config says so. What does not come in time is said, and the call tried.
func (l testLine) ready(a *app, d *dialer.Dialer) error {
	t := l.trunk
	if !l.named || !t.Register.Wanted && t.External != "auto" {
		return nil
	}
	if err := d.SIP.Serve(a.ctx, t); err != nil {
		return err
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	limit := time.After(readyLimit)
	for {
		s := d.SIP.Trunks()[0]
		switch {
		case s.Failed != "":
			fmt.Fprintf(a.std.err, "Not registered: %s\n", s.Failed)
			return nil
		case (!s.Registers || s.Registered) && (t.External != "auto" || s.External != ""):
			return nil
		}
		select {
		case <-look.C:
		case <-limit:
			fmt.Fprintf(a.std.err, "Trunk %s did not answer in %v; the call is tried all the same.\n", t.Name, readyLimit)
			return nil
		case <-a.ctx.Done():
			return errors.New("interrupted")
		}
	}
}

// readyLimit is how long a trunk may take before a test call.
const readyLimit = 8 * time.Second
