package openai

import (
	"regexp"
	"strings"
)

// What is left out of a text before it leaves, each with the word put in its place.
var outright = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`[\w.+-]+@[\w-]+(\.[\w-]+)+`), "[邮箱]"},
	// An identity number: 17 digits and a digit or X.
	{regexp.MustCompile(`\d{17}[\dXx]`), "[证件号]"},
	// A run of five digits or more, in figures or spoken, whatever stands in between.
	{regexp.MustCompile(`\+?(?:[0-9０-９零〇○一二三四五六七八九幺两][ \t　,，.。、·\-－—_()（）]{0,3}){4,}[0-9０-９零〇○一二三四五六七八九幺两][Xx]?`), "[号码]"},
	{regexp.MustCompile(`(?i)\b(?:(?:zero|oh|o|one|two|three|four|five|six|seven|eight|nine|double|triple|\d+)[ ,.\-]{1,3}){4,}(?:zero|oh|o|one|two|three|four|five|six|seven|eight|nine|\d+)\b`), "[号码]"},
	// A street and number.
	{regexp.MustCompile(`[\p{Han}]{1,8}(?:路|街|道|巷|弄|胡同|大街|大道)[0-9０-９零〇一二三四五六七八九十百]{1,6}(?:号|弄|栋|幢)[0-9０-９零〇一二三四五六七八九十百\p{Han}\-]{0,12}`), "[地址]"},
	{regexp.MustCompile(`[0-9０-９一二三四五六七八九十]{1,4}(?:号楼|栋|幢|单元)[0-9０-９零一二三四五六七八九十百号楼栋幢单元室\-]{0,14}`), "[地址]"},
	{regexp.MustCompile(`(?i)\b\d{1,5} (?:[a-z]+ ){1,3}(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd)\b`), "[地址]"},
	// A name somebody says of themselves.
	{regexp.MustCompile(`(?:我叫|我是叫|名字叫|名字是|免贵姓|我姓)[\p{Han}]{1,3}`), "我叫[姓名]"},
}

// redact takes out of a text what could name or reach somebody: the person's own
// words of private, and what looks like a number, an address or a name.
func redact(text string, private []string) string {
	for _, w := range private {
		if w != "" {
			text = replaceFold(text, w, "[某]")
		}
	}
	for _, r := range outright {
		text = r.what.ReplaceAllString(text, r.by)
	}
	return text
}

// replaceFold is strings.ReplaceAll without regard to case.
func replaceFold(text, word, by string) string {
	if len(text) != len(strings.ToLower(text)) || len(word) != len(strings.ToLower(word)) {
		return strings.ReplaceAll(text, word, by) // letters whose cases differ in length
	}
	lower, word := strings.ToLower(text), strings.ToLower(word)
	var b strings.Builder
	for {
		i := strings.Index(lower, word)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		b.WriteString(by)
		text, lower = text[i+len(word):], lower[i+len(word):]
	}
}
