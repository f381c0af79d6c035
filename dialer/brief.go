package dialer

import (
	"strings"
	"time"
	"unicode/utf8"

	"warmline/dialogs"
)

// briefWords is how much of what the customer said last an agent is told.
const briefWords = 30

// brief is what an agent hears before the customer: who is on the line, and why.
// It tells what a colleague would: how the person is addressed, what the call
// was about, and what they said last.
func brief(q *Queue, lang string, f dialogs.Facts, transcript []Turn) string {
	english := strings.HasPrefix(lang, "en")
	opening, who, said, keys := q.Brief, "一位客户", "刚才说：", "接听请按一，不方便请按二。"
	if english {
		who, said, keys = "A customer", "They said: ", "Press one to take the call, two to decline."
	}
	switch {
	case opening == "" && english:
		opening = "A call for you."
	case opening == "":
		opening = "转接来电。"
	}
	if key := q.Accept; key != "" && key != "1" {
		if keys = "接听请按" + key + "，不方便请按二。"; english {
			keys = "Press " + key + " to take the call, two to decline."
		}
	}
	if s := factText(f, "contact", "salutation"); s != "" {
		who = s
	}
	on := "在线，"
	if english {
		on = " is on the line. "
	}
	words := ""
	if last := lastWordsOf(transcript); last != "" {
		words = said + last + "。"
		if english {
			words = said + last + ". "
		}
	}
	return opening + who + on + words + keys
}

// lastWordsOf is the customer's last sentence, keys aside.
func lastWordsOf(transcript []Turn) string {
	var last Turn
	for _, t := range transcript {
		if t.Who == "callee" && !strings.HasPrefix(t.Text, "[") && t.At >= last.At {
			last = t
		}
	}
	text := strings.TrimRight(strings.TrimSpace(last.Text), "。.！!？?")
	for utf8.RuneCountInString(text) > briefWords {
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	return text
}

// factText reads a text of a group of facts.
func factText(f dialogs.Facts, group, name string) string {
	m, _ := f[group].(map[string]any)
	s, _ := m[name].(string)
	return s
}

// took says what an agent's sentence decides: yes, no, or nothing yet.
func took(text, lang string, now time.Time) (accept, decline bool) {
	for _, yes := range []string{"接听", "接进来", "接过来", "转过来", "转进来", "请讲", "put them through", "go ahead"} {
		if strings.Contains(strings.ToLower(text), yes) && !strings.Contains(text, "不") && !strings.Contains(text, "别") && !strings.Contains(text, "don't") {
			return true, false
		}
	}
	switch in := dialogs.Understand(text, "question", lang, now); in.Name {
	case "yes":
		return in.Confidence > 0.6, false // a bare 嗯 takes no call
	case "no", "busy", "later", "driving", "not_interested", "wrong_person", "opt_out", "complaint":
		return false, true
	}
	return false, false
}
