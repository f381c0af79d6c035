package main

import (
	"context"
	"fmt"
	"net"

	"warmline/sip"
)

// pingTrunk asks a trunk whether it lives.
func pingTrunk(ctx context.Context, t TrunkConfig) error {
	ip, err := localIP(t.Addr)
	if err != nil {
		return err
	}
	agent, err := sip.Listen(ctx, sip.Config{Addr: net.JoinHostPort(ip, "0")})
	if err != nil {
		return err
	}
	defer agent.Close()
	status, err := agent.Ping(ctx, t.sip())
	if err == nil && status == 503 {
		err = fmt.Errorf("trunk %s answers 503: it takes no calls now", t.Name)
	}
	return err
}
