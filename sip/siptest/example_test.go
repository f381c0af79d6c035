package siptest_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"warmline/sip/siptest"
)

// The last three digits say who answers and what a good caller reports.
func ExampleCaseFor() {
	for _, number := range []string{"13800138101", "+8613800138303", "13912345678"} {
		c := siptest.CaseFor(number)
		fmt.Printf("%s: %s %q\n", c.Name, c.Disposition, c.Outcome)
	}
	// Output:
	// busy: busy ""
	// opt-out: answered "opt_out"
	// agrees: answered "agreed_add"
}

// A scripted peer answers an INVITE twelve times with 180, then is busy.
func ExamplePeer() {
	called, _ := siptest.Listen("127.0.0.1:0")
	defer called.Close()
	caller, _ := siptest.Listen("127.0.0.1:0")
	defer caller.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	caller.Send([]byte(strings.ReplaceAll(`INVITE sip:138@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK1
From: <sip:4001@127.0.0.1>;tag=a
To: <sip:138@127.0.0.1>
Call-ID: 1
CSeq: 1 INVITE

`, "\n", "\r\n")), called.Addr())

	invite, _ := called.Wait(ctx, "INVITE")
	for range 12 {
		called.Reply(invite, 180, "Ringing", "b")
	}
	called.Reply(invite, 486, "Busy Here", "b", siptest.Q850(17, "User busy"))

	final, _ := caller.WaitStatus(ctx, "INVITE", 0)
	fmt.Println(final.Start, final.Get("Reason"))
	// Output: SIP/2.0 486 Busy Here Q.850;cause=17;text="User busy"
}
