package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"warmline/bench"
)

// turn is one run of one caller.
type turn struct {
	cpu    float64 // ms per call
	failed int
	late   bool // it took more than a tenth longer than the pace wants
	placed      // of ours
}

// Targets of the issue: at the pace where work dominates, and at the one where
// waking up dominates both.
const (
	perCallLimit   = 0.30 // ms, at 1,000 calls a second
	ratioLimit     = 4    // ÷ SIPp, at 1,000 calls a second
	slowRatioLimit = 1.3  // ÷ SIPp, at 50 calls a second
)

// measure lets the callers take turns at one pace.
func (p plan) measure(ctx context.Context, self string, rate int) ([]bench.Record, error) {
	addr, stop, err := p.callee(ctx, self)
	if err != nil {
		return nil, err
	}
	defer stop()
	calls := rate * p.seconds
	var sips, loads, sipps []turn
	for range p.turns {
		if err := add(&sips, func() (turn, error) { return p.sip(ctx, self, addr, rate, calls) }); err != nil {
			return nil, fmt.Errorf("our caller: %w", err)
		}
		if err := add(&sipps, func() (turn, error) { return p.sipp(ctx, self, addr, rate, calls) }); err != nil {
			return nil, fmt.Errorf("SIPp's caller: %w", err)
		}
		if p.warmline == "" {
			continue
		}
		if err := add(&loads, func() (turn, error) { return p.load(ctx, self, addr, rate, calls) }); err != nil {
			return nil, fmt.Errorf("warmline load: %w", err)
		}
	}
	return records(rate, sips, loads, sipps), nil
}

func add(to *[]turn, f func() (turn, error)) error {
	t, err := f()
	*to = append(*to, t)
	return err
}

// records are the figures of one pace.
func records(rate int, sips, loads, sipps []turn) []bench.Record {
	name := fmt.Sprintf("set-up %d/s", rate)
	ms := func(t turn) float64 { return t.cpu }
	cpu := bench.Of(name, "CPU of package sip", "ms per call", each(sips, ms))
	ratio := bench.Of(name, "CPU of package sip ÷ SIPp's caller", "ratio", ratios(sips, sipps))
	switch rate {
	case 1000:
		cpu, ratio = cpu.AtMost(perCallLimit), ratio.AtMost(ratioLimit)
	case 50:
		ratio = ratio.AtMost(slowRatioLimit)
	}
	failed := func(t turn) float64 { return float64(t.failed) }
	out := []bench.Record{
		cpu, ratio,
		bench.Of(name, "CPU of SIPp's caller", "ms per call", each(sipps, ms)),
		bench.Of(name, "calls of package sip that failed", "calls a turn", each(sips, failed)).AtMost(0).Because("%s", kept(sips)),
		bench.Of(name, "calls of SIPp's caller that failed", "calls a turn", each(sipps, failed)),
		bench.Of(name, "allocations of package sip", "per call", each(sips, func(t turn) float64 { return t.Allocs })),
		bench.Of(name, "bytes allocated by package sip", "per call", each(sips, func(t turn) float64 { return t.Bytes })),
	}
	if len(loads) == 0 {
		return out
	}
	return append(out,
		bench.Of(name, "CPU of warmline load -", "ms per call", each(loads, ms)).Because("dialer, two media sockets, audit and JSON in it"),
		bench.Of(name, "CPU of warmline load - ÷ SIPp's caller", "ratio", ratios(loads, sipps)),
		bench.Of(name, "calls of warmline load - that failed", "calls a turn", each(loads, failed)).AtMost(0).Because("%s", kept(loads)))
}

// kept says whether the pace was.
func kept(turns []turn) string {
	late := 0
	for _, t := range turns {
		if t.late {
			late++
		}
	}
	if late > 0 {
		return fmt.Sprintf("the pace was not kept in %d of %d turns", late, len(turns))
	}
	return "the pace was kept"
}

func each(turns []turn, of func(turn) float64) []float64 {
	var out []float64
	for _, t := range turns {
		out = append(out, of(t))
	}
	return out
}

// ratios sets turns beside those that followed them directly.
func ratios(ours, theirs []turn) []float64 {
	var out []float64
	for i := range min(len(ours), len(theirs)) {
		out = append(out, ours[i].cpu/theirs[i].cpu)
	}
	return out
}

// callee starts Debian's sipp as the phone that answers, and waits for it.
func (p plan) callee(ctx context.Context, self string) (addr string, stop func(), err error) {
	port, mediaPort := somePorts()
	cmd, err := p.pinned(ctx, self, p.farCore, "sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", port, "-mp", mediaPort, "-nostdin")
	if err != nil {
		return "", nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("starting the callee: %w", err)
	}
	stop = func() { cmd.Process.Kill(); cmd.Wait() }
	addr = "127.0.0.1:" + port
	for range 100 { // until it owns the port; to try by binding it would be in its way
		if owned(port) {
			return addr, stop, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return "", nil, errors.New("the callee did not open its port in five seconds")
}

// somePorts are one for SIP and an even one for sound, below the ranges of the
// kernel and of our own RTP.
func somePorts() (sip, sound string) {
	n := rand.IntN(1000)
	return strconv.Itoa(10240 + 2*n), strconv.Itoa(12240 + 4*n)
}

// owned reports whether somebody has bound a UDP port.
func owned(port string) bool {
	n, err := strconv.Atoi(port)
	sockets, readErr := os.ReadFile("/proc/net/udp")
	return err == nil && readErr == nil && bytes.Contains(sockets, fmt.Appendf(nil, ":%04X 0000", n))
}

// pinned is a program on one core; sipp must be installed.
func (p plan) pinned(ctx context.Context, self string, core int, program string, args ...string) (*exec.Cmd, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("%w: apt-get install sip-tester", err)
	}
	return exec.CommandContext(ctx, self, append([]string{"on", strconv.Itoa(core), path}, args...)...), nil
}

// finish waits for a caller and divides its processor time among its calls.
func (t *turn) finish(cmd *exec.Cmd, began time.Time, rate, calls int) error {
	err := cmd.Wait()
	if s := cmd.ProcessState; s != nil {
		t.cpu = (s.UserTime() + s.SystemTime()).Seconds() * 1000 / float64(calls)
	}
	t.late = time.Since(began) > time.Duration(1.1*float64(calls)/float64(rate)*float64(time.Second))+3*time.Second
	return err
}

// sip is a turn of package sip.
func (p plan) sip(ctx context.Context, self, addr string, rate, calls int) (t turn, err error) {
	cmd := exec.CommandContext(ctx, self, "on", strconv.Itoa(p.core), self, "ours", "-addr", addr, "-rate", strconv.Itoa(rate), "-calls", strconv.Itoa(calls))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return t, err
	}
	if err := t.finish(cmd, began, rate, calls); err != nil {
		return t, err
	}
	if err := json.Unmarshal(out.Bytes(), &t.placed); err != nil {
		return t, fmt.Errorf("what it said: %w", err)
	}
	t.failed = t.Failed
	return t, nil
}

// failedLine is SIPp's own count at its end: of the period, and of the run.
var failedLine = regexp.MustCompile(`Failed call +\| +\d+ +\| +(\d+)`)

// sipp is a turn of SIPp's caller. It ends with 1 when calls failed, which is a
// figure and no error.
func (p plan) sipp(ctx context.Context, self, addr string, rate, calls int) (t turn, err error) {
	port, mediaPort := somePorts()
	cmd, err := p.pinned(ctx, self, p.core, "sipp", "-sn", "uac", addr, "-i", "127.0.0.1", "-p", port, "-mp", mediaPort,
		"-r", strconv.Itoa(rate), "-m", strconv.Itoa(calls), "-l", "20000", "-d", "0", "-nostdin", "-timeout", strconv.Itoa(3*p.seconds+30))
	if err != nil {
		return t, err
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return t, err
	}
	err = t.finish(cmd, began, rate, calls)
	found := failedLine.FindAllSubmatch(out.Bytes(), -1)
	if len(found) == 0 {
		return t, fmt.Errorf("it said nothing of its calls: %w", errors.Join(err, errors.New(tail(out.Bytes()))))
	}
	t.failed, err = strconv.Atoi(string(found[len(found)-1][1]))
	return t, err
}

func tail(b []byte) string { return string(b[max(0, len(b)-300):]) }

// load is a turn of warmline load -, fed at the pace.
func (p plan) load(ctx context.Context, self, addr string, rate, calls int) (t turn, err error) {
	dir, err := os.MkdirTemp("", "warmline-bench")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, self, "on", strconv.Itoa(p.core), p.warmline, "load", "-")
	cmd.Dir = dir // no config of ours
	cmd.Env = append(os.Environ(), "WARMLINE_DATA_DIR="+dir)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		return t, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return t, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return t, err
	}
	fed := make(chan error, 1)
	go func() { fed <- feed(in, addr, rate, calls) }()
	answered := countAnswered(out)
	err = t.finish(cmd, began, rate, calls)
	if err = errors.Join(err, <-fed); err != nil {
		return t, fmt.Errorf("%w: %s", err, tail(complaints.Bytes()))
	}
	t.failed = calls - answered
	return t, nil
}

// feed writes one call a line at the pace.
func feed(w io.WriteCloser, addr string, rate, calls int) error {
	began := time.Now()
	for n := range calls {
		time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(rate))))
		if _, err := fmt.Fprintf(w, "call sip:1000@%s -\n", addr); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

// countAnswered reads result lines to their end.
func countAnswered(r io.Reader) (n int) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var call struct{ Answered bool }
		if json.Unmarshal(lines.Bytes(), &call) == nil && call.Answered {
			n++
		}
	}
	return n
}
