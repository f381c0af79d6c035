package dialogs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func proposal(t *testing.T, tree, node string, at int) *Proposal {
	t.Helper()
	p, err := loadTree(t, tree).Proposal(node, at)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAProposedWordingSaysOnlyWhatTheOriginalSays(t *testing.T) {
	const src = `
dialog: shop
brand: 苏小糖
facts: {weather: {fresh: 6h}}
silence: {after: 4s, say: 喂，听得到吗？, times: 1, then: bye}
everywhere: {opt_out!: stop, complaint!: bye, wrong_person!: bye, busy!: bye, driving!: bye, later: bye, not_interested: bye, already_friend: bye, ask_human: bye, are_you_a_bot: bye, who_are_you: bye}
start: hello
farewell: bye
nodes:
  hello:
    say: ["您好，我是{{ brand }}的AI助手，给老顾客做个回访，通话会录音，方便说一句吗？"]
    plain: true
    heard: {"yes": care, else: bye}
  care:
    say: [{when: weather.drop_48h >= 8, text: "明天最低{{ weather.tomorrow.low | temperature }}，多穿点儿。"}, 最近天凉，给您备了3份小贴士。]
    go: offer
  offer:
    ask: true
    say: [让客服加您企业微信，发保养小贴士给您，行吗？]
    heard: {"yes": bye, else: bye}
  stop: {opt_out: all, say: [记下了。], end: opt_out}
  bye: {say: [再见。], end: no_match}
`
	tree, err := Parse("shop.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, node string
		line       int
		text, want string // want: part of the reason; "" passes
	}{
		{"other words for the same", "care", 1, "明天最低{{ weather.tomorrow.low | temperature }}呢，您添件衣服。", ""},
		{"the same number in other figures", "care", 2, "这阵子天凉，给您准备了三份小贴士。", ""},
		{"the same ask", "offer", 1, "我们让客服加您企业微信，把保养小贴士发您，可以吗？", ""},
		{"the same greeting", "hello", 1, "您好，这里是{{ brand }}的AI助手，给老顾客做个回访，通话会录音，能说一句吗？", ""},
		{"一下 counts nothing", "offer", 1, "让客服加一下您企业微信，发保养小贴士给您，行吗？", ""},
		{"最低 is no superlative", "care", 1, "明天最低{{ weather.tomorrow.low | temperature }}，注意保暖。", ""},

		{"a fact that does not exist", "care", 1, "明天最低{{ weather.tomorow.low | temperature }}，多穿点儿吧。", "weather"},
		{"a filter that does not exist", "care", 1, "明天最低{{ weather.tomorrow.low | celsius }}，多穿点儿吧。", "filter"},
		{"a fact the original does not lean on", "care", 2, "{{ contact.salutation }}，最近天凉，您多保重。", "does not lean on contact.salutation"},
		{"a sensitive fact", "care", 2, "您的电话是{{ contact.phone }}，最近天凉。", "does not lean on contact.phone"},
		{"braces that do not close", "care", 1, "明天最低{{ weather.tomorrow.low，多穿点儿吧。", "not closed"},
		{"a superlative", "care", 2, "我们家的小贴士是最好的，3份都给您。", "最: superlatives"},
		{"the first", "care", 2, "全国第一的小贴士，3份都给您。", "第一"},
		{"a guarantee", "care", 2, "天凉了，小贴士3份保证好用。", "保证"},
		{"a hundred per cent", "care", 2, "天凉了，3份小贴士100%好用。", "100%"},
		{"a hundred per cent in full width", "care", 2, "天凉了，3份小贴士１００％好用。", "100%"},
		{"bait, with a space in it", "care", 2, "天凉了，3份小贴士免费 领。", "免费领"},
		{"a number of its own", "care", 2, "天凉了，给您备了5份小贴士。", "number 5"},
		{"a number of its own in words", "care", 2, "天凉了，给您备了五份小贴士。", "number 5"},
		{"a discount of its own", "care", 2, "天凉了，3份小贴士，全场八折。", "number 8"},
		{"a benefit of its own", "care", 2, "天凉了，3份小贴士，还有红包。", "红包 is not in the original"},
		{"a day of its own", "care", 2, "后天更凉，3份小贴士给您。", "后天 is not"},
		{"weather of its own", "care", 2, "要下雪了，3份小贴士给您。", "下雪 is not"},
		{"a city of its own", "care", 2, "哈尔滨凉了，3份小贴士给您。", "哈尔滨 is not"},
		{"a name of its own", "care", 2, "天凉了，3份《养生宝典》小贴士给您。", "《养生宝典》 is not"},
		{"a foreign name of its own", "care", 2, "天凉了，3份iPhone小贴士给您。", "iphone is not"},
		{"a channel of its own", "offer", 1, "让客服加您企业微信，用短信发保养小贴士给您，行吗？", "短信 is not"},
		{"an ask that does not say what for", "offer", 1, "让客服联系您，发保养小贴士给您，行吗？", "does not name 企业微信"},
		{"a long sentence", "care", 2, "最近天气是一天比一天凉了，您早晚出门的时候一定要记得多穿一点儿衣服，我们给您备了3份小贴士。", "more than 40"},
		{"two questions", "offer", 1, "您好吗？让客服加您企业微信，发保养小贴士给您，行吗？", "question stands before the end"},
		{"no question any more", "offer", 1, "让客服加您企业微信，发保养小贴士给您。", "question of the original is gone"},
		{"a question of its own", "care", 2, "最近天凉，3份小贴士您要吗？", "asks, and the original does not"},
		{"a sensitive word", "care", 2, "天凉了，孕妇更要注意，3份小贴士给您。", "孕妇"},
		{"a disclosure lost", "hello", 1, "您好，我是{{ brand }}的小助手，给老顾客做个回访，方便说一句吗？", "discloses"},
		{"a machine that passes for a person", "care", 2, "我是真人，天凉了，3份小贴士给您。", "真人"},
		{"emoji", "care", 2, "天凉了😊，3份小贴士给您。", "signs nobody can say"},
		{"markdown", "care", 2, "**天凉了**，3份小贴士给您。", "signs nobody can say"},
		{"another language", "care", 2, "It is getting cold, 3 tips for you.", "language"},
		{"nothing", "care", 2, " ，。", "says nothing"},
		{"what is said already", "care", 2, "最近天凉， 给您备了3份小贴士", "says it already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tree.Proposal(tt.node, tt.line)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(p.Judge(tt.text), "; ")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
			}
			_, err = p.Approve([]byte(src), nil, []string{tt.text})
			if (err == nil) != (tt.want == "") {
				t.Errorf("%q was approved with %v", tt.text, err)
			}
		})
	}
}

func TestEnglishWordingsAreJudgedByWholeWords(t *testing.T) {
	p := proposal(t, "en/winter-care", "offer", 1)
	for text, want := range map[string]string{
		"We have some tips for keeping treats fresh in winter. May our team send them to you on WeChat?": "",
		"We have the best tips for winter. May our team send them to you on WeChat?":                     "best",
		"Guaranteed fresh treats in winter. May our team send you tips on WeChat?":                       "guaranteed",
		"We have seven tips for winter. May our team send them to you on WeChat?":                        "number 7",
		"We have tips and a discount. May our team send them to you on WeChat?":                          "discount is not",
		"We have some tips for winter. May our team send them to you?":                                   "does not name WeChat",
		"让客服加您企业微信，行吗？":                                                                                  "language",
	} {
		if got := strings.Join(p.Judge(text), "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAProposalNeedsALine(t *testing.T) {
	tree := loadTree(t, "winter-care")
	for name, want := range map[string]string{"helo": "did you mean hello", "hello": "there is no line 99"} {
		if _, err := tree.Proposal(name, 99); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// TestEveryLineOfTheLibraryCanGetVariants: however a line is written, in braces or a line
// each, quoted or not, its text becomes an experiment and nothing else changes.
func TestEveryLineOfTheLibraryCanGetVariants(t *testing.T) {
	files, err := filepath.Glob(examples + "/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v %v", files, err)
	}
	more, _ := filepath.Glob(examples + "/en/*.yaml")
	n := 0
	for _, file := range append(files, more...) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := ParseFS(os.DirFS(filepath.Dir(file)), filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		changed := src
		for _, name := range tree.order {
			for i := range tree.nodes[name].lines {
				root, problem := readYAML(tree.file, changed)
				if problem != nil {
					t.Fatalf("%s before %s %d: %v", file, name, i+1, problem)
				}
				say := root.get("nodes").get(name).get("say")
				p, err := tree.Proposal(name, i+1)
				if say == nil || err != nil {
					continue // included, or a recording
				}
				if say.kind == list {
					say = say.items[i]
				}
				if changed, err = withVariants(changed, say, []string{p.Texts[0], p.Texts[0]}); err != nil {
					t.Fatalf("%s %s %d: %v", file, name, i+1, err)
				}
				n++
			}
		}
		// Read as a tree without the walk over every path, which an experiment at every
		// line makes long; a test above has the lint.
		root, problem := readYAML(tree.file, changed)
		if problem != nil {
			t.Fatalf("%s: %v", file, problem)
		}
		again := &treeParser{t: &Tree{name: tree.name, brand: tree.brand, lang: tree.lang, nodes: map[string]*node{}, everywhere: map[string]*reaction{}}}
		again.vocabulary = newVocabulary(tree.slots, tree.english())
		again.nodes(root.get("nodes"))
		if len(again.problems) > 0 {
			t.Fatalf("%s: %v", file, again.problems)
		}
		for _, name := range again.t.order {
			for i := range again.t.nodes[name].lines {
				if p, err := tree.Proposal(name, i+1); err == nil {
					if err := p.onlyAdded(again.t, []string{p.Texts[0], p.Texts[0]}); err != nil {
						t.Errorf("%s %s %d: %v", file, name, i+1, err)
					}
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d lines seen: the walk is broken", n)
	}
}

func TestVariantsAreAddedHoweverALineIsWritten(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"plain", "[最近天凉，您多保重。]", `[{split: {a: "最近天凉，您多保重。", b: "天凉了。"}}]`},
		{"alone", "最近天凉，您多保重。", `{split: {a: "最近天凉，您多保重。", b: "天凉了。"}}`},
		{"quoted", `["最近天凉，您多保重。"]`, `[{split: {a: "最近天凉，您多保重。", b: "天凉了。"}}]`},
		{"in quotes of the other kind", `['最近天凉，您多保重。']`, `[{split: {a: "最近天凉，您多保重。", b: "天凉了。"}}]`},
		{"with more beside it", `[{text: 最近天凉，您多保重。, plain: true}]`, `[{split: {a: "最近天凉，您多保重。", b: "天凉了。"}, plain: true}]`},
		{"an experiment already", `[{split: {a: 最近天凉，您多保重。, b: 天冷。}}]`, `[{split: {a: 最近天凉，您多保重。, b: 天冷。, c: "天凉了。"}}]`},
		{"an experiment, one a line", "\n      - split:\n          a: 最近天凉，您多保重。\n          b: 天冷。 # short", "\n      - split:\n          a: 最近天凉，您多保重。\n          b: 天冷。\n          c: \"天凉了。\" # short"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := "nodes:\n  care:\n    say: " + tt.line + "\n    go: bye\n"
			root, problem := readYAML("x.yaml", []byte(src))
			if problem != nil {
				t.Fatal(problem)
			}
			v := root.get("nodes").get("care").get("say")
			if v.kind == list {
				v = v.items[0]
			}
			out, err := withVariants([]byte(src), v, []string{"天凉了。"})
			if err != nil {
				t.Fatal(err)
			}
			if want := "nodes:\n  care:\n    say: " + tt.want + "\n    go: bye\n"; string(out) != want {
				t.Errorf("got\n%s\nwant\n%s", out, want)
			}
		})
	}
}

func TestTheListOfClaimsIsReadable(t *testing.T) {
	c := claimsData()
	if len(c.Banned) < 40 || len(c.Facts) < 5 || len(c.Numbers) < 10 {
		t.Errorf("the list has %d claims, %d groups, %d words", len(c.Banned), len(c.Facts), len(c.Numbers))
	}
	for _, b := range c.Banned {
		if b.Claim == "" || b.Why == "" {
			t.Errorf("a claim without a reason: %+v", b)
		}
		for _, u := range b.Unless {
			if !strings.Contains(u, b.Claim) {
				t.Errorf("%s is harmless without %s", u, b.Claim)
			}
		}
	}
}

// FuzzJudge: no wording makes the judge panic, and what passes can be written into the tree.
func FuzzJudge(f *testing.F) {
	for _, s := range []string{"最近天凉，您多保重呀。", "{{ weather.tomorrow.low }}", "a\"b\\", "{{", "免费 领", "天凉了: - {a: b}", "٣份", "\xff"} {
		f.Add(s)
	}
	src, err := os.ReadFile(examples + "/winter-care.yaml")
	if err != nil {
		f.Fatal(err)
	}
	tree, err := Parse("winter-care.yaml", src)
	if err != nil {
		f.Fatal(err)
	}
	p, err := tree.Proposal("care", len(tree.nodes["care"].lines))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(p.Judge(text)) > 0 {
			return
		}
		out, err := p.Approve(src, nil, []string{text})
		if err != nil {
			t.Fatalf("%q passed and cannot be approved: %v", text, err)
		}
		if again, err := Parse("winter-care.yaml", out); err != nil || !slices.Contains(mustProposal(t, again).Texts, text) {
			t.Errorf("%q is not what the tree says: %v", text, err)
		}
	})
}

func mustProposal(t *testing.T, tree *Tree) *Proposal {
	t.Helper()
	p, err := tree.Proposal("care", len(tree.nodes["care"].lines))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
