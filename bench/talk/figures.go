package main

import (
	"fmt"
	"io"

	"warmline/bench"
)

func late50(w bench.Window) float64  { return w.Late50 }
func late99(w bench.Window) float64  { return w.Late99 }
func late999(w bench.Window) float64 { return w.Late999 }

func values(windows []bench.Window, of func(bench.Window) float64) []float64 {
	out := make([]float64, len(windows))
	for i, w := range windows {
		out[i] = of(w)
	}
	return out
}

func median(windows []bench.Window, of func(bench.Window) float64) float64 {
	return bench.Of("", "", "", values(windows, of)).Median
}

// ratios compares the medians of each pair of turns.
func ratios(a, b *series, of func(bench.Window) float64) (out []float64) {
	if len(a.good) < bench.GoodWindows || len(b.good) < bench.GoodWindows {
		return nil
	}
	for i := range min(len(a.turns), len(b.turns)) {
		if len(a.turns[i]) > 0 && len(b.turns[i]) > 0 {
			if under := median(b.turns[i], of); under > 0 {
				out = append(out, median(a.turns[i], of)/under)
			}
		}
	}
	return out
}

// limits of issue and design, by variant; what is not here is not judged.
var limits = map[string]float64{"plain": 1.15, "ears": 1.25, "srtp": 1.15}

// lateGate is the number of calls from which lateness is judged.
const lateGate = 1000

// print gives all figures of one number of calls.
func (f *findings) print(w io.Writer) error {
	figures := f.ofSeries(fmt.Sprintf("floor %d", f.calls), &f.floor)
	for _, v := range f.variants {
		name := fmt.Sprintf("talk %d", f.calls)
		if v != "plain" {
			name = fmt.Sprintf("talk + %s %d", v, f.calls)
		}
		s := f.of[v]
		figures = append(figures, f.ofSeries(name, s)...)
		under, figure := &f.floor, "CPU ÷ packet floor"
		if v == "srtp" {
			under, figure = f.of["plain"], "CPU ÷ talk"
		}
		cost := bench.Of(name, figure, "ratio", ratios(s, under, bench.Window.CallMinute))
		if limits[v] > 0 {
			cost = cost.AtMost(limits[v])
		}
		figures = append(figures, cost)
		late := bench.Of(name, "p99 send lateness ÷ packet floor", "ratio", ratios(s, &f.floor, late99))
		if f.calls >= lateGate && v == "plain" {
			late = late.AtMost(1.5)
		}
		figures = append(figures, late)
		figures = append(figures, s.losses(name)...)
	}
	for _, r := range figures {
		if err := r.Print(w); err != nil {
			return err
		}
	}
	return nil
}

// ofSeries are the figures a series has by itself.
func (f *findings) ofSeries(name string, s *series) []bench.Record {
	good := s.good
	if len(good) < bench.GoodWindows {
		good = nil
	}
	var out []bench.Record
	for _, x := range []struct {
		figure, unit string
		of           func(bench.Window) float64
	}{
		{"CPU", "ms per call-minute", bench.Window.CallMinute},
		{"send lateness p50", "µs", late50},
		{"send lateness p99", "µs", late99},
		{"send lateness p99.9", "µs", late999},
	} {
		out = append(out, bench.Of(name, x.figure, x.unit, values(good, x.of)).
			Because("%d windows of 1 s, %d thrown away", len(s.good), s.thrown))
	}
	return out
}

// losses count over whole turns, what was thrown away included, except skipped
// frames: those are a window's.
func (s *series) losses(name string) []bench.Record {
	var skipped, spilt, lost, unheard, heap, resident []float64
	for _, w := range s.good {
		skipped = append(skipped, float64(w.Skipped))
	}
	for _, t := range s.ends {
		spilt = append(spilt, float64(t.Spilt))
		lost = append(lost, float64(t.Lost-min(t.Lost, t.Spilt)))
		unheard = append(unheard, float64(t.Unheard))
		heap = append(heap, t.KiB)
		resident = append(resident, t.Resident)
	}
	worst := func(r bench.Record) bench.Record { // of a loss the worst counts
		r.Median = r.Max
		return r.AtMost(0)
	}
	return []bench.Record{
		worst(bench.Of(name, "skipped frames, worst second", "frames", skipped)),
		worst(bench.Of(name, "thrown away in our sockets, worst turn", "packets", spilt)),
		worst(bench.Of(name, "lost on the way from the far end, worst turn", "packets", lost)),
		bench.Of(name, "lost on the way to the far end, all turns", "packets", []float64{float64(s.lost)}).AtMost(0),
		worst(bench.Of(name, "taps that heard nothing", "taps", unheard)),
		bench.Of(name, "memory of a leg, heap and stacks", "KiB per call", heap),
		bench.Of(name, "memory of a leg, resident", "KiB per call", resident).Because("the pages of a process that has run before"),
	}
}
