package dialogs

import (
	"bytes"
	"fmt"

	"github.com/goccy/go-yaml/parser"
)

// Format writes a source in the house's form: two blanks of indent, no blanks at the ends
// of lines, comments kept. The tree means the same before and after, or it is an error.
func Format(file string, src []byte) ([]byte, error) {
	before, bad := readYAML(file, src)
	if bad != nil {
		return nil, Problems{*bad}
	}
	f, err := parser.ParseBytes(src, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	var out bytes.Buffer
	for line := range bytes.Lines([]byte(f.String())) {
		out.Write(bytes.TrimRight(line, " \t\r\n"))
		out.WriteByte('\n')
	}
	text := append(bytes.TrimRight(out.Bytes(), "\n"), '\n')
	after, bad := readYAML(file, text)
	if bad != nil || !alike(before, after) {
		return nil, fmt.Errorf("%s cannot be formatted without changing what it means; it is left as it is", file)
	}
	return text, nil
}

// alike compares two values without their places.
func alike(a, b *val) bool {
	if a.kind != b.kind || a.str != b.str || len(a.items) != len(b.items) || len(a.pairs) != len(b.pairs) {
		return false
	}
	for i := range a.items {
		if !alike(a.items[i], b.items[i]) {
			return false
		}
	}
	for i := range a.pairs {
		if a.pairs[i].key.str != b.pairs[i].key.str || !alike(a.pairs[i].val, b.pairs[i].val) {
			return false
		}
	}
	return true
}
