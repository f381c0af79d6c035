package interop

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	longest   = 100 * time.Second // no program outlives this, whatever becomes of the test
	readyIn   = 20 * time.Second  // the slowest, linphonec, takes 2 s alone on one core
	endsIn    = 5 * time.Second   // from SIGTERM to its end
	logShown  = 16 << 10          // of each log of a failed test
	pollEvery = 20 * time.Millisecond
)

// A process is another maker's program, started for one test in a folder of
// its own and ended with it. What it writes is shown when the test has failed.
type process struct {
	*testing.T
	name string
	dir  string
	in   io.WriteCloser // its standard input, open until it ends
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // then: how
}

// start runs a program of a Debian package. coreutils' timeout stands before
// it: should the test itself be killed, the program still ends. If the program
// fails, so does the line's run, at once.
func start(l *line, debian, dir, name string, args ...string) *process {
	t := l.T
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test calls %s, which is not installed: deploy/setup-test.sh installs Debian's %s", name, debian)
	}
	log, err := os.Create(filepath.Join(dir, filepath.Base(name)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p := &process{T: t, name: name, dir: dir, done: make(chan struct{})}
	p.cmd = exec.Command("timeout", append([]string{"-k", "2", strconv.Itoa(int(longest.Seconds())), path}, args...)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "TERM=dumb", "LC_ALL=C")
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		if p.err = p.cmd.Wait(); p.err != nil {
			l.fail(fmt.Errorf("%s ended: %w", name, p.err))
		}
		close(p.done)
	}()
	t.Cleanup(p.stop)
	return p
}

// stop ends the program and those it has started: timeout makes them a group.
func (p *process) stop() {
	if !p.ended() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // timeout passes it on
		select {
		case <-p.done:
		case <-time.After(endsIn):
			p.Errorf("%s did not end when asked to", p.name)
		}
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
	if p.Failed() {
		p.showLogs()
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// content waits for a program that ends by itself and fails if it found fault.
func (p *process) content() {
	p.Helper()
	select {
	case <-p.done:
		if p.err != nil {
			p.Errorf("%s found fault with the call: %v", p.name, p.err)
		}
	case <-time.After(readyIn):
		p.Errorf("%s still waits for something", p.name)
	}
}

// until waits for something the program does.
func (p *process) until(what string, is func() bool) {
	p.Helper()
	for end := time.Now().Add(readyIn); ; time.Sleep(pollEvery) {
		switch {
		case is():
			return
		case p.ended():
			p.Fatalf("%s ended (%v) before it %s", p.name, p.err, what)
		case time.Now().After(end):
			p.Fatalf("%s has not %s in %v", p.name, what, readyIn)
		}
	}
}

// answers waits until OPTIONS to a SIP address is answered, whatever with.
func (p *process) answers(addr string) {
	p.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		p.Fatal(err)
	}
	defer conn.Close()
	n, b := 0, make([]byte, 2048)
	p.until("answered OPTIONS", func() bool {
		n++
		us := conn.LocalAddr()
		fmt.Fprintf(conn, "OPTIONS sip:ready@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKready%d;rport\r\nMax-Forwards: 70\r\n"+
			"From: <sip:test@%s>;tag=t%d\r\nTo: <sip:ready@%s>\r\nCall-ID: ready%d@%s\r\nCSeq: 1 OPTIONS\r\n"+
			"Contact: <sip:test@%s>\r\nContent-Length: 0\r\n\r\n", addr, us, n, us, n, addr, n, us, us)
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		got, err := conn.Read(b) // refused until it listens
		return err == nil && strings.HasPrefix(string(b[:got]), "SIP/2.0 ")
	})
}

// listens waits until a UDP port of 127.0.0.1 is bound, for a program that
// would take a question over the wire for a part of its call.
func (p *process) listens(port int) {
	p.Helper()
	line := fmt.Sprintf(" 0100007F:%04X ", port)
	p.until("listened", func() bool {
		table, err := os.ReadFile("/proc/net/udp")
		if err != nil {
			p.Fatal(err)
		}
		return strings.Contains(string(table), line)
	})
}

// log is what a file in the program's folder holds so far.
func (p *process) log(name string) string {
	b, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.Fatal(err)
	}
	return string(b)
}

// showLogs prints the end of every log in the program's folder.
func (p *process) showLogs() {
	logs, _ := filepath.Glob(filepath.Join(p.dir, "*.log"))
	for _, name := range logs {
		b, err := os.ReadFile(name)
		if err != nil || len(b) == 0 {
			continue
		}
		p.Logf("%s of %s:\n%s", filepath.Base(name), p.name, b[max(0, len(b)-logShown):])
	}
}

// Ports come in blocks from below the default range of our RTP (16384) and that
// of the kernel's clients (32768), so that nothing takes them meanwhile. The last of a
// block is kept by the test and tells other runs of these tests, on a machine
// where several work, that the block is theirs no more.
const (
	portMin, portMax = 10240, 16384
	portBlock        = 32
	portsGiven       = portBlock - 1
)

// ports finds portsGiven free ports in a row and gives the first, an even one.
func ports(t *testing.T) int {
	t.Helper()
	const blocks = (portMax - portMin) / portBlock
	from := rand.IntN(blocks)
	for i := range blocks {
		first := portMin + (from+i)%blocks*portBlock
		kept, err := net.Listen("tcp", address(first+portsGiven))
		if err != nil {
			continue
		}
		if free(first, portsGiven) {
			t.Cleanup(func() { kept.Close() })
			return first
		}
		kept.Close()
	}
	t.Fatalf("no %d free ports in a row between %d and %d", portsGiven, portMin, portMax)
	return 0
}

// free tells whether n ports in a row can be had, for UDP and for TCP.
func free(first, n int) bool {
	for port := first; port < first+n; port++ {
		u, uerr := net.ListenPacket("udp", address(port))
		if uerr == nil {
			u.Close()
		}
		l, terr := net.Listen("tcp", address(port))
		if terr == nil {
			l.Close()
		}
		if uerr != nil || terr != nil {
			return false
		}
	}
	return true
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// write makes a file in a folder of the test.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// testdata is the path of a file beside the tests, good in any folder.
func testdata(t *testing.T, name ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"testdata"}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}
