package reports

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// words are the screen words: Chinese, English.
var words = map[string][2]string{
	"imported": {"导入", "imported"}, "eligible": {"可呼", "eligible"}, "admitted": {"已排", "planned"},
	"dialed": {"外呼", "dialed"}, "answered": {"接通", "answered"}, "human": {"真人接听", "person answered"},
	"disclosed": {"已表明身份", "heard who calls"}, "right_party": {"本人", "right person"}, "pitched": {"有效对话", "heard the offer"},
	"agreed": {"同意", "agreed"}, "link_sent": {"发起添加", "invitation sent"}, "added": {"通过", "became friends"},
	"retained_7d": {"7日留存", "friends after 7 days"},

	"penetration": {"外呼覆盖率", "dialed of eligible"}, "attempts_per_person": {"人均外呼次数", "attempts per person"},
	"connect": {"接通率", "connect rate"}, "human_answer": {"真人接通率", "person-answered rate"},
	"contact": {"触达率", "contact rate"}, "agree": {"同意率", "agree rate"}, "add": {"通过率", "add rate"},
	"dialed_to_friend": {"外呼加粉率", "dialed to friend"}, "abandoned": {"我方弃呼率", "abandonment"},
	"opt_out_per_1000":     {"退订率（每千次真人接听）", "opt-outs per 1,000 persons"},
	"complaints_per_10000": {"投诉率（每万次真人接听）", "complaints per 10,000 persons"},
	"right_party_rate":     {"本人率", "right-person rate"}, "retained_7d_rate": {"7日留存率", "kept after 7 days"},

	"people": {"人数", "people"}, "attempts": {"次数", "attempts"}, "all": {"全部外呼任务", "all campaigns"},
	"dispositions": {"呼叫结果", "Results of calls"}, "held": {"暂不外呼", "Not called now"}, "outcomes": {"对话结果", "Outcomes"},
	"rates": {"比率（分子/分母）", "Rates (part/whole)"}, "opted_out": {"免打扰", "opted out"}, "complaints": {"投诉", "complaints"},
	"messages": {"短信", "texts"}, "delivered": {"送达", "delivered"}, "invited": {"加粉任务", "invitations"},
	"friends": {"好友", "friends"}, "friends_lost": {"删除", "friends lost"}, "refused": {"临呼拦截", "refused at the door"},
}

// Text writes the funnel for people; lang is "zh" or "en". Every rate is printed
// with its numerator and denominator.
func (f Funnel) Text(w io.Writer, lang string) error {
	i := 0
	if strings.HasPrefix(lang, "en") {
		i = 1
	}
	say := func(key string) string {
		if t, ok := words[key]; ok {
			return t[i]
		}
		return key
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n\n", cmp.Or(f.Campaign, say("all")), f.At.Format("2006-01-02 15:04"))
	fmt.Fprintf(&b, "%s%s%s\n", pad("", 26), left(say("people"), 10), left(say("attempts"), 10))
	for _, r := range f.Rows {
		calls := ""
		if r.Attempts > 0 {
			calls = fmt.Sprint(r.Attempts)
		}
		fmt.Fprintf(&b, "%s%s%s\n", pad("  "+say(string(r.Step)), 26), left(fmt.Sprint(r.People), 10), left(calls, 10))
	}
	fmt.Fprintf(&b, "\n%s\n", say("rates"))
	for _, r := range f.Rates() {
		name := r.Name
		if name == "right_party" || name == "retained_7d" {
			name += "_rate"
		}
		fmt.Fprintf(&b, "%s%s\n", pad("  "+say(name), 36), r)
	}
	list := func(title string, m map[string]int) {
		if len(m) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s\n", say(title))
		for _, k := range byCount(m) {
			fmt.Fprintf(&b, "%s%s\n", pad("  "+k, 26), left(fmt.Sprint(m[k]), 10))
		}
	}
	list("dispositions", f.Dispositions)
	list("outcomes", f.Outcomes)
	list("held", f.Held)
	fmt.Fprintf(&b, "\n%s %d · %s %d · %s %d · %s %d (%s %d) · %s %d · %s %d · %s %d\n",
		say("opted_out"), f.OptedOut, say("complaints"), f.Complaints, say("refused"), f.Refused,
		say("messages"), f.Messages, say("delivered"), f.Delivered, say("invited"), f.Invited,
		say("friends"), f.Friends, say("friends_lost"), f.FriendsLost)
	_, err := io.WriteString(w, b.String())
	return err
}

// String prints value and fraction: "31.2% (125/401)", "– (0/0)" when there is
// nothing to divide by.
func (r Rate) String() string {
	v, ok := r.Value()
	switch {
	case !ok:
		return fmt.Sprintf("– (%d/%d)", r.N, r.Of)
	case r.Per == 100:
		return fmt.Sprintf("%.1f%% (%d/%d)", v, r.N, r.Of)
	}
	return fmt.Sprintf("%.2f (%d/%d)", v, r.N, r.Of)
}

// byCount orders keys by their count, the largest first, then by name.
func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
}

// width counts columns of a terminal: Chinese characters and full-width signs
// take two.
func width(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if r >= 0x2e80 {
			n++
		}
	}
	return n
}

func pad(s string, n int) string  { return s + strings.Repeat(" ", max(n-width(s), 1)) }
func left(s string, n int) string { return strings.Repeat(" ", max(n-width(s), 1)) + s }
