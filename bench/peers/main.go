// Command peers measures a whole call the way other systems were measured
// (docs/limits.md lists them): the dialer with its signalling and media on one
// core, at SCHED_FIFO where that is permitted, and on another core phones that
// answer, echo, and watch what they hear. It prints what a call-minute costs at
// 900 calls, and the largest number of calls that were clean. Nothing here is a
// gate; records ([bench.Record]) go to standard output.
//
// A number of calls is clean when every call is heard, at least 99.5 % of 50
// packets a second come, less than 0.1 % are lost either way, and 99 % of the gaps
// between packets are within 10 ms of 20 ms.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "ours":
		err = ours(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "far":
		err = farEnd(os.Args[2:])
	default:
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// A plan is what is measured and how long.
type plan struct {
	core, farCore int
	calls         int // at which a call-minute is priced
	most          int // calls at which the search ends
	step          int
	windows       int // of the price
	looks         int // windows of 1 s that judge one number of calls
	limit         time.Duration
}

func run() error {
	var p plan
	flag.IntVar(&p.core, "core", 0, "core of ours")
	flag.IntVar(&p.farCore, "far-core", 1, "core of the phones")
	flag.IntVar(&p.calls, "calls", 900, "calls at which a call-minute is priced")
	flag.IntVar(&p.most, "most", 3900, "calls beyond which nothing is tried")
	flag.IntVar(&p.step, "step", 300, "how much the number of calls is raised")
	flag.IntVar(&p.windows, "windows", 24, "windows of 1 s of the price; twice as many when windows are thrown away")
	flag.IntVar(&p.looks, "looks", 4, "windows of 1 s by which a number of calls is judged")
	flag.DurationVar(&p.limit, "limit", 150*time.Second, "after this nothing new is tried")
	flag.Parse()
	if p.calls < 1 || p.step < 1 || p.windows < 1 || p.looks < 1 || p.most < p.calls {
		return fmt.Errorf("-calls %d, -most %d, -step %d, -windows %d, -looks %d: each must be at least 1, and -most no less than -calls", p.calls, p.most, p.step, p.windows, p.looks)
	}
	return measure(p, os.Stdout)
}
