package dialogs

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// trees are all shipped sources by file.
func trees(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, name := range append([]string{"inbound"}, shipped...) {
		out[filepath.Join(examples, name+".yaml")] = []byte(readShipped(t, name))
	}
	return out
}

func TestAJournalRerunsThroughJSONByteForByte(t *testing.T) {
	tree := loadTree(t, "winter-care")
	facts, err := ReadFacts([]byte("contact: {salutation: 王女士}\nweather: {drop_48h: 11, tomorrow: {low: -12}}\norder: {item: {spoken: 牛轧糖}, signed: 5d ago}\nmember: {name: 小糖}\n"), monday)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := tree.Start("attempt-1", facts, Ledger{Lines: map[string]bool{"x": true}})
	for _, e := range []Event{
		{Kind: Said, Heard: 1}, {Kind: Heard, Text: "对我是"}, {Kind: Said, Heard: 1}, {Kind: Heard, Text: "挺好的"},
		{Kind: Said, Heard: 1}, {Kind: Heard, Text: "可以啊"}, {Kind: Invited, Member: "小糖"}, {Kind: Said, Heard: 1},
	} {
		s.Step(e)
	}
	kept, err := json.Marshal(s.Journal())
	if err != nil {
		t.Fatal(err)
	}
	journal, err := ReadJournal(kept)
	if err != nil {
		t.Fatal(err)
	}
	diff, o := tree.Rerun(journal)
	if diff != nil || o.Name != "agreed_add" {
		t.Fatalf("%+v, %+v", diff, o)
	}
	src := strings.Replace(string(trees(t)[filepath.Join(examples, "winter-care.yaml")]), "谢谢您，再见。", "多谢，再见。", 1)
	changed, err := Parse("new.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if diff, _ = changed.Rerun(journal); diff == nil || !strings.Contains(diff.Got[len(diff.Got)-2].String(), "多谢") || diff.Event.Kind != Invited {
		t.Errorf("a new closing line makes no difference: %+v", diff)
	}
	for _, bad := range []string{"", "[]", "{}", `[{"Event":{"Kind":"heard"}}]`, `[{"Event":{"Kind":"start"},"Opening":{"Facts":{"now":"soon"}}}]`} {
		if _, err := ReadJournal([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// A tree that becomes a table and a tree again says and does the same.
func TestATreeGoesThroughATableAndComesBackTheSame(t *testing.T) {
	for file, src := range trees(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			sh, err := ToSheet(file, src)
			if err != nil {
				t.Fatal(err)
			}
			back, cells, err := FromSheet(sh)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(back), "\n"); n != len(cells) {
				t.Fatalf("%d lines, %d cells", n, len(cells))
			}
			sameTree(t, file, src, back)
			again, err := ToSheet(file, back)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sh, again); diff != "" {
				t.Errorf("the second table differs:\n%s", diff)
			}
		})
	}
}

// sameTree compares what two sources mean: everything but places and the order of keys.
func sameTree(t *testing.T, file string, a, b []byte) {
	t.Helper()
	x, bad := readYAML(file, a)
	if bad != nil {
		t.Fatal(bad)
	}
	y, bad := readYAML(file, b)
	if bad != nil {
		t.Fatalf("%v\n%s", bad, b)
	}
	if diff := cmp.Diff(meaning(x), meaning(y)); diff != "" {
		t.Errorf("the tree means something else (-want +got):\n%s", diff)
	}
}

// meaning is a value without places. A line that is only a text, and one written as
// {text: …}, are the same; so are a say of one line and a list of one.
func meaning(v *val) any {
	switch v.kind {
	case list:
		out := []any{}
		for _, item := range v.items {
			out = append(out, meaning(item))
		}
		if len(out) == 1 {
			return out[0]
		}
		return out
	case mapping:
		out := map[string]any{}
		for _, kv := range v.pairs {
			out[kv.key.str] = meaning(kv.val)
		}
		if text, ok := out["text"]; ok && len(out) == 1 {
			return text
		}
		if to, ok := out["to"]; ok && len(out) == 1 {
			return to
		}
		return out
	case null:
		return map[string]any{}
	}
	return v.str
}

func TestATableIsRefusedByCell(t *testing.T) {
	good := func() *Sheet {
		sh, err := ToSheet("w", trees(t)[filepath.Join(examples, "winter-care.yaml")])
		if err != nil {
			t.Fatal(err)
		}
		return sh
	}
	for _, c := range []struct {
		name   string
		change func(*Sheet)
		want   string
	}{
		{"a header", func(s *Sheet) { s.Rows[0] = []string{"节点"} }, "话术!A1"},
		{"no table", func(s *Sheet) { s.Rows = nil }, "话术!A1"},
		{"no settings", func(s *Sheet) { s.Settings = nil }, "设置!A1"},
		{"a first row without a node", func(s *Sheet) { s.Rows[1] = []string{"", "", "喂"} }, "话术!A2"},
		{"a handler without an answer", func(s *Sheet) { s.Rows[1][3] = "" }, "话术!D2"},
	} {
		sh := good()
		c.change(sh)
		if _, _, err := FromSheet(sh); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	sh := good()
	at := 0
	for i, row := range sh.Rows {
		if row[0] == "recall" {
			sh.Rows[i+2][4], at = "ofer", i+3
		}
	}
	src, cells, err := FromSheet(sh)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse("w", src)
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	if got := string(cells[problems[0].Line-1]); !strings.HasPrefix(got, "话术!D") || at == 0 {
		t.Errorf("%s is told at %s, row %d", problems[0], got, at)
	}
}

func TestThePictureHasEveryNodeAndIsWellFormed(t *testing.T) {
	for file, src := range trees(t) {
		tree, err := Parse(filepath.Base(file), src)
		if err != nil {
			t.Fatal(err)
		}
		svg, chart := tree.SVG(), tree.Mermaid()
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
		for _, name := range tree.order {
			if !strings.Contains(svg, ">"+name+"<") || !strings.Contains(chart, mermaidID(name)+"[") && !strings.Contains(chart, mermaidID(name)+"([") {
				t.Errorf("%s: %s is missing in a picture", file, name)
			}
		}
		if strings.Contains(svg, "<script") || strings.Contains(svg, "http://") && strings.Count(svg, "http://") > 1 {
			t.Errorf("%s: the picture reaches outside", file)
		}
	}
}

func TestAGoldenIsPlayed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples, "testdata", "winter-care-*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := PlayGolden(loadTree(t, "winter-care"), src, monday)
		if err != nil || string(got) != string(src) {
			t.Errorf("%s: %v\n%s", f, err, cmp.Diff(string(src), string(got)))
		}
	}
	if _, err := PlayGolden(loadTree(t, "winter-care"), []byte("-- facts.yaml --\n"), monday); err == nil {
		t.Error("a golden without a conversation was played")
	}
}

func FuzzFromSheet(f *testing.F) {
	f.Add("随时\t\t\topt_out!\tbye\t", "dialog\tx")
	f.Add("hello\t\t您好\t\t结束:completed\tplain: true", "brand\tx")
	f.Fuzz(func(t *testing.T, rows, settings string) {
		sh := &Sheet{Settings: [][]string{SettingsHeader}, Rows: [][]string{SheetHeader}}
		for line := range strings.Lines(rows) {
			sh.Rows = append(sh.Rows, strings.Split(strings.TrimRight(line, "\n"), "\t"))
		}
		for line := range strings.Lines(settings) {
			sh.Settings = append(sh.Settings, strings.Split(strings.TrimRight(line, "\n"), "\t"))
		}
		src, cells, err := FromSheet(sh)
		if err != nil {
			return
		}
		for _, p := range Lint("x", src) {
			if p.Line > len(cells) {
				t.Errorf("line %d of %d", p.Line, len(cells))
			}
		}
	})
}

func TestFormattingKeepsWhatATreeMeansAndIsDoneOnce(t *testing.T) {
	for file, src := range trees(t) {
		once, err := Format(file, src)
		if err != nil {
			t.Fatal(err)
		}
		sameTree(t, file, src, once)
		if bytes.Count(src, []byte("#")) != bytes.Count(once, []byte("#")) {
			t.Errorf("%s: a comment was lost", file)
		}
		twice, err := Format(file, once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%s is formatted differently the second time: %v", file, err)
		}
	}
	if _, err := Format("x", []byte("dialog: [")); err == nil {
		t.Error("nonsense was formatted")
	}
}

// The schema knows every key the parser knows, and all shipped trees are good by it.
func TestTheSchemaFitsTheLanguage(t *testing.T) {
	c := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("tree.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("tree.json")
	if err != nil {
		t.Fatal(err)
	}
	for file, src := range trees(t) {
		root, bad := readYAML(file, src)
		if bad != nil {
			t.Fatal(bad)
		}
		if err := schema.Validate(typed(root)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, wrong := range []string{"nodez: {}", "nodes: {a: {sayy: b}}", "nodes: {a: {end: gone}}", "limits: {turns: 99}"} {
		root, bad := readYAML("x", []byte("dialog: x\n"+wrong+"\n"))
		if bad != nil {
			t.Fatal(bad)
		}
		if schema.Validate(typed(root)) == nil {
			t.Errorf("%s is good by the schema", wrong)
		}
	}
	problems := Lint("x", []byte("dialog: x\nbogus: 1\nnodes: {a: {bogus: 1, slot: {bogus: 1}, say: [{bogus: 1}], note: {bogus: 1}, invite: {bogus: 1}, transfer: {bogus: 1}, heard: {a: {bogus: 1}}, listen: {silence: {bogus: 1}}}}\n"))
	keys := regexp.MustCompile(`known: ([^)]*)`)
	checked := 0
	for _, p := range problems {
		m := keys.FindStringSubmatch(p.Hint)
		if m == nil || !strings.Contains(p.Msg, "has no key bogus") {
			continue
		}
		for _, key := range strings.Split(m[1], ", ") {
			if checked++; !strings.Contains(Schema, `"`+key+`"`) {
				t.Errorf("the schema lacks %s (%s)", key, p)
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d keys were looked for", checked)
	}
}

// typed gives scalars the types a YAML reader would.
func typed(v *val) any {
	switch v.kind {
	case list:
		out := []any{}
		for _, item := range v.items {
			out = append(out, typed(item))
		}
		return out
	case mapping:
		out := map[string]any{}
		for _, kv := range v.pairs {
			out[kv.key.str] = typed(kv.val)
		}
		return out
	case null:
		return nil
	}
	if n, err := strconv.ParseFloat(v.str, 64); err == nil {
		return n
	}
	if v.str == "true" || v.str == "false" {
		return v.str == "true"
	}
	return v.str
}
