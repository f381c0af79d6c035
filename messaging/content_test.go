package messaging

import (
	"errors"
	"strings"
	"testing"
)

func TestOptOutWord(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{"R", true}, {"r", true}, {" R ", true}, {"Ｒ", true}, {"ｒ。", true}, {"T", true}, {"TD", true}, {"t d", true},
		{"TDR", true}, {"N", true}, {"退订", true}, {"【退订】", true}, {"退订！", true}, {"取消", true}, {"拒收", true}, {"不要", true},
		{"回复R", true}, {"“R”", true}, {"R\r\n", true}, {"STOP", true},
		{"", false}, {"...", false}, {"好的", false}, {"不要了吗", false}, {"怎么退订", false}, {"我不要退订", false}, {"RR", false},
		{"Thanks", false}, {"1", false}, {"取消订单", false}, {"拒收请回复R", false}, {"R" + strings.Repeat("R", 100000), false},
	}
	for _, tt := range tests {
		if got := OptOutWord(tt.text); got != tt.want {
			t.Errorf("%.20q: got %v, want %v", tt.text, got, tt.want)
		}
	}
}

func good() Message {
	return Message{ID: "m1", To: "+8613800000001", Template: "1000001", Sign: "示例", Params: []string{"王女士"}, Text: "王女士您好"}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Message)
		rules  Rules
		field  string // "" is fine
	}{
		{"a good one", func(*Message) {}, Rules{}, ""},
		{"no ID", func(m *Message) { m.ID = "" }, Rules{}, "id"},
		{"a long ID", func(m *Message) { m.ID = strings.Repeat("x", 512) }, Rules{}, "id"},
		{"a national number", func(m *Message) { m.To = "13800000001" }, Rules{}, "to"},
		{"no sign", func(m *Message) { m.Sign = "" }, Rules{}, "sign"},
		{"no template", func(m *Message) { m.Template = "" }, Rules{}, "template"},
		{"an empty variable", func(m *Message) { m.Params = []string{"a", ""} }, Rules{}, "params[1]"},
		{"a long variable", func(m *Message) { m.Params = []string{strings.Repeat("字", 65)} }, Rules{MaxParam: 64}, "params[0]"},
		{"a web address in a variable", func(m *Message) { m.Params = []string{"https://a.example/x"} }, Rules{}, "params[0]"},
		{"a short link in a variable", func(m *Message) { m.Params = []string{"点t.cn/Ab3看"} }, Rules{}, "params[0]"},
		{"a bare host in capitals", func(m *Message) { m.Params = []string{"WWW.SHOP.COM"} }, Rules{}, "params[0]"},
		{"a WeChat scheme", func(m *Message) { m.Params = []string{"weixin://biz/ww/profile/x"} }, Rules{}, "params[0]"},
		{"a web address where the provider allows it", func(m *Message) { m.Params = []string{"https://a.example/x"} }, Rules{ParamURL: true}, ""},
		{"a code is no address", func(m *Message) { m.Params = []string{"iv0123abc", "12.5元", "8.8折"} }, Rules{}, ""},
		{"promotion without refusal", func(m *Message) { m.Promotion = true }, Rules{}, "text"},
		{"promotion with refusal in the middle", func(m *Message) { m.Promotion, m.Text = true, "拒收请回复R，谢谢" }, Rules{}, "text"},
		{"promotion with refusal at the end", func(m *Message) { m.Promotion, m.Text = true, "新品到店，拒收请回复R" }, Rules{}, ""},
		{"a text too long", func(m *Message) { m.Text = strings.Repeat("字", 500) }, Rules{}, "text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := good()
			tt.change(&m)
			err := tt.rules.Check(m)
			field := ""
			if e, ok := errors.AsType[*ContentError](err); ok {
				field = e.Field
			}
			if field != tt.field {
				t.Errorf("got %v, want field %q", err, tt.field)
			}
		})
	}
}

func TestParts(t *testing.T) {
	for n, want := range map[int]int{0: 1, 66: 1, 67: 2, 130: 2, 131: 3} {
		if got := Parts("示例", strings.Repeat("测", n)); got != want {
			t.Errorf("%d characters and a sign of 4: got %d parts, want %d", n, got, want)
		}
	}
}

func FuzzOptOutWord(f *testing.F) {
	for _, s := range []string{"R", "退订", "Ｔ Ｄ", "\xff", "好的"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if OptOutWord(s) && !OptOutWord(" "+s+"。") {
			t.Errorf("%q stops, with punctuation it does not", s)
		}
	})
}
