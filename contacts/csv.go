package contacts

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// Limits of one record. A quotation mark that is never closed would swallow the
// rest of the file; past these limits the line is refused and reading goes on
// with the next one.
const (
	maxRecordLines = 20
	maxRecordBytes = 64 << 10
)

var (
	errLongLine = errors.New("line_too_long")
	errUnclosed = errors.New("unclosed_quote")
)

// table reads comma, tab or semicolon separated records line by line. It is
// kinder than encoding/csv: ="138…" is an ordinary cell, and one broken quotation
// mark costs one line.
type table struct {
	in      *bufio.Reader
	comma   byte
	line    int // of the last line read
	pending []string
	err     error
}

func newTable(r io.Reader) (*table, error) {
	in, err := decoded(r)
	if err != nil {
		return nil, err
	}
	return &table{in: in}, nil
}

// next gives the next record that is not blank, and the line it starts on. The
// error is io.EOF, errLongLine or errUnclosed (go on), or the reader's own.
func (t *table) next() (cells []string, line int, err error) {
	for {
		text, err := t.readLine()
		if err != nil {
			return nil, t.line, err
		}
		if t.comma == 0 {
			t.comma = separator(text)
		}
		if strings.Trim(text, " \t,;\x00") == "" {
			continue
		}
		start := t.line
		cells, closed := split(text, t.comma)
		var more []string
		for whole := text; !closed; {
			if len(more) == maxRecordLines || len(whole) > maxRecordBytes {
				break
			}
			next, err := t.readLine()
			if err != nil {
				break
			}
			more = append(more, next)
			whole += "\n" + next
			cells, closed = split(whole, t.comma)
		}
		if !closed { // give the following lines back, they are rows of their own
			t.pending = append(more, t.pending...)
			t.line -= len(more)
			cells, _ = split(text, t.comma)
			return cells, start, errUnclosed
		}
		return cells, start, nil
	}
}

func (t *table) readLine() (string, error) {
	if len(t.pending) > 0 {
		text := t.pending[0]
		t.pending = t.pending[1:]
		t.line++
		return text, nil
	}
	if t.err != nil {
		return "", t.err
	}
	var text []byte
	tooLong := false
	for {
		part, err := t.in.ReadSlice('\n')
		if len(text)+len(part) > maxRecordBytes {
			tooLong = true
		} else {
			text = append(text, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			t.err = err
			if len(text) == 0 && !tooLong {
				return "", err
			}
		}
		break
	}
	t.line++
	if tooLong {
		return "", errLongLine
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// split cuts one record; closed is false when a quoted cell does not end in it.
func split(text string, comma byte) (cells []string, closed bool) {
	for {
		cell, rest, more, ok := cut(text, comma)
		cells = append(cells, cell)
		if !ok {
			return cells, false
		}
		if !more {
			return cells, true
		}
		text = rest
	}
}

// cut takes the first cell off. A cell that starts with a quotation mark, or with
// =" as spreadsheets write text that looks like a number, runs to its partner.
func cut(text string, comma byte) (cell, rest string, more, ok bool) {
	formula := strings.HasPrefix(text, `="`)
	if !formula && !strings.HasPrefix(text, `"`) {
		cell, rest, more = strings.Cut(text, string(comma))
		return cell, rest, more, true
	}
	body := text[1:]
	if formula {
		body = text[2:]
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(body, '"')
		if i < 0 {
			return b.String() + body, "", false, false
		}
		b.WriteString(body[:i])
		body = body[i+1:]
		if strings.HasPrefix(body, `"`) && !formula {
			b.WriteByte('"')
			body = body[1:]
			continue
		}
		tail, rest, more := strings.Cut(body, string(comma))
		return b.String() + tail, rest, more, true
	}
}

// separator looks at the header line.
func separator(header string) byte {
	best, most := byte(','), strings.Count(header, ",")
	for _, c := range []byte{'\t', ';'} {
		if n := strings.Count(header, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}
