package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"warmline/media"
	"warmline/sip"
	"warmline/sip/siptest"
)

func TestTrunkErrorsNameTheTrunkAndTheKey(t *testing.T) {
	const a = "{name: a, addr: '192.0.2.1:5060', channels: 1, rate: 1"
	for _, tt := range []struct{ name, trunks, want string }{
		{"no address", "[{name: a, channels: 1, rate: 1}]", "neither addr nor targets"},
		{"a transport that is none", "[" + a + ", transport: sctp}]", "transport"},
		{"srtp that is none", "[" + a + ", srtp: yes}]", "srtp"},
		{"a codec we lack", "[" + a + ", codecs: [g729]}]", "g729"},
		{"a ptime between", "[" + a + ", ptime: 25}]", "ptime"},
		{"a number format that is none", "[" + a + ", numbers: {to: e165}}]", "e165"},
		{"a prefix that is none", "[" + a + ", allow: [abc]}]", "abc"},
		{"a CA file that is not there", "[" + a + ", transport: tls, tls: {ca: /nowhere.pem}}]", "/nowhere.pem"},
		{"registration without a user", "[" + a + ", register: {enabled: true}}]", "needs a user"},
		{"a privacy that is none", "[" + a + ", identity: {privacy: secret}}]", "privacy"},
		{"a failover that is not there", "[" + a + ", failover: [b]}]", "no other trunk"},
		{"a failover of other codecs", "[" + a + ", failover: [b]}, {name: b, addr: '192.0.2.2:5060', channels: 1, rate: 1, codecs: [pcmu]}]", "keeps its offer"},
		{"a failover that sees us elsewhere", "[" + a + ", external: 203.0.113.5, failover: [b]}, {name: b, addr: '192.0.2.2:5060', channels: 1, rate: 1}]", "another external"},
		{"a port that is none", "[{name: a, addr: 'h:99999', channels: 1, rate: 1}]", "99999"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadConfig(writeFile(t, "trunks: "+tt.trunks+"\n"), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

func TestATrunkIsGivenToSignallingAndMediaAsItIsWritten(t *testing.T) {
	c, err := loadConfig(writeFile(t, `trunks:
  - name: a
    targets: [{addr: 192.0.2.1:5060, priority: 1, weight: 3}]
    proxy: 192.0.2.9:5060
    external: auto
    user: u
    password: p
    realm: r
    register: {enabled: true, expires: 10m}
    caller_id: "021"
    identity: {from: acct, asserted: true, privacy: id}
    numbers: {country: "44", to: +e164, prefixes: [{of: "+", by: "00"}]}
    allow: ["+44"]
    codecs: [g722, pcma]
    ptime: 40
    srtp: optional
    failover: [b]
    silence: 3s
    redirects: {hops: 2, domains: [x.example]}
    rate: 2
    channels: 3
  - {name: b, addr: b.example, transport: tcp, codecs: [g722, pcma], ptime: 40, srtp: optional, external: auto, priority: 5, rate: 1, channels: 1}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	a := c.Trunks[0]
	s := a.sip()
	if s.Targets[0] != (sip.Target{Addr: "192.0.2.1:5060", Priority: 1, Weight: 3}) || s.Proxy != "192.0.2.9:5060" || s.External != "auto" ||
		s.Register != (sip.Register{Wanted: true, Expires: 10 * time.Minute}) || s.Identity.From != "acct" || s.Identity.Privacy != "id" ||
		s.Numbers.Country != "44" || s.Numbers.Prefixes[0] != (sip.Prefix{Of: "+", By: "00"}) || !slices.Equal(s.Allow, []string{"+44"}) ||
		s.Silence != 3*time.Second || s.Redirects.Hops != 2 || s.Rate != 2 || s.Channels != 3 {
		t.Errorf("got %+v", s)
	}
	if codecs, ptime, security, err := a.audio(); err != nil || !slices.Equal(codecs, []media.Codec{media.G722, media.PCMA}) || security != media.SecurityOptional || ptime != 40 {
		t.Error("codecs, ptime or srtp are not as written")
	}
	if f := c.failover(a); len(f) != 1 || f[0].Name != "b" || f[0].Transport != "tcp" || f[0].Priority != 5 {
		t.Errorf("failover %+v", f)
	}
}

// answering is a gateway that answers every request of a method with a status.
func answering(t *testing.T, statuses map[string]int) *siptest.Peer {
	t.Helper()
	p, err := siptest.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); <-done; p.Close() })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			m, _, err := p.Next(ctx)
			if err == nil && statuses[m.Method()] != 0 {
				p.Reply(m, statuses[m.Method()], "Said", "g")
			}
		}
	}()
	return p
}

func TestDoctorSaysOfATrunkWhatIsWrong(t *testing.T) {
	healthy := answering(t, map[string]int{"OPTIONS": 405, "REGISTER": 200})
	full := answering(t, map[string]int{"OPTIONS": 503})
	closed := answering(t, map[string]int{"OPTIONS": 200, "REGISTER": 403})
	account := TrunkConfig{User: "u", Password: "p", Realm: "r", Register: RegisterConfig{Enabled: true}}
	for _, tt := range []struct {
		name  string
		trunk TrunkConfig
		addr  string
		want  []string
		ok    bool
	}{
		{"healthy and registered", account, healthy.Addr(), []string{"answers 405", "registers"}, true},
		{"takes no calls", TrunkConfig{}, full.Addr(), []string{"answers 503"}, false},
		{"refuses the registration", account, closed.Addr(), []string{"answers 200", "not registered: the registrar answers 403"}, false},
		{"nobody there by TCP", TrunkConfig{Transport: "tcp"}, "127.0.0.1:1", []string{"refused"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.trunk.Name, tt.trunk.Addr = "t", tt.addr
			var said []string
			ok := true
			examineTrunk(t.Context(), tt.trunk, func(_ string, err error, says, _ string) {
				if err != nil {
					ok, says = false, err.Error()
				}
				said = append(said, says)
			})
			all := strings.Join(said, "\n")
			for _, w := range tt.want {
				if !strings.Contains(all, w) {
					t.Errorf("said %q, want %q in it", all, w)
				}
			}
			if ok != tt.ok {
				t.Errorf("ok %v: %q", ok, all)
			}
		})
	}
}

func TestMetricsShowEveryTarget(t *testing.T) {
	gateway := answering(t, map[string]int{"OPTIONS": 200})
	agent, err := sip.Listen(t.Context(), sip.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	if err := agent.Serve(t.Context(), sip.Trunk{Name: "m", Addr: gateway.Addr(), From: "1"}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	settled(ctx, agent)
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(trunkMetrics{agent})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
		if f.GetName() == "warmline_trunk_target_up" && f.GetMetric()[0].GetGauge().GetValue() != 1 {
			t.Error("a target that answers is not up")
		}
	}
	for _, want := range []string{"warmline_trunk_calls", "warmline_trunk_target_up", "warmline_trunk_target_breaker_open", "warmline_trunk_target_rtt_seconds", "warmline_trunk_target_invites_total"} {
		if !slices.Contains(names, want) {
			t.Errorf("no metric %s in %q", want, names)
		}
	}
}
