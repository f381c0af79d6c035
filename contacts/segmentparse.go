package contacts

import (
	"fmt"
	"math"
	"strings"
	"unicode"
)

// ParseSegment reads and checks an expression; the error is a *SegmentError.
func ParseSegment(expr string) (Segment, error) {
	if len(expr) > 4096 {
		return Segment{}, &SegmentError{Column: 4097, Msg: "the expression is longer than 4096 bytes"}
	}
	tokens, err := lex(expr)
	if err != nil {
		return Segment{}, err
	}
	p := &parser{tokens: tokens}
	root, err := p.or()
	if err != nil {
		return Segment{}, err
	}
	if t := p.peek(); t.kind != "" {
		return Segment{}, &SegmentError{t.at, fmt.Sprintf("%q is not expected here; join tests with && or ||", t.text)}
	}
	return Segment{source: expr, root: root}, nil
}

// token kinds: name, number, string, and the sign itself for operators; "" is the end.
type token struct {
	kind, text string
	at         int
}

func lex(expr string) ([]token, error) {
	var tokens []token
	runes := []rune(expr)
	for i := 0; i < len(runes); {
		start := i
		r := runes[i]
		take := func(ok func(rune) bool) string {
			for i < len(runes) && ok(runes[i]) {
				i++
			}
			return string(runes[start:i])
		}
		switch {
		case unicode.IsSpace(r):
			i++
		case r < 128 && (unicode.IsLetter(r) || r == '_'):
			text := take(func(r rune) bool {
				return r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)) || r == '_' || r == '.'
			})
			tokens = append(tokens, token{"name", text, start + 1})
		case r >= '0' && r <= '9':
			text := take(func(r rune) bool { return r >= '0' && r <= '9' || r == '.' })
			tokens = append(tokens, token{"number", text, start + 1})
		case r == '"' || r == '\'' || r == '“':
			end := r
			if r == '“' {
				end = '”'
			}
			for i++; i < len(runes) && runes[i] != end; {
				i++
			}
			if i == len(runes) {
				return nil, &SegmentError{start + 1, "the quotation mark is not closed"}
			}
			i++
			tokens = append(tokens, token{"string", string(runes[start+1 : i-1]), start + 1})
		default:
			two := string(runes[i:min(i+2, len(runes))])
			if !strings.Contains(" && || == != <= >= ", " "+two+" ") {
				two = string(r)
				if !strings.ContainsRune("!<>()[],", r) {
					return nil, &SegmentError{start + 1, fmt.Sprintf("%q means nothing here", two)}
				}
			}
			i += len([]rune(two))
			tokens = append(tokens, token{two, two, start + 1})
		}
	}
	return append(tokens, token{at: len(runes) + 1}), nil
}

type parser struct {
	tokens []token
	depth  int
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != "" {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) expect(kind, what string) (token, error) {
	t := p.take()
	if t.kind != kind {
		return t, &SegmentError{t.at, "expected " + what + found(t)}
	}
	return t, nil
}

func found(t token) string {
	if t.kind == "" {
		return ", but the expression ends"
	}
	return fmt.Sprintf(", found %q", t.text)
}

func (p *parser) or() (node, error)  { return p.chain("||", p.and) }
func (p *parser) and() (node, error) { return p.chain("&&", p.not) }

func (p *parser) chain(op string, next func() (node, error)) (node, error) {
	left, err := next()
	for err == nil && p.peek().kind == op {
		p.take()
		var right node
		if right, err = next(); err == nil && op == "||" {
			left = either{left, right}
		} else if err == nil {
			left = both{left, right}
		}
	}
	return left, err
}

func (p *parser) not() (node, error) {
	if p.depth++; p.depth > 100 {
		return nil, &SegmentError{p.peek().at, "nested too deeply"}
	}
	defer func() { p.depth-- }()
	switch p.peek().kind {
	case "!":
		p.take()
		n, err := p.not()
		return not{n}, err
	case "(":
		p.take()
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		_, err = p.expect(")", "a closing bracket")
		return n, err
	}
	return p.test()
}

func (p *parser) test() (node, error) {
	name, err := p.expect("name", "a test such as frequency >= 2")
	if err != nil {
		return nil, err
	}
	switch name.text {
	case "all":
		return all{}, nil
	case "frequency", "amount", "recency_days":
		return p.number(name)
	case "city", "province", "role":
		return p.word(name)
	case "tag":
		t, err := p.argument("string", "a tag in quotation marks")
		return tagged{t.text}, err
	case "birthday.within":
		t, err := p.argument("number", "a number of days")
		if err != nil {
			return nil, err
		}
		days, err := whole(t, 1)
		if err == nil && days > 366 {
			err = &SegmentError{t.at, "a window of at most 366 days"}
		}
		return birthday{int(days)}, err
	}
	return nil, &SegmentError{name.at, fmt.Sprintf("there is no %q; there are all, frequency, amount, recency_days, city, province, role, tag(…), birthday.within(…)", name.text)}
}

func (p *parser) argument(kind, what string) (token, error) {
	if _, err := p.expect("(", "an opening bracket"); err != nil {
		return token{}, err
	}
	t, err := p.expect(kind, what)
	if err != nil {
		return t, err
	}
	_, err = p.expect(")", "a closing bracket")
	return t, err
}

func (p *parser) number(name token) (node, error) {
	op := p.take()
	switch op.kind {
	case "==", "!=", "<", "<=", ">", ">=":
	default:
		return nil, &SegmentError{op.at, "expected a comparison after " + name.text + found(op)}
	}
	t, err := p.expect("number", "a number")
	if err != nil {
		return nil, err
	}
	scale := int64(1)
	if name.text == "amount" {
		scale = 100 // yuan are written, fen are kept
	}
	v, err := whole(t, scale)
	return number{name.text, op.kind, v}, err
}

// whole reads a number times scale and refuses what is left over behind the point.
func whole(t token, scale int64) (int64, error) {
	fen, ok := parseYuan(t.text)
	if !ok || fen > math.MaxInt64/100 || fen*scale%100 != 0 || strings.Count(t.text, ".") > 1 || decimals(t.text) > 2 {
		return 0, &SegmentError{t.at, fmt.Sprintf("%q is not a number that fits here", t.text)}
	}
	return fen * scale / 100, nil
}

func decimals(s string) int {
	_, after, _ := strings.Cut(s, ".")
	return len(after)
}

func (p *parser) word(name token) (node, error) {
	op := p.take()
	n := word{name: name.text}
	switch {
	case op.kind == "==" || op.kind == "!=":
		n.none = op.kind == "!="
		t, err := p.expect("string", "a word in quotation marks")
		n.add(t.text)
		return n, err
	case op.kind == "name" && op.text == "in":
	default:
		return nil, &SegmentError{op.at, `expected in ["…"], == or != after ` + name.text + found(op)}
	}
	if _, err := p.expect("[", "an opening square bracket"); err != nil {
		return nil, err
	}
	for {
		t, err := p.expect("string", "a word in quotation marks")
		if err != nil {
			return nil, err
		}
		n.add(t.text)
		switch t = p.take(); t.kind {
		case ",":
		case "]":
			return n, nil
		default:
			return nil, &SegmentError{t.at, "expected a comma or a closing square bracket" + found(t)}
		}
	}
}

// add takes a place as people write it: 哈尔滨市 is kept as 哈尔滨.
func (n *word) add(text string) {
	switch n.name {
	case "city":
		text = bareCity(text)
	case "province":
		text = bareProvince(text)
	}
	n.words = append(n.words, text)
}
