package bench

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestAFigureIsItsMedianAndIsJudgedByIt(t *testing.T) {
	for name, c := range map[string]struct {
		samples []float64
		limit   float64
		median  float64
		ok      bool
	}{
		"odd":           {[]float64{3, 1, 2}, 2, 2, true},
		"even":          {[]float64{4, 1, 2, 3}, 2.4, 2.5, false},
		"one":           {[]float64{7}, 6, 7, false},
		"none is noisy": {nil, 1, 0, true},
	} {
		r := Of("talk 1000", "CPU ÷ packet floor", "ratio", c.samples).AtMost(c.limit).Because("as %s", "told")
		if r.Median != c.median || r.OK != c.ok || strings.HasPrefix(r.Note, Noisy) != (c.samples == nil) {
			t.Errorf("%s: %+v, want median %g, ok %v", name, r, c.median, c.ok)
		}
	}
}

func TestARecordIsOneLineOfJSON(t *testing.T) {
	var b strings.Builder
	want := Of("set-up 50", "CPU", "ms per call", []float64{1, 2, 4}).AtLeast(1)
	if err := want.Print(&b); err != nil {
		t.Fatal(err)
	}
	var got Record
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil || got != want || strings.Count(b.String(), "\n") != 1 {
		t.Errorf("%q is %+v (%v), want %+v", b.String(), got, err, want)
	}
}

func TestLatenessPercentiles(t *testing.T) {
	var l Lateness
	for i := range 1000 {
		l.Note(time.Duration(i) * time.Microsecond)
	}
	l.Note(time.Hour)
	if p50, p99 := l.Percentile(0.5), l.Percentile(0.99); p50 != 501 || p99 != 991 {
		t.Errorf("p50 %g, p99 %g; want 501 and 991", p50, p99)
	}
	if l.Reset(); l.Percentile(0.5) != 0 {
		t.Error("forgotten lateness has a median")
	}
}
