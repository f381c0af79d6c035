package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"
)

// std is what a command reads from and writes to.
type std struct {
	in       io.Reader
	out, err io.Writer
	env      []string
}

// cli is every command; each teaches itself by --help.
type cli struct {
	Config  string `help:"Config file; warmline.yaml in this folder is taken by itself." short:"c" placeholder:"FILE" env:"WARMLINE_CONFIG"`
	Verbose bool   `help:"Log what happens, not only what goes wrong." short:"v"`

	Demo      demoCmd      `cmd:"" help:"The main job end to end on this machine, with simulated people. Nothing to set up."`
	Serve     serveCmd     `cmd:"" help:"Run Warmline: API, planner, dialer, friend queue, messages."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database to this version."`
	Import    importCmd    `cmd:"" help:"Read a shop's order file into people."`
	Consent   consentCmd   `cmd:"" help:"Consents: who agreed to be contacted, with proof."`
	Campaign  campaignCmd  `cmd:"" help:"Campaigns (外呼任务): create, start, pause, resume, cancel, status."`
	Call      callCmd      `cmd:"" help:"Place one real call to any SIP peer; needs no database."`
	Load      loadCmd      `cmd:"" help:"Place many test calls and measure them; needs no database."`
	Dialog    dialogCmd    `cmd:"" help:"Dialog trees (话术): lint, chat."`
	Occasions occasionsCmd `cmd:"" help:"Kind reasons to call in a place on a day; lunar dates, solar terms, holidays."`
	Simulate  simulateCmd  `cmd:"" help:"Run a simulated carrier, WeCom or SMS provider."`
	Report    reportCmd    `cmd:"" help:"The funnel from people to friends, with every denominator."`
	Why       whyCmd       `cmd:"" help:"Why a person was, was not, or will be called."`
	Doctor    doctorCmd    `cmd:"" help:"Check config, stores, trunks, voices and time zones, and say what to do."`
}

// app is what every command gets: context, streams and the parsed globals.
type app struct {
	ctx context.Context
	std std
	cli *cli
	log *slog.Logger
}

// errExit ends the program with a code and nothing more to say.
type errExit int

func (e errExit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// Main runs one command line and returns the exit code: 0 done, 1 failed, 2
// misused.
func Main(ctx context.Context, args []string, s std) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("warmline"),
		kong.Description("Warmline turns orders into warm phone calls, and the willing into WeCom friends.\n\n"+
			"Start with: warmline demo. 中文说明见 README.zh-CN.md。"),
		kong.Writers(s.out, s.err), kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(s.err, "warmline:", err)
		return 1
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintln(s.err, "warmline:", err)
		fmt.Fprintln(s.err, "Run «warmline --help», or «warmline COMMAND --help» for an example.")
		return 2
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	a := &app{ctx: ctx, std: s, cli: &c, log: slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level}))}
	err = k.Run(a)
	var code errExit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(s.err, "warmline:", err)
	return 1
}

// config reads the configuration this command line names.
func (a *app) config() (Config, error) { return loadConfig(findConfig(a.cli.Config), a.std.env) }

// json prints one value on one line, as machines like it.
func (a *app) json(v any) error {
	enc := json.NewEncoder(a.std.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.std.out, format, args...) }

// dataDir is where spool, prompts and the audit file live.
func (c Config) dataDir() string {
	switch {
	case c.DataDir != "":
		return c.DataDir
	case os.Geteuid() == 0:
		return "/var/lib/warmline"
	}
	if d, err := os.UserConfigDir(); err == nil {
		return filepath.Join(d, "warmline")
	}
	return ".warmline"
}
