package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"warmline/dialogs"
	"warmline/media"
	"warmline/speech"
)

// dialogGraphCmd draws a tree.
type dialogGraphCmd struct {
	File   string `arg:"" help:"Dialog tree."`
	Format string `help:"svg or mermaid." enum:"svg,mermaid" default:"svg"`
	Out    string `short:"o" help:"File to write; standard output when left out." placeholder:"FILE"`
}

// Help shows an example.
func (dialogGraphCmd) Help() string {
	return "Example:\n\n  warmline dialog graph examples/dialogs/winter-care.yaml -o winter.svg"
}

// Run draws.
func (c *dialogGraphCmd) Run(a *app) error {
	tree, err := parseFile(c.File)
	if err != nil {
		return err
	}
	picture := tree.SVG()
	if c.Format == "mermaid" {
		picture = tree.Mermaid()
	}
	return a.write(c.Out, []byte(picture))
}

// write puts what was made into a file, or on standard output when none is named.
func (a *app) write(file string, b []byte) error {
	if file == "" {
		_, err := a.std.out.Write(b)
		return err
	}
	if err := os.WriteFile(file, b, 0o644); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	fmt.Fprintf(a.std.err, "%s, %d bytes\n", file, len(b))
	return nil
}

// dialogSchemaCmd prints the JSON Schema.
type dialogSchemaCmd struct{}

// Help says what it is for.
func (dialogSchemaCmd) Help() string {
	return `A JSON Schema of the tree language, for editors that complete and check while you type.

Example:

  warmline dialog schema > tree.schema.json

In VS Code with a YAML extension, begin a tree with:

  # yaml-language-server: $schema=tree.schema.json`
}

// Run prints.
func (dialogSchemaCmd) Run(a *app) error { return a.write("", []byte(dialogs.Schema)) }

// dialogFmtCmd formats trees in place.
type dialogFmtCmd struct {
	Files []string `arg:"" help:"Dialog trees."`
	Check bool     `help:"Write nothing; name the files that would change and exit 1."`
}

// Help shows an example.
func (dialogFmtCmd) Help() string {
	return "Writes trees in one form; comments stay, and what a tree means never changes.\n\nExample:\n\n  warmline dialog fmt mytree.yaml"
}

// Run formats.
func (c *dialogFmtCmd) Run(a *app) error {
	changed := false
	for _, f := range c.Files {
		src, err := os.ReadFile(f)
		if err != nil {
			return fmt.Errorf("reading the dialog tree: %w", err)
		}
		out, err := dialogs.Format(f, src)
		if err != nil {
			return err
		}
		if bytes.Equal(src, out) {
			continue
		}
		changed = true
		a.printf("%s\n", f)
		if c.Check {
			continue
		}
		if err := os.WriteFile(f, out, 0o644); err != nil {
			return fmt.Errorf("writing the dialog tree: %w", err)
		}
	}
	if changed && c.Check {
		return errExit(1)
	}
	return nil
}

// dialogTestCmd plays goldens.
type dialogTestCmd struct {
	File    string   `arg:"" help:"Dialog tree."`
	Goldens []string `arg:"" optional:"" help:"Conversations kept as files; those in testdata beside the tree, named after it, when left out."`
	Update  bool     `help:"Write what is said now into the files; read the change before you keep it."`
	JSON    bool     `help:"One JSON object."`
}

// Help shows an example.
func (dialogTestCmd) Help() string {
	return `Plays conversations that were kept as files (facts, what the customer says, what the
bot must say, the outcome) and shows where one goes another way.

Example:

  warmline dialog test examples/dialogs/winter-care.yaml
  warmline dialog chat mytree.yaml --facts facts.yaml --keep testdata/mytree-yes.txtar

Exit code 1 when one goes another way.`
}

// goldenStart is when every golden call starts: a Monday morning.
var goldenStart = time.Date(2026, 11, 23, 10, 30, 0, 0, beijing)

// Run plays.
func (c *dialogTestCmd) Run(a *app) error {
	tree, err := parseFile(c.File)
	if err != nil {
		return err
	}
	files := c.Goldens
	if len(files) == 0 {
		name := strings.TrimSuffix(filepath.Base(c.File), ".yaml")
		if files, err = filepath.Glob(filepath.Join(filepath.Dir(c.File), "testdata", name+"-*.txtar")); err != nil {
			return err
		}
	}
	if len(files) == 0 {
		return fmt.Errorf("there are no goldens for %s; keep one with «warmline dialog chat --keep FILE»", c.File)
	}
	failed := []string{}
	for _, f := range files {
		want, err := os.ReadFile(f)
		if err != nil {
			return fmt.Errorf("reading a golden: %w", err)
		}
		got, err := dialogs.PlayGolden(tree, want, goldenStart)
		if err == nil && bytes.Equal(want, got) {
			continue
		}
		if err == nil && c.Update {
			if err := os.WriteFile(f, got, 0o644); err != nil {
				return fmt.Errorf("writing a golden: %w", err)
			}
			a.printf("%s: written anew\n", f)
			continue
		}
		failed = append(failed, f)
		if !c.JSON {
			a.printf("%s: %s\n", f, firstDifference(string(want), string(got), err))
		}
	}
	if c.JSON {
		if err := a.json(map[string]any{"goldens": len(files), "failed": failed}); err != nil {
			return err
		}
	} else if len(failed) == 0 {
		a.printf("%d conversations, all as they were\n", len(files))
	}
	if len(failed) > 0 {
		return errExit(1)
	}
	return nil
}

// firstDifference shows the first line that differs.
func firstDifference(want, got string, err error) string {
	if err != nil {
		return err.Error()
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := lineAt(w, i), lineAt(g, i)
		if a != b {
			return fmt.Sprintf("line %d\n  was: %s\n  now: %s", i+1, a, b)
		}
	}
	return "no difference"
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// dialogSayCmd lets one hear a line.
type dialogSayCmd struct {
	File  string `arg:"" help:"Dialog tree."`
	Node  string `arg:"" help:"Whose line."`
	Facts string `help:"What the tree may know, YAML or JSON." placeholder:"FILE"`
	Out   string `short:"o" help:"WAV file, 8 kHz as on the phone." default:"line.wav"`
}

// Help shows an example.
func (dialogSayCmd) Help() string {
	return `Voices the line a node says with these facts, as it would sound on the phone.

Example:

  warmline dialog say examples/dialogs/winter-care.yaml care --facts examples/facts.yaml -o care.wav`
}

// Run voices.
func (c *dialogSayCmd) Run(a *app) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	tree, err := parseFile(c.File)
	if err != nil {
		return err
	}
	facts, err := readFacts(c.Facts)
	if err != nil {
		return err
	}
	facts["now"] = time.Now()
	line, err := tree.Says(c.Node, facts)
	if err != nil {
		return err
	}
	voice, _, err := newVoice(cfg)
	if err != nil {
		return err
	}
	a.printf("%s\n", line.Text())
	var all []int16
	for _, p := range line.Parts {
		if p.Audio != "" {
			return fmt.Errorf("the line is the recording %s; play that file", p.Audio)
		}
		pcm, rate, err := voice.Synthesize(a.ctx, speech.Utterance{Text: p.Text, Voice: tree.Voice().Name, Lang: tree.Language(), Rate: tree.Voice().Rate})
		if err != nil {
			return fmt.Errorf("voicing %q: %w", p.Text, err)
		}
		if rate != 8000 {
			pcm = media.Resample(pcm, rate, 8000)
		}
		all = append(all, pcm...)
	}
	var wav bytes.Buffer
	if err := media.WriteWAV(&wav, all, 8000); err != nil {
		return err
	}
	return a.write(c.Out, wav.Bytes())
}

// dialogReplayCmd steps a journal again.
type dialogReplayCmd struct {
	Call    string `arg:"" help:"Attempt ID, or a file with a journal (JSON)."`
	Tree    string `help:"The version that held the call; the campaign's own when an attempt is named." placeholder:"FILE"`
	Against string `help:"Another version: what would it have done?" placeholder:"FILE"`
	JSON    bool   `help:"One JSON object."`
}

// Help shows an example.
func (dialogReplayCmd) Help() string {
	return `Steps a call's journal through its tree again and shows the first difference; there
is none while tree and program are those that held the call. With --against it shows
what a new version would have done.

Example:

  warmline dialog replay 7b0c… --against new.yaml

Exit code 1 when there is a difference.`
}

// Run steps.
func (c *dialogReplayCmd) Run(a *app) error {
	journal, tree, err := c.load(a)
	if err != nil {
		return err
	}
	if c.Against != "" {
		if tree, err = parseFile(c.Against); err != nil {
			return err
		}
	}
	if tree == nil {
		return errors.New("a journal from a file needs --tree or --against")
	}
	diff, outcome := tree.Rerun(journal)
	if c.JSON {
		if err := a.json(map[string]any{"entries": len(journal), "difference": diff, "outcome": outcome.Name}); err != nil {
			return err
		}
	} else if diff == nil {
		a.printf("%d events, no difference; outcome %s\n", len(journal), outcome.Name)
	} else {
		a.printf("difference at entry %d, %s %s%s\n", diff.Entry, diff.Event.Kind, diff.Event.Text, diff.Event.Key)
		for _, act := range diff.Want {
			a.printf("  was: %s\n", act)
		}
		for _, act := range diff.Got {
			a.printf("  now: %s\n", act)
		}
		a.printf("outcome %s\n", outcome.Name)
	}
	if diff != nil {
		return errExit(1)
	}
	return nil
}

func (c *dialogReplayCmd) load(a *app) ([]dialogs.JournalEntry, *dialogs.Tree, error) {
	var tree *dialogs.Tree
	var err error
	if c.Tree != "" {
		if tree, err = parseFile(c.Tree); err != nil {
			return nil, nil, err
		}
	}
	if uuid.Validate(c.Call) != nil {
		b, err := os.ReadFile(c.Call)
		if err != nil {
			return nil, nil, fmt.Errorf("%q is no attempt and no file with a journal: %w", c.Call, err)
		}
		journal, err := dialogs.ReadJournal(b)
		return journal, tree, err
	}
	cfg, err := a.config()
	if err != nil {
		return nil, nil, err
	}
	db, err := openStore(a.ctx, cfg, a.log)
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	d, err := db.Attempt(a.ctx, c.Call)
	if err != nil {
		return nil, nil, err
	}
	journal, err := dialogs.ReadJournal(d.Journal)
	if err != nil {
		return nil, nil, fmt.Errorf("attempt %s: %w", c.Call, err)
	}
	if tree == nil {
		campaign, err := db.Campaign(a.ctx, d.CampaignID)
		if err != nil {
			return nil, nil, err
		}
		if tree, err = dialogs.Parse(campaign.Dialog, campaign.TreeSource); err != nil {
			return nil, nil, err
		}
	}
	return journal, tree, nil
}

// Sheets of a 话术表.
const (
	sheetRows     = "话术"
	sheetSettings = "设置"
)

// dialogExportCmd writes a tree as a table.
type dialogExportCmd struct {
	File string `arg:"" help:"Dialog tree."`
	Out  string `short:"o" required:"" help:"XLSX file to write." placeholder:"FILE.xlsx"`
}

// Help shows an example.
func (dialogExportCmd) Help() string {
	return `Writes a tree as a 话术表: 环节, 条件, 话术, 客户回答, 下一步, 标签. «dialog import» brings it back.

Example:

  warmline dialog export examples/dialogs/winter-care.yaml -o winter.xlsx`
}

// Run writes.
func (c *dialogExportCmd) Run(a *app) error {
	src, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the dialog tree: %w", err)
	}
	sh, err := dialogs.ToSheet(filepath.Base(c.File), src)
	if err != nil {
		return err
	}
	x := excelize.NewFile()
	defer x.Close()
	if err := x.SetSheetName("Sheet1", sheetRows); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	if _, err := x.NewSheet(sheetSettings); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	for name, rows := range map[string][][]string{sheetRows: sh.Rows, sheetSettings: sh.Settings} {
		if err := fillSheet(x, name, rows); err != nil {
			return fmt.Errorf("writing the table: %w", err)
		}
	}
	if err := x.SaveAs(c.Out); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	fmt.Fprintf(a.std.err, "%s, %d rows\n", c.Out, len(sh.Rows))
	return nil
}

// fillSheet writes rows as text, so that a cell that begins with = is no formula.
func fillSheet(x *excelize.File, name string, rows [][]string) error {
	wrap, err := x.NewStyle(&excelize.Style{Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	if err != nil {
		return err
	}
	for i, row := range rows {
		for j, cell := range row {
			at, err := excelize.CoordinatesToCellName(j+1, i+1)
			if err != nil {
				return err
			}
			if err := x.SetCellStr(name, at, cell); err != nil {
				return err
			}
		}
	}
	for column, width := range map[string]float64{"A": 16, "B": 28, "C": 52, "D": 18, "E": 18, "F": 34} {
		if err := x.SetColWidth(name, column, column, width); err != nil {
			return err
		}
	}
	return x.SetColStyle(name, "A:F", wrap)
}

// dialogImportCmd reads a table into a tree.
type dialogImportCmd struct {
	File string `arg:"" help:"话术表, XLSX as «dialog export» writes it."`
	Out  string `short:"o" help:"Tree to write; standard output when left out." placeholder:"FILE.yaml"`
}

// Help shows an example.
func (dialogImportCmd) Help() string {
	return `Reads a 话术表 into a tree and checks it; what is wrong is told by its cell.

Example:

  warmline dialog import winter.xlsx -o winter.yaml

Exit code 1 when there is a problem; nothing is written then.`
}

// maxSheet bounds what a table may unpack to.
const maxSheet = 32 << 20

// Run reads.
func (c *dialogImportCmd) Run(a *app) error {
	x, err := excelize.OpenFile(c.File, excelize.Options{UnzipSizeLimit: maxSheet, UnzipXMLSizeLimit: maxSheet})
	if err != nil {
		return fmt.Errorf("reading the table: %w", err)
	}
	defer x.Close()
	sh := &dialogs.Sheet{}
	for name, rows := range map[string]*[][]string{sheetRows: &sh.Rows, sheetSettings: &sh.Settings} {
		if *rows, err = x.GetRows(name); err != nil {
			return fmt.Errorf("reading the table: it needs the sheets %s and %s: %w", sheetRows, sheetSettings, err)
		}
	}
	src, cells, err := dialogs.FromSheet(sh)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	problems := dialogs.Lint(filepath.Base(c.File), src)
	for _, p := range problems {
		cell := dialogs.Cell("")
		if p.Line >= 1 && p.Line <= len(cells) {
			cell = cells[p.Line-1]
		}
		hint := ""
		if p.Hint != "" {
			hint = " (" + p.Hint + ")"
		}
		a.printf("%s: %s: %s%s\n", c.File, cell, p.Msg, hint)
	}
	if len(problems) > 0 {
		return errExit(1)
	}
	if formatted, err := dialogs.Format(c.File, src); err == nil {
		src = formatted
	}
	return a.write(c.Out, src)
}

// keepChat writes a chat as a golden, its facts with it.
func keepChat(file, factsFile, talk string, o dialogs.Outcome) error {
	var facts []byte
	if factsFile != "" {
		var err error
		if facts, err = os.ReadFile(factsFile); err != nil {
			return fmt.Errorf("keeping the chat: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("keeping the chat: %w", err)
	}
	if err := os.WriteFile(file, dialogs.WriteGolden("", string(facts), talk, o), 0o644); err != nil {
		return fmt.Errorf("keeping the chat: %w", err)
	}
	return nil
}
