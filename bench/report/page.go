package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"warmline/bench"
)

// besidePeers is the section in which ours stands beside other systems.
const besidePeers = "Beside the peers"

// peers are other systems' figures. They were not taken in this run.
const peers = `What other systems cost on a 2-core machine of this kind, measured by us in November 2026 in the same way, and not in this run: one call plays a G.711 prompt and receives the echo; the system alone on one core with SCHED_FIFO, the far end on the other; the host stole 0 to 26 % in some windows. Clean: every call heard, at least 99.5 % of 50 packets a second, less than 0.1 % lost, 99 % of gaps within 10 ms of 20 ms.

| system | set-up, CPU ms per call at 50/s | CPU ms per call-minute at 200 calls | at many calls | KiB per call | most clean calls on one core |
|---|---|---|---|---|---|
| Asterisk 22.10, native A-law file | 3.8–4.0 | 204–211 | 207 at 250 | 282 | 250 |
| FreeSWITCH 1.11.1, native A-law file | 6.2–7.2 | 218–231 | core full at 250 | 492 | 200 |
| diago 0.32 (Go, sipgo), raw A-law | 1.15–1.45 | 58 | 46 at 500–700, 40 at 900 | 66 | 900 |
| diago 0.32, WAV encoded while sending | – | 71 | 57 at 500 | 74 | 500 |
| SIPp 3.6.1 (C, RTP stream) | 0.95–1.05 | 28 | 19 at 900 | 40 | bursty at any number |

Warmline, in this run:

`

// limits is the page docs/limits.md.
func limits(found []section, machine string, took time.Duration, stolen float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Limits

Measured, not promised. This page is written by `+"`make bench`"+`; do not edit it.
How well answers are understood, with the confusion matrices: [understanding.md](understanding.md).

| | |
|---|---|
| machine | %s |
| date | %s |
| commit | %s |
| command | `+"`"+command()+"`"+`, %v |
| taken by the host meanwhile | %.1f %% |

How noise is treated: processor time is user + system of one process, never a wall time; a figure is a ratio to a floor or peer that took turns with it on the same core in the same run. Callers and far end are pinned to a core each before they start, with SCHED_FIFO where that is permitted. In the talk figures a window of one second in which the host took more than 1 %%, or in which the floor itself was late, is thrown away; with fewer than %d left it says “%s” and nothing is judged. A target that was missed says NO.
`, machine, time.Now().UTC().Format("2006-01-02 15:04 UTC"), commit(), took.Round(time.Second), 100*stolen, bench.GoodWindows, bench.Noisy)
	for _, s := range found {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		if s.trouble != "" {
			fmt.Fprintf(&b, "%s\n\n", s.trouble)
		}
		if s.title == besidePeers {
			b.WriteString(peers)
		}
		if len(s.records) == 0 {
			continue
		}
		b.WriteString("| name | figure | median | min | max | unit | target | ok | note |\n|---|---|---|---|---|---|---|---|---|\n")
		for _, r := range s.records {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.Name, r.Figure, number(r.Median), number(r.Min), number(r.Max), r.Unit, r.Target, verdict(r), r.Note)
		}
	}
	return b.String()
}

// commit names what was measured.
func commit() string {
	out, err := exec.Command("git", "log", "-1", "--format=%h").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	if dirty, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil && len(dirty) > 0 {
		name += " with changes"
	}
	return name
}

// command is what was typed.
func command() string {
	if len(os.Args) < 2 {
		return "make bench"
	}
	return "make bench ARGS=" + strings.Join(os.Args[1:], " ")
}

// measured is a line of go test -bench -benchmem.
var measured = regexp.MustCompile(`^(Benchmark\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op.*?\s(\d+) B/op\s+(\d+) allocs/op`)

// promised are the benchmarks somebody was promised a figure of, in ns: a turn of
// a dialog (rules, expressions, action) within 50 µs, and 10,000 conversations
// replayed in a second on one core.
var promised = map[string]float64{"Step": 50_000, "Conversation": 100_000, "Understand/zh": 50_000, "Understand/en": 50_000}

// rooms are the small benchmarks that live beside the code.
func rooms(ctx context.Context) section {
	found := section{title: "Small things, by go test -bench"}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", "100ms", "-count", "3", "./media", "./dialogs", "./sip", "./speech/...", "./scheduler", "./contacts").CombinedOutput()
	if err != nil {
		found.trouble = fmt.Sprintf("go test -bench ended with %v; what is missing was not measured.", err)
	}
	times, allocs := map[string][]float64{}, map[string]string{}
	var names []string
	for line := range strings.Lines(string(out)) {
		m := measured.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		ns, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			continue
		}
		if _, seen := times[m[1]]; !seen {
			names = append(names, m[1])
		}
		times[m[1]] = append(times[m[1]], ns)
		allocs[m[1]] = fmt.Sprintf("%s allocations, %s bytes", m[4], m[3])
	}
	for _, name := range names {
		r := bench.Of(strings.TrimPrefix(name, "Benchmark"), "time", "ns", times[name]).Because("%s", allocs[name])
		if most, ok := promised[r.Name]; ok {
			r = r.AtMost(most)
		}
		found.records = append(found.records, r)
	}
	return found
}
