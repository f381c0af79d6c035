// Command gen writes the example shop's data: orders, consents, spoken names,
// weather and events, all invented and always the same.
//
//	go run ./examples/gen
//
// The shop is 苏小糖, the day is Tuesday 2026-12-01, and the files have the dirt of
// real ones: duplicate people, landlines, masked and privacy numbers, gifts,
// refunds, cells a spreadsheet has spoiled. Telephone numbers carry 0000 behind a
// mobile prefix, so that everybody sees they are made up; the last three digits
// choose who answers at the rehearsal's gateway.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// world is the moment the example data is made for: Tuesday, 10:00 in Beijing.
var world = time.Date(2026, 12, 1, 10, 0, 0, 0, time.FixedZone("Asia/Shanghai", 8*60*60))

// seed makes the data always the same.
const seed = 20261201

func main() {
	dir := flag.String("o", "examples", "folder to write to")
	flag.Parse()
	for name, data := range files() {
		if err := os.WriteFile(filepath.Join(*dir, name), data, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}

// files gives every file of the example by name.
func files() map[string][]byte {
	d := &dice{seed}
	people := makePeople(d)
	return map[string][]byte{
		"orders.csv":   orders(d, people),
		"consents.csv": consents(d, people),
		"spoken.csv":   spoken(),
		"events.csv":   events(),
		"almanac.json": almanac(),
	}
}
