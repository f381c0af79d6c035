package local

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// patience is how long anything here may take on a busy machine.
const patience = 15 * time.Second

// TestMain plays a Redis server when it is called by a server's name: see found.
func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); name {
	case "redis-server", "valkey-server":
		os.Exit(server(os.Getenv("WARMLINE_TEST_SERVER")))
	}
	os.Exit(m.Run())
}

// server listens on the port it was told, until it is asked to end.
func server(manner string) int {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	switch manner {
	case "broken":
		fmt.Println("# Fatal error, can't open config file")
		return 1
	case "mute":
		<-asked
		return 0
	}
	m := miniredis.NewMiniRedis()
	i := slices.Index(os.Args, "--port")
	if err := m.StartAddr("127.0.0.1:" + os.Args[i+1]); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("1:M 01 Jan 2027 00:00:00.000 * Ready to accept connections tcp")
	<-asked
	if manner == "stubborn" {
		time.Sleep(time.Minute) // its parent kills it before
	}
	m.Close()
	return 0
}

// found makes a machine on which only the named servers are installed, with the
// given manner.
func found(t *testing.T, manner string, names ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, n := range names {
		if err := os.Symlink(self, filepath.Join(dir, n)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	t.Setenv("WARMLINE_TEST_SERVER", manner)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // a child under -race lingers for a second otherwise
}

func started(t *testing.T, ctx context.Context) *Redis {
	t.Helper()
	r, err := Start(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r
}

// ask sends one command to a Redis and returns the first line of its answer.
func ask(t *testing.T, addr, command string) string {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	words := strings.Fields(command)
	fmt.Fprintf(c, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(c, "$%d\r\n%s\r\n", len(w), w)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return strings.TrimSpace(line)
}

func TestWhichRedisIsStarted(t *testing.T) {
	for _, tt := range []struct {
		name, manner string
		installed    []string
		want         string
	}{
		{"none is installed", "", nil, "miniredis"},
		{"Redis is", "", []string{"redis-server"}, "redis-server"},
		{"Valkey is", "", []string{"valkey-server"}, "valkey-server"},
		{"both are", "", []string{"valkey-server", "redis-server"}, "redis-server"},
		{"neither of both starts", "broken", []string{"valkey-server", "redis-server"}, "miniredis"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found(t, tt.manner, tt.installed...)
			r := started(t, context.Background())
			if r.Kind != tt.want {
				t.Errorf("started %s, want %s", r.Kind, tt.want)
			}
			if host, _, err := net.SplitHostPort(r.Addr); err != nil || !net.ParseIP(host).IsLoopback() {
				t.Errorf("listens on %s, not on this machine only", r.Addr)
			}
			if got := ask(t, r.Addr, "PING"); got != "+PONG" {
				t.Errorf("PING answers %s", got)
			}
			r.Stop()
			r.Stop() // a second time does nothing
			if c, err := net.Dial("tcp", r.Addr); err == nil {
				c.Close()
				t.Error("still listens after Stop")
			}
		})
	}
}

// Whatever this machine has works, be it the server of its packages.
func TestTheRedisOfThisMachineAnswers(t *testing.T) {
	r := started(t, context.Background())
	if got := ask(t, r.Addr, "PING"); got != "+PONG" {
		t.Errorf("%s answers PING with %s", r.Kind, got)
	}
}

func TestAChildThatNeverGetsReadyIsEnded(t *testing.T) {
	found(t, "mute", "redis-server")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if r := started(t, ctx); r.Kind != "miniredis" {
		t.Errorf("started %s", r.Kind)
	}
}

func TestAChildThatDoesNotHearIsKilled(t *testing.T) {
	found(t, "stubborn", "redis-server")
	r := started(t, context.Background())
	if r.Kind != "redis-server" {
		t.Fatalf("started %s", r.Kind)
	}
	began := time.Now()
	r.Stop()
	if took := time.Since(began); took < grace || took > patience {
		t.Errorf("ended after %s", took)
	}
}

func TestKeysExpireInProcess(t *testing.T) {
	r, err := InProcess()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	for _, c := range []string{"SET short 1 PX 900", "SET long 1 EX 3600", "SET forever 1"} {
		if got := ask(t, r.Addr, c); got != "+OK" {
			t.Fatalf("%s: %s", c, got)
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ask(t, r.Addr, "EXISTS short") != ":0"; <-tick.C {
		if time.Now().After(end) {
			t.Fatal("the key does not expire")
		}
	}
	if got := ask(t, r.Addr, "EXISTS long forever"); got != ":2" {
		t.Errorf("%s of the others are left", got)
	}
}

func TestNoRedisCanBeStopped(t *testing.T) {
	var r *Redis
	r.Stop()
}
