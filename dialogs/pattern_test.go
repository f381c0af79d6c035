package dialogs

import (
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	sets := map[string][]string{"别": {"别", "不要"}, "打": {"打(电话)?", "拨"}}
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"<别>再?<打>", "不要再打", true},
		{"<别>再?<打>", "别，打", true},
		{"<别>再?<打>", "别这么打", false},
		{"<别>…<打>", "别这么老是打", true},
		{"<别>…<打>", "别，我说你们打", false},
		{"<别>……<打>", "别，我说你们打", true},
		{"^打$", "打", true},
		{"^打$", "你打", false},
		{"^打$", "好，打，行", true},
		{"好(的|了)?$", "好的", true},
		{"好(的|了)?$", "好吃", false},
		{"可以<?>", "可以？", true},
		{"<time>再打", "明天下午再打", true},
		{"<phone>", "幺三八零零幺三八零零零", true},
	}
	for _, tt := range tests {
		p, err := readPattern(tt.pattern, sets, characters)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		text, got := readChinese(tt.text, monday).tokens, false
		for at := range text {
			got = got || p.match(text, at, false) >= 0
		}
		if got != tt.want {
			t.Errorf("%s in %s: %v, want %v", tt.pattern, tt.text, got, tt.want)
		}
	}
}

func TestPatternsSayWhatIsWrongWithThem(t *testing.T) {
	sets := map[string][]string{"环": {"<环>"}}
	for pattern, want := range map[string]string{
		"(a|b": "never closed", "<不存在>": "no set <不存在>", "a)": "nothing opened", "?a": "stray ?", "<a": "never closed", "(a)?": "empty sentence", "<环>": "without end",
	} {
		if _, err := readPattern(pattern, sets, characters); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", pattern, err, want)
		}
	}
}

func TestLexiconsSayWhatIsWrongWithThem(t *testing.T) {
	for src, want := range map[string]string{
		"rules: [{rule: nonsense/x, patterns: [a]}]":              "no intent nonsense",
		"rules: [{rule: yes/x, asked: [weather], patterns: [a]}]": "called weather",
		"rules: [{rule: yes/x, patterns: ['(a']}]":                "rule yes/x",
		"idioms: ['<x>']": "idioms",
		"rulez: []":       "rulez",
	} {
		if _, err := readLexicon([]byte(src), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}
