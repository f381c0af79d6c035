package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"warmline/dialogs"
)

// dialogCmd groups what an author of trees does.
type dialogCmd struct {
	Lint       dialogLintCmd       `cmd:"" help:"Check trees; every problem with its file, line and column."`
	Chat       dialogChatCmd       `cmd:"" help:"Talk to a tree by text, and keep the talk as a test."`
	Test       dialogTestCmd       `cmd:"" help:"Play conversations kept as files (goldens)."`
	Graph      dialogGraphCmd      `cmd:"" help:"A picture of a tree, SVG or Mermaid."`
	Say        dialogSayCmd        `cmd:"" help:"Hear one line of a tree."`
	Understand dialogUnderstandCmd `cmd:"" help:"What sentences are understood as."`
	Propose    dialogProposeCmd    `cmd:"" help:"Other wordings of a line from a language model, checked; you approve."`
	Replay     dialogReplayCmd     `cmd:"" help:"Step a call's journal again, or through a new version."`
	Export     dialogExportCmd     `cmd:"" help:"A tree as a table (话术表, XLSX)."`
	Import     dialogImportCmd     `cmd:"" help:"A table (话术表, XLSX) as a tree."`
	Fmt        dialogFmtCmd        `cmd:"" help:"Write trees in one form."`
	Schema     dialogSchemaCmd     `cmd:"" help:"JSON Schema of the tree language, for editors."`
}

type dialogLintCmd struct {
	Files  []string `arg:"" help:"Dialog trees."`
	Report bool     `help:"Also tell how each tree reads aloud: the most it talks, its first pause, its sentences."`
	JSON   bool     `help:"One JSON object."`
}

// Help shows an example.
func (dialogLintCmd) Help() string {
	return "Examples:\n\n  warmline dialog lint examples/dialogs/*.yaml\n  warmline dialog lint --report mytree.yaml\n\nExit code 1 when there is a problem."
}

type problemLine struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Problem string `json:"problem"`
	Hint    string `json:"hint,omitempty"`
}

// readability is how one tree reads aloud.
type readability struct {
	File              string   `json:"file"`
	TalkSeconds       float64  `json:"talk_seconds"`
	Path              []string `json:"path"`
	FirstPauseSeconds float64  `json:"first_pause_seconds"`
	Sentences         int      `json:"sentences"`
	Mean              float64  `json:"mean"`
	Longest           int      `json:"longest"`
	Unit              string   `json:"unit"`
	Sentence          string   `json:"sentence"`
}

func readAloud(file string, t *dialogs.Tree) readability {
	r, unit := t.Readability(), "characters"
	if strings.HasPrefix(t.Language(), "en") {
		unit = "words"
	}
	tenth := func(f float64) float64 { return math.Round(f*10) / 10 }
	return readability{file, tenth(r.Talk.Seconds()), r.Path, tenth(r.FirstPause.Seconds()), r.Sentences, tenth(r.Mean), r.Longest, unit, r.Sentence}
}

// Run lints.
func (c *dialogLintCmd) Run(a *app) error {
	found, reports := []problemLine{}, []readability{}
	for _, f := range c.Files {
		var problems dialogs.Problems
		tree, err := parseFile(f)
		if err != nil && !errors.As(err, &problems) {
			return err
		}
		if err == nil && c.Report {
			r := readAloud(f, tree)
			if reports = append(reports, r); !c.JSON {
				a.printf("%s: talks at most %gs (%s), pauses first after %gs; %d sentences, mean %g, longest %d %s: %s\n",
					f, r.TalkSeconds, strings.Join(r.Path, " → "), r.FirstPauseSeconds, r.Sentences, r.Mean, r.Longest, r.Unit, r.Sentence)
			}
		}
		for _, p := range problems {
			p.File = filepath.Join(filepath.Dir(f), p.File)
			found = append(found, problemLine{p.File, p.Line, p.Col, p.Msg, p.Hint})
			if !c.JSON {
				a.printf("%s\n", p)
			}
		}
	}
	if c.JSON {
		answer := map[string]any{"files": len(c.Files), "problems": found}
		if c.Report {
			answer["reports"] = reports
		}
		if err := a.json(answer); err != nil {
			return err
		}
	} else if len(found) == 0 {
		a.printf("%d trees, no problem\n", len(c.Files))
	}
	if len(found) > 0 {
		return errExit(1)
	}
	return nil
}

type dialogChatCmd struct {
	File  string `arg:"" help:"Dialog tree."`
	Facts string `help:"What the tree may know, YAML or JSON." placeholder:"FILE"`
	Keep  string `help:"Keep the talk as a golden, for «dialog test»; the call then starts on a set Monday unless the facts name now." placeholder:"FILE.txtar"`
	JSON  bool   `help:"Print the outcome as JSON at the end."`
}

// Help shows an example.
func (dialogChatCmd) Help() string {
	return `You are the customer: type what you would say, a single digit for a key, an
empty line for silence; Ctrl-D hangs up.

Example:

  printf '对我是\n挺好的\n可以啊\n' | warmline dialog chat examples/dialogs/winter-care.yaml --facts examples/facts.yaml`
}

// Run chats.
func (c *dialogChatCmd) Run(a *app) error {
	tree, err := parseFile(c.File)
	if err != nil {
		return err
	}
	facts, err := readFacts(c.Facts)
	if err != nil {
		return err
	}
	if _, ok := facts["brand"]; !ok {
		facts["brand"] = tree.Brand()
	}
	switch {
	case c.Keep != "" && facts["now"] == nil:
		facts["now"] = goldenStart
	case facts["now"] == nil:
		facts["now"] = time.Now()
	}
	var talk strings.Builder
	in := bufio.NewScanner(a.std.in)
	replies := func() (string, bool) {
		if a.ctx.Err() != nil || !in.Scan() {
			return "", false
		}
		talk.WriteString(strings.TrimSpace("> "+in.Text()) + "\n")
		return in.Text(), true
	}
	id := "chat"
	if c.Keep != "" {
		id = "golden" // the lot that experiments draw there
	}
	o := dialogs.RunText(tree, id, facts, replies, func(who, text string) {
		fmt.Fprintf(&talk, "%s: %s\n", who, text)
		a.printf("%s: %s\n", who, text)
	})
	if err := in.Err(); err != nil {
		return errors.Join(errors.New("reading your replies"), err)
	}
	if c.Keep != "" {
		if err := keepChat(c.Keep, c.Facts, talk.String(), o); err != nil {
			return err
		}
		fmt.Fprintf(a.std.err, "kept in %s\n", c.Keep)
	}
	if c.JSON {
		return a.json(o)
	}
	fmt.Fprintf(a.std.out, "%s %v\n", o.Name, o.Tags)
	return nil
}
