// Command report runs every measurement of this folder, one after the other,
// prints one table and writes docs/limits.md. It ends with 0 also when a target
// was missed or the machine was too noisy: the table says so.
//
// The programs setup, talk, floor, farend, plateau, peers and warmline are looked
// for beside this one; `make bench` builds all of them.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"warmline/bench"
)

// A step is one program whose records are gathered.
type step struct {
	title string
	limit time.Duration // it is ended then, and its records so far count
	args  []string
}

// steps are all that is measured; together they take less than fifteen minutes.
func steps(quick, brief bool) []step {
	if brief {
		return []step{
			{"Setting calls up", 3 * time.Minute, []string{"setup", "-rates", "1000,50", "-seconds", "6", "-warmline", ""}},
			{"Talking", 150 * time.Second, []string{"talk", "-calls", "1000", "-within", "110s"}},
			{"Memory, and what is left behind", 3 * time.Minute, []string{"plateau", "-after", "2000"}},
		}
	}
	if quick {
		return []step{
			{"Setting calls up", 3 * time.Minute, []string{"setup", "-seconds", "3", "-turns", "1"}},
			{"Talking", 2 * time.Minute, []string{"talk", "-calls", "100", "-variants", "0", "-windows", "2", "-turns", "1"}},
			{"Memory, and what is left behind", 3 * time.Minute, []string{"plateau", "-calls", "100", "-after", "500", "-quiet", "5s"}},
			{besidePeers, time.Minute, []string{"peers", "-calls", "50", "-most", "100", "-step", "50", "-windows", "2", "-looks", "1"}},
		}
	}
	return []step{
		{"Setting calls up", 6 * time.Minute, []string{"setup", "-rates", "1000,400,50", "-seconds", "10"}},
		{"Talking", 6 * time.Minute, []string{"talk", "-within", "345s"}},
		{"Memory, and what is left behind", 3 * time.Minute, []string{"plateau"}},
		{besidePeers, 3 * time.Minute, []string{"peers"}},
	}
}

// A section is a step and what it found.
type section struct {
	title   string
	records []bench.Record
	trouble string // why it is not whole
}

func main() {
	out := flag.String("o", "docs/limits.md", "where the table is kept; empty keeps it nowhere")
	quick := flag.Bool("quick", false, "a look at whether everything runs; its figures mean nothing")
	brief := flag.Bool("brief", false, "some seven minutes: fewer paces and numbers of calls, nothing beside the peers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out, *quick, *brief); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out string, quick, brief bool) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the programs: %w", err)
	}
	began := time.Now()
	before, err := bench.ReadTicks()
	if err != nil {
		return err
	}
	var found []section
	for _, s := range steps(quick, brief) {
		fmt.Fprintf(os.Stderr, "%s: %s\n", s.title, strings.Join(s.args, " "))
		found = append(found, s.run(ctx, filepath.Dir(self)))
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	fmt.Fprintln(os.Stderr, "Allocations of the rooms: go test -bench")
	found = append(found, rooms(ctx))
	after, err := bench.ReadTicks()
	if err != nil {
		return err
	}
	printTable(found)
	if out == "" {
		return nil
	}
	page := limits(found, machine(), time.Since(began), bench.Stolen(before, after))
	if err := os.WriteFile(out, []byte(page), 0o644); err != nil {
		return fmt.Errorf("keeping the table: %w", err)
	}
	return nil
}

// run gathers the records of one program.
func (s step) run(ctx context.Context, dir string) section {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, s.args[0]), s.args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it ends its own children
	cmd.WaitDelay = 5 * time.Second
	cmd.Stderr = os.Stderr
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	found := section{title: s.title}
	lines := bufio.NewScanner(&out)
	for lines.Scan() {
		var r bench.Record
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Figure != "" {
			found.records = append(found.records, r)
		}
	}
	switch {
	case ctx.Err() != nil:
		found.trouble = fmt.Sprintf("%s took longer than %v and was ended; what is missing was not measured.", s.args[0], s.limit)
	case err != nil:
		found.trouble = fmt.Sprintf("%s ended with %v; what is missing was not measured.", s.args[0], err)
	}
	return found
}

// verdict is the last column: yes, NO, or nothing where nothing was promised.
func verdict(r bench.Record) string {
	switch {
	case strings.HasPrefix(r.Note, bench.Noisy), r.Target == "":
		return ""
	case r.OK:
		return "yes"
	}
	return "NO"
}

// number writes a figure as it is read: three digits that matter.
func number(x float64) string {
	switch {
	case x == float64(int64(x)) || x >= 1000 || x <= -1000:
		return fmt.Sprintf("%.0f", x)
	case x >= 100 || x <= -100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

func printTable(found []section) {
	tw := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "name\tfigure\tmedian\tmin\tmax\tunit\ttarget\tok\tnote")
	for _, s := range found {
		for _, r := range s.records {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Figure, number(r.Median), number(r.Min), number(r.Max), r.Unit, r.Target, verdict(r), r.Note)
		}
		if s.trouble != "" {
			fmt.Fprintf(tw, "%s\t%s\n", s.title, s.trouble)
		}
	}
	tw.Flush()
}

// machine is what the figures were taken on.
func machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := "unknown kernel"
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = "Linux " + strings.TrimSpace(string(b))
	}
	return fmt.Sprintf("%d cores of %s, %s, %s", runtime.NumCPU(), model, kernel, runtime.Version())
}
