package occasions

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"
)

// The oracle is the npm package lunar-javascript 1.7.7; testdata/oracle.mjs writes
// its two files anew.
func oracle(t *testing.T, name string) [][]string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows [][]string
	for in := bufio.NewScanner(f); in.Scan(); {
		rows = append(rows, strings.Fields(in.Text()))
	}
	return rows
}

func TestSolarTermsEqualTheOracleOnEveryDayOf1900To2100(t *testing.T) {
	want := map[string]string{}
	for _, row := range oracle(t, "solar-terms.txt") {
		want[row[0]] = row[1]
	}
	if len(want) != 201*24 {
		t.Fatalf("the oracle has %d terms", len(want))
	}
	for day := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() <= 2100; day = day.AddDate(0, 0, 1) {
		date := day.Format(time.DateOnly)
		if got := SolarTerm(day); got != want[date] {
			t.Errorf("%s: %q, the oracle says %q", date, got, want[date])
		}
	}
}
