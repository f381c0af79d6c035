// Command plateau measures what a live call keeps in memory, and what ten
// thousand ended ones leave behind. It places calls by the dialer, with media,
// against SIPp's callee: N up at once with a clip that lasts, then many that are
// hung up on answer. Memory is the resident set over that of the idle process,
// read a while after the last set-up; goroutines, descriptors and ports are read
// a while after the last BYE, because SIP keeps ended calls for 32 s.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"warmline/bench"
	"warmline/dialer"
	"warmline/media"
	"warmline/sip"
)

func main() {
	calls := flag.Int("calls", 1000, "calls up at once")
	after := flag.Int("after", 10000, "calls that are hung up on answer, afterwards")
	quiet := flag.Duration("quiet", 40*time.Second, "how long nothing happens before memory, and what is left, is read")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *calls, *after, *quiet); err != nil {
		fmt.Fprintln(os.Stderr, "plateau:", err)
		os.Exit(1)
	}
}

// callLimit is the target: what a live call may keep.
const callLimit = 40 // KiB

func run(ctx context.Context, calls, after int, quiet time.Duration) error {
	addr, stop, err := callee(ctx)
	if err != nil {
		return err
	}
	defer stop()
	engine, err := media.NewEngine(media.Config{})
	if err != nil {
		return err
	}
	defer engine.Close()
	agent, err := sip.Listen(context.WithoutCancel(ctx), sip.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer agent.Close()
	p := &plateau{d: &dialer.Dialer{SIP: agent, Media: engine}, trunk: sip.Trunk{Name: "bench", Addr: addr, From: "1"}}
	lasting := media.NewClip(make([]int16, 8000*300)) // shared by all calls, so none of theirs
	// The first calls make what every process has once: threads, tables, buffers.
	if p.place(ctx, 50, 100, media.NewClip(nil)); p.failed.Load() > 0 {
		return fmt.Errorf("%d of the first 50 calls failed", p.failed.Load())
	}
	if err := rest(ctx, quiet); err != nil {
		return err
	}
	idle, err := look(engine)
	if err != nil {
		return err
	}

	talking, hangUp := context.WithCancel(ctx)
	defer hangUp()
	ended := make(chan struct{})
	go func() { p.place(talking, calls, 200, lasting); close(ended) }()
	if err := rest(ctx, time.Duration(calls)*time.Second/200+quiet); err != nil {
		return err
	}
	up, err := look(engine)
	if err != nil {
		return err
	}
	hangUp()
	<-ended
	if up.legs < calls {
		return fmt.Errorf("of %d calls only %d were up when memory was to be read", calls, up.legs)
	}
	perCall := float64(up.resident-idle.resident) / 1024 / float64(max(up.legs, 1))
	memory := bench.Of(fmt.Sprintf("plateau of %d calls", up.legs), "resident memory over the idle process", "KiB per call", []float64{perCall}).
		AtMost(callLimit).Because("%v after the last set-up; idle %d MiB", quiet, idle.resident>>20)
	if err := memory.Print(os.Stdout); err != nil {
		return err
	}

	p.failed.Store(0)
	p.place(ctx, after, 400, media.NewClip(nil))
	if err := rest(ctx, quiet); err != nil {
		return err
	}
	left, err := look(engine)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("after %d calls", after)
	for _, r := range []bench.Record{
		bench.Of(name, "goroutines over base", "goroutines", []float64{float64(left.goroutines - idle.goroutines)}).AtMost(0),
		bench.Of(name, "descriptors over base", "descriptors", []float64{float64(left.descriptors - idle.descriptors)}).AtMost(0),
		bench.Of(name, "legs and port pairs in use", "legs", []float64{float64(left.legs)}).AtMost(0),
		bench.Of(name, "calls still listed by package sip", "calls", []float64{float64(agent.Stats().Live + agent.Stats().Lingering)}).AtMost(0),
		bench.Of(name, "calls that failed", "calls", []float64{float64(p.failed.Load())}).AtMost(0),
	} {
		if err := r.Because("%v after the last BYE", quiet).Print(os.Stdout); err != nil {
			return err
		}
	}
	return nil
}

// plateau places calls.
type plateau struct {
	d      *dialer.Dialer
	trunk  sip.Trunk
	n      atomic.Int64
	failed atomic.Int64
}

// place keeps the pace and waits until all calls have ended.
func (p *plateau) place(ctx context.Context, calls, rate int, clip *media.Clip) {
	var up sync.WaitGroup
	defer up.Wait()
	began := time.Now()
	for n := range calls {
		if rest(ctx, time.Until(began.Add(time.Duration(n)*time.Second/time.Duration(rate)))) != nil {
			return
		}
		up.Go(func() {
			r := p.d.Place(ctx, dialer.Job{Attempt: "plateau-" + strconv.FormatInt(p.n.Add(1), 10), To: "1000", Trunk: p.trunk, Clip: clip}, nil)
			if !r.Answered {
				p.failed.Add(1)
			}
		})
	}
}

// rest waits for time to pass, which is what is measured here.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(0, d))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return errors.New("interrupted")
	}
}

// sight is the process at one moment.
type sight struct{ resident, goroutines, descriptors, legs int }

func look(e *media.Engine) (s sight, err error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return s, fmt.Errorf("reading the resident set: %w", err)
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return s, fmt.Errorf("reading the resident set: %q", b)
	}
	pages, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return s, fmt.Errorf("reading the resident set: %w", err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return s, fmt.Errorf("counting descriptors: %w", err)
	}
	return sight{pages * os.Getpagesize(), runtime.NumGoroutine(), len(open), e.Stats().Legs}, nil
}

// callee starts SIPp as the phone that answers and echoes, and waits until it does.
func callee(ctx context.Context) (addr string, stop func(), err error) {
	path, err := exec.LookPath("sipp")
	if err != nil {
		return "", nil, fmt.Errorf("%w: apt-get install sip-tester", err)
	}
	n := rand.IntN(1000)
	port := strconv.Itoa(10241 + 2*n)
	cmd := exec.CommandContext(ctx, path, "-sn", "uas", "-rtp_echo", "-i", "127.0.0.1", "-p", port, "-mp", strconv.Itoa(12240+4*n), "-nostdin")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("starting the callee: %w", err)
	}
	stop = func() { cmd.Process.Kill(); cmd.Wait() }
	for range 100 {
		sockets, err := os.ReadFile("/proc/net/udp")
		if err == nil && bytes.Contains(sockets, fmt.Appendf(nil, ":%04X 0000", 10241+2*n)) {
			return "127.0.0.1:" + port, stop, nil
		}
		if err := rest(ctx, 50*time.Millisecond); err != nil {
			break
		}
	}
	stop()
	return "", nil, errors.New("the callee did not open its port in five seconds")
}
