// Package local gives the demo, development and tests a Redis to wake workers
// with: a server found on the machine, run as a private child without
// persistence, else miniredis in this process. Neither keeps anything over a
// restart and neither must: PostgreSQL is the truth, Redis only wakes.
package local

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Redis is a running private Redis.
type Redis struct {
	Addr string // host:port
	Kind string // "redis-server", "valkey-server" or "miniredis"
	stop func()
}

// Start runs a Redis on a loopback port.
func Start(ctx context.Context, log *slog.Logger) (*Redis, error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			r, err := child(ctx, path, name)
			if err == nil {
				return r, nil
			}
			if log != nil {
				log.Warn("the found Redis did not start, using the one in this process", "path", path, "err", err)
			}
		}
	}
	return InProcess()
}

// InProcess runs miniredis. Its clock for expiries is moved by a ticker, once
// a second: letting every access do it would cost a walk over all keys.
func InProcess() (*Redis, error) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return nil, fmt.Errorf("starting Redis in this process: %w", err)
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				m.FastForward(time.Second)
			case <-quit:
				return
			}
		}
	}()
	return &Redis{Addr: m.Addr(), Kind: "miniredis", stop: func() { close(quit); <-done; m.Close() }}, nil
}

// How long a child may take to get ready, and to end before it is killed.
const (
	getReady = 5 * time.Second
	grace    = 3 * time.Second
)

func child(ctx context.Context, path, name string) (*Redis, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
		"--maxmemory-policy", "noeviction", "--dir", os.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ready, exited := make(chan struct{}), make(chan struct{})
	go func() {
		s := bufio.NewScanner(out)
		told := false
		for s.Scan() {
			if !told && strings.Contains(strings.ToLower(s.Text()), "ready to accept connections") {
				told = true
				close(ready)
			}
		}
		cmd.Wait()
		close(exited)
	}()
	stop := func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(grace):
			cmd.Process.Kill()
			<-exited
		}
	}
	select {
	case <-ready:
		return &Redis{Addr: addr, Kind: name, stop: stop}, nil
	case <-exited:
		return nil, fmt.Errorf("%s ended at once", path)
	case <-time.After(getReady):
	case <-ctx.Done():
	}
	stop()
	return nil, fmt.Errorf("%s did not get ready", path)
}

// Stop ends it.
func (r *Redis) Stop() {
	if r != nil && r.stop != nil {
		r.stop()
		r.stop = nil
	}
}
