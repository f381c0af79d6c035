package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// said runs one command line and gives its exit code and both outputs.
func said(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	return typed(t, "", args...)
}

// typed is said with something on standard input.
func typed(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(context.Background(), args, std{in: strings.NewReader(in), out: &o, err: &e})
	return code, o.String(), e.String()
}

func TestOccasionsOfAPlace(t *testing.T) {
	t.Chdir("../..") // the sample almanac lies there
	code, out, errs := said(t, "occasions", "--place", "哈尔滨", "--on", "2026-12-01", "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var got struct {
		Place     struct{ Province, City, Code string }
		CareOnly  bool `json:"care_only"`
		Occasions []struct {
			Kind       string
			Facts      map[string]any
			Source     string
			ObservedAt string `json:"observed_at"`
			ValidUntil string `json:"valid_until"`
			Confidence float64
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Place.Code != "230100" || got.CareOnly || len(got.Occasions) != 2 {
		t.Fatalf("%+v", got)
	}
	w := got.Occasions[1]
	if w.Kind != "weather" || w.Facts["kind"] != "cold_snap" || w.Source == "" || w.Confidence <= 0 || w.ObservedAt >= w.ValidUntil {
		t.Errorf("%+v", w)
	}
	for _, bad := range [][]string{{"--place", "火星"}, {"--place", "吉林"}, {"--place", "哈尔滨", "--on", "soon"}, {}} {
		if code, _, errs := said(t, append([]string{"occasions"}, bad...)...); code != 1 || !strings.Contains(errs, "write") && !strings.Contains(errs, "name a place") {
			t.Errorf("%v: exit %d, %s", bad, code, errs)
		}
	}
}

func TestOccasionsCalendarPrintsOneObjectADay(t *testing.T) {
	code, out, errs := said(t, "occasions", "--lunar", "--from", "2025-07-24", "--to", "2025-07-26", "--json")
	const want = `{"date":"2025-07-24","lunar":{"year":2025,"month":6,"day":30,"leap":false},"term":"","festival":"","holiday":"","workday":true}
{"date":"2025-07-25","lunar":{"year":2025,"month":6,"day":1,"leap":true},"term":"","festival":"","holiday":"","workday":true}
{"date":"2025-07-26","lunar":{"year":2025,"month":6,"day":2,"leap":true},"term":"","festival":"","holiday":"","workday":false}
`
	if code != 0 || out != want || errs != "" {
		t.Errorf("exit %d, %s\n%s", code, errs, out)
	}
	_, out, errs = said(t, "occasions", "--lunar", "--from", "2031-02-04", "--json")
	if !strings.Contains(out, `"term":"立春","festival":"","holiday":null,"workday":null`) || !strings.Contains(errs, "2031") {
		t.Errorf("a year without a table: %s%s", out, errs)
	}
	if code, _, _ := said(t, "occasions", "--lunar", "--from", "2026-01-02", "--to", "2026-01-01"); code != 1 {
		t.Errorf("backwards: exit %d", code)
	}
}
