package dialogs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Sizes past which a source is not a dialog any more but an attack on its reader.
const (
	maxSource = 256 << 10
	maxDepth  = 24
)

// val is a YAML value that remembers where it was written.
// A scalar keeps the letters the author typed: "no" is the word no, never false.
type val struct {
	file      string
	line, col int
	kind      valKind
	str       string
	items     []*val
	pairs     []pair
}

type pair struct{ key, val *val }

type valKind uint8

const (
	scalar valKind = iota
	list
	mapping
	null
)

func (k valKind) String() string {
	return [...]string{"a text", "a list", "a mapping", "nothing"}[k]
}

func (v *val) problem(msg, hint string) Problem {
	return Problem{File: v.file, Line: v.line, Col: v.col, Msg: msg, Hint: hint}
}

func (v *val) get(key string) *val {
	if v == nil {
		return nil
	}
	for _, p := range v.pairs {
		if p.key.str == key {
			return p.val
		}
	}
	return nil
}

// readYAML reads a source into a val. The YAML library is a guest here:
// whatever it does with hostile bytes becomes a Problem.
func readYAML(file string, src []byte) (v *val, problem *Problem) {
	at := func(line, col int, msg, hint string) *Problem {
		return &Problem{File: file, Line: max(line, 1), Col: max(col, 1), Msg: msg, Hint: hint}
	}
	if len(src) > maxSource {
		return nil, at(1, 1, fmt.Sprintf("the file has %d bytes, more than %d", len(src), maxSource), "split it with include")
	}
	if line := tooDeep(string(src)); line > 0 {
		return nil, at(line, 1, "values are nested too deeply", "a tree needs no more than a few levels")
	}
	defer func() {
		if r := recover(); r != nil {
			v, problem = nil, at(1, 1, "this is not YAML that can be read", "check quotes and indentation")
		}
	}()
	f, err := parser.ParseBytes(src, 0)
	if err != nil {
		var ye yaml.Error
		if errors.As(err, &ye) && ye.GetToken() != nil && ye.GetToken().Position != nil {
			pos := ye.GetToken().Position
			return nil, at(pos.Line, pos.Column, ye.GetMessage(), "check quotes, colons and indentation")
		}
		return nil, at(1, 1, strings.SplitN(err.Error(), "\n", 2)[0], "check quotes, colons and indentation")
	}
	for _, d := range f.Docs {
		if d.Body == nil {
			continue
		}
		if v != nil {
			n := d.Body.GetToken().Position
			return nil, at(n.Line, n.Column, "a file holds one tree", "put the second one in a file of its own")
		}
		r := yamlReader{file: file}
		v = r.read(d.Body, 0)
		if r.problem != nil {
			return nil, r.problem
		}
	}
	if v == nil || v.kind != mapping {
		return nil, at(1, 1, "the file is not a dialog", "it starts with `dialog: name`")
	}
	return v, nil
}

// tooDeep finds the line where brackets or dashes nest further than any tree needs,
// before a recursive parser sees them.
func tooDeep(src string) int {
	depth := 0
	for i, line := range strings.Split(src, "\n") {
		marks := 0
		for _, r := range line {
			switch r {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(depth-1, 0)
			case '-', '?', '!', '&', '*':
				marks++
			}
		}
		if depth > 4*maxDepth || marks > 200 {
			return i + 1
		}
	}
	return 0
}

type yamlReader struct {
	file    string
	problem *Problem
}

func (r *yamlReader) read(n ast.Node, depth int) *val {
	v := &val{file: r.file, line: 1, col: 1, kind: null}
	if n == nil {
		return v
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		v.line, v.col = t.Position.Line, t.Position.Column
	}
	if depth > maxDepth {
		r.fail(v, "values are nested too deeply", "a tree needs no more than a few levels")
		return v
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.StringNode:
		v.kind, v.str = scalar, n.Value
	case *ast.LiteralNode:
		v.kind, v.str = scalar, strings.TrimSpace(n.Value.Value)
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		v.kind, v.str = scalar, n.GetToken().Value
	case *ast.SequenceNode:
		v.kind = list
		for _, item := range n.Values {
			v.items = append(v.items, r.read(item, depth+1))
		}
	case *ast.MappingNode:
		v.kind = mapping
		for _, mv := range n.Values {
			r.pair(v, mv, depth)
		}
		if len(v.pairs) > 0 {
			v.line, v.col = v.pairs[0].key.line, v.pairs[0].key.col
		}
	case *ast.MappingValueNode:
		v.kind = mapping
		r.pair(v, n, depth)
	default:
		r.fail(v, "anchors, aliases, tags and merges are not used in trees", "write the value out, or share nodes with include")
	}
	return v
}

func (r *yamlReader) pair(into *val, mv *ast.MappingValueNode, depth int) {
	key := r.read(mv.Key, depth+1)
	if key.kind != scalar {
		r.fail(key, "a key must be a word", "")
		return
	}
	if into.get(key.str) != nil {
		r.fail(key, fmt.Sprintf("%s is written twice", key.str), "keep one of them")
		return
	}
	into.pairs = append(into.pairs, pair{key, r.read(mv.Value, depth+1)})
}

func (r *yamlReader) fail(at *val, msg, hint string) {
	if r.problem == nil {
		p := at.problem(msg, hint)
		r.problem = &p
	}
}
