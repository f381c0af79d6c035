package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"warmline/sip"
)

// examineLimit is how long a trunk may take to show itself.
const examineLimit = 12 * time.Second

// examineTrunk says of one trunk whether its targets answer and whether we are
// registered: as serve would see it, from a port of our own, which is
// unregistered afterwards.
func examineTrunk(ctx context.Context, t TrunkConfig, add func(check string, err error, says, do string)) {
	const mend = "check address, firewall and that the gateway allows ours; docs/trunks.md"
	ctx, stop := context.WithTimeout(ctx, examineLimit)
	defer stop()
	local := "0.0.0.0:0"
	if t.sip().Loopback() {
		local = "127.0.0.1:0"
	}
	agent, err := sip.Listen(ctx, sip.Config{Addr: local, UserAgent: "Warmline doctor"})
	if err != nil {
		add("trunk", err, "", mend)
		return
	}
	defer agent.Close()
	trunk := t.sip()
	trunk.Options = time.Second
	if err := agent.Serve(ctx, trunk); err != nil {
		add("trunk", err, "", mend)
		return
	}
	state := settled(ctx, agent)
	if len(state.Targets) == 0 {
		add("trunk", fmt.Errorf("%s: no address found for %s", t.Name, trunk), "", "check the name and DNS")
	}
	for _, target := range state.Targets {
		add("trunk", targetError(t.Name, target), fmt.Sprintf("%s answers %d at %s in %v", t.Name, target.Status, target.Addr, target.RTT.Round(time.Millisecond)), mend)
	}
	if state.Registers {
		err := error(nil)
		if !state.Registered {
			err = fmt.Errorf("%s is not registered: %s", t.Name, state.Failed)
		}
		add("trunk", err, t.Name+" registers", "check user, password, realm and register.registrar with the carrier")
	}
}

// settled waits until every target has been asked and registration has an end.
func settled(ctx context.Context, agent *sip.Agent) sip.TrunkState {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		state := agent.Trunks()[0]
		done := len(state.Targets) > 0 && (!state.Registers || state.Registered || state.Failed != "")
		for _, t := range state.Targets {
			done = done && (t.Status != 0 || t.Failed != "")
		}
		if done {
			return state
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return state
		}
	}
}

// targetError says what is wrong with a target, nil when nothing is.
func targetError(name string, t sip.TargetState) error {
	switch {
	case t.Status == 503:
		return fmt.Errorf("%s answers 503 at %s: it takes no calls now", name, t.Addr)
	case t.Status != 0:
		return nil
	case t.Failed != "":
		return fmt.Errorf("%s at %s: %s", name, t.Addr, t.Failed)
	}
	return errors.New(name + " at " + t.Addr + " does not answer")
}
