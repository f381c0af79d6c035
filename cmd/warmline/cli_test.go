package main

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"

	"warmline/postgres/pgtest"
)

// tests are this package's tests, with a database server for those who want one.
type tests struct{ *testing.M }

// Run runs them.
func (m tests) Run() int { return pgtest.Main(m.M) }

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"warmline": main})
}

// TestCommandLine runs testdata/*.txtar: what is typed, and what is answered.
// go test -run CommandLine -update rewrites the answers.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			folder, err := os.Getwd()
			e.Setenv("PROJECT", folder+"/../..")
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("WARMLINE_DATA_DIR", e.WorkDir+"/data")
			return err
		},
	})
}

// TestEveryCommandShowsAnExample asks each command for help.
func TestEveryCommandShowsAnExample(t *testing.T) {
	parser, err := kong.New(new(cli))
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(true)
	if len(leaves) < 20 {
		t.Fatalf("only %d commands seen", len(leaves))
	}
	for _, leaf := range leaves {
		words := strings.Fields(leaf.FullPath())[1:]
		t.Run(strings.Join(words, " "), func(t *testing.T) {
			got := warmline(t, nil, append(words, "--help")...)
			if got.code != 0 || got.err != "" {
				t.Errorf("exit %d: %s", got.code, got.err)
			}
			if !strings.Contains(got.out, "Example") || !strings.Contains(got.out, "  warmline "+words[0]) && !strings.Contains(got.out, " warmline "+strings.Join(words, " ")) {
				t.Errorf("no example:\n%s", got.out)
			}
		})
	}
}

func TestMisuseIsExitCodeTwo(t *testing.T) {
	for _, args := range [][]string{{}, {"nonsense"}, {"call", "1000"}, {"report", "--lang", "fr"}, {"import"}} {
		if got := warmline(t, nil, args...); got.code != 2 || !strings.Contains(got.err, "--help") {
			t.Errorf("%q: exit %d: %s", args, got.code, got.err)
		}
	}
}
