package dialogs

import (
	"strings"
	"testing"
	"time"
)

func TestEnglishFilters(t *testing.T) {
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, 11, day, hour, minute, 0, 0, monday.Location())
	}
	for _, tt := range []struct {
		filter string
		in     any
		want   string
	}{
		{"temperature", -12.0, "minus twelve degrees"}, {"temperature", 1.0, "one degree"}, {"temperature", -1.4, "minus one degree"},
		{"temperature", 0.0, "zero degrees"}, {"temperature", 38.0, "thirty-eight degrees"}, {"temperature", "mild", "mild"},
		{"money", 105.5, "one hundred and five yuan fifty"}, {"money", 20.0, "twenty yuan"},
		{"phone", "+12025550143", "two zero two, five five five, zero one four three"},
		{"phone", "13800138000", "one three eight, zero zero one three, eight zero zero zero"},
		{"date", at(28, 0, 0), "November twenty-eighth"}, {"date", at(20, 0, 0), "November twentieth"}, {"date", at(12, 0, 0), "November twelfth"},
		{"spoken", at(23, 15, 0), "at three this afternoon"}, {"spoken", at(24, 10, 30), "tomorrow morning at half past ten"},
		{"spoken", at(27, 9, 45), "on Friday morning at quarter to ten"}, {"spoken", at(24, 12, 0), "tomorrow at noon"},
		{"spoken", at(23, 12, 0), "at noon today"}, {"spoken", at(23, 19, 5), "at seven oh five this evening"},
		{"spoken", time.Date(2026, 12, 24, 18, 20, 0, 0, monday.Location()), "on December twenty-fourth at six twenty in the evening"},
		{"spoken", 1250.5, "one thousand two hundred and fifty point five"}, {"spoken", 21.0, "twenty-one"},
	} {
		got, ok := englishFilters[tt.filter](tt.in, monday)
		if !ok || got != tt.want {
			t.Errorf("%v | %s = %v, want %s", tt.in, tt.filter, got, tt.want)
		}
	}
	if len(englishFilters) != len(filters) {
		t.Error("the two languages have different filters")
	}
	for name, in := range map[string]any{"money": -1.0, "phone": "call me"} {
		if got, ok := englishFilters[name](in, monday); ok {
			t.Errorf("%v | %s = %v, want a refusal", in, name, got)
		}
	}
}

// TestLoadRefusesInEnglish changes one thing in the English winter tree at a time.
func TestLoadRefusesInEnglish(t *testing.T) {
	src := readShipped(t, "en/winter-care")
	for _, tt := range []struct{ name, old, new, want string }{
		{"a long sentence", "Please keep warm.", "Please keep warm" + strings.Repeat(" and dry", 12) + ".", "a sentence has 27 words, more than 25"},
		{"a question in the middle", "Did it arrive safely?", "Did it arrive safely? Thanks.", "a question stands before the end of the line"},
		{"no recording", ", on a recorded line.", ".", "comes before AI, brand, purpose, recording and a way to refuse were said (missing: recording)"},
		{"no AI at once", "the AI assistant at", "who works at", "the first sentence does not say that an AI calls, and for whom"},
		{"no key to stop", "say stop or press nine", "say stop", "the opening does not say how to stop these calls"},
		{"no word to stop", "say stop or press nine", "press nine", "the opening does not say how to stop these calls"},
		{"a sensitive word", "Please keep warm.", "Please take your medication.", "medication is nothing to be said in a call"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(src, tt.old) {
				t.Fatalf("the tree has no %q", tt.old)
			}
			ps := Problems(Lint("w.yaml", []byte(strings.ReplaceAll(src, tt.old, tt.new)))).Error()
			if !strings.Contains(ps, tt.want) {
				t.Errorf("no %q among:\n%s", tt.want, ps)
			}
		})
	}
}

func TestReadabilityTellsHowATreeSounds(t *testing.T) {
	for _, tt := range []struct {
		tree           string
		talk, pause    time.Duration
		longest        int
		sentence, ends string
	}{
		{"heat", 75 * time.Second, 6 * time.Second, maxSentence, "您", "goodbye"},
		{"en/heat", 75 * time.Second, 6 * time.Second, maxWords, "Sugar Plum", "goodbye"},
	} {
		r := loadTree(t, tt.tree).Readability()
		if r.Talk <= 20*time.Second || r.Talk > tt.talk || r.FirstPause <= 0 || r.FirstPause > tt.pause {
			t.Errorf("%s talks %s and pauses after %s", tt.tree, r.Talk, r.FirstPause)
		}
		if r.Longest > tt.longest || r.Mean >= float64(r.Longest) || r.Mean < 2 || !strings.Contains(r.Sentence, tt.sentence) {
			t.Errorf("%s: longest %d, mean %.1f: %s", tt.tree, r.Longest, r.Mean, r.Sentence)
		}
		if len(r.Path) < 5 || r.Path[0] != "hello" || r.Path[len(r.Path)-1] != tt.ends {
			t.Errorf("%s: the longest conversation goes %v", tt.tree, r.Path)
		}
	}
}
