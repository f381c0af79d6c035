package warmline

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"warmline/sip/siptest"
)

var update = flag.Bool("update", false, "rewrite the generated tables of the documentation")

// pages are the documents this test reads.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range append(files, more...) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = string(b)
	}
	if len(out) < 8 {
		t.Fatalf("only %d documents seen: the walk is broken", len(out))
	}
	return out
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
)

func TestLinksOfTheDocsLeadSomewhere(t *testing.T) {
	docs := pages(t)
	for name, text := range docs {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			to := name
			if file != "" {
				to = filepath.Join(filepath.Dir(name), file)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(docs[filepath.ToSlash(to)]), anchor) {
				t.Errorf("%s links to %s: there is no such heading", name, m[1])
			}
		}
	}
}

// anchors are the names under which GitHub offers the headings of a text.
func anchors(text string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		out = append(out, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case strings.ContainsRune("`()（）,，.。:：'\"/、;；?？!！*", r):
				return -1
			}
			return r
		}, strings.ToLower(strings.TrimSpace(m[1]))))
	}
	return out
}

func TestOperatorsAreToldTheSameInBothLanguages(t *testing.T) {
	docs := pages(t)
	if a, b := tabled(docs["README.md"]), tabled(docs["README.zh-CN.md"]); !slices.Equal(a, b) {
		t.Errorf("README.md lists commands %v, README.zh-CN.md %v", a, b)
	}
}

var row = regexp.MustCompile("(?m)^\\| `warmline ([a-z ]+)` \\|")

// tabled lists the commands of a README's table.
func tabled(text string) []string {
	var out []string
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

func TestREADMEListsEveryCommand(t *testing.T) {
	got := tabled(pages(t)["README.md"])
	want := commands(t)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("README.md lists\n%v\nthe command line has\n%v", got, want)
	}
}

var mentioned = regexp.MustCompile(`warmline ((?:[a-z]+ )?[a-z]+)`)

func TestCommandsOfTheDocsExist(t *testing.T) {
	known := commands(t)
	for name, text := range pages(t) {
		for _, code := range codes(text) {
			for _, m := range mentioned.FindAllStringSubmatch(code, -1) {
				first, _, _ := strings.Cut(m[1], " ")
				ok := slices.ContainsFunc(known, func(c string) bool {
					return c == m[1] || c == first || strings.HasPrefix(c, m[1]+" ")
				})
				if !ok {
					t.Errorf("%s tells people to type warmline %s, which is no command", name, m[1])
				}
			}
		}
	}
}

var (
	fence  = regexp.MustCompile("(?ms)^```\n(.*?)^```$")
	inline = regexp.MustCompile("`(warmline [^`\n]+)`")
)

// codes are the parts of a text that people type.
func codes(text string) []string {
	var out []string
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(m[1]) {
			for part := range strings.SplitSeq(line, "|") {
				part = strings.TrimPrefix(strings.TrimSpace(part), "DATABASE_URL=… ")
				if strings.HasPrefix(part, "warmline ") {
					out = append(out, part)
				}
			}
		}
	}
	for _, m := range inline.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		out = append(out, m[1])
	}
	return out
}

// commands reads the command line from the struct tags of cmd/warmline.
func commands(t *testing.T) []string {
	t.Helper()
	structs := map[string]*ast.StructType{}
	files, err := filepath.Glob("cmd/warmline/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSpec); ok {
				if body, ok := s.Type.(*ast.StructType); ok {
					structs[s.Name.Name] = body
				}
			}
			return true
		})
	}
	out := below(structs, "cli", "")
	if len(out) < 10 {
		t.Fatalf("only the commands %v seen: the reading is broken", out)
	}
	return out
}

// below lists the leaf commands of a struct of commands, as kong reads them.
func below(structs map[string]*ast.StructType, name, prefix string) []string {
	var out []string
	for _, f := range structs[name].Fields.List {
		if f.Tag == nil {
			continue
		}
		raw, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			continue
		}
		tag := reflect.StructTag(raw)
		kind, ok := f.Type.(*ast.Ident)
		if _, cmd := tag.Lookup("cmd"); !cmd || !ok {
			continue
		}
		word := prefix + cmp.Or(tag.Get("name"), strings.ToLower(f.Names[0].Name))
		if sub := below(structs, kind.Name, word+" "); len(sub) > 0 {
			out = append(out, sub...)
		} else {
			out = append(out, word)
		}
	}
	return out
}

// TestNumbersAreThoseOfTheSimulator compares the table of docs/numbers.md with
// siptest.Cases; -update writes it.
func TestNumbersAreThoseOfTheSimulator(t *testing.T) {
	const file, from, to = "docs/numbers.md", "<!-- cases -->\n", "<!-- /cases -->"
	text := pages(t)[file]
	head, rest, ok := strings.Cut(text, from)
	have, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q … %q", file, from, to)
	}
	want := caseTable()
	if *update && have != want {
		if err := os.WriteFile(file, []byte(head+from+want+to+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Errorf("%s differs from siptest.Cases; run go test -run TestNumbers . -update\ngot\n%s\nwant\n%s", file, have, want)
	}
}

func caseTable() string {
	var b strings.Builder
	b.WriteString("| ends in | name | disposition | outcome | what happens |\n|---|---|---|---|---|\n")
	for _, c := range siptest.Cases() {
		then := func(first, next string) string {
			if next == "" || next == first {
				return code(first)
			}
			return code(first) + ", then " + code(next)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", c.Suffix, c.Name,
			then(c.Disposition, c.NextDisposition), then(c.Outcome, c.NextOutcome), c.About)
	}
	return b.String()
}

func code(word string) string {
	if word == "" {
		return "–"
	}
	return "`" + word + "`"
}

// TestDocsNameEveryGate keeps the twelve gates of docs/compliance.md in the
// order the door asks them.
func TestDocsNameEveryGate(t *testing.T) {
	src, err := os.ReadFile("compliance/decide.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, m := range regexp.MustCompile(`(?m)^\t\{"([a-z_]+)", [a-zA-Z]+\},$`).FindAllStringSubmatch(string(src), -1) {
		want = append(want, m[1])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| [0-9]+ \\| `([a-z_]+)` \\|").FindAllStringSubmatch(pages(t)["docs/compliance.md"], -1) {
		got = append(got, m[1])
	}
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("docs/compliance.md has the gates\n%v\nthe door asks\n%v", got, want)
	}
}

// TestTheSIPChecklistNamesRealTests keeps docs/sip.md from rotting: each line of
// its tables names at least one test, and each test named exists.
func TestTheSIPChecklistNamesRealTests(t *testing.T) {
	exist := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		text, err := os.ReadFile(s.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			exist[m[1]] = true
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
	rows := 0
	for line := range strings.Lines(pages(t)["docs/sip.md"]) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[3]) == "tests" {
			continue
		}
		rows++
		tests := named.FindAllStringSubmatch(cells[3], -1)
		if len(tests) == 0 {
			t.Errorf("no test for %q", strings.TrimSpace(cells[2]))
		}
		for _, m := range tests {
			if !exist[m[1]] {
				t.Errorf("%q names %s, which does not exist", strings.TrimSpace(cells[2]), m[1])
			}
		}
	}
	if rows < 60 {
		t.Errorf("only %d lines seen: the reading is broken, or the list", rows)
	}
}
