package contacts

import (
	"strings"
	"unicode"
)

// mobileRanges are the three-digit ranges of mainland mobiles in public use,
// those of virtual operators among them. Ranges of machines (140, 144, 146, 148)
// and the satellite range 174 are absent.
var mobileRanges = ranges(
	"130 131 132 133 134 135 136 137 138 139 145 147 149 150 151 152 153 155 156 157 158 159 " +
		"162 165 166 167 170 171 172 173 175 176 177 178 " +
		"180 181 182 183 184 185 186 187 188 189 190 191 192 193 195 196 197 198 199")

func ranges(list string) (table [100]bool) {
	for _, r := range strings.Fields(list) {
		table[int(r[1]-'0')*10+int(r[2]-'0')] = true
	}
	return table
}

// mobile says whether digits are an eleven-digit mainland mobile number.
func mobile(digits string) bool {
	return len(digits) == 11 && digits[0] == '1' && allDigits(digits) &&
		mobileRanges[int(digits[1]-'0')*10+int(digits[2]-'0')]
}

// fixed says whether digits are a mainland landline with its area code: 010 and
// 02x with eight digits, 03xx–09xx with seven or eight.
func fixed(digits string) bool {
	if len(digits) < 11 || len(digits) > 12 || digits[0] != '0' || !allDigits(digits) {
		return false
	}
	subscriber := digits[3:]
	switch {
	case digits[1] == '1' && digits[2] == '0' || digits[1] == '2':
	case digits[1] >= '3':
		subscriber = digits[4:]
	default:
		return false
	}
	return (len(subscriber) == 7 || len(subscriber) == 8) && subscriber[0] >= '2' && subscriber[0] <= '8'
}

// national takes the country code off a mainland number.
func national(joined string) string {
	for _, prefix := range []string{"+86", "0086", "86"} {
		if rest, ok := strings.CutPrefix(joined, prefix); ok && (len(rest) >= 11 || prefix != "86") {
			if mobile(rest) || prefix != "86" {
				if len(rest) > 0 && rest[0] != '1' && rest[0] != '0' && len(rest) >= 9 {
					return "0" + rest // +86 571 … : the area code without its zero
				}
				return rest
			}
		}
	}
	if rest, ok := strings.CutPrefix(joined, "0"); ok && mobile(rest) { // old habit: 0 before a mobile of another city
		return rest
	}
	return joined
}

// plainDigits undoes what spreadsheets and input methods do to a cell: ="…", a
// leading quote mark, full-width forms, invisible characters.
func plainDigits(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E: // full-width ASCII
			return r - 0xFEE0
		case r == '–' || r == '—' || r == '−' || r == '‐' || r == '‑' || r == 'ー':
			return '-'
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r): // zero-width, bidi marks, tabs
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, s)
	return unquoteCell(s)
}

// unquoteCell strips the tricks that keep a spreadsheet from reading a number:
// ="13800138000" and '13800138000.
func unquoteCell(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, `="`) && strings.HasSuffix(s, `"`) && len(s) >= 3 {
		s = s[2 : len(s)-1]
	}
	s = strings.TrimLeft(s, "'‘’`")
	return strings.TrimSpace(strings.Trim(s, `"`))
}

// compact drops the characters people put between groups of digits.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '(', ')', '.', '/', '_':
			return -1
		}
		return r
	}, s)
}

// maskedByX recognises 138xxxx1234 and 138XXXX1234.
func maskedByX(s string) bool {
	return strings.Contains(strings.ToLower(s), "xx") && strings.ContainsAny(s, "0123456789")
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// maskDigits hides the middle of every run of seven digits or more, also when
// blanks or dashes stand between them, so that a refused cell can be shown.
func maskDigits(s string) string {
	runes := []rune(s)
	for start := 0; start < len(runes); start++ {
		if !unicode.IsDigit(runes[start]) {
			continue
		}
		var at []int
		end := start
		for end < len(runes) && (unicode.IsDigit(runes[end]) || runes[end] == ' ' || runes[end] == '-') {
			if unicode.IsDigit(runes[end]) {
				at = append(at, end)
			}
			end++
		}
		if len(at) >= 7 && !dateLike(string(runes[start:end])) {
			for _, i := range at[min(3, len(at)-4) : len(at)-4] {
				runes[i] = '*'
			}
		}
		start = end
	}
	return string(runes)
}

// dateLike spares 2026-11-20 and 20261120 from masking: a refused date is of use
// only when it can be read.
func dateLike(s string) bool {
	s = strings.TrimSpace(s)
	if len(s) < 8 || (s[:2] != "19" && s[:2] != "20") {
		return false
	}
	digits := strings.ReplaceAll(s, "-", "")
	digits, _, _ = strings.Cut(digits, " ")
	return len(digits) == 8 && allDigits(digits) && digits[4:6] <= "12" && digits[6:8] <= "31"
}
