package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"warmline/dialogs"
	"warmline/speech/openai"
)

// dialogProposeCmd asks a model for other wordings of a line.
type dialogProposeCmd struct {
	File  string `arg:"" help:"Dialog tree."`
	Node  string `arg:"" help:"Node whose line is wanted otherwise."`
	Line  int    `help:"Which of its lines, from 1." default:"1"`
	Count int    `help:"How many wordings to ask for, 1 to 20." default:"5"`
	Facts string `help:"Show the wordings as this person would hear them, YAML or JSON." placeholder:"FILE"`
	Write bool   `help:"Ask which wordings you approve and write those into the tree."`
	JSON  bool   `help:"One JSON object; not with --write."`
}

// Help shows an example.
func (dialogProposeCmd) Help() string {
	return `Asks the model of understanding: (config) for other wordings of a line and shows
those that pass: the same facts, numbers and names, no forbidden claim, at most 40
characters a sentence, a question where there was one. What does not pass is shown
with the reason.

Nothing of it is spoken before a person has taken it into a tree: paste it, or give
--write and the numbers you approve. They become variants of an experiment, the tree
a new version, and campaigns keep the version they were approved with.

Examples:

  warmline dialog propose examples/dialogs/winter-care.yaml offer --count 5
  echo 1 3 | warmline dialog propose mytree.yaml offer --write`
}

// wording is one proposal, judged.
type wording struct {
	Number  int      `json:"number,omitempty"` // of those that pass, from 1
	Text    string   `json:"text"`
	Sounds  string   `json:"sounds,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
}

// Run proposes.
func (c *dialogProposeCmd) Run(a *app) error {
	if c.Write && c.JSON {
		return errors.New("--write asks you, --json asks nobody: give one of them")
	}
	src, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the dialog tree: %w", err)
	}
	tree, err := parseFile(c.File)
	if err != nil {
		return err
	}
	p, err := tree.Proposal(c.Node, c.Line)
	if err != nil {
		return err
	}
	facts, err := readFacts(c.Facts)
	if err != nil {
		return err
	}
	list, stats, err := c.ask(a, tree, p)
	if err != nil {
		return err
	}
	judged := c.judge(p, list, facts)
	if c.JSON {
		return a.json(map[string]any{
			"tree": tree.Name(), "version": tree.Version(), "node": c.Node, "line": c.Line, "now": p.Texts, "wordings": judged,
			"tokens_in": stats.TokensIn, "tokens_out": stats.TokensOut, "cost": stats.Cost,
		})
	}
	passed := c.show(a, p, judged)
	a.printf("%d tokens in, %d out, cost %.6f\n", stats.TokensIn, stats.TokensOut, stats.Cost)
	if !c.Write || len(passed) == 0 {
		return nil
	}
	return c.approve(a, tree, p, src, passed)
}

// ask gets the model's wordings.
func (c *dialogProposeCmd) ask(a *app, tree *dialogs.Tree, p *dialogs.Proposal) ([]string, openai.Stats, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, openai.Stats{}, err
	}
	if cfg.Understanding.URL == "" {
		return nil, openai.Stats{}, errors.New("no model is configured: set understanding.url and model, see deploy/warmline.example.yaml")
	}
	m, err := cfg.Understanding.client()
	if err != nil {
		return nil, openai.Stats{}, err
	}
	defer m.Close()
	list, err := m.Propose(a.ctx, openai.Draft{
		Lines: p.Texts, Facts: p.Facts, Brand: tree.Brand(), Lang: tree.Language(), Question: p.Question(), Ask: p.Ask, Count: c.Count,
	})
	return list, m.Stats(), err
}

// judge numbers what passes, and gives the reasons of what does not. Of two alike the
// second is refused.
func (c *dialogProposeCmd) judge(p *dialogs.Proposal, list []string, facts dialogs.Facts) []wording {
	out := make([]wording, 0, len(list))
	passed := 0
	seen := map[string]bool{}
	for _, text := range list {
		w := wording{Text: strings.TrimSpace(text), Reasons: p.Judge(strings.TrimSpace(text))}
		if seen[w.Text] {
			w.Reasons = append(w.Reasons, "it was proposed already")
		}
		seen[w.Text] = true
		if len(w.Reasons) == 0 {
			passed++
			w.Number = passed
			if c.Facts != "" {
				if heard, ok := p.Preview(w.Text, facts, time.Now()); ok {
					w.Sounds = heard
				} else {
					w.Sounds = "(not spoken: a fact is missing)"
				}
			}
		}
		out = append(out, w)
	}
	return out
}

// show prints what is said now, what passes and what does not.
func (c *dialogProposeCmd) show(a *app, p *dialogs.Proposal, judged []wording) (passed []string) {
	for _, text := range p.Texts {
		a.printf("now  %s\n", text)
	}
	for _, w := range judged {
		if w.Number == 0 {
			continue
		}
		passed = append(passed, w.Text)
		a.printf("%-4d %s\n", w.Number, w.Text)
		if w.Sounds != "" {
			a.printf("     → %s\n", w.Sounds)
		}
	}
	for _, w := range judged {
		if w.Number == 0 {
			a.printf("no   %q: %s\n", w.Text, strings.Join(w.Reasons, "; "))
		}
	}
	if len(passed) == 0 {
		a.printf("none passes\n")
	}
	return passed
}

// approve asks a person which wordings become part of the tree, and writes those.
func (c *dialogProposeCmd) approve(a *app, tree *dialogs.Tree, p *dialogs.Proposal, src []byte, passed []string) error {
	fmt.Fprint(a.std.err, "Which do you approve? Their numbers, or an empty line for none: ")
	answer, err := bufio.NewReader(a.std.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading what you approve: %w", err)
	}
	var texts []string
	for _, word := range strings.FieldsFunc(answer, func(r rune) bool { return strings.ContainsRune(" ,，、\t\r\n", r) }) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > len(passed) {
			return fmt.Errorf("%q is not a number from 1 to %d; nothing was written", word, len(passed))
		}
		if text := passed[n-1]; !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		a.printf("nothing was written\n")
		return nil
	}
	out, err := p.Approve(src, os.DirFS(filepath.Dir(c.File)), texts)
	if err != nil {
		return err
	}
	if err := replaceFile(c.File, src, out); err != nil {
		return err
	}
	now, err := parseFile(c.File)
	if err != nil {
		return err
	}
	a.printf("%d written; %s was %s and is %s. A campaign speaks it once it is made from this version and approved.\n", len(texts), tree.Name(), tree.Version(), now.Version())
	return nil
}

// replaceFile writes a file anew unless somebody changed it meanwhile.
func replaceFile(name string, was, is []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	now, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("writing the tree: %w", err)
	}
	if string(now) != string(was) {
		return fmt.Errorf("writing the tree: %s was changed meanwhile; nothing was written", name)
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".propose-*")
	if err != nil {
		return fmt.Errorf("writing the tree: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(is)
	if err := errors.Join(err, temp.Chmod(mode), temp.Close()); err != nil {
		return fmt.Errorf("writing the tree: %w", err)
	}
	if err := os.Rename(temp.Name(), name); err != nil {
		return fmt.Errorf("writing the tree: %w", err)
	}
	return nil
}
