package main

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"warmline/postgres"
)

// serveCmd runs Warmline.
type serveCmd struct {
	Role   []string `help:"Only these roles: planner, dialer, friends, web (comma separated). All of them when left out." sep:","`
	Listen string   `help:"Where the API answers; over the config." placeholder:"HOST:PORT"`
	JSON   bool     `help:"Log as JSON."`

	// WorldOffset moves the world's clock, for trials against the simulators
	// at hours at which nobody may be called. All processes get the same.
	WorldOffset time.Duration `hidden:""`
}

// Help shows an example.
func (serveCmd) Help() string {
	return `Without DATABASE_URL a private PostgreSQL is run in the data folder, without
redis a private Redis: good for one machine. SIGTERM or Ctrl-C stops planning,
lets calls finish up to dialer.drain, and ends.

Example:

  warmline serve -c warmline.yaml
  warmline serve --role dialer --listen 127.0.0.1:8081`
}

// Run serves until told to stop.
func (c *serveCmd) Run(a *app) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	if c.Listen != "" {
		cfg.Listen = c.Listen
	}
	roles := c.Role
	if len(roles) == 0 {
		roles = allRoles
	}
	for _, r := range roles {
		if !slices.Contains(allRoles, r) {
			return fmt.Errorf("--role %q: known are %s", r, strings.Join(allRoles, ", "))
		}
	}
	if err := cfg.checkReal(); err != nil {
		return err
	}
	log := newLogger(a, cfg, c.JSON)
	if cfg.DatabaseURL == "" {
		log.Info("embedded mode: single node; set DATABASE_URL for more")
	}
	s, err := startStores(a.ctx, cfg, false, log)
	if err != nil {
		return err
	}
	defer s.close()
	if cfg.DatabaseURL == "" || slices.Contains(roles, rolePlanner) {
		if err := s.db.Migrate(a.ctx); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("the API's address: %w", err)
	}
	log.Info("serving", "roles", strings.Join(roles, ","), "url", "http://"+l.Addr().String())
	world := new(clock)
	world.offset.Store(int64(c.WorldOffset))
	return run(a.ctx, parts{config: cfg, stores: s, clock: world, log: log, roles: roles, listener: l})
}

// newLogger is the log of a long-running process.
func newLogger(a *app, cfg Config, asJSON bool) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if asJSON || cfg.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(a.std.err, o))
	}
	return slog.New(slog.NewTextHandler(a.std.err, o))
}

// migrateCmd brings the database to this version.
type migrateCmd struct {
	JSON bool `help:"One JSON object."`
}

// Help shows an example.
func (migrateCmd) Help() string {
	return "Example:\n\n  DATABASE_URL=postgres://warmline@db/warmline warmline migrate"
}

// Run migrates.
func (c *migrateCmd) Run(a *app) error {
	return withStore(a, func(db *postgres.DB, _ Config) error {
		if err := db.Migrate(a.ctx); err != nil {
			return err
		}
		if c.JSON {
			return a.json(map[string]any{"migrated": true})
		}
		a.printf("the database is at this version\n")
		return nil
	})
}

// withStore runs f with the configured store open.
func withStore(a *app, f func(*postgres.DB, Config) error) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	db, err := openStore(a.ctx, cfg, a.log)
	if err != nil {
		return err
	}
	defer db.Close()
	return f(db, cfg)
}
