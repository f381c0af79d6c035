package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"warmline/dialogs"
)

const winter = "../../examples/dialogs/winter-care.yaml"

func TestATreeAsATableIsToldByCell(t *testing.T) {
	dir := t.TempDir()
	table, back := filepath.Join(dir, "w.xlsx"), filepath.Join(dir, "w.yaml")
	if code, _, errs := said(t, "dialog", "export", winter, "-o", table); code != 0 {
		t.Fatal(errs)
	}
	if code, out, errs := said(t, "dialog", "import", table, "-o", back); code != 0 {
		t.Fatal(out, errs)
	}
	if code, out, _ := said(t, "dialog", "lint", back); code != 0 {
		t.Fatal(out)
	}
	x, err := excelize.OpenFile(table)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := x.GetRows(sheetRows)
	if err != nil {
		t.Fatal(err)
	}
	cell := ""
	for i, row := range rows {
		if len(row) > 4 && row[4] == "recall" {
			cell, _ = excelize.CoordinatesToCellName(5, i+1)
		}
	}
	if err := x.SetCellStr(sheetRows, cell, "recal"); err != nil {
		t.Fatal(err)
	}
	if err := x.SaveAs(table); err != nil {
		t.Fatal(err)
	}
	want := "话术!" + cell + ": there is no node recal (did you mean recall?)"
	if code, out, _ := said(t, "dialog", "import", table, "-o", filepath.Join(dir, "no.yaml")); code != 1 || !strings.Contains(out, want) {
		t.Errorf("exit %d, want %s:\n%s", code, want, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "no.yaml")); err == nil {
		t.Error("a tree with a problem was written")
	}
	if code, _, errs := said(t, "dialog", "import", winter); code != 1 || !strings.Contains(errs, "reading the table") {
		t.Errorf("a tree as a table: exit %d, %s", code, errs)
	}
}

func TestAChatIsKeptAsAGoldenThatHolds(t *testing.T) {
	golden := filepath.Join(t.TempDir(), "testdata", "winter-care-x.txtar")
	code, out, errs := typed(t, "对我是\n挺好的\n1\n", "dialog", "chat", winter, "--facts", "../../examples/facts.yaml", "--keep", golden)
	if code != 0 || !strings.Contains(out, "agreed_add") {
		t.Fatal(out, errs)
	}
	if code, out, errs := said(t, "dialog", "test", winter, golden); code != 0 {
		t.Fatal(out, errs)
	}
	kept, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(golden, []byte(strings.Replace(string(kept), "零下十二度", "零下二十度", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, _ = said(t, "dialog", "test", winter, golden)
	if code != 1 || !strings.Contains(out, "was: bot:") || !strings.Contains(out, "now: bot:") {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, _, _ := said(t, "dialog", "test", winter, golden, "--update"); code != 0 {
		t.Error("not updated")
	}
	if again, _ := os.ReadFile(golden); string(again) != string(kept) {
		t.Error("the update is not what was kept")
	}
	if code, _, errs := said(t, "dialog", "test", winter, "nowhere.txtar"); code != 1 || !strings.Contains(errs, "reading a golden") {
		t.Errorf("exit %d, %s", code, errs)
	}
}

func TestAJournalIsReplayed(t *testing.T) {
	tree, err := parseFile(winter)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := tree.Start("a", dialogs.Facts{"now": goldenStart}, dialogs.Ledger{})
	for _, e := range []dialogs.Event{{Kind: dialogs.Said, Heard: 1}, {Kind: dialogs.Heard, Text: "别再打了"}, {Kind: dialogs.Committed}} {
		s.Step(e)
	}
	b, err := json.Marshal(s.Journal())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "journal.json")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := said(t, "dialog", "replay", file, "--tree", winter); code != 0 || !strings.Contains(out, "no difference; outcome opt_out") {
		t.Errorf("exit %d, %s%s", code, out, errs)
	}
	if code, out, _ := said(t, "dialog", "replay", file, "--against", "../../examples/dialogs/birthday.yaml"); code != 1 || !strings.Contains(out, "difference at entry 0") {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, _, errs := said(t, "dialog", "replay", file); code != 1 || !strings.Contains(errs, "--tree") {
		t.Errorf("exit %d, %s", code, errs)
	}
	if code, _, errs := said(t, "dialog", "replay", winter, "--tree", winter); code != 1 || !strings.Contains(errs, "reading a journal") {
		t.Errorf("exit %d, %s", code, errs)
	}
}

func TestPicturesFormsAndTheSchema(t *testing.T) {
	dir := t.TempDir()
	if code, out, _ := said(t, "dialog", "graph", winter); code != 0 || !strings.HasPrefix(out, "<svg ") {
		t.Errorf("exit %d, %.40s", code, out)
	}
	if code, out, _ := said(t, "dialog", "graph", winter, "--format", "mermaid"); code != 0 || !strings.HasPrefix(out, "flowchart TD") {
		t.Errorf("exit %d, %.40s", code, out)
	}
	if code, out, _ := said(t, "dialog", "schema"); code != 0 || !json.Valid([]byte(out)) {
		t.Errorf("exit %d, %.40s", code, out)
	}
	src, err := os.ReadFile(winter)
	if err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(mine, append([]byte("# mine   \n\n\n"), src...), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := said(t, "dialog", "fmt", "--check", mine); code != 1 || !strings.Contains(out, "mine.yaml") {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, _, errs := said(t, "dialog", "fmt", mine); code != 0 {
		t.Error(errs)
	}
	if code, _, _ := said(t, "dialog", "fmt", "--check", mine); code != 0 {
		t.Error("not formatted once and for all")
	}
	if code, out, _ := said(t, "dialog", "lint", mine); code != 0 {
		t.Error(out)
	}
}
