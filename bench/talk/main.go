// Command talk measures what the audio of a call costs: N answered legs of a real
// engine, each playing a clip and receiving 50 packets a second back, against the
// packet floor in the same run. Floor and ours take turns on one core; the far end
// has another. Records ([bench.Record]) go to standard output, what happens
// meanwhile to standard error.
//
// The programs floor and farend are looked for beside this one; `make bench`
// builds all three.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"warmline/bench"
)

func main() {
	var err error
	if len(os.Args) > 1 && os.Args[1] == "ours" {
		err = ours(os.Args[2:])
	} else {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "talk:", err)
		os.Exit(1)
	}
}

// A plan is what is measured and how long.
type plan struct {
	core, farCore int
	settle        int // ms
	windows       int // a turn
	turns         int // of each; more while windows are lacking and there is time
	until         time.Time
}

func run() error {
	calls := flag.String("calls", "100,500,1000,2000", "numbers of calls, comma separated")
	with := flag.Int("variants", 1000, "number of calls at which ears, srtp and tones are measured too; 0 is never")
	within := flag.Duration("within", 345*time.Second, "time for everything")
	var p plan
	flag.IntVar(&p.core, "core", 0, "core of floor and ours, in turns")
	flag.IntVar(&p.farCore, "far-core", 1, "core of the far end")
	flag.IntVar(&p.settle, "settle", 1000, "ms before a turn's first window")
	flag.IntVar(&p.windows, "windows", 7, "windows of 1 s a turn")
	flag.IntVar(&p.turns, "turns", 3, "turns each; more while windows are lacking and there is time")
	flag.Parse()
	var numbers []int
	var variants [][]string
	work := 0 // series, the floor's included
	for _, text := range strings.Split(*calls, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("number of calls %q: want a list such as 100,500", *calls)
		}
		of := []string{"plain"}
		if n == *with {
			of = append(of, "ears", "srtp", "tones")
		}
		numbers, variants, work = append(numbers, n), append(variants, of), work+1+len(of)
	}
	end := time.Now().Add(*within)
	overtime := time.AfterFunc(*within+time.Minute, func() { // a child that says nothing is no reason to wait for ever
		fmt.Fprintln(os.Stderr, "talk: a minute over time; what is missing was not measured")
		os.Exit(1) // the children die with us
	})
	defer overtime.Stop()
	var curve []float64
	for i, n := range numbers {
		share := 1 + len(variants[i])
		p.until = time.Now().Add(time.Until(end) * time.Duration(share) / time.Duration(work))
		work -= share
		found, err := measure(p, n, variants[i])
		if err != nil {
			return fmt.Errorf("%d calls: %w", n, err)
		}
		if err := found.print(os.Stdout); err != nil {
			return err
		}
		if good := found.of["plain"].good; len(good) >= bench.GoodWindows {
			curve = append(curve, bench.Of("", "", "", callMinutes(good)).Median)
		}
	}
	if len(curve) < 2 {
		return nil
	}
	// Wake-ups are shared by more calls, so the curve must fall.
	return bench.Of("talk", "CPU per call at the most calls ÷ at the fewest", "ratio",
		[]float64{curve[len(curve)-1] / curve[0]}).AtMost(1).Because("ms per call-minute: %s", list(curve)).Print(os.Stdout)
}

func list(figures []float64) string {
	words := make([]string, len(figures))
	for i, f := range figures {
		words[i] = strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strings.Join(words, ", ")
}

func callMinutes(windows []bench.Window) []float64 {
	out := make([]float64, len(windows))
	for i, w := range windows {
		out[i] = w.CallMinute()
	}
	return out
}
