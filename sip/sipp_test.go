package sip_test

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"warmline/sip"
)

// TestCallsToSIPp calls an independent implementation: SIPp's built-in callee
// rings, answers, and counts a call as good only if ACK and BYE came in order.
func TestCallsToSIPp(t *testing.T) {
	path, err := exec.LookPath("sipp")
	if err != nil {
		t.Fatal("this test calls SIPp, which is not installed: apt-get install sip-tester")
	}
	s := newStage(t)
	const calls = 5
	port := freePort(t)
	var out bytes.Buffer
	cmd := exec.CommandContext(s.ctx, path, "-sn", "uas", "-i", "127.0.0.1", "-p", port, "-m", fmt.Sprint(calls), "-nostdin")
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.trunk.Addr = "127.0.0.1:" + port
	for range calls {
		c := s.dial() // repeated by Timer A until SIPp listens
		s.event(c, sip.Ringing)
		if e := s.event(c, sip.Answered); !strings.Contains(string(e.SDP), "m=audio") {
			t.Errorf("SIPp answered with %q", e.SDP)
		}
		c.Hangup("thank you")
		if why := s.ended(c); why.By != sip.ByUs {
			t.Errorf("cause %+v", why)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("SIPp counted a failed call: %v\n%s", err, out.Bytes())
	}
}

// freePort finds a UDP port nobody uses.
func freePort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, port, err := net.SplitHostPort(c.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
