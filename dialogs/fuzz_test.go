package dialogs

import (
	"os"
	"slices"
	"testing"
	"time"
)

// FuzzParse: no bytes make the reader panic, and what it accepts can be started.
func FuzzParse(f *testing.F) {
	for _, name := range shipped {
		src, err := os.ReadFile(examples + "/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	for _, s := range []string{"", "dialog: x", "dialog: [", "nodes: {a: {say: \"{{ contact.\"}}", "? ? ? -", "&a [*a]", "say: {{{{", "nodes: {a: {when: 'a ?? b | c'}}", "a: !!x y", "dialog: x\n---\ndialog: y"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		tree, err := Parse("fuzz.yaml", src)
		if err != nil {
			for _, p := range err.(Problems) {
				if p.Line < 1 || p.Col < 1 || p.Msg == "" {
					t.Errorf("a problem without a place: %+v", p)
				}
			}
			return
		}
		s, _ := tree.Start("x", everything(), Ledger{})
		s.Step(Event{Kind: Heard, Text: "别打了"})
	})
}

// FuzzExpression: no condition or text makes the expression reader panic.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{"weather.drop_48h >= 8 && !birthday.lunar", "a | b", "{{ order.item.spoken | spoken }}", "let x = 1; x", "contact?.salutation", "[1][0]", "1..1000000", "map(contact, {#})"} {
		f.Add(s)
	}
	env := (&Tree{brand: "苏小糖"}).settle(everything(), monday)
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1000 {
			return
		}
		if c, bad := common.compileCond(s); bad == nil {
			c.holds(env)
			c.holds(nil)
		}
		if sp, bad := common.readSpeech(s); bad == nil {
			sp.render(env, monday, "")
			sp.render(nil, time.Time{}, "")
		}
	})
}

// FuzzUnderstand: every sentence gets an intent of the closed list after any question, and
// with an opt-out in it, before or behind, it is an opt-out.
func FuzzUnderstand(f *testing.F) {
	for _, s := range []string{"可以", "明天下午三点", "下周八二十五点", "十十十点", "99999小时后", ":::", "？？", "ＯＫ", "一三八零零一三八零零零", "不用不用不用不用你加吧", "double double triple", "at 25:99 pm next next friday", "half past", "大清早的打什么打", "太晚的话", "别 别 别 打", "\xff\xfe"} {
		f.Add(s, uint8(len(s)))
	}
	optOuts := map[string][]string{"zh-CN": {"不要再打了", "别打了", "以后别联系我", "把我拉黑", "退订"}, "en": {"don't call me again", "stop calling me", "take me off your list"}}
	f.Fuzz(func(t *testing.T, s string, which uint8) {
		question := Questions[int(which)%len(Questions)]
		for lang, phrases := range optOuts {
			if in := Understand(s, question, lang, monday); !slices.Contains(IntentNames, in.Name) || in.Rule == "" {
				t.Errorf("%q is %q by %q", s, in.Name, in.Rule)
			}
			phrase := phrases[int(which)%len(phrases)]
			for _, mixed := range []string{s + "，" + phrase, phrase + "，" + s} {
				if in := Understand(mixed, question, lang, monday); in.Name != "opt_out" {
					t.Errorf("%q is %s by %s", mixed, in.Name, in.Rule)
				}
			}
		}
	})
}

// FuzzSession: any events on the shipped trees, one byte each, end within the limits,
// never panic and always honour an opt-out.
func FuzzSession(f *testing.F) {
	f.Add(uint8(0), []byte{13, 0, 13, 0, 13, 0, 14, 13})
	f.Add(uint8(1), []byte{12, 12, 12})
	f.Add(uint8(2), []byte{4, 16, 13, 6, 13, 6})
	trees := make([]*Tree, len(shipped))
	for i, name := range shipped {
		trees[i] = loadTree(f, name)
	}
	more := []Event{{Kind: Barge, LineID: "nobody", Heard: -1}, {Kind: Said, LineID: "x", Heard: 2}, {Kind: Committed}, {Kind: Pending}, {Kind: Key, Key: "9"},
		{Kind: "nonsense"}, {Kind: Heard}, {Kind: Unheard}, {Kind: Transferred}, {Kind: Timeout}, {Kind: Key, Key: "4"}, {Kind: Key, Key: "#"}, {Kind: Key, Key: "*"}}
	f.Fuzz(func(t *testing.T, which uint8, script []byte) {
		name, tree := shipped[int(which)%len(trees)], trees[int(which)%len(trees)]
		all := append(slices.Clone(answersTo(name)), more...)
		facts := everything()
		if which >= 128 { // in a warning
			facts["care_only"], facts["warning"] = true, map[string]any{"title": "台风橙色预警", "issuer": "福建省气象台"}
		}
		s, _ := tree.Start("x", facts, Ledger{})
		turns := 0
		for _, b := range script {
			e := all[int(b)%len(all)]
			acts := s.Step(e)
			if e.Kind == Heard || e.Kind == Key {
				turns++
			}
			for _, a := range acts {
				if a.Do == Say && a.Line.Text() == "" {
					t.Errorf("an empty line was said at %s", s.n.name)
				}
			}
		}
		if !s.Done() && !s.Outcome().OptOut {
			if acts := s.Step(Event{Kind: Heard, Text: optOutIn[lang(name)]}); len(acts) == 0 || acts[0].Do != OptOut {
				t.Errorf("an opt-out at %s led to %v", s.n.name, acts)
			}
		}
		for i := 0; !s.Done(); i++ {
			if i > 4*tree.limits.Turns+20 {
				t.Fatalf("the call does not end; it stands at %s", s.n.name)
			}
			for _, e := range []Event{{Kind: Committed}, {Kind: NoRoom}, {Kind: NotTransferred}, {Kind: Heard, Text: "你是谁"}, {Kind: Said, Heard: 1}} {
				s.Step(e)
			}
		}
		if s.Step(Event{Kind: Heard, Text: "喂"}) != nil {
			t.Error("a finished conversation still acts")
		}
		if which >= 128 {
			refuseOffers(t, name, s)
		}
		if s.Outcome().Name == "" {
			t.Error("a finished conversation has no outcome")
		}
	})
}
