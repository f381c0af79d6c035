package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// GoodWindows is how many windows of one second a figure needs.
const GoodWindows = 20

// Noisy is the note of a figure that could not be taken.
const Noisy = "machine too noisy"

// A Record is one figure of one workload.
type Record struct {
	Name   string  `json:"name"`   // of the workload: "talk 1000"
	Figure string  `json:"figure"` // what was measured: "CPU ÷ packet floor"
	Unit   string  `json:"unit"`   // "ratio", "ms per call-minute", "KiB per call"
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Target string  `json:"target"` // "≤ 1.15"; empty is printed, not judged
	OK     bool    `json:"ok"`     // the target holds; true without a target
	Note   string  `json:"note"`   // what a reader must know; Noisy: the figure is none
}

// Of sums up samples; without any it is a figure that could not be taken.
func Of(name, figure, unit string, samples []float64) Record {
	r := Record{Name: name, Figure: figure, Unit: unit, OK: true}
	if len(samples) == 0 {
		r.Note = Noisy
		return r
	}
	s := slices.Sorted(slices.Values(samples))
	r.Min, r.Median, r.Max = s[0], (s[(len(s)-1)/2]+s[len(s)/2])/2, s[len(s)-1]
	return r
}

// AtMost judges the median; a figure that could not be taken is not judged.
func (r Record) AtMost(limit float64) Record {
	r.Target = fmt.Sprintf("≤ %g", limit)
	r.OK = strings.HasPrefix(r.Note, Noisy) || r.Median <= limit
	return r
}

// AtLeast judges the median; a figure that could not be taken is not judged.
func (r Record) AtLeast(limit float64) Record {
	r.Target = fmt.Sprintf("≥ %g", limit)
	r.OK = strings.HasPrefix(r.Note, Noisy) || r.Median >= limit
	return r
}

// Because gives the record a note.
func (r Record) Because(format string, args ...any) Record {
	if r.Note != "" {
		r.Note += "; "
	}
	r.Note += fmt.Sprintf(format, args...)
	return r
}

// Print writes the record as one line of JSON.
func (r Record) Print(w io.Writer) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("printing the figure %s of %s: %w", r.Figure, r.Name, err)
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}
