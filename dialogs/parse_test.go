package dialogs

import (
	"fmt"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestLoadRefuses changes one thing in the winter tree at a time.
func TestLoadRefuses(t *testing.T) {
	src, err := os.ReadFile(examples + "/winter-care.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, old, new, want string }{
		{"an unknown node", "go: recall", "go: recal", "there is no node recal (did you mean recall?)"},
		{"an unreachable node", "  goodbye: {", "  attic: {say: 好的。, end: no_match}\n  goodbye: {", "nothing leads to attic"},
		{"a missing handler", "  driving!: drive_safely\n", "", "nothing answers driving everywhere"},
		{"a handler that cannot cut in", "busy!:", "busy:", "busy must be heard even over the greeting"},
		{"an opt-out that does not", "opt_out!: stop_calling", "opt_out!: thanks", "opt_out leads to thanks, which does not opt out"},
		{"no silence", "silence: {after: 4s, say: 喂，您好，听得到我说话吗？, times: 1, then: bad_line}", "", "does not say what follows silence"},
		{"no else", "      else: care_unnamed\n", "", "hello listens but has no else"},
		{"no farewell", "farewell: take_care ", "# ", "the dialog has no farewell"},
		{"a say that may fall silent", "      - 最近天凉，您多保重。\n", "", "when facts are missing there is nothing to say here"},
		{"a loop without a listen", "    go: recall", "    go: care", "care leads back to care without listening"},
		{"a long sentence", "最近天凉，您多保重。\n", strings.Repeat("最近天凉您多保重", 6) + "。\n", "a sentence has 48 characters, more than 40"},
		{"a question in the middle", "用着还满意吗？\"", "用着还满意吗？谢谢。\"", "a question stands before the end of the line"},
		{"two questions", "收到了吧，用着", "收到了吗？用着", "a question stands before the end of the line"},
		{"a fact before the disclosure", "，通话会录音。", "。", "contact.salutation is personal and comes before AI, brand, purpose, recording and a way to refuse were said (missing: recording)"},
		{"a fact before the way to refuse", "，不想接您说一声就行。", "。", "recording and a way to refuse were said (missing: a way to refuse)"},
		{"an order before identity", "{to: care, identity: confirmed}", "care", "order.item.spoken may only be spoken once identity is confirmed"},
		{"two asks", "    go: recall", "    ask: true\n    go: recall", "a path asks more than 1 time(s)"},
		{"two hooks", "      - \"您前阵子买的", "      - hook: order\n        text: \"您前阵子买的", "a path has more than one hook"},
		{"three personal facts", "看您那边明天", "看{{ place.city }}明天", "place.city, which facts does not declare"},
		{"an unknown fact", "weather.drop_48h >= 8", "weather.drop48h >= 8", "there is no fact weather.drop48h (did you mean weather.drop_48h?)"},
		{"an unknown filter", "| temperature", "| temprature", "there is no filter temprature (did you mean temperature?)"},
		{"a wrong type", "weather.tomorrow.low < 10", "weather.tomorrow.low < \"10\"", "invalid operation"},
		{"a call", "weather.tomorrow.low < 10", "len(contact.name) < 10", "calls, code and nil are not part of the language"},
		{"a sensitive fact", "{{ order.item.spoken }}", "{{ order.amount | money }}", "order.amount is sensitive"},
		{"a sensitive word", "最近天凉，您多保重。\n", "孕妇多保重。\n", "孕妇 is nothing to be said in a call"},
		{"a member before the invite", "      - 最近天凉，您多保重。\n", "      - \"{{ member.name }}问您好。\"\n      - 您多保重。\n", "member.name is only known after an invite"},
		{"a weak purpose", "purpose: marketing", "purpose: service", "the purpose service is weaker than what the tree does, which is marketing"},
		{"an unused fact", "  member: {}", "  member: {}\n  event: {}", "event is declared but no line uses it"},
		{"an unknown key", "protected: true", "protekted: true", "a node has no key protekted (did you mean protected?)"},
		{"an unknown intent", "phone_is_wechat: agreed", "phone_is_weixin: agreed", "nobody can be understood as phone_is_weixin"},
		{"an unknown outcome", "end: wrong_person", "end: wrong", "wrong is not an outcome"},
		{"an end without an outcome", "    note: {outcome: transferred, tags: [售后待跟进]}\n", "", "a path ends completed without an outcome"},
		{"a dead end", "    go: recall\n", "", "care goes nowhere"},
		{"too much talk", "talk: 75s", "talk: 20s", "the longest conversation takes about"},
		{"an anchor", "brand: 苏小糖", "brand: &b 苏小糖", "anchors, aliases, tags and merges are not used"},
		{"a key twice", "brand: 苏小糖", "brand: 苏小糖\nbrand: 苏小糖", "brand"},
		{"broken YAML", "nodes:\n", "nodes: [\n", ""},
		{"an include without a folder", "start: hello", "include: [common.yaml]\nstart: hello", "common.yaml cannot be included here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(string(src), tt.old) {
				t.Fatalf("the tree has no %q", tt.old)
			}
			ps := Lint("w.yaml", []byte(strings.Replace(string(src), tt.old, tt.new, 1)))
			found := false
			for _, p := range ps {
				found = found || strings.Contains(p.String(), tt.want)
				if !strings.HasPrefix(p.String(), fmt.Sprintf("w.yaml:%d:%d: ", p.Line, p.Col)) || p.Line < 1 || p.Col < 1 {
					t.Errorf("no place: %s", p)
				}
			}
			if !found {
				t.Errorf("no %q among:\n%v", tt.want, Problems(ps).Error())
			}
		})
	}
}

func TestProblemsStandWhereTheMistakeIs(t *testing.T) {
	src, _ := os.ReadFile(examples + "/winter-care.yaml")
	broken := strings.Replace(string(src), "| temperature", "| temprature", 1)
	ps := Lint("w.yaml", []byte(broken))
	if len(ps) != 1 {
		t.Fatal(ps)
	}
	line := strings.Split(broken, "\n")[ps[0].Line-1]
	at := []rune(line)[ps[0].Col-1:]
	if !strings.HasPrefix(strings.TrimLeft(string(at), `" |`), "temprature") {
		t.Errorf("%s points at %q", ps[0], string(at))
	}
}

func TestIncludeSharesNodesAndTheirOwnWin(t *testing.T) {
	src, _ := os.ReadFile(examples + "/winter-care.yaml")
	head, endings, _ := strings.Cut(string(src), "  # Endings.")
	fsys := fstest.MapFS{
		"t/winter.yaml": {Data: []byte(strings.Replace(head, "start: hello", "include: [common.yaml]\nstart: hello", 1))},
		"t/common.yaml": {Data: []byte("nodes:\n  hello: {say: 别的。, end: no_match}\n  # Endings." + endings)},
	}
	tree, err := ParseFS(fsys, "t/winter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := tree.Version()
	fsys["t/common.yaml"].Data = append(fsys["t/common.yaml"].Data, "# changed\n"...)
	if tree, err = ParseFS(fsys, "t/winter.yaml"); err != nil || tree.Version() == own {
		t.Errorf("a changed include kept version %s (%v)", own, err)
	}
}

// TestEveryOpeningSaysWhoAndHowToRefuse: AI, brand, purpose, recording and a way to refuse
// come first, and the first pause comes within 6 s.
func TestEveryOpeningSaysWhoAndHowToRefuse(t *testing.T) {
	refuse := map[string]string{"zh": "不想接您说一声就行", "en": "To stop these calls, say stop or press nine"}
	for _, name := range shipped {
		tree := loadTree(t, name)
		for _, l := range tree.nodes[tree.start].lines {
			text := l.variants[0].text.widest(tree)
			if tree.disclosureOf(text) != beforePersonal || !strings.Contains(text, refuse[lang(name)]) {
				t.Errorf("%s begins %q", name, text)
			}
			first := strings.FieldsFunc(text, endsSentence)[0]
			if d := tree.talkTime(first); d > 6*time.Second {
				t.Errorf("%s: the first pause comes after %s: %s", name, d, first)
			}
		}
	}
}

// TestShippedTreesSayWhatTheyAre: a campaign keeps the one text it was approved with, so
// each tree also stands alone.
func TestShippedTreesSayWhatTheyAre(t *testing.T) {
	for _, name := range shipped {
		tree := loadTree(t, name)
		if alone, err := Parse(name+".yaml", []byte(readShipped(t, name))); err != nil || alone.Version() != tree.Version() {
			t.Errorf("%s needs other files: %v", name, err)
		}
		purpose, asks, called := "marketing", 1, path.Base(name)
		if called == "survey" || called == "order-follow-up" {
			purpose, asks = "service", 0
		}
		if lang(name) == "en" {
			called += "-en"
		}
		if tree.Name() != called || !strings.HasPrefix(tree.Language(), lang(name)) || tree.Purpose() != purpose || len(tree.Version()) != 12 || tree.Limits().Asks != asks || len(tree.Fixed()) < 20 {
			t.Errorf("%s: %s %s %s %+v, %d fixed parts", name, tree.Name(), tree.Purpose(), tree.Version(), tree.Limits(), len(tree.Fixed()))
		}
	}
}
