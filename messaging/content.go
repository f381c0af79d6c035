package messaging

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Refusal is the fixed end of every promotion in mainland China.
const Refusal = "拒收请回复R"

const (
	maxText     = 500 // characters of one message, sign included
	singleUnits = 70  // UCS2 units of a message in one part
	partUnits   = 67  // of each part of a longer one
	maxID       = 511 // bytes
)

// Rules are the provider's content rules. The zero value is the strict one of
// the big clouds.
type Rules struct {
	ParamURL bool // variables may hold web addresses: own channel, or a short-link product
	MaxParam int  // characters of one variable, as the account allows; 0 is no limit of its own
}

// ContentError says which part of a message would be refused, and why.
type ContentError struct {
	Field  string // "to", "sign", "template", "params[0]", "text", "id"
	Reason string
}

func (e *ContentError) Error() string { return "the message's " + e.Field + " " + e.Reason }

// webAddress finds addresses with and without a scheme; short links look like
// t.cn/Ab3.
var webAddress = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://|www\.|\b[a-z0-9-]+(\.[a-z0-9-]+)*\.(com|cn|net|org|top|cc|io|me|ly|link|shop|vip|xyz|site|info|co)\b)`)

// Check refuses what the provider or the law would refuse.
func (r Rules) Check(m Message) error {
	switch {
	case len(m.ID) == 0 || len(m.ID) > maxID:
		return &ContentError{"id", fmt.Sprintf("must have 1 to %d bytes", maxID)}
	case !strings.HasPrefix(m.To.E164(), "+"):
		return &ContentError{"to", "is not an international number"}
	case m.Sign == "":
		return &ContentError{"sign", "is missing: a text without a brand is spam"}
	case m.Template == "":
		return &ContentError{"template", "is missing"}
	case utf8.RuneCountInString(m.Text)+utf8.RuneCountInString(m.Sign)+2 > maxText:
		return &ContentError{"text", fmt.Sprintf("has more than %d characters with its sign", maxText)}
	}
	for i, p := range m.Params {
		field := fmt.Sprintf("params[%d]", i)
		switch {
		case p == "":
			return &ContentError{field, "is empty"}
		case r.MaxParam > 0 && utf8.RuneCountInString(p) > r.MaxParam:
			return &ContentError{field, fmt.Sprintf("has more than %d characters", r.MaxParam)}
		case !r.ParamURL && webAddress.MatchString(p):
			return &ContentError{field, "holds a web address; the address must stand in the approved template"}
		}
	}
	if m.Promotion && !strings.HasSuffix(strings.TrimRight(m.Text, " 。.!！"), Refusal) {
		return &ContentError{"text", "is promotion and must end with " + Refusal}
	}
	return nil
}

// Parts is how many parts a text is charged as, with its sign in 【】.
func Parts(sign, text string) int {
	n := len(utf16.Encode([]rune("【" + sign + "】" + text)))
	if n <= singleUnits {
		return 1
	}
	return (n + partUnits - 1) / partUnits
}

// optOutWords are the whole messages that mean stop. R is the big clouds'
// standard, T and TD are the aggregators'.
var optOutWords = map[string]bool{
	"r": true, "t": true, "td": true, "tdr": true, "n": true,
	"退订": true, "取消": true, "拒收": true, "不要": true,
	"回复r": true, "回复t": true, "回复td": true, "stop": true, "unsubscribe": true,
}

// OptOutWord says whether a reply means stop. Only the whole message counts:
// case, full-width forms, spaces and punctuation are folded away first.
func OptOutWord(text string) bool {
	var b strings.Builder
	for _, r := range text {
		if r >= '！' && r <= '～' { // full-width ASCII
			r -= '！' - '!'
		}
		switch {
		case r >= 'A' && r <= 'Z':
			r += 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r >= 0x4E00 && r <= 0x9FFF:
		default:
			continue // spaces, punctuation, signs
		}
		b.WriteRune(r)
		if b.Len() > 32 {
			return false
		}
	}
	return optOutWords[b.String()]
}
