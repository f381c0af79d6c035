package dialogs

import (
	"fmt"
	"strings"
	"time"
)

// speech is a text that has been split at {{ }} into what is fixed and what varies.
type speech struct {
	src     string
	segs    []segment
	refs    []string
	english bool
}

type segment struct {
	fixed   string
	value   *value
	filters []string
	offset  int // characters from the start of the text
}

// render gives the parts, or false when a fact is missing or empty.
func (s *speech) render(env map[string]any, now time.Time, audio string) ([]Part, bool) {
	parts := make([]Part, 0, len(s.segs))
	say, plain := filters, plainText
	if s.english {
		say, plain = englishFilters, plainEnglish
	}
	for _, seg := range s.segs {
		if seg.value == nil {
			parts = append(parts, Part{Text: seg.fixed, Fixed: true, Audio: audio})
			continue
		}
		v, ok := seg.value.eval(env)
		if !ok {
			return nil, false
		}
		text := ""
		for _, name := range seg.filters {
			if v, ok = say[name](v, now); !ok {
				return nil, false
			}
		}
		if text = plain(v, now); text == "" {
			return nil, false
		}
		parts = append(parts, Part{Text: text})
	}
	return parts, true
}

// readSpeech splits a text and checks what stands between its braces.
func (w *vocabulary) readSpeech(src string) (*speech, *exprError) {
	s := &speech{src: src, english: w.english}
	offset, rest := 0, src
	for {
		before, after, found := strings.Cut(rest, "{{")
		if before != "" {
			s.segs = append(s.segs, segment{fixed: before, offset: offset})
		}
		offset += runes(before)
		if !found {
			if strings.Contains(before, "}}") {
				return nil, &exprError{offset - runes(before), "}} without {{", "write {{ fact }}"}
			}
			return s, nil
		}
		inside, more, closed := strings.Cut(after, "}}")
		if !closed {
			return nil, &exprError{offset, "{{ is not closed", "write {{ fact }}"}
		}
		seg, bad := w.readSegment(inside)
		if bad != nil {
			bad.at += offset + 2
			return nil, bad
		}
		seg.offset = offset
		s.segs = append(s.segs, seg)
		s.refs = append(s.refs, seg.value.refs...)
		offset += 4 + runes(inside)
		rest = more
	}
}

func (w *vocabulary) readSegment(inside string) (segment, *exprError) {
	pieces := strings.Split(strings.ReplaceAll(inside, "||", "\x00"), "|")
	source := strings.ReplaceAll(pieces[0], "\x00", "||")
	lead := runes(source) - runes(strings.TrimLeft(source, " "))
	if strings.TrimSpace(source) == "" {
		return segment{}, &exprError{0, "nothing stands between {{ and }}", "name a fact: {{ contact.salutation }}"}
	}
	v, bad := w.compileValue(strings.TrimSpace(source))
	if bad != nil {
		bad.at += lead
		return segment{}, bad
	}
	seg := segment{value: v}
	at := runes(source)
	for _, f := range pieces[1:] {
		name := strings.TrimSpace(f)
		if _, ok := filters[name]; !ok {
			return seg, &exprError{at + 1, fmt.Sprintf("there is no filter %s", name), suggest(name, sortedKeys(filters))}
		}
		seg.filters = append(seg.filters, name)
		at += 1 + runes(f)
	}
	return seg, nil
}

func runes(s string) int { return len([]rune(s)) }
