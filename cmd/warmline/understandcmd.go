package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"warmline/dialogs"
)

type dialogUnderstandCmd struct {
	Lang    string `help:"Language: zh or en." enum:"zh,en" default:"zh"`
	Context string `help:"What was asked last: opening, recall_order, offer_add, ask_phone_is_wechat, silence_prompt, goodbye; or none. It decides short answers such as 嗯 and 不." enum:"opening,identity,recall_order,question,offer_add,ask_phone_is_wechat,silence_prompt,goodbye,none" default:"none" placeholder:"QUESTION"`
	Now     string `help:"When it is said, as 2026-11-23T10:30:00+08:00; the present otherwise. 明天下午三点 is counted from it." placeholder:"RFC3339"`
	JSON    bool   `help:"One JSON object a line: intent, time, slots, confidence, rule."`
}

// Help shows an example.
func (dialogUnderstandCmd) Help() string {
	return `Reads one utterance a line from standard input and says what it was understood as,
by the rules a call is held with. No database, no network.

  intent      one of ` + strings.Join(dialogs.IntentNames, ", ") + `
  time        the time the person named, or null
  slots       channels an opt-out names, phones and numbers that were said
  confidence  0.9 for a pattern, 0.7 for what only sounds like one, 0.6 for a bare 嗯
  rule        the row of the lexicon that decided

An empty line is answered too, with other. What each intent means: docs/understanding.md.

Examples:

  echo 别再打了 | warmline dialog understand --json
  printf '嗯\n不用了\n' | warmline dialog understand --context offer_add
  echo call me tomorrow at 3 | warmline dialog understand --lang en --now 2026-11-23T10:30:00+08:00`
}

type understood struct {
	Intent     string        `json:"intent"`
	Time       *time.Time    `json:"time"`
	Slots      dialogs.Slots `json:"slots"`
	Confidence float64       `json:"confidence"`
	Rule       string        `json:"rule"`
}

// Run understands standard input, line by line, answering each before the next is read.
func (c *dialogUnderstandCmd) Run(a *app) error {
	now := time.Now()
	if c.Now != "" {
		at, err := time.Parse(time.RFC3339, c.Now)
		if err != nil {
			return fmt.Errorf("--now %q is no time: write it as 2026-11-23T10:30:00+08:00", c.Now)
		}
		now = at
	}
	question := c.Context
	if question == "none" {
		question = ""
	}
	in := bufio.NewReader(a.std.in)
	for a.ctx.Err() == nil {
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading utterances: %w", err)
		}
		if err != nil && line == "" {
			return nil
		}
		text := strings.TrimRight(line, "\r\n")
		if werr := c.print(a.std.out, text, dialogs.Understand(text, question, c.Lang, now)); werr != nil {
			return werr
		}
	}
	return a.ctx.Err()
}

func (c *dialogUnderstandCmd) print(out io.Writer, text string, in dialogs.Intent) error {
	u := understood{Intent: in.Name, Slots: in.Slots, Confidence: in.Confidence, Rule: in.Rule}
	if !in.Time.IsZero() {
		u.Time = &in.Time
	}
	if c.JSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return e.Encode(u)
	}
	s := fmt.Sprintf("%s\t%s (%.1f, %s)", text, u.Intent, u.Confidence, u.Rule)
	if u.Time != nil {
		s += "  at " + u.Time.Format("2006-01-02 15:04")
	}
	for _, part := range []struct{ name, value string }{
		{"channels", strings.Join(u.Slots.Channels, " ")},
		{"phones", strings.Join(u.Slots.Phones, " ")},
	} {
		if part.value != "" {
			s += "  " + part.name + " " + part.value
		}
	}
	if len(u.Slots.Numbers) > 0 {
		s += "  numbers " + strings.Trim(fmt.Sprint(u.Slots.Numbers), "[]")
	}
	_, err := fmt.Fprintln(out, s)
	return err
}
