package dialogs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	exprparser "github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// cond is a condition in three-valued logic: a comparison that needs a missing fact
// is neither true nor false, and only what is certainly true holds. So `!birthday.lunar`
// does not hold for a person whose birthday is unknown.
type cond struct {
	op   string // "&&", "||", "!" or "" for a leaf
	kids []*cond
	leaf *value
}

// value is a compiled expression and the facts it needs.
type value struct {
	src  string
	prog *vm.Program
	refs []string
}

type tri uint8

const (
	unknown tri = iota
	no
	yes
)

func (c *cond) holds(env map[string]any) bool { return c == nil || c.eval(env) == yes }

func (c *cond) eval(env map[string]any) tri {
	switch c.op {
	case "!":
		return [...]tri{unknown, yes, no}[c.kids[0].eval(env)]
	case "&&", "||":
		a, b := c.kids[0].eval(env), c.kids[1].eval(env)
		decides := no
		if c.op == "||" {
			decides = yes
		}
		switch {
		case a == decides || b == decides:
			return decides
		case a == unknown || b == unknown:
			return unknown
		}
		return a
	}
	v, ok := c.leaf.eval(env)
	if b, isBool := v.(bool); ok && isBool {
		if b {
			return yes
		}
		return no
	}
	return unknown
}

func (c *cond) allRefs() []string {
	if c == nil {
		return nil
	}
	if c.leaf != nil {
		return c.leaf.refs
	}
	var refs []string
	for _, k := range c.kids {
		refs = append(refs, k.allRefs()...)
	}
	return refs
}

// eval gives the value, or false when a fact it needs is missing.
func (v *value) eval(env map[string]any) (any, bool) {
	for _, ref := range v.refs {
		if _, ok := lookup(env, ref); !ok {
			return nil, false
		}
	}
	out, err := expr.Run(v.prog, env)
	return out, err == nil && out != nil
}

// The operators of the language: comparing, joining and counting, nothing that loops or calls.
var operators = []string{"==", "!=", "<", "<=", ">", ">=", "&&", "||", "and", "or", "!", "not", "+", "-", "*", "/", "in", "contains", "startsWith", "endsWith"}

// A vocabulary is what expressions of a tree may name: the known facts and the
// tree's own slots, and the typed environment they are checked against. english
// tells in which language a fact is said.
type vocabulary struct {
	facts   map[string]fact
	env     types.Map
	english bool
}

// common is the vocabulary of a tree without slots.
var common = newVocabulary(nil, false)

// newVocabulary joins the known facts and the slots of a tree.
func newVocabulary(slots map[string]fact, english bool) *vocabulary {
	facts := maps.Clone(known)
	maps.Copy(facts, slots)
	return &vocabulary{facts, exprEnv(facts), english}
}

// exprEnv is the typed environment of some facts.
func exprEnv(facts map[string]fact) types.Map {
	zero := map[factKind]types.Type{text: types.String, number: types.Float64, truth: types.Bool, moment: types.TypeOf(time.Time{})}
	root := types.Map{}
	for path, f := range facts {
		m, p := root, path
		for {
			head, rest, more := strings.Cut(p, ".")
			if !more {
				m[head] = zero[f.kind]
				break
			}
			next, ok := m[head].(types.Map)
			if !ok {
				next = types.Map{}
				m[head] = next
			}
			m, p = next, rest
		}
	}
	return root
}

// exprError is a problem inside an expression, At characters after its start.
type exprError struct {
	at        int
	msg, hint string
}

func (w *vocabulary) compileCond(src string) (c *cond, bad *exprError) {
	defer recoverExpr(&bad)
	tree, err := exprparser.Parse(src)
	if err != nil {
		return nil, exprProblem(err)
	}
	return w.splitCond(tree.Node)
}

func (w *vocabulary) compileValue(src string) (v *value, bad *exprError) {
	defer recoverExpr(&bad)
	tree, err := exprparser.Parse(src)
	if err != nil {
		return nil, exprProblem(err)
	}
	return w.compileNode(tree.Node, expr.AsAny())
}

// recoverExpr turns a panic of the expression library into a problem of the source.
func recoverExpr(bad **exprError) {
	if r := recover(); r != nil {
		*bad = &exprError{msg: "the expression cannot be read", hint: "compare facts with == != < <= > >= and join with && || !"}
	}
}

func (w *vocabulary) splitCond(n ast.Node) (*cond, *exprError) {
	switch n := n.(type) {
	case *ast.BinaryNode:
		op := map[string]string{"&&": "&&", "and": "&&", "||": "||", "or": "||"}[n.Operator]
		if op == "" {
			break
		}
		a, bad := w.splitCond(n.Left)
		if bad != nil {
			return nil, bad
		}
		b, bad := w.splitCond(n.Right)
		return &cond{op: op, kids: []*cond{a, b}}, bad
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			a, bad := w.splitCond(n.Node)
			return &cond{op: "!", kids: []*cond{a}}, bad
		}
	}
	leaf, bad := w.compileNode(n, expr.AsBool())
	return &cond{leaf: leaf}, bad
}

func (w *vocabulary) compileNode(n ast.Node, as expr.Option) (*value, *exprError) {
	v := &value{src: n.String()}
	if bad := w.collect(v, n); bad != nil {
		return nil, bad
	}
	prog, err := expr.Compile(v.src, expr.Env(w.env), as, expr.DisableAllBuiltins(), expr.MaxNodes(100))
	if err != nil {
		bad := exprProblem(err)
		bad.at = n.Location().From
		return nil, bad
	}
	v.prog = prog
	return v, nil
}

// collect walks an expression, keeps the facts it names and refuses what the language has not.
func (w *vocabulary) collect(v *value, n ast.Node) *exprError {
	at := n.Location().From
	switch n := n.(type) {
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ChainNode:
		path, ok := dotted(n)
		if !ok {
			return &exprError{at, "only facts can be looked into, by their names", "write weather.tomorrow.low"}
		}
		if _, ok := w.facts[path]; !ok {
			return &exprError{at, fmt.Sprintf("there is no fact %s", path), suggest(path, sortedKeys(w.facts))}
		}
		if !slices.Contains(v.refs, path) {
			v.refs = append(v.refs, path)
		}
		return nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.ConstantNode:
		return nil
	case *ast.UnaryNode:
		return w.collect(v, n.Node)
	case *ast.BinaryNode:
		if !slices.Contains(operators, n.Operator) {
			return &exprError{at, fmt.Sprintf("there is no operator %s here", n.Operator), "known: " + strings.Join(operators, " ")}
		}
		if bad := w.collect(v, n.Left); bad != nil {
			return bad
		}
		return w.collect(v, n.Right)
	case *ast.ConditionalNode:
		for _, k := range []ast.Node{n.Cond, n.Exp1, n.Exp2} {
			if bad := w.collect(v, k); bad != nil {
				return bad
			}
		}
		return nil
	case *ast.ArrayNode:
		for _, k := range n.Nodes {
			if bad := w.collect(v, k); bad != nil {
				return bad
			}
		}
		return nil
	}
	return &exprError{at, "calls, code and nil are not part of the language", "compare facts and use filters"}
}

func dotted(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.ChainNode:
		return dotted(n.Node)
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.MemberNode:
		head, ok := dotted(n.Node)
		prop, isName := n.Property.(*ast.StringNode)
		if !ok || !isName {
			return "", false
		}
		return head + "." + prop.Value, true
	}
	return "", false
}

func exprProblem(err error) *exprError {
	if fe, ok := err.(*file.Error); ok {
		return &exprError{at: fe.From, msg: fe.Message}
	}
	return &exprError{msg: strings.SplitN(err.Error(), "\n", 2)[0]}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
