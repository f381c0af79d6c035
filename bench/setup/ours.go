package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"warmline/sip"
)

// placed is what our caller says of itself when it is done.
type placed struct {
	Failed int     `json:"failed"`
	Allocs float64 `json:"allocs"` // per call
	Bytes  float64 `json:"bytes"`  // per call
}

// ours places calls by package sip alone.
func ours(args []string) error {
	flags := flag.NewFlagSet("ours", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:5060", "the callee")
	rate := flags.Float64("rate", 50, "calls a second")
	calls := flags.Int("calls", 1000, "calls in all")
	profile := flags.String("cpuprofile", "", "write a CPU profile to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return fmt.Errorf("the profile: %w", err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("the profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	agent, err := sip.Listen(context.Background(), sip.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer agent.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	failed, err := place(agent, sip.Trunk{Name: "bench", Addr: *addr, From: "1"}, *rate, *calls)
	if err != nil {
		return err
	}
	runtime.ReadMemStats(&after)
	return json.NewEncoder(os.Stdout).Encode(placed{
		Failed: failed,
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(*calls),
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(*calls),
	})
}

// offer is of the usual size; nobody sends sound to it.
const offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n" +
	"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"

// place keeps the pace and hangs up on answer.
func place(agent *sip.Agent, trunk sip.Trunk, rate float64, calls int) (failed int, err error) {
	var lost atomic.Int64
	var up sync.WaitGroup
	began := time.Now()
	for n := range calls {
		time.Sleep(time.Until(began.Add(time.Duration(float64(n) / rate * float64(time.Second)))))
		call, err := agent.Dial(context.Background(), trunk, sip.Invite{To: "1000", SDP: []byte(offer), RingTimeout: 10 * time.Second})
		if err != nil {
			return 0, err
		}
		up.Go(func() {
			if !follow(call) {
				lost.Add(1)
			}
		})
	}
	up.Wait()
	return int(lost.Load()), nil
}

// follow hangs up when the call is answered and reports whether it was.
func follow(call *sip.Call) (answered bool) {
	for e := range call.Events() {
		if e.Kind == sip.Answered {
			answered = true
			call.Hangup("")
		}
	}
	return answered
}
