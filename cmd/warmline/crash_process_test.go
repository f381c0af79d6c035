package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asProgram makes this test binary be Warmline itself, so that a test's
// processes are what was compiled for it, race detector included.
const asProgram = "WARMLINE_TEST_AS_PROGRAM"

func init() {
	if os.Getenv(asProgram) == "" {
		return
	}
	// Whoever started us holds the other end of our standard input: nothing
	// outlives a test that was itself killed.
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	main()
}

// process is one running warmline.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer
	out    *firstLine
	log    string        // file of its standard error
	exited chan struct{} // closed when it has ended
}

// start runs warmline with args in Warmline's folder; it is stopped with the
// test. Nothing but what is named here comes from our environment.
func start(t *testing.T, name string, env []string, args ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(os.Args[0], args...), out: newFirstLine(),
		log: filepath.Join(t.TempDir(), name+".log"), exited: make(chan struct{})}
	p.cmd.Dir = filepath.Join("..", "..")
	p.cmd.Env = append([]string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}, env...)
	logFile, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer logFile.Close()
	p.cmd.Stdout, p.cmd.Stderr = p.out, logFile
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.stop(t)
		p.tell(t)
	})
	return p
}

// stop asks it to end, as an operator would, and insists after a while.
func (p *process) stop(t *testing.T) {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		t.Errorf("%s did not end within 20 s of SIGTERM", p.name)
		p.kill()
	}
}

// kill is kill -9; it returns when nothing of it is left.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// tell fails the test for a data race of the process, and shows the end of its
// log when the test failed for whatever reason.
func (p *process) tell(t *testing.T) {
	b, err := os.ReadFile(p.log)
	if err != nil {
		t.Error(err)
		return
	}
	if i := bytes.Index(b, []byte("WARNING: DATA RACE")); i >= 0 {
		t.Errorf("%s has a data race:\n%s", p.name, b[i:min(len(b), i+4000)])
	}
	if t.Failed() {
		t.Logf("the end of the log of %s:\n%s", p.name, b[max(0, len(b)-3000):])
	}
}

// addresses waits for the JSON line in which a simulator says where it is.
func (p *process) addresses(t *testing.T) map[string]string {
	t.Helper()
	select {
	case <-p.out.ready:
	case <-p.exited:
		t.Fatalf("%s ended at once", p.name)
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not say its addresses", p.name)
	}
	at := map[string]string{}
	if err := json.Unmarshal(p.out.line(), &at); err != nil {
		t.Fatalf("%s said %q: %v", p.name, p.out.line(), err)
	}
	return at
}

// firstLine keeps the first line of an output.
type firstLine struct {
	mu    sync.Mutex
	b     []byte
	told  bool
	ready chan struct{}
}

func newFirstLine() *firstLine { return &firstLine{ready: make(chan struct{})} }

// Write takes output.
func (f *firstLine) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.told {
		f.b = append(f.b, b...)
		if f.told = bytes.ContainsRune(f.b, '\n'); f.told {
			close(f.ready)
		}
	}
	return len(b), nil
}

func (f *firstLine) line() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	line, _, _ := bytes.Cut(f.b, []byte("\n"))
	return line
}

// until asks again and again, every tenth of a second, until done says so.
func until(t *testing.T, limit time.Duration, what string, done func() (bool, error)) {
	t.Helper()
	if err := wait(t.Context(), limit, what, done); err != nil {
		t.Fatal(err)
	}
}

func wait(ctx context.Context, limit time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s, at most %v: %w", what, limit, ctx.Err())
		}
	}
}
