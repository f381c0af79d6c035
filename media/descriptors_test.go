package media

import (
	"strings"
	"testing"
)

func TestCallsThatDoNotFitAreRefusedAtStart(t *testing.T) {
	for _, c := range []struct {
		what  string
		calls int
		limit uint64
		fits  bool
	}{
		{"exactly enough", 200, 1400, true},
		{"one file short", 200, 1399, false},
		{"a usual soft limit", 200, 1024, false},
		{"no limit", 1 << 20, 1<<64 - 1, true},
	} {
		if err := fitsFiles(c.calls, c.limit); (err == nil) != c.fits {
			t.Errorf("%s: %v, want it to fit: %v", c.what, err, c.fits)
		} else if err != nil && !strings.Contains(err.Error(), "LimitNOFILE") {
			t.Errorf("%s: %v does not say what to do", c.what, err)
		}
	}
	if e, err := NewEngine(Config{PortMin: 25000, PortMax: 25019, Calls: 11}); err == nil {
		e.Close()
		t.Error("eleven calls fit in ten pairs of ports")
	}
	if e, err := NewEngine(Config{PortMin: 25000, PortMax: 25019, Calls: 10}); err != nil {
		t.Errorf("ten calls in ten pairs of ports: %v", err)
	} else {
		e.Close()
	}
}
