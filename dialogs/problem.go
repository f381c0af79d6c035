package dialogs

import (
	"fmt"
	"sort"
	"strings"
)

// Problem is one thing a tree's author should mend: where it is, what is wrong
// and what would be right. Line and Col count from 1; Col counts characters.
type Problem struct {
	File      string
	Line, Col int
	Msg       string
	Hint      string
}

// String prints the problem the way compilers do, so that editors can jump to it.
func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Msg)
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Problems is every problem of a tree, in reading order; it is the error of Parse.
type Problems []Problem

// Error lists the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sorted() Problems {
	sort.SliceStable(ps, func(i, j int) bool {
		a, b := ps[i], ps[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Col < b.Col
	})
	out := ps[:0]
	for i, p := range ps {
		if i == 0 || p != ps[i-1] {
			out = append(out, p)
		}
	}
	return out
}

// suggest names the known word nearest to an unknown one.
func suggest(word string, known []string) string {
	best, bestAt := "", 4
	for _, k := range known {
		if d := distance(word, k); d < bestAt && d < len([]rune(word))+1 {
			best, bestAt = k, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	if len(known) == 0 || len(known) > 30 {
		return ""
	}
	return "known: " + strings.Join(known, ", ")
}

// distance is the edit distance of two short words.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diag := row[0]
		row[0] = i + 1
		for j := range y {
			cost := diag
			if x[i] != y[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
