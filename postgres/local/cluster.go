package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options says what kind of cluster to start.
type Options struct {
	// Throwaway makes a cluster in a temporary folder, without fsync, that
	// Stop removes.
	Throwaway bool
	// Dir is where a durable cluster keeps its data; empty means below
	// /var/lib/warmline as root and the user's data folder otherwise.
	Dir string
	// MayInstall allows getting the server's binaries when there are none.
	MayInstall bool
	Log        *slog.Logger
}

// Cluster is a running private PostgreSQL.
type Cluster struct {
	bin    Binaries
	root   string // holds data/, the socket, the lock and the log
	keep   bool
	lock   *os.File
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of the server's exit; read after exited is closed
}

// prefix names the folders of throw-away clusters.
const prefix = "warmline-pg-"

// Start runs a cluster and returns once it takes connections.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	bin, err := Find()
	if err != nil && o.MayInstall {
		bin, err = Install(ctx, o.Log)
	}
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, keep: !o.Throwaway, exited: make(chan struct{})}
	if o.Throwaway {
		sweep(os.TempDir())
		if c.root, err = os.MkdirTemp("", prefix); err != nil {
			return nil, fmt.Errorf("starting PostgreSQL: %w", err)
		}
	} else {
		c.root = o.Dir
		if c.root == "" {
			c.root = dataDir()
		}
		// Others may pass through what lies above: as root the server is one.
		if err := os.MkdirAll(filepath.Dir(c.root), 0o711); err != nil {
			return nil, fmt.Errorf("starting PostgreSQL: %w", err)
		}
		if err := os.MkdirAll(c.root, 0o700); err != nil {
			return nil, fmt.Errorf("starting PostgreSQL: %w", err)
		}
	}
	if err := c.start(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	o.Log.Info("PostgreSQL is up", "binaries", bin.Dir, "data", c.root)
	return c, nil
}

// URL is what DATABASE_URL would be.
func (c *Cluster) URL() string {
	q := url.Values{"host": {c.root}, "user": {"warmline"}}
	return "postgres:///warmline?" + q.Encode()
}

func (c *Cluster) start(ctx context.Context) error {
	var err error
	if c.lock, err = lockDir(c.root); err != nil {
		return err
	}
	cred, err := c.owner()
	if err != nil {
		return err
	}
	data := filepath.Join(c.root, "data")
	have, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := c.initdb(ctx, data, cred); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("reading the cluster in %s: %w", c.root, err)
	default:
		if want := c.major(ctx); want != "" && want != strings.TrimSpace(string(have)) {
			return fmt.Errorf("the data in %s is of PostgreSQL %s and the server here is %s: dump it with the old version and restore, or point DATABASE_URL at a server",
				c.root, strings.TrimSpace(string(have)), want)
		}
	}
	log, err := os.OpenFile(filepath.Join(c.root, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	defer log.Close()
	args := []string{"-D", data, "-k", c.root, "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB"}
	if !c.keep {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	c.cmd = exec.Command(filepath.Join(c.bin.Dir, "postgres"), args...)
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = c.root, log, log
	c.cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	c.cmd.SysProcAttr = attr(cred)
	started := make(chan error, 1) // the goroutine must not wait for us
	go func() {
		// The signal that stops the server when we die is tied to the thread
		// that started it, so that thread must live as long as the server.
		runtime.LockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.err = c.cmd.Wait()
		}
		close(c.exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", c.cmd.Path, err)
	}
	return c.ready(ctx, data)
}

// initdb makes the cluster and its database.
func (c *Cluster) initdb(ctx context.Context, data string, cred *syscall.Credential) error {
	run := func(stdin, name string, args ...string) error {
		cmd := exec.CommandContext(ctx, filepath.Join(c.bin.Dir, name), args...)
		cmd.Dir, cmd.Stdin = c.root, strings.NewReader(stdin)
		cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH"), "TZ=UTC"}
		cmd.SysProcAttr = attr(cred)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, tail(out))
		}
		return nil
	}
	if err := run("", "initdb", "-D", data, "-U", "warmline", "-A", "trust", "-E", "UTF8", "--locale=C",
		"--no-sync", "--no-instructions"); err != nil {
		return err
	}
	return run("CREATE DATABASE warmline;\n", "postgres", "--single", "-D", data, "-c", "fsync=off", "postgres")
}

// ready waits for the server's own word in postmaster.pid.
func (c *Cluster) ready(ctx context.Context, data string) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if b, err := os.ReadFile(filepath.Join(data, "postmaster.pid")); err == nil {
			lines := strings.Split(string(b), "\n")
			if len(lines) >= 8 && lines[0] == strconv.Itoa(c.cmd.Process.Pid) && strings.TrimSpace(lines[7]) == "ready" {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-c.exited:
			b, _ := os.ReadFile(filepath.Join(c.root, "log"))
			return fmt.Errorf("PostgreSQL did not start: %v: %s", c.err, tail(b))
		case <-ctx.Done():
			return fmt.Errorf("waiting for PostgreSQL: %w", ctx.Err())
		}
	}
}

// Stop ends the server (fast shutdown) and removes a throw-away cluster.
func (c *Cluster) Stop() error {
	var err error
	if c.cmd != nil && c.cmd.Process != nil {
		c.cmd.Process.Signal(syscall.SIGINT) // fast shutdown; already gone is fine
		select {
		case <-c.exited:
		case <-time.After(20 * time.Second):
			c.cmd.Process.Signal(syscall.SIGQUIT) // immediate shutdown
			<-c.exited
			err = errors.New("PostgreSQL did not stop in 20 s and was ended at once")
		}
		c.cmd = nil
	}
	if !c.keep && c.root != "" {
		err = errors.Join(err, os.RemoveAll(c.root))
	}
	if c.lock != nil {
		c.lock.Close()
		c.lock = nil
	}
	return err
}

// Kill ends the server at once, as a crash would; for tests of what survives it.
func (c *Cluster) Kill() {
	c.cmd.Process.Signal(syscall.SIGQUIT)
	<-c.exited
}

// owner chooses the user the server runs as and gives it the folder; nil means
// ourselves.
func (c *Cluster) owner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(c.root, uid, gid); err != nil {
			return nil, fmt.Errorf("giving %s to %s: %w", c.root, name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root and there is no user postgres or nobody: run as another user")
}

func (c *Cluster) major(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, filepath.Join(c.bin.Dir, "postgres"), "--version").Output()
	if err != nil {
		return ""
	}
	f := strings.Fields(string(out)) // postgres (PostgreSQL) 15.18 …
	if len(f) < 3 {
		return ""
	}
	major, _, _ := strings.Cut(f[2], ".")
	return major
}

func dataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/warmline/postgres"
	}
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "warmline", "postgres")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	return filepath.Join(home, ".local", "share", "warmline", "postgres")
}

// lockDir takes the folder's lock, which dies with our process.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("the cluster in %s is in use by another warmline: stop it, or set DATABASE_URL", dir)
	}
	return f, nil
}

// sweep removes throw-away clusters whose owner died: their lock is free and
// their server is gone.
func sweep(tmp string) {
	dirs, _ := filepath.Glob(filepath.Join(tmp, prefix+"*"))
	for _, d := range dirs {
		st, err := os.Stat(d)
		if err != nil || time.Since(st.ModTime()) < time.Minute {
			continue // perhaps being made just now
		}
		f, err := lockDir(d)
		if err != nil {
			continue
		}
		if !serverAlive(d) {
			os.RemoveAll(d)
		}
		f.Close()
	}
}

func serverAlive(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	return err == nil && pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func tail(b []byte) string {
	b = bytes.TrimSpace(b)
	if len(b) > 600 {
		b = b[len(b)-600:]
	}
	return string(b)
}
