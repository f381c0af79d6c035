package dialogs

import (
	"strings"
	"testing"
)

// asking is the shared part of a tree that asks for one thing.
const asking = `dialog: asking
brand: 苏小糖
silence: {after: 4s, say: 喂，听得到吗？, times: 1, then: bye}
farewell: bye
start: hello
everywhere:
  opt_out!: stop
  complaint!: stop
  wrong_person!: bye
  busy!: bye
  driving!: bye
  later: bye
  not_interested: bye
  already_friend: bye
  ask_human: bye
  are_you_a_bot: {say: 是AI助手。, then: back}
  who_are_you: {say: 苏小糖的。, then: back}
nodes:
  hello:
    say: [您好，我是苏小糖的AI助手，做个回访，通话会录音。请问您穿多大码？]
    slot: SLOT
  got:
    say: ["好的，记下了{{ slot.size }}。", 好的。]
    branch: [{when: WHEN, to: big}, {else: bye}]
  big: {say: [这个码有货。], end: not_interested}
  none: {say: [那算了。], end: no_match}
  stop: {opt_out: all, say: [好的，不再打了。], end: opt_out}
  bye: {say: [再见。], end: not_interested}
`

func askFor(t *testing.T, slot, when string) *Tree {
	t.Helper()
	src := strings.NewReplacer("SLOT", slot, "WHEN", when).Replace(asking)
	tree, err := Parse("asking.yaml", []byte(src))
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return tree
}

func TestSlots(t *testing.T) {
	const ends = ", then: got, else: none}"
	for _, c := range []struct {
		name, slot string
		said       string // replies with a bar between; #1#2 are keys
		want, kept string
	}{
		{"a number in words", "{name: size, is: number, from: 35, to: 46" + ends, "我穿四十二码的", "这个码有货", "42"},
		{"a number out of range is asked for again", "{name: size, is: number, from: 35, to: 46, again: [三十五到四十六之间，您穿多大？]" + ends, "一百码|四十", "记下了四十", "40"},
		{"two misses give up", "{name: size, is: number, from: 35, to: 46" + ends, "不知道啊|哎呀", "那算了", ""},
		{"a score of one digit", "{name: size, is: number, from: 1, to: 5" + ends, "五分吧", "记下了五", "5"},
		{"one is a number where a number is asked", "{name: size, is: number, from: 1, to: 5" + ends, "一", "记下了一", "1"},
		{"一般 is none", "{name: size, is: number, from: 1, to: 5, tries: 0" + ends, "一般", "那算了", ""},
		{"a score by one key", "{name: size, is: number, from: 1, to: 5" + ends, "#5", "记下了五", "5"},
		{"a key that cannot be the answer means what it always does", "{name: size, is: number, from: 1, to: 5" + ends, "#9", "不再打了", ""},
		{"keys end with #", "{name: size, is: number, from: 35, to: 46" + ends, "#4|#2|##", "这个码有货", "42"},
		{"keys start over with *", "{name: size, is: number, from: 35, to: 46" + ends, "#3|#*|#4|#0|##", "记下了四十", "40"},
		{"digits of a length end by themselves", "{name: size, is: digits, length: 4" + ends, "#1|#2|#3|#4", "记下了1234", "1234"},
		{"spoken digits", "{name: size, is: digits, length: 4" + ends, "幺二三四", "记下了1234", "1234"},
		{"digits that are too few", "{name: size, is: digits, length: 4, tries: 0" + ends, "一二三", "那算了", ""},
		{"a phone number", "{name: size, is: phone" + ends, "幺三八 零零幺三 八零零零", "记下了13800138000", "13800138000"},
		{"a date", "{name: size, is: date" + ends, "后天吧", "记下了", "2026-11-25"},
		{"a time", "{name: size, is: time" + ends, "明天下午三点", "明天下午三点", "2026-11-24 15:00"},
		{"yes or no", "{name: size, is: yes_no" + ends, "是的", "记下了", "yes"},
		{"one of a list, by another word", "{name: size, is: choice, choices: {大号: [大的, 大一点], 小号: [小的]}" + ends, "要大一点的", "记下了大号", "大号"},
		{"two of a list are none", "{name: size, is: choice, tries: 0, choices: {大号: [大的], 小号: [小的]}" + ends, "大的小的都行", "那算了", ""},
		{"anything", "{name: size, is: text" + ends, "四十二，脚比较宽", "记下了四十二，脚比较宽", "四十二，脚比较宽"},
		{"a refusal is no answer", "{name: size, is: text" + ends, "别再给我打电话了", "不再打了", ""},
		{"a question is answered and the slot asked again", "{name: size, is: number" + ends, "你是机器人吗|四十二", "这个码有货", "42"},
	} {
		t.Run(c.name, func(t *testing.T) {
			when := `slot.size == "大号"`
			if strings.Contains(c.slot, "is: number") {
				when = "slot.size >= 41"
			} else if strings.Contains(c.slot, "is: date") || strings.Contains(c.slot, "is: time") {
				when = `contact.name == "x"`
			}
			tree := askFor(t, c.slot, when)
			replies := strings.Split(c.said, "|")
			var heard strings.Builder
			o := RunText(tree, "x", Facts{"now": monday}, func() (string, bool) {
				if len(replies) == 0 {
					return "", false
				}
				r := replies[0]
				replies = replies[1:]
				return r, true
			}, func(_, text string) { heard.WriteString(text) })
			if !strings.Contains(heard.String(), c.want) || o.Slots["size"] != c.kept {
				t.Errorf("%q kept, want %q; said %s", o.Slots["size"], c.kept, heard.String())
			}
		})
	}
}

func TestLoadRefusesSlotsAndBranches(t *testing.T) {
	const ok = "{name: size, is: number, then: got, else: none}"
	for _, c := range []struct{ name, slot, when, want string }{
		{"no name", "{is: number, then: got, else: none}", "brand != \"\"", "the slot has no name"},
		{"an odd name", "{name: 尺码, is: number, then: got, else: none}", "brand != \"\"", "the slot has no name"},
		{"no kind", "{name: size, then: got, else: none}", "brand != \"\"", "the slot does not say what it is"},
		{"an odd kind", "{name: size, is: numbr, then: got, else: none}", "brand != \"\"", "numbr is no kind of slot (did you mean number?)"},
		{"no way on", "{name: size, is: number, then: got}", "brand != \"\"", "a slot needs then and else"},
		{"an empty range", "{name: size, is: number, from: 9, to: 1, then: got, else: none}", "brand != \"\"", "the slot's range from 9 to 1 is empty"},
		{"one choice", "{name: size, is: choice, choices: {a: [b]}, then: got, else: none}", "brand != \"\"", "a choice needs at least two choices"},
		{"length of a number", "{name: size, is: number, length: 3, then: got, else: none}", "brand != \"\"", "length belongs to is: digits"},
		{"an unknown slot", ok, "slot.sise > 3", "there is no fact slot.sise (did you mean slot.size?)"},
		{"a slot of another type", ok, `slot.size == "x"`, "invalid operation"},
		{"a node that is not there", "{name: size, is: number, then: gut, else: none}", "brand != \"\"", "there is no node gut (did you mean got?)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := strings.NewReplacer("SLOT", c.slot, "WHEN", c.when).Replace(asking)
			_, err := Parse("asking.yaml", []byte(src))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "asking.yaml:") {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	for name, branch := range map[string]string{
		"the branch has no else":                  "branch: [{when: slot.size > 40, to: big}]",
		"else comes before the last way":          "branch: [{else: bye}, {when: slot.size > 40, to: big}]",
		"a way of a branch needs when and to":     "branch: [{to: big}, {else: bye}]",
		"branch is a text":                        "branch: big",
		"got goes more than one way":              "branch: [{when: slot.size > 40, to: big}, {else: bye}]\n    go: bye",
		"got leads back to got without listening": "branch: [{when: slot.size > 40, to: got}, {else: big}]",
	} {
		src := strings.NewReplacer("SLOT", ok, "branch: [{when: WHEN, to: big}, {else: bye}]", branch).Replace(asking)
		if _, err := Parse("asking.yaml", []byte(src)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %s", err, name)
		}
	}
}
