package dialogs

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
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

var shipped = []string{"winter-care", "birthday", "local-event"}

// TestGoldenConversations plays testdata/TREE-*.txtar: facts.yaml, then the replies of the
// conversation, against what the bot says and what it comes to.
func TestGoldenConversations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples, "testdata", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no golden conversations", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := ""
			for _, n := range append([]string{"inbound"}, shipped...) {
				if strings.HasPrefix(filepath.Base(file), n) {
					name = n
				}
			}
			got := play(t, loadTree(t, name), ar)
			if *update {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(ar)), string(txtar.Format(got))); diff != "" {
				t.Errorf("the conversation went another way (-want +got):\n%s", diff)
			}
		})
	}
}

// play runs the conversation of an archive again and returns the archive it makes.
func play(t *testing.T, tree *Tree, ar *txtar.Archive) *txtar.Archive {
	t.Helper()
	parts := map[string]string{}
	for _, f := range ar.Files {
		parts[f.Name] = string(f.Data)
	}
	facts, err := ReadFacts([]byte(parts["facts.yaml"]), monday)
	if err != nil {
		t.Fatal(err)
	}
	var replies []string
	for line := range strings.Lines(parts["conversation"]) {
		if said, ok := strings.CutPrefix(line, ">"); ok {
			replies = append(replies, strings.TrimSpace(said))
		}
	}
	var talk strings.Builder
	o := RunText(tree, "golden", facts, func() (string, bool) {
		if len(replies) == 0 {
			return "", false
		}
		said := replies[0]
		replies = replies[1:]
		talk.WriteString(strings.TrimSpace("> "+said) + "\n")
		return said, true
	}, func(who, text string) { fmt.Fprintf(&talk, "%s: %s\n", who, text) })
	for _, left := range replies {
		t.Errorf("the conversation was over before %q was said", left)
	}
	outcome := o.Name
	if len(o.Tags) > 0 {
		outcome += " [" + strings.Join(o.Tags, " ") + "]"
	}
	if !o.Callback.IsZero() {
		outcome += " callback " + o.Callback.Format("2006-01-02 15:04")
	}
	return &txtar.Archive{Comment: ar.Comment, Files: []txtar.File{
		{Name: "facts.yaml", Data: []byte(parts["facts.yaml"])},
		{Name: "conversation", Data: []byte(talk.String())},
		{Name: "outcome", Data: []byte(outcome + "\n")},
	}}
}
