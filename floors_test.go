package warmline

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"warmline/dialogs"
)

// floors says on which floor a room stands. Subfolders stand with their room
// unless listed.
var floors = map[string]int{
	"contacts": 0, "dialogs": 0, "media": 0, "sip": 0,
	"compliance": 1, "occasions": 1, "speech": 1,
	"scheduler": 2, "messaging": 2, "wecom": 2,
	"dialer": 3, "reports": 3,
	"postgres":        4,
	"scheduler/tasks": 5, "web": 5,
	"cmd": 6, "examples": 6, "bench": 6,
}

// only names the one room (and its subfolders) that may import a library, and
// why the others may not.
var only = []struct{ library, room, why string }{
	{"github.com/hibiken/asynq", "scheduler/tasks", "a task is only a wake-up; who decides must not know the queue"},
	{"github.com/alicebob/miniredis", "scheduler/tasks", "Redis only wakes"},
	{"github.com/jackc/", "postgres", "pgx types do not leak out of the store"},
	{"github.com/emiago/sipgo", "sip", "its dialog client has known faults; our own INVITE usage hides it"},
	{"github.com/icholy/digest", "sip", "credentials belong to a trunk"},
	{"github.com/pion/", "media", "frames and SDP are the media room's business"},
	{"github.com/danielgtaylor/huma", "web", "the API's form is the web room's business"},
	{"os/exec", "postgres/local scheduler/tasks/local speech/espeak cmd bench", "text never becomes a command line; only private servers, voices and what is measured are processes"},
}

// pure rooms decide; they have no net, no database and no clock of their own.
var pure = []string{"contacts", "dialogs", "compliance", "scheduler", "reports"}

// seam holds what fakes need of their own room, and why that is no imitation.
var seam = map[string]bool{
	"postgres/pgtest postgres/local": true, // it runs the real server
	"speech/speechtest speech":       true, // it is an engine behind speech's own interfaces, not a second speech
}

type file struct {
	dir, name string
	imports   []string
	test      bool
}

func sources(t *testing.T) []file {
	t.Helper()
	var out []file
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != "." || d.Name() == "node_modules" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := file{dir: path.Dir(filepath.ToSlash(p)), name: p, test: strings.HasSuffix(p, "_test.go")}
		for _, i := range f.Imports {
			v, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, v)
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d source files seen: the walk is broken", len(out))
	}
	return out
}

// room is the longest listed prefix of a folder.
func room(dir string) (string, bool) {
	for d := dir; d != "." && d != "/"; d = path.Dir(d) {
		if _, ok := floors[d]; ok {
			return d, true
		}
	}
	return "", false
}

// imitates says which room a fake belongs to: sip/siptest imitates sip's peer.
func imitates(dir string) (string, bool) {
	base := path.Base(dir)
	if parent := path.Dir(dir); strings.HasSuffix(base, "test") && parent != "." {
		return parent, true
	}
	return "", false
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range sources(t) {
		from, ok := room(f.dir)
		if !ok {
			if f.dir != "." {
				t.Errorf("%s: folder %s stands on no floor; add it to floors", f.name, f.dir)
			}
			continue
		}
		fake, isFake := imitates(f.dir)
		for _, imp := range f.imports {
			dir, ok := strings.CutPrefix(imp, "warmline/")
			if !ok {
				continue
			}
			to, ok := room(dir)
			if !ok {
				t.Errorf("%s imports %s, which stands on no floor", f.name, imp)
				continue
			}
			_, toFake := imitates(dir)
			switch {
			case isFake && !f.test && (dir == fake || strings.HasPrefix(dir, fake+"/")):
				if !seam[f.dir+" "+dir] {
					t.Errorf("%s imports %s: a fake never imports the room it imitates, or it could not witness against it", f.name, imp)
				}
			case toFake && !f.test && !isFake && from != "cmd":
				t.Errorf("%s imports %s: fakes are for tests and cmd", f.name, imp)
			case f.test || isFake && toFake:
				// Tests may look anywhere below cmd; fakes may share fakes.
			case to == from:
				// Within one room.
			case floors[to] >= floors[from]:
				t.Errorf("%s (floor %d) imports %s (floor %d): imports point down only", f.name, floors[from], imp, floors[to])
			}
		}
	}
}

func TestOneRoomPerForeignLibrary(t *testing.T) {
	for _, f := range sources(t) {
		for _, imp := range f.imports {
			for _, o := range only {
				if !strings.HasPrefix(imp, o.library) || f.test {
					continue
				}
				allowed := slices.ContainsFunc(strings.Fields(o.room), func(r string) bool {
					return f.dir == r || strings.HasPrefix(f.dir, r+"/")
				})
				if _, fake := imitates(f.dir); fake && o.library != "os/exec" && strings.HasPrefix(f.dir, o.room+"/") && o.room != "postgres" {
					allowed = false // siptest parses its own SIP, mediatest frames its own RTP
				}
				if !allowed {
					t.Errorf("%s imports %s, which only %s may: %s", f.name, imp, o.room, o.why)
				}
			}
		}
	}
}

func TestPureRoomsTouchNothing(t *testing.T) {
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		for _, imp := range f.imports {
			r, _ := room(f.dir)
			if slices.Contains(pure, r) && (imp == "net" || imp == "net/http" || imp == "os" || imp == "os/exec" || imp == "math/rand" || imp == "math/rand/v2" || imp == "database/sql") {
				t.Errorf("%s imports %s: %s decides and touches nothing", f.name, imp, r)
			}
		}
	}
}

// TestWordsOfAModelHaveNoWayIntoACall: for marketing only text of an approved tree
// version is ever spoken. What a model writes is read by one command at the desk; in a
// call it is behind dialogs.Understander, which can give an intent's name and nothing
// else. That a name cannot become speech either is dialer's TestNoWordOfAnUnderstanderIsEverSpoken.
func TestWordsOfAModelHaveNoWayIntoACall(t *testing.T) {
	proposing := 0
	for _, f := range sources(t) {
		if _, fake := imitates(f.dir); f.test || fake {
			continue
		}
		if slices.Contains(f.imports, "warmline/speech/openai") && f.dir != "cmd/warmline" {
			t.Errorf("%s imports speech/openai: only cmd/warmline wires it, behind dialogs.Understander", f.name)
		}
		text, err := os.ReadFile(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), ".Propose(") {
			if proposing++; f.name != "cmd/warmline/proposecmd.go" {
				t.Errorf("%s asks a model for words: only «warmline dialog propose» does, for a person to approve", f.name)
			}
		}
	}
	if proposing != 1 {
		t.Errorf("%d files ask for words, want 1: the reading is broken", proposing)
	}
	answer := reflect.TypeFor[dialogs.Reading]()
	for f := range answer.Fields() {
		if f.Name != "Intent" && f.Name != "Confidence" {
			t.Errorf("an Understander can give %s: it names an intent and how sure it is, no more", f.Name)
		}
	}
}
