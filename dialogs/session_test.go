package dialogs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everything is known about this person.
func everything() Facts {
	return Facts{
		"now":      monday,
		"contact":  map[string]any{"salutation": "王女士"},
		"weather":  map[string]any{"drop_48h": 11, "tomorrow": map[string]any{"low": -12.0}, "fresh": true},
		"order":    map[string]any{"item": map[string]any{"spoken": "牛轧糖"}, "signed": monday.Add(-5 * 24 * time.Hour)},
		"birthday": map[string]any{"today": true, "lunar": true, "days": 0, "spoken": "十月十五"},
		"festival": map[string]any{"name": "冬至节", "english": "Midwinter", "days": 1},
		"term":     map[string]any{"name": "冬至"}, "anniversary": map[string]any{"years": 2, "days": 0},
		"replenish": map[string]any{"item": "牛轧糖", "days": 2},
		"event":     map[string]any{"name": "年货集市", "place": "中央大街", "date": "2026-11-28"},
	}
}

func kinds(acts []Action) []ActionKind {
	var out []ActionKind
	for _, a := range acts {
		out = append(out, a.Do)
	}
	return out
}

func spoken(acts []Action) string {
	s := ""
	for _, a := range acts {
		s += a.Line.Text()
	}
	return s
}

func TestProtectedGreetingYieldsOnlyToWhatMustNotWait(t *testing.T) {
	tree := loadTree(t, "winter-care")
	tests := []struct {
		name, text string
		want       []ActionKind
	}{
		{"a hum", "嗯", nil},
		{"a hello", "喂你好", nil},
		{"a yes waits until the line is out", "对", nil},
		{"an opt-out", "别打了", []ActionKind{OptOut}},
		{"a busy person", "我在忙", []ActionKind{Note, Say, HangUp}},
		{"a wrong person", "你打错了", []ActionKind{Say, HangUp}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, acts := tree.Start("x", everything(), Ledger{})
			if diff := cmp.Diff([]ActionKind{Say, Listen}, kinds(acts)); diff != "" {
				t.Fatal(diff)
			}
			if got := s.Step(Event{Kind: Barge, LineID: acts[0].Line.ID, Heard: 0.2}); got != nil {
				t.Errorf("a barge alone led to %v", got)
			}
			if diff := cmp.Diff(tt.want, kinds(s.Step(Event{Kind: Heard, Text: tt.text}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnAnswerOverTheLastWordsIsKept(t *testing.T) {
	s, _ := loadTree(t, "winter-care").Start("x", everything(), Ledger{})
	s.Step(Event{Kind: Heard, Text: "对是我"})
	acts := s.Step(Event{Kind: Said, Heard: 1})
	if !s.Outcome().Identified || spoken(acts) == "" {
		t.Errorf("the early yes was lost: %v", acts)
	}
}

func TestHeardMeansPlayedPastHalf(t *testing.T) {
	tree := loadTree(t, "winter-care")
	for _, tt := range []struct {
		name  string
		heard float64
		want  []HeardLine
	}{
		{"cut early", 0.3, []HeardLine{{"winter-care/care/0", "cold_snap"}}},
		{"cut late", 0.8, []HeardLine{{"winter-care/care/0", "cold_snap"}, {"winter-care/recall/0", ""}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := tree.Start("x", everything(), Ledger{})
			s.Step(Event{Kind: Said, Heard: 1})
			acts := s.Step(Event{Kind: Heard, Text: "是的"})
			last := acts[len(acts)-2].Line.ID
			s.Step(Event{Kind: Barge, LineID: last, Heard: 0.1})
			s.Step(Event{Kind: Heard, Text: "别打了"})
			s.Step(Event{Kind: Said, LineID: last, Heard: tt.heard})
			s.Step(Event{Kind: Committed})
			s.Step(Event{Kind: Bye})
			o := s.Outcome()
			if diff := cmp.Diff(tt.want, o.Heard); diff != "" {
				t.Error(diff)
			}
			if o.Name != "opt_out" || !o.OptOut || !o.Disclosed || o.Grade != "F" {
				t.Errorf("outcome %+v", o)
			}
		})
	}
}

func TestOptOutIsConfirmedInTheWordsOfItsAnswer(t *testing.T) {
	for kind, want := range map[EventKind]string{Committed: "好的，已经记下，以后不再打给您，打扰了。", Pending: "已记录，不会再打给您，打扰了。"} {
		s, _ := loadTree(t, "winter-care").Start("x", everything(), Ledger{})
		acts := s.Step(Event{Kind: Heard, Text: "别再打了"})
		if diff := cmp.Diff([]Action{{Do: OptOut, Channels: []string{"all"}}}, acts); diff != "" {
			t.Error(diff)
		}
		acts = s.Step(Event{Kind: kind})
		if got := spoken(acts); got != want || acts[len(acts)-1].Do != HangUp {
			t.Errorf("after %s the bot says %q", kind, got)
		}
	}
}

// answersTo are what people say to a shipped tree, in its language.
func answersTo(name string) []Event {
	if lang(name) == "en" {
		return englishAnswers
	}
	return answers
}

// optOutIn is how somebody who has had enough puts it.
var optOutIn = map[string]string{"zh": "不要再打电话了", "en": "please don't call me again"}

var englishAnswers = []Event{
	{Kind: Heard, Text: "yes"}, {Kind: Heard, Text: "no"}, {Kind: Heard, Text: "hmm the thing"}, {Kind: Heard, Text: "just text me"},
	{Kind: Heard, Text: "can I speak to a person"}, {Kind: Heard, Text: "call me tomorrow at three"}, {Kind: Heard, Text: "who is this"}, {Kind: Heard, Text: "I'm in a meeting"},
	{Kind: Heard, Text: "wrong number"}, {Kind: Heard, Text: "I will report you"}, {Kind: Heard, Text: "already added"}, {Kind: Heard, Text: "I'm driving"},
	{Kind: Heard, Text: "two"}, {Kind: Heard, Text: "five"}, {Kind: Heard, Text: "as gifts"},
	{Kind: Silence}, {Kind: Said, Heard: 1}, {Kind: Invited, Member: "Holly"}, {Kind: NoRoom}, {Kind: NotTransferred}, {Kind: Committed},
}

var answers = []Event{
	{Kind: Heard, Text: "是的"}, {Kind: Heard, Text: "不行"}, {Kind: Heard, Text: "呃这个"}, {Kind: Heard, Text: "发短信"},
	{Kind: Heard, Text: "转人工"}, {Kind: Heard, Text: "明天下午三点再打"}, {Kind: Heard, Text: "你是谁"}, {Kind: Heard, Text: "在忙"},
	{Kind: Heard, Text: "打错了"}, {Kind: Heard, Text: "我要投诉"}, {Kind: Heard, Text: "已经加过了"}, {Kind: Heard, Text: "在开车"},
	{Kind: Heard, Text: "两分"}, {Kind: Heard, Text: "五分"}, {Kind: Heard, Text: "送人多"},
	{Kind: Silence}, {Kind: Said, Heard: 1}, {Kind: Invited, Member: "小糖"}, {Kind: NoRoom}, {Kind: NotTransferred},
}

func TestOptOutIsHonouredAtEveryNode(t *testing.T) {
	for _, name := range shipped {
		tree := loadTree(t, name)
		stood := map[string]bool{}
		var walk func(path []Event)
		walk = func(path []Event) {
			s, _ := tree.Start("x", everything(), Ledger{})
			for _, e := range path {
				s.Step(e)
			}
			if s.Done() || s.Outcome().OptOut {
				return
			}
			key := fmt.Sprint(s.n.name, s.phase, s.silences, s.asks)
			if stood[key] {
				return
			}
			stood[key] = true
			if acts := s.Step(Event{Kind: Heard, Text: optOutIn[lang(name)]}); len(acts) == 0 || acts[0].Do != OptOut {
				t.Errorf("%s: at %s after %v an opt-out led to %v", name, key, path, acts)
			}
			for _, e := range answersTo(name) {
				walk(append(slices.Clone(path), e))
			}
		}
		walk(nil)
		if len(stood) < 20 {
			t.Errorf("%s: only %d places were reached", name, len(stood))
		}
	}
}

func TestLedgerKeepsHooksAndVariantsFromRepeating(t *testing.T) {
	tree := loadTree(t, "winter-care")
	both := map[string]bool{"winter-care/offer/0/a": true, "winter-care/offer/0/b": true}
	if !NothingNew(tree, everything(), Ledger{Hooks: map[string]bool{"cold_snap": true}, Lines: both}) {
		t.Error("a person who heard all of it has something new to hear")
	}
	if NothingNew(tree, everything(), Ledger{Hooks: map[string]bool{"cold_snap": true}}) {
		t.Error("an unheard offer is nothing new")
	}
	s, _ := tree.Start("x", everything(), Ledger{Hooks: map[string]bool{"cold_snap": true}, Lines: both})
	s.Step(Event{Kind: Said, Heard: 1})
	if got := spoken(s.Step(Event{Kind: Heard, Text: "是我"})); got != "最近天凉，您多保重。您前阵子买的牛轧糖收到了吧，用着还满意吗？" {
		t.Errorf("a heard hook was said again: %s", got)
	}
	s.Step(Event{Kind: Said, Heard: 1})
	if acts := s.Step(Event{Kind: Heard, Text: "满意"}); acts[len(acts)-1].Do != HangUp {
		t.Errorf("with every offer heard the call goes on: %v", acts)
	}
}

// TestWhoMayBeToldAgain: a service call is no pitch and is never held for want of news, and
// a warning is told as often as there is one.
func TestWhoMayBeToldAgain(t *testing.T) {
	for _, name := range []string{"survey", "order-follow-up", "en/survey", "en/order-follow-up", "inbound"} {
		if NothingNew(loadTree(t, name), everything(), Ledger{}) {
			t.Errorf("%s is held though it offers nothing", name)
		}
	}
	f := everything()
	f["care_only"], f["warning"] = true, map[string]any{"title": "台风橙色预警", "issuer": "福建省气象台"}
	told := Ledger{Hooks: map[string]bool{"warning": true, "storm": true, "rain": true}, Lines: map[string]bool{}}
	tree := loadTree(t, "rain-typhoon")
	if NothingNew(tree, f, told) {
		t.Error("a second warning is no news")
	}
	s, _ := tree.Start("x", f, told)
	s.Step(Event{Kind: Said, Heard: 1})
	if got := spoken(s.Step(Event{Kind: Heard, Text: "是我"})); !strings.HasPrefix(got, "福建省气象台发布了台风橙色预警") {
		t.Errorf("the second warning is not told: %s", got)
	}
}

func TestVariantsStickToThePersonAndSpreadOverPeople(t *testing.T) {
	tree := loadTree(t, "winter-care")
	count := map[string]int{}
	for i := range 200 {
		var drawn []string
		for _, attempt := range []string{"first", "second"} {
			f := everything()
			f["person"] = fmt.Sprint("p", i)
			s, _ := tree.Start(attempt, f, Ledger{})
			for _, e := range []Event{{Kind: Said, Heard: 1}, {Kind: Heard, Text: "是我"}, {Kind: Said, Heard: 1}, {Kind: Heard, Text: "好吃"}} {
				s.Step(e)
			}
			drawn = append(drawn, s.Outcome().Variants["offer"])
		}
		if drawn[0] != drawn[1] {
			t.Fatalf("person %d drew %v", i, drawn)
		}
		count[drawn[0]]++
	}
	if count["a"] < 60 || count["b"] < 60 {
		t.Errorf("the draw is lopsided: %v", count)
	}
}

func TestCareOnlyReachesNoAskInviteOrSend(t *testing.T) {
	for _, name := range shipped {
		tree := loadTree(t, name)
		f := everything()
		f["care_only"] = true
		for seed := range uint64(200) {
			s, _ := tree.Start("x", f, Ledger{})
			for _, e := range wander(seed, 40, answersTo(name)) {
				s.Step(e)
			}
			refuseOffers(t, name, s)
		}
	}
}

// TestAStormIsCareAndNothingElse: with a warning, a storm or a downpour the rain tree
// offers nothing, even where the session does not say care_only.
func TestAStormIsCareAndNothingElse(t *testing.T) {
	for _, name := range []string{"rain-typhoon", "en/rain-typhoon"} {
		tree := loadTree(t, name)
		for what, more := range map[string]Facts{
			"a warning":  {"warning": map[string]any{"title": "台风橙色预警", "issuer": "福建省气象台"}, "weather": map[string]any{"kind": "rain"}},
			"a storm":    {"weather": map[string]any{"kind": "storm"}},
			"a downpour": {"weather": map[string]any{"kind": "rainstorm"}},
		} {
			f := everything()
			maps.Copy(f, more)
			for seed := range uint64(200) {
				s, _ := tree.Start("x", f, Ledger{})
				for _, e := range wander(seed, 40, answersTo(name)) {
					s.Step(e)
				}
				refuseOffers(t, name+" in "+what, s)
			}
		}
		f := everything()
		f["weather"] = map[string]any{"kind": "rain", "tomorrow": map[string]any{"rain": 30}}
		offered := false
		for seed := range uint64(200) {
			s, _ := tree.Start("x", f, Ledger{})
			for _, e := range wander(seed, 40, answersTo(name)) {
				s.Step(e)
			}
			offered = offered || s.asks > 0
		}
		if !offered {
			t.Errorf("%s never asks in ordinary rain, so the test above shows nothing", name)
		}
	}
}

// refuseOffers fails when a session offered, invited or sent anything.
func refuseOffers(t *testing.T, name string, s *Session) {
	t.Helper()
	for _, j := range s.Journal() {
		for _, a := range j.Actions {
			n := s.t.nodes[a.Line.Node]
			if a.Do == Invite || a.Do == Send || n != nil && n.ask {
				t.Fatalf("%s: a care-only call came to %v", name, a)
			}
		}
	}
}

// wander makes a stable random sequence of events.
func wander(seed uint64, n int, said []Event) []Event {
	r := rand.New(rand.NewPCG(seed, 1))
	all := append(slices.Clone(said), Event{Kind: Barge, Heard: 0.4}, Event{Kind: Committed}, Event{Kind: Key, Key: "1"}, Event{Kind: Unheard}, Event{Kind: Key, Key: "7"}, Event{Kind: Heard, Text: "嗯"}, Event{Kind: Heard, Text: "再说一遍"})
	out := make([]Event, n)
	for i := range out {
		out[i] = all[r.IntN(len(all))]
		out[i].At = time.Duration(i) * time.Second
	}
	return out
}

func TestReplayGivesTheSameActions(t *testing.T) {
	for _, name := range shipped {
		tree := loadTree(t, name)
		for seed := range uint64(100) {
			s, _ := tree.Start("x", everything(), Ledger{})
			for _, e := range wander(seed, 40, answersTo(name)) {
				s.Step(e)
			}
			var events []Event
			var want [][]Action
			for _, j := range s.Journal() {
				events, want = append(events, j.Event), append(want, j.Actions)
			}
			if diff := cmp.Diff(want, Replay(tree, "x", everything(), Ledger{}, events)); diff != "" {
				t.Fatalf("%s seed %d:\n%s", name, seed, diff)
			}
		}
	}
}

func TestTheTurnLimitEndsATalkativeCall(t *testing.T) {
	s, _ := loadTree(t, "winter-care").Start("x", everything(), Ledger{})
	steps := 0
	for ; s.phase != closing && steps < 30; steps++ {
		s.Step(Event{Kind: Said, Heard: 1})
		s.Step(Event{Kind: Heard, Text: []string{"你是谁", "多少钱", "你是机器人吗"}[steps%3]})
	}
	if steps > 10 {
		t.Errorf("the call took %d turns", steps)
	}
}

func TestStaleFactsDropTheLineNeverTheCall(t *testing.T) {
	tree := loadTree(t, "winter-care")
	f := everything()
	f["weather"].(map[string]any)["fresh"] = false
	f["order"].(map[string]any)["signed"] = monday.Add(-24 * time.Hour)
	s, _ := tree.Start("x", f, Ledger{})
	s.Step(Event{Kind: Said, Heard: 1})
	if got := spoken(s.Step(Event{Kind: Heard, Text: "是我"})); got != "最近天凉，您多保重。之前在我们家买的东西，用着还满意吗？" {
		t.Errorf("stale facts were spoken: %s", got)
	}
	for _, junk := range []Facts{nil, {}, {"weather": 7, "contact": nil, "order": map[string]any{"item": "x"}, "now": "yesterday"}} {
		if _, acts := tree.Start("x", junk, Ledger{}); len(acts) != 2 {
			t.Errorf("facts %v start with %v", junk, acts)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	tree, f := loadTree(b, "winter-care"), everything()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s, _ := tree.Start("x", f, Ledger{})
		s.Step(Event{Kind: Said, Heard: 1})
		b.StartTimer()
		s.Step(Event{Kind: Heard, Text: "是的，我是"})
	}
}

// BenchmarkConversation is a whole happy call: about what one call costs the dialog.
func BenchmarkConversation(b *testing.B) {
	tree, f := loadTree(b, "winter-care"), everything()
	b.ReportAllocs()
	for b.Loop() {
		s, _ := tree.Start("x", f, Ledger{})
		for _, text := range []string{"是的", "挺好", "可以"} {
			s.Step(Event{Kind: Said, Heard: 1})
			s.Step(Event{Kind: Heard, Text: text})
		}
		s.Step(Event{Kind: Invited, Member: "小糖"})
		s.Step(Event{Kind: Said, Heard: 1})
		if !s.Done() {
			b.Fatal("the call did not end")
		}
	}
}
