// Command setup measures what it costs to set calls up and take them down:
// INVITE, 180, 200, ACK, BYE, 200 without media, at a steady pace, against the
// callee of Debian's sipp. Three callers take turns on one core, the callee has
// the other:
//
//	sip    package sip alone, in a process of its own (this program again)
//	load   «warmline load -» with - for a clip: dialer, media sockets, audit and all
//	SIPp   Debian's own caller
//
// Processor time is what wait4 tells of each process, user + system, divided by
// its calls. Records ([bench.Record]) go to standard output.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"warmline/bench"
)

func main() {
	err := command(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		os.Exit(1)
	}
}

func command(args []string) error {
	switch {
	case len(args) > 0 && args[0] == "ours":
		return ours(args[1:])
	case len(args) > 2 && args[0] == "on":
		return on(args[1], args[2:])
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx)
}

// on runs another program in this one's place, pinned to a core before it starts
// any thread, with SCHED_FIFO where that is permitted. Both callers run so: since
// package sip reads and writes without waking the scheduler it costs them about
// the same at either priority (0.34 and 0.32 ms at 1,000 calls a second on a busy
// machine, one run each).
func on(core string, program []string) error {
	n, err := strconv.Atoi(core)
	if err != nil {
		return fmt.Errorf("core %q: %w", core, err)
	}
	if _, err := bench.Pin(n); err != nil {
		return err
	}
	return syscall.Exec(program[0], program, os.Environ())
}

// plan is what is measured and how long.
type plan struct {
	rates         []int
	seconds       int
	turns         int
	core, farCore int
	warmline      string
}

func run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the programs: %w", err)
	}
	var p plan
	rates := flag.String("rates", "50,400,1000", "calls a second, comma separated")
	flag.IntVar(&p.seconds, "seconds", 20, "how long a turn is")
	flag.IntVar(&p.turns, "turns", 3, "turns each")
	flag.IntVar(&p.core, "core", 0, "core of the callers, in turns")
	flag.IntVar(&p.farCore, "far-core", 1, "core of the callee")
	flag.StringVar(&p.warmline, "warmline", filepath.Join(filepath.Dir(self), "warmline"), "the program whose load command is measured; empty leaves it out")
	flag.Parse()
	for text := range strings.SplitSeq(*rates, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("rate %q: want a list such as 50,400", text)
		}
		p.rates = append(p.rates, n)
	}
	for _, rate := range p.rates {
		records, err := p.measure(ctx, self, rate)
		if err != nil {
			return fmt.Errorf("%d calls a second: %w", rate, err)
		}
		for _, r := range records {
			if err := r.Print(os.Stdout); err != nil {
				return err
			}
		}
	}
	return nil
}
