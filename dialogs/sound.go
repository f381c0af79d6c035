package dialogs

import (
	"strings"
	"sync"

	"github.com/mozillazg/go-pinyin"
)

// Ears mishear characters, not syllables: 别大了 sounds like 别打了. What no pattern fits as
// it is written is tried once more as it sounds, without tones, and without the differences
// that half the country does not make: zh and z, ch and c, sh and s, -ing and -in, -eng and -en.

const (
	hanFrom = 0x4E00
	hanTo   = 0x9FFF
)

// tokSyllable is where syllables lie among the tokens.
const tokSyllable token = 1 << 20

// syllables gives every character its sound, by the first reading of the dictionary.
var syllables = sync.OnceValue(func() *[hanTo - hanFrom + 1]token {
	var table [hanTo - hanFrom + 1]token
	ids := map[string]token{}
	for r := hanFrom; r <= hanTo; r++ {
		reading, ok := pinyin.PinyinDict[r]
		if !ok {
			continue
		}
		s := plainSyllable(reading)
		id, ok := ids[s]
		if !ok {
			id = tokSyllable + token(len(ids)) + 1
			ids[s] = id
		}
		table[r-hanFrom] = id
	}
	return &table
})

// plainSyllable takes tones and regional differences off a reading: "zhòng,chóng" is "zon".
func plainSyllable(reading string) string {
	reading, _, _ = strings.Cut(reading, ",")
	var b strings.Builder
	for _, r := range reading {
		if i := strings.IndexRune("āáǎàēéěèōóǒòīíǐìūúǔùǖǘǚǜüńňǹḿ", r); i >= 0 {
			r = []rune("aaaaeeeeooooiiiiuuuuvvvvvnnnm")[runes("āáǎàēéěèōóǒòīíǐìūúǔùǖǘǚǜüńňǹḿ"[:i])]
		}
		if r < 0x80 {
			b.WriteRune(r)
		}
	}
	s := b.String()
	for _, pair := range [][2]string{{"zh", "z"}, {"ch", "c"}, {"sh", "s"}} {
		if rest, ok := strings.CutPrefix(s, pair[0]); ok {
			s = pair[1] + rest
		}
	}
	for _, pair := range [][2]string{{"ing", "in"}, {"eng", "en"}} {
		if rest, ok := strings.CutSuffix(s, pair[0]); ok {
			s = rest + pair[1]
		}
	}
	return s
}

// sound is the syllable of a character; whatever is no character sounds as itself.
func sound(t token) token {
	if t < hanFrom || t > hanTo {
		return t
	}
	if s := syllables()[t-hanFrom]; s != 0 {
		return s
	}
	return t
}

func soundsOf(in []token) []token {
	out := make([]token, len(in))
	for i, t := range in {
		out[i] = sound(t)
	}
	return out
}
