package dialogs

import (
	"strings"
	"time"
)

// Readability is how a tree reads aloud: the most the bot talks, how soon it first pauses, and
// its sentences, in characters, or in words when the tree speaks English.
type Readability struct {
	Talk       time.Duration // in the longest conversation without detours
	Path       []string      // the nodes of that conversation
	FirstPause time.Duration // how long the longest first sentence of the opening takes
	Sentences  int
	Mean       float64
	Longest    int
	Sentence   string // the longest one, facts at their widest
}

// Readability measures the tree as its author may hear it.
func (t *Tree) Readability() Readability {
	var r Readability
	r.Talk, r.Path = t.longestTalk()
	for _, l := range t.nodes[t.start].lines {
		for _, v := range l.variants {
			first := strings.FieldsFunc(v.text.widest(t), endsSentence)
			if len(first) > 0 {
				r.FirstPause = max(r.FirstPause, t.talkTime(first[0]))
			}
		}
	}
	total := 0
	t.eachLine(func(_ *node, l *line) {
		for _, v := range l.variants {
			for _, sentence := range strings.FieldsFunc(v.text.widest(t), endsSentence) {
				n := t.length(sentence)
				if r.Sentences++; n > r.Longest {
					r.Longest, r.Sentence = n, strings.TrimSpace(sentence)
				}
				total += n
			}
		}
	})
	if r.Sentences > 0 {
		r.Mean = float64(total) / float64(r.Sentences)
	}
	return r
}

// length counts what an ear has to keep: characters, in English words.
func (t *Tree) length(sentence string) int {
	if t.english() {
		return len(strings.Fields(sentence))
	}
	return runes(strings.TrimSpace(sentence))
}

// talkTime is how long a text takes to say, unhurried: 4.5 characters a second, in
// English 2.5 words.
func (t *Tree) talkTime(text string) time.Duration {
	rate := 4.5
	if t.english() {
		rate = 2.5
	}
	return time.Duration(float64(t.length(text)) / rate * float64(time.Second))
}

// longestTalk is how long the bot speaks in the longest conversation it can have
// without detours, and the nodes of that conversation.
func (t *Tree) longestTalk() (time.Duration, []string) {
	type place struct {
		node  string
		turns int
	}
	type rest struct {
		talk time.Duration
		next place
	}
	memo := map[place]rest{}
	var longest func(at place, hops int) rest
	longest = func(at place, hops int) rest {
		if at.turns < 0 || hops > maxHops {
			return rest{}
		}
		if r, ok := memo[at]; ok {
			return r
		}
		memo[at] = rest{}
		n := t.nodes[at.node]
		var own time.Duration
		for _, l := range n.lines {
			for _, v := range l.variants {
				own = max(own, t.talkTime(v.text.widest(t)))
			}
		}
		best := rest{talk: own}
		for _, e := range n.edges() {
			next, here := place{e.to, at.turns}, own
			if e.turn {
				next.turns--
			}
			if n.invite != nil && e.at == n.invite.at {
				here = 0 // without room the node says nothing
			}
			if r := longest(next, hops+1); here+r.talk > best.talk {
				best = rest{here + r.talk, next}
			}
		}
		memo[at] = best
		return best
	}
	at := place{t.start, t.limits.Turns}
	whole := longest(at, 0)
	var path []string
	for r, ok := whole, true; ok && at.node != "" && len(path) <= maxHops; r, ok = memo[at] {
		path = append(path, at.node)
		at = r.next
	}
	return whole.talk, path
}
