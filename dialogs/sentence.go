package dialogs

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// sentence is what was said, in tokens: without fillers, stutters and telephone numbers'
// hyphens, with what was read of times and numbers on the side.
type sentence struct {
	tokens []token
	filler bool // there were only fillers
	nod    bool // and all of them were 嗯
	asked  bool // there was a question mark
	at     time.Time
	slots  Slots
}

// readChinese makes tokens of characters.
func readChinese(text string, now time.Time) sentence {
	runes := plainRunes(hello.Replace(text))
	var s sentence
	runes, s.slots = readNumbers(runes)
	runes, s.at = readTimes(runes, now)
	s.tokens = make([]token, 0, len(runes))
	s.filler, s.nod = true, true
	said := false
	for _, r := range runes {
		switch t := token(r); {
		case t == tokAsk:
			s.asked = true
			s.tokens = append(s.tokens, t)
		case t == tokPause:
			if n := len(s.tokens); n > 0 && s.tokens[n-1] != tokPause {
				s.tokens = append(s.tokens, t)
			}
		case fillers[r]:
			said = true
			s.nod = s.nod && (strings.ContainsRune("嗯恩昂", r) || r == '呐' && len(runes) > 1)
		default:
			s.filler = false
			s.tokens = append(s.tokens, t)
		}
	}
	s.filler = s.filler && (said || s.asked)
	s.nod = s.nod && s.filler && said
	s.tokens = trimPauses(unstutter(s.tokens))
	return s
}

// hello keeps words from being taken for fillers.
var hello = strings.NewReplacer("唔使", "不用", "唔要", "不要", "唔需要", "不需要", "唔係", "不是", "唔好", "不要", "唔得", "不行", "唔想", "不想", "我系", "我是", "没有问题", "没问题", "覅", "不要", "莫得", "没有", "等哈", "等会", "一哈", "一会", "拉嘿", "拉黑", "唔该", "麻烦", "唔知", "不知", "唔识", "不认识", "唔记得", "不记得", "唔系", "不是", "唔同", "不同", "唔方便", "不方便", "唔得闲", "没空", "乜嘢", "什么", "做咩", "干什么", "边位", "哪位", "边个", "哪个", "点解", "为什么", "咋个", "怎么", "啥子", "什么", "孬", "不好", "干嘛", "干啥", "哈喽", "你好", "哈罗", "你好", "哈咯", "你好", "哈啰", "你好")

func trimPauses(tokens []token) []token {
	for len(tokens) > 0 && tokens[len(tokens)-1] == tokPause {
		tokens = tokens[:len(tokens)-1]
	}
	for len(tokens) > 0 && tokens[0] == tokPause {
		tokens = tokens[1:]
	}
	return tokens
}

// fillers carry no meaning wherever they stand.
var fillers = runeSet("啊呀哈嘛哎诶欸唉呃额唔嗯恩哦噢喔哟哇呐嘞哩咧呗呢喽昂呵嘿哼")

func runeSet(s string) map[rune]bool {
	set := map[rune]bool{}
	for _, r := range s {
		set[r] = true
	}
	return set
}

// plainRunes folds a sentence: full-width letters, traditional characters, capitals;
// punctuation becomes a pause, and a space does unless every character is spaced.
func plainRunes(text string) []rune {
	spaced := spacedOut(text)
	out := make([]rune, 0, len(text))
	var last rune
	for _, r := range text {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		switch {
		case r == '?':
			r = rune(tokAsk)
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if r < 0x80 {
				r = unicode.ToLower(r)
			} else if plain, ok := simplified[r]; ok {
				r = plain
			}
		case (r == ':' || r == '.') && last >= '0' && last <= '9':
		case unicode.IsSpace(r) && spaced:
			continue
		default:
			r = rune(tokPause)
		}
		last = r
		out = append(out, r)
	}
	return out
}

// simplified turns what some ears write in traditional characters, and endings that are
// 了 said softly.
var simplified = func() map[rune]rune {
	from := []rune("電話嗎說來個這誰沒還開車會時點間別號對們給騙訴麼讓聽買東錢價優惠發請問進幾鐘過後從單訂絡繫擾煩報舉黃總經熱線機裡裏體驗課飯醫場產貨質壞爛閒妳啦咯囉喇俺侬嚟俾畀哋嘅咗冇佢係睇喺")
	to := []rune("电话吗说来个这谁没还开车会时点间别号对们给骗诉么让听买东钱价优惠发请问进几钟过后从单订络系扰烦报举黄总经热线机里里体验课饭医场产货质坏烂闲你了了了了我你来给给们的了没他是看在")
	out := map[rune]rune{}
	for i, r := range from {
		out[r] = to[i]
	}
	return out
}()

// spacedOut reports whether an ear put a space between all characters.
func spacedOut(text string) bool {
	han, spaces, last := 0, 0, ' '
	for _, r := range strings.TrimSpace(text) {
		switch {
		case unicode.Is(unicode.Han, r):
			han++
		case unicode.IsSpace(r) && !unicode.IsSpace(last):
			spaces++
		}
		last = r
	}
	return han >= 3 && spaces >= han-1
}

// stutterable are the words people repeat without changing what they say; others, such as
// 天天 and 谢谢, need both.
var stutterable = runeSet("不别对是好行没有要你我在忙喂可停加中成能哪谁啥来快成得滴快打莫憋")

// unstutter takes a repeated word once: 对对对 is 对, 别别别打了 is 别打了. A repeated
// phrase leaves a pause, for 不用不用你加吧 is not 不用你加吧.
func unstutter(in []token) []token {
	out := make([]token, 0, len(in))
	for i := 0; i < len(in); i++ {
		t := in[i]
		if n := len(out); n > 0 && out[n-1] == t && t < tokPause && stutterable[rune(t)] {
			continue
		}
		out = append(out, t)
		for size := 2; size <= 4 && len(out) >= size; size++ {
			unit := out[len(out)-size:]
			if unit[0] == unit[1] || slices.ContainsFunc(unit, func(t token) bool { return t >= tokPause || t >= '0' && t <= '9' }) {
				continue
			}
			skipped := false
			for {
				next := i + 1
				if next < len(in) && in[next] == tokPause {
					next++
				}
				if next+size > len(in) || !slices.Equal(in[next:next+size], unit) {
					break
				}
				i, skipped = next+size-1, true
			}
			if skipped {
				out = append(out, tokPause)
				break
			}
		}
	}
	return out
}

// readEnglish makes tokens of words, by the lexicon's own dictionary: a word no pattern
// knows is like any other.
func readEnglish(text string, now time.Time, dict map[string]token) sentence {
	words := englishWords(text)
	var s sentence
	words, s.slots = readEnglishNumbers(words)
	words, s.at = readEnglishTimes(words, now)
	s.filler, s.nod = true, true
	said := false
	for _, w := range words {
		switch {
		case w == "?":
			s.asked = true
			s.tokens = append(s.tokens, tokAsk)
		case w == ",":
			if n := len(s.tokens); n > 0 && s.tokens[n-1] != tokPause {
				s.tokens = append(s.tokens, tokPause)
			}
		case w == "<time>":
			s.filler = false
			s.tokens = append(s.tokens, tokTime)
		case w == "<phone>":
			s.filler = false
			s.tokens = append(s.tokens, tokPhone)
		case w == "uhhuh":
			said = true
		case englishFillers[w]:
			said = true
			s.nod = false
		default:
			s.filler = false
			t := dict[w]
			if t == 0 && strings.HasSuffix(w, "in") {
				t = dict[w+"g"] // callin
			}
			if n := len(s.tokens); t == 0 || n == 0 || s.tokens[n-1] != t {
				s.tokens = append(s.tokens, t)
			}
		}
	}
	s.filler = s.filler && (said || s.asked)
	s.nod = s.nod && s.filler && said
	s.tokens = trimPauses(s.tokens)
	return s
}

// englishFillers carry no meaning wherever they stand.
var englishFillers = map[string]bool{"uh": true, "um": true, "er": true, "erm": true, "hmm": true, "hm": true, "mm": true, "oh": true, "ah": true, "uhh": true, "umm": true, "mmm": true, "ooh": true, "aha": true, "eh": true, "well": true}

// englishWords splits a sentence into words, contractions written out, with "," and "?"
// where clauses end.
func englishWords(text string) []string {
	var out []string
	var word strings.Builder
	end := func() {
		if word.Len() == 0 {
			return
		}
		w := strings.Trim(word.String(), "'")
		if n := len(out); n > 0 && (out[n-1] == "uh" && w == "huh" || (out[n-1] == "mm" || out[n-1] == "mmm") && strings.HasPrefix(w, "hm")) {
			out[n-1] = "uhhuh"
		} else {
			out = append(out, writtenOut(w)...)
		}
		word.Reset()
	}
	digit := false
	for _, r := range text {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			word.WriteRune(unicode.ToLower(r))
		case r == '\'' || r == '’' || r == '‘':
			word.WriteRune('\'')
		case (r == ':' || r == '.') && digit:
			word.WriteRune(r)
		case r == '?':
			end()
			out = append(out, "?")
		case unicode.IsSpace(r) || r == '-' || r == '.' && word.Len() == 1:
			end()
		default:
			end()
			out = append(out, ",")
		}
		digit = unicode.IsDigit(r)
	}
	end()
	return out
}

// writtenOut takes contractions apart: don't is do not, I'm is i am.
func writtenOut(w string) []string {
	if len(w) == 0 {
		return nil
	}
	w = strings.TrimRight(w, ":.")
	if both, ok := contractions[w]; ok {
		return both
	}
	if base, ok := strings.CutSuffix(w, "n't"); ok {
		return []string{base, "not"}
	}
	if base, suffix, ok := strings.Cut(w, "'"); ok {
		switch suffix {
		case "m":
			return []string{base, "am"}
		case "re":
			return []string{base, "are"}
		case "ve":
			return []string{base, "have"}
		case "ll":
			return []string{base, "will"}
		case "d":
			return []string{base, "would"}
		case "s":
			return []string{base, "is"}
		}
		return []string{base + suffix}
	}
	return []string{w}
}

// contractions are those without a rule, and the words some ears write together.
var contractions = map[string][]string{
	"won't": {"will", "not"}, "can't": {"can", "not"}, "cannot": {"can", "not"}, "shan't": {"shall", "not"},
	"dont": {"do", "not"}, "doesnt": {"does", "not"}, "didnt": {"did", "not"}, "cant": {"can", "not"}, "wont": {"will", "not"}, "isnt": {"is", "not"},
	"im": {"i", "am"}, "ive": {"i", "have"}, "youre": {"you", "are"}, "thats": {"that", "is"}, "whos": {"who", "is"}, "whats": {"what", "is"},
	"gonna": {"going", "to"}, "wanna": {"want", "to"}, "gotta": {"got", "to"}, "lemme": {"let", "me"}, "gimme": {"give", "me"},
	"whatcha": {"what", "you"}, "y'all": {"you"}, "ya": {"you"}, "u": {"you"}, "mhm": {"uhhuh"}, "mmhmm": {"uhhuh"}, "okay": {"ok"}, "okey": {"ok"}, "k": {"ok"},
	"o'clock": {"oclock"}, "we-chat": {"wechat"}, "c'mon": {"come", "on"}, "stahp": {"stop"}, "plz": {"please"}, "pls": {"please"}, "agin": {"again"}, "kall": {"call"}, "ain't": {"is", "not"}, "let's": {"let", "us"},
}
