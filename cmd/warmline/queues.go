package main

import (
	"fmt"
	"net"
	"strings"
	"time"

	"warmline/dialer"
	"warmline/sip"
)

// InboundConfig is what becomes of calls that come in on a trunk.
type InboundConfig struct {
	Dialog string `yaml:"dialog"`
}

// QueueConfig is who takes over the calls a tree transfers to its name.
type QueueConfig struct {
	Name   string        `yaml:"name"`
	Mode   string        `yaml:"mode"`
	Ring   time.Duration `yaml:"ring"`
	Brief  string        `yaml:"brief"`
	Accept string        `yaml:"accept"`
	Hold   string        `yaml:"hold"`
	Agents []AgentConfig `yaml:"agents"`
}

// AgentConfig is one person of a queue, behind a trunk or a SIP address.
type AgentConfig struct {
	Name  string `yaml:"name"`
	To    string `yaml:"to"`
	Trunk string `yaml:"trunk"`
	Addr  string `yaml:"addr"`
	Hours string `yaml:"hours"`
}

// RecordingConfig says whether call sound is kept, where and for how long.
type RecordingConfig struct {
	On     bool          `yaml:"on"`
	Dir    string        `yaml:"dir"`
	Retain time.Duration `yaml:"retain"`
}

// checkQueues refuses queues that could not hand over anything.
func (c Config) checkQueues() error {
	seen := map[string]bool{}
	for i, q := range c.Queues {
		at := fmt.Sprintf("config: queues[%d]", i)
		switch {
		case q.Name == "":
			return fmt.Errorf("%s: name is empty; trees say transfer: {to: queue/NAME}", at)
		case seen[q.Name]:
			return fmt.Errorf("%s: name %q stands twice", at, q.Name)
		case q.Mode != "" && q.Mode != dialer.Attended && q.Mode != dialer.Blind:
			return fmt.Errorf("%s: mode %q is neither attended nor blind", at, q.Mode)
		case len(q.Accept) > 1 || strings.Trim(q.Accept, "0123456789*#") != "":
			return fmt.Errorf("%s: accept %q is not one key", at, q.Accept)
		case q.Accept == "2" || q.Accept == "0" || q.Accept == "*" || q.Accept == "#":
			return fmt.Errorf("%s: accept %q is a key that declines", at, q.Accept)
		case q.Ring < 0 || q.Ring > 2*time.Minute:
			return fmt.Errorf("%s: ring %v is not between 0 and 2m", at, q.Ring)
		case len(q.Agents) == 0:
			return fmt.Errorf("%s: no agents", at)
		}
		seen[q.Name] = true
		for k, a := range q.Agents {
			if err := c.checkAgent(a, q.Mode); err != nil {
				return fmt.Errorf("%s: agents[%d]: %w", at, k, err)
			}
		}
	}
	return nil
}

func (c Config) checkAgent(a AgentConfig, mode string) error {
	if a.To == "" {
		return fmt.Errorf("to is empty: the number or extension to ring")
	}
	if a.Addr != "" && a.Trunk != "" {
		return fmt.Errorf("trunk and addr are both set; one is enough")
	}
	if a.Addr != "" {
		if _, _, err := net.SplitHostPort(a.Addr); err != nil {
			return fmt.Errorf("addr %q is not host:port", a.Addr)
		}
		if mode == dialer.Blind {
			return fmt.Errorf("addr is set and mode is blind: a blind transfer goes where the trunk finds it")
		}
	} else if _, err := c.trunk(a.Trunk); err != nil {
		return err
	}
	_, err := openHours(a.Hours)
	return err
}

// queues are the configured queues by the names trees use.
func (c Config) queues() (map[string]*dialer.Queue, error) {
	out := map[string]*dialer.Queue{}
	for _, q := range c.Queues {
		d := &dialer.Queue{Name: q.Name, Mode: q.Mode, Timeout: q.Ring, Brief: q.Brief, Accept: q.Accept, Hold: q.Hold}
		for i, a := range q.Agents {
			open, err := openHours(a.Hours)
			if err != nil {
				return nil, err
			}
			agent := dialer.Agent{Name: a.Name, To: a.To, Open: open}
			if agent.Name == "" {
				agent.Name = fmt.Sprintf("%s %d", q.Name, i+1)
			}
			if a.Addr != "" {
				agent.Trunk = sip.Trunk{Name: "agent", Addr: a.Addr, From: "warmline"}
			} else {
				t, err := c.trunk(a.Trunk)
				if err != nil {
					return nil, err
				}
				agent.Trunk = t.sip()
				if agent.Codecs, agent.PTime, agent.Security, err = t.audio(); err != nil {
					return nil, err
				}
			}
			d.Agents = append(d.Agents, agent)
		}
		out["queue/"+q.Name] = d
	}
	return out, nil
}

// openHours reads "09:00-18:00", Shanghai time; empty is always.
func openHours(s string) (func(time.Time) bool, error) {
	if s == "" {
		return nil, nil
	}
	from, until, ok := strings.Cut(s, "-")
	a, err1 := time.Parse("15:04", strings.TrimSpace(from))
	b, err2 := time.Parse("15:04", strings.TrimSpace(until))
	if !ok || err1 != nil || err2 != nil || !a.Before(b) {
		return nil, fmt.Errorf("hours %q is not like 09:00-18:00", s)
	}
	begin, end := a.Hour()*60+a.Minute(), b.Hour()*60+b.Minute()
	return func(now time.Time) bool {
		local := now.In(shanghai)
		m := local.Hour()*60 + local.Minute()
		return begin <= m && m < end
	}, nil
}
