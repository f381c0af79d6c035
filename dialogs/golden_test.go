package dialogs

import (
	"flag"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden conversations with what is said now")

const examples = "../examples/dialogs"

// monday is when every golden call starts.
var monday = time.Date(2026, 11, 23, 10, 30, 0, 0, time.FixedZone("CST", 8*3600))

func loadTree(t testing.TB, name string) *Tree {
	t.Helper()
	tree, err := ParseFS(os.DirFS(examples), name+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// shipped is every tree of the library, named by its file: winter-care, en/winter-care.
// inbound is no tree of it: there the person calls.
var shipped = func() []string {
	var names []string
	for _, pattern := range []string{"*.yaml", "en/*.yaml"} {
		files, _ := filepath.Glob(filepath.Join(examples, pattern))
		for _, f := range files {
			name, _ := filepath.Rel(examples, strings.TrimSuffix(f, ".yaml"))
			if name = filepath.ToSlash(name); name != "inbound" {
				names = append(names, name)
			}
		}
	}
	return names
}()

// lang is the language of a shipped tree by where it stands.
func lang(name string) string {
	if strings.HasPrefix(name, "en/") {
		return "en"
	}
	return "zh"
}

func readShipped(t testing.TB, name string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(examples, name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// goldens are the golden conversations of a tree. One named birthday-… is not one of
// another tree whose name goes on.
func goldens(name string) []string {
	dir, base := path.Split(name)
	files, _ := filepath.Glob(filepath.Join(examples, dir, "testdata", base+"-*.txtar"))
	return slices.DeleteFunc(files, func(f string) bool {
		return slices.ContainsFunc(shipped, func(other string) bool {
			longer := path.Base(other)
			return lang(other) == lang(name) && len(longer) > len(base) && strings.HasPrefix(filepath.Base(f), longer+"-")
		})
	})
}

// TestEveryTreeHasItsGoldens: happy path, refusal, opt-out, silence, wrong person, busy.
func TestEveryTreeHasItsGoldens(t *testing.T) {
	if len(shipped) != 24 {
		t.Errorf("%d trees are shipped, want twelve in two languages: %v", len(shipped), shipped)
	}
	for _, name := range shipped {
		all := strings.Join(goldens(name), " ")
		for _, ends := range []string{"happy-path", "refusal", "opt-out", "silence", "wrong-person", "busy"} {
			if !strings.Contains(all, path.Base(name)+"-"+ends+".txtar") {
				t.Errorf("%s has no golden for %s", name, ends)
			}
		}
	}
}

// TestGoldenConversations plays testdata/TREE-*.txtar: facts.yaml, then the replies of the
// conversation, against what the bot says and what it comes to.
func TestGoldenConversations(t *testing.T) {
	played := 0
	for _, name := range append([]string{"inbound"}, shipped...) {
		tree := loadTree(t, name)
		for _, file := range goldens(name) {
			played++
			t.Run(lang(name)+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				got, err := PlayGolden(tree, want, monday)
				if err != nil {
					t.Fatal(err)
				}
				if *update {
					if err := os.WriteFile(file, got, 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("the conversation went another way (-want +got):\n%s", diff)
				}
			})
		}
	}
	there, _ := filepath.Glob(filepath.Join(examples, "testdata", "*.txtar"))
	english, _ := filepath.Glob(filepath.Join(examples, "en", "testdata", "*.txtar"))
	if played != len(there)+len(english) {
		t.Errorf("%d of %d golden conversations were played: one belongs to no tree", played, len(there)+len(english))
	}
}
