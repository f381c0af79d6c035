package sip_test

import (
	"testing"

	"warmline/sip"
	"warmline/sip/siptest"
)

func TestPingTellsALivingTrunkFromADeadOne(t *testing.T) {
	agent, err := sip.Listen(t.Context(), sip.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	g, err := siptest.Start(siptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	trunk := sip.Trunk{Name: "t", Addr: g.Addr()}
	if status, err := agent.Ping(t.Context(), trunk); err != nil || status != 200 {
		t.Errorf("living trunk: %d, %v; want 200", status, err)
	}
	g.Close()
	if status, err := agent.Ping(t.Context(), trunk); err == nil {
		t.Errorf("dead trunk: %d and no error", status)
	}
}
