package dialogs

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/tools/txtar"
)

// PlayGolden plays a conversation kept as a txtar archive against a tree and gives the
// archive that comes of it; the two are equal while the tree says what it said. Its files:
// facts.yaml, conversation (each "> " line is what the person says), outcome.
func PlayGolden(t *Tree, src []byte, now time.Time) ([]byte, error) {
	ar := txtar.Parse(src)
	parts := map[string]string{}
	for _, f := range ar.Files {
		parts[f.Name] = string(f.Data)
	}
	if _, ok := parts["conversation"]; !ok {
		return nil, fmt.Errorf("playing a golden: it has no file conversation")
	}
	facts, err := ReadFacts([]byte(parts["facts.yaml"]), now)
	if err != nil {
		return nil, err
	}
	var replies []string
	for line := range strings.Lines(parts["conversation"]) {
		if said, ok := strings.CutPrefix(line, ">"); ok {
			replies = append(replies, strings.TrimSpace(said))
		}
	}
	var talk strings.Builder
	o := RunText(t, "golden", facts, func() (string, bool) {
		if len(replies) == 0 {
			return "", false
		}
		said := replies[0]
		replies = replies[1:]
		talk.WriteString(strings.TrimSpace("> "+said) + "\n")
		return said, true
	}, func(who, text string) { fmt.Fprintf(&talk, "%s: %s\n", who, text) })
	if len(replies) > 0 {
		return nil, fmt.Errorf("playing a golden: the conversation was over before %q was said", replies[0])
	}
	return WriteGolden(string(ar.Comment), parts["facts.yaml"], talk.String(), o), nil
}

// WriteGolden makes the archive of a conversation, so that a chat can be kept as a test.
func WriteGolden(comment, facts, talk string, o Outcome) []byte {
	outcome := o.Name
	if len(o.Tags) > 0 {
		outcome += " [" + strings.Join(o.Tags, " ") + "]"
	}
	if !o.Callback.IsZero() {
		outcome += " callback " + o.Callback.Format("2006-01-02 15:04")
	}
	for _, k := range sortedKeys(o.Slots) {
		outcome += " " + k + "=" + o.Slots[k]
	}
	return txtar.Format(&txtar.Archive{Comment: []byte(comment), Files: []txtar.File{
		{Name: "facts.yaml", Data: []byte(facts)},
		{Name: "conversation", Data: []byte(talk)},
		{Name: "outcome", Data: []byte(outcome + "\n")},
	}})
}
