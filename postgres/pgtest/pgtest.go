// Package pgtest gives each test a real PostgreSQL database of its own.
//
// The first call of [New] in a process starts a throw-away cluster (or takes the
// server named by DATABASE_URL_TEST), makes one database and migrates it; every
// call copies that database, which takes some tens of milliseconds. Processes a
// test starts find the same server under DATABASE_URL_TEST.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestClaim(t *testing.T) {
//		url := pgtest.New(t, migrate)
//		…
//	}
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/postgres/local"
)

// Env names the server to use instead of a cluster of one's own.
const Env = "DATABASE_URL_TEST"

// limit is how long starting, migrating, copying or dropping may take.
const limit = time.Minute

// server is the one server of this process.
var server struct {
	sync.Mutex
	base     string // URL of a database to connect to for CREATE DATABASE
	template string
	cluster  *local.Cluster
	err      error
}

// Main runs a package's tests and stops the cluster, if one was started. Without
// it the cluster ends with the process and leaves its folder to the next one.
func Main(m *testing.M) int {
	code := m.Run()
	server.Lock()
	defer server.Unlock()
	if server.template != "" {
		if err := run("DROP DATABASE IF EXISTS " + server.template + " WITH (FORCE)"); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
		}
	}
	if server.cluster != nil {
		if err := server.cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
		}
	}
	return code
}

// New returns the URL of a fresh database with the schema that migrate makes. The
// database is dropped when the test ends. All calls of a process must pass the
// same migrate; it must close what it opens.
func New(t testing.TB, migrate func(ctx context.Context, url string) error) string {
	t.Helper()
	if err := start(migrate); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := "t_" + random()
	if err := run("CREATE DATABASE " + name + " TEMPLATE " + server.template); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := run("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return named(server.base, name)
}

// start brings up the server and the template, once.
func start(migrate func(ctx context.Context, url string) error) error {
	server.Lock()
	defer server.Unlock()
	if server.template != "" || server.err != nil {
		return server.err
	}
	server.err = errors.New("the server did not come up")
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if server.base = os.Getenv(Env); server.base == "" {
		c, err := local.Start(ctx, local.Options{Throwaway: true})
		if err != nil {
			server.err = err
			return err
		}
		server.cluster, server.base = c, c.URL()
		if err := os.Setenv(Env, server.base); err != nil {
			server.err = err
			return err
		}
	}
	name := "template_" + random()
	if server.err = run("CREATE DATABASE " + name); server.err != nil {
		return server.err
	}
	if err := migrate(ctx, named(server.base, name)); err != nil {
		server.err = fmt.Errorf("migrating the template: %w", err)
		return server.err
	}
	server.template = name
	return nil
}

// run executes one statement on the server.
func run(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := pgx.Connect(ctx, server.base)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

// named is the URL of another database on the same server.
func named(base, name string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	u.Path = "/" + name
	return u.String()
}

func random() string { return strings.ToLower(rand.Text()[:12]) }
