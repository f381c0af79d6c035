package dialogs

import (
	"slices"
	"strconv"
	"strings"
)

// Slots are what a sentence named beside its intent.
type Slots struct {
	Channels []string  `json:"channels,omitempty"` // opt_out: "all", or voice, sms, wecom
	Phones   []string  `json:"phones,omitempty"`   // telephone numbers, digits only
	Numbers  []float64 `json:"numbers,omitempty"`  // other numbers, as they were said
}

// numeral is what a character counts for in a row of digits, -1 for none.
func numeral(r rune) int {
	switch r {
	case '零', '〇':
		return 0
	case '幺', '一':
		return 1
	case '二', '两':
		return 2
	case '三':
		return 3
	case '四':
		return 4
	case '五':
		return 5
	case '六':
		return 6
	case '七':
		return 7
	case '八':
		return 8
	case '九':
		return 9
	}
	if r >= '0' && r <= '9' {
		return int(r - '0')
	}
	return -1
}

func isNumeral(r rune) bool {
	return numeral(r) >= 0 || strings.ContainsRune("十百千万半", r)
}

// readNumbers finds telephone numbers, 幺 and pauses and all, puts a mark in their place,
// and collects the other numbers that are more than a lone 一.
func readNumbers(in []rune) ([]rune, Slots) {
	var s Slots
	if !slices.ContainsFunc(in, isNumeral) {
		return in, s
	}
	out := make([]rune, 0, len(in))
	for i := 0; i < len(in); {
		if digits, n := digitRun(in[i:]); isPhone(digits) {
			s.Phones = append(s.Phones, digits)
			out = append(out, rune(tokPhone))
			i += n
			continue
		}
		n := 0
		for i+n < len(in) && (isNumeral(in[i+n]) || in[i+n] == '.' && n > 0) {
			n++
		}
		if n == 0 {
			out = append(out, in[i])
			i++
			continue
		}
		if f, ok := spokenFloat(in[i : i+n]); ok && (n > 1 || in[i] <= '9' || i+n < len(in) && strings.ContainsRune("个份盒件斤块元点号折包瓶袋箱次岁", in[i+n])) {
			s.Numbers = append(s.Numbers, f)
		}
		out = append(out, in[i:i+n]...)
		i += n
	}
	return out, s
}

// digitRun is a row of digits as a telephone number is said, with pauses between them.
func digitRun(in []rune) (string, int) {
	var b strings.Builder
	end := 0
	for i, r := range in {
		if d := numeral(r); d >= 0 {
			b.WriteByte(byte('0' + d))
			end = i + 1
		} else if r != rune(tokPause) || b.Len() == 0 {
			break
		}
	}
	return b.String(), end
}

// isPhone knows mobiles of mainland China, with or without 86, and numbers with an area code.
func isPhone(d string) bool {
	if rest, ok := strings.CutPrefix(strings.TrimPrefix(d, "00"), "86"); ok {
		d = rest
	}
	return len(d) == 11 && d[0] == '1' && d[1] >= '3' || len(d) >= 10 && len(d) <= 12 && d[0] == '0'
}

// spokenFloat reads 15, 3.5, 十五, 两百 and 一千零五十.
func spokenFloat(in []rune) (float64, bool) {
	s := string(in)
	if f, err := strconv.ParseFloat(strings.TrimRight(s, "."), 64); err == nil && !strings.ContainsAny(s, "eExX") {
		return f, true
	}
	n, ok := readNumber(in)
	return float64(n), ok
}

// maxNumber is past every number anybody says on the phone.
const maxNumber = 1e12

// readNumber reads 15, 十五, 两, 二十, 三百二, 一万零五.
func readNumber(in []rune) (int, bool) {
	total, section, n, last := 0, 0, 0, 0
	ok := false
	for _, r := range in {
		size := 0
		switch r {
		case '十':
			size = 10
		case '百':
			size = 100
		case '千':
			size = 1000
		case '万':
			total, section, n, last = (total+section+n)*10000, 0, 0, 1000
			ok = true
			continue
		default:
			d := numeral(r)
			if d < 0 {
				return 0, false
			}
			n = n*10 + d
			if d == 0 && n == 0 {
				last = 0 // 一百零五 is no 一百五
			}
		}
		ok = true
		if size > 0 {
			section, n, last = section+max(n, 1)*size, 0, size/10
		}
		if n > maxNumber || total > maxNumber || section > maxNumber {
			return 0, false
		}
	}
	if last > 1 && n > 0 && n < 10 { // 三百二 is 320
		n *= last
	}
	return total + section + n, ok && len(in) > 0
}

var englishDigits = map[string]int{"zero": 0, "oh": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}

var englishNumbers = map[string]int{"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
	"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}

// readEnglishNumber reads 15, fifteen and twenty five at the head of words.
func readEnglishNumber(words []string) (n, used int) {
	if len(words) == 0 {
		return 0, 0
	}
	if v, err := strconv.Atoi(words[0]); err == nil && v >= 0 && v < maxNumber {
		return v, 1
	}
	if v, ok := englishDigits[words[0]]; ok && words[0] != "oh" {
		return v, 1
	}
	v, ok := englishNumbers[words[0]]
	if !ok {
		return 0, 0
	}
	if v >= 20 && len(words) > 1 {
		if d, ok := englishDigits[words[1]]; ok && d > 0 {
			return v + d, 2
		}
	}
	return v, 1
}

// readEnglishNumbers does for English what readNumbers does: one three eight double zero.
func readEnglishNumbers(in []string) ([]string, Slots) {
	var s Slots
	out := in[:0:0]
	for i := 0; i < len(in); {
		if digits, n := englishDigitRun(in[i:]); n > 0 && (isPhone(digits) || len(digits) >= 7 && len(digits) <= 15) {
			s.Phones = append(s.Phones, digits)
			out = append(out, "<phone>")
			i += n
			continue
		}
		n, used := readEnglishNumber(in[i:])
		if used > 0 && (in[i] != "one" || used > 1) {
			s.Numbers = append(s.Numbers, float64(n))
		}
		used = max(used, 1)
		out = append(out, in[i:i+used]...)
		i += used
	}
	return out, s
}

func englishDigitRun(in []string) (string, int) {
	var b strings.Builder
	times, end := 1, 0
	for i, w := range in {
		d, ok := englishDigits[w]
		switch {
		case w == "double":
			times = 2
			continue
		case w == "triple":
			times = 3
			continue
		case ok && (w != "oh" || b.Len() > 0):
			b.WriteString(strings.Repeat(strconv.Itoa(d), times))
		case len(w) > 0 && strings.Trim(w, "0123456789") == "":
			b.WriteString(w)
		case w == "," && b.Len() > 0:
			continue
		default:
			return b.String(), end
		}
		times, end = 1, i+1
	}
	return b.String(), end
}
