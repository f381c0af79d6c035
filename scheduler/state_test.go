package scheduler

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The decided list of the vocabulary, in its order.
var attemptStates = []AttemptState{Planned, Queued, Claimed, Dialing, Ringing, EarlyMedia, InDialog, Transferring, Ended, Refused, Unknown}

var campaignStates = []CampaignState{Draft, Validating, AwaitingApproval, Ready, Piloting, Running, Pausing, Paused, Completing, Completed, Cancelled, Failed}

// moves lists, as "from to", which pairs of states may allows.
func moves[S ~string](states []S, may func(from, to S) bool) map[string]bool {
	got := map[string]bool{}
	for _, from := range states {
		for _, to := range states {
			if may(from, to) {
				got[string(from)+" "+string(to)] = true
			}
		}
	}
	return got
}

// table reads "from: to to" lines.
func table(lines string) map[string]bool {
	want := map[string]bool{}
	for line := range strings.Lines(lines) {
		from, to, _ := strings.Cut(strings.TrimSpace(line), ":")
		for s := range strings.FieldsSeq(to) {
			want[from+" "+s] = true
		}
	}
	return want
}

func TestAnAttemptMovesByThisTableOnly(t *testing.T) {
	want := table(`
		planned: queued refused
		queued: claimed refused
		claimed: dialing queued refused ended
		dialing: ringing early_media in_dialog ended unknown
		ringing: early_media in_dialog ended unknown
		early_media: ringing in_dialog ended unknown
		in_dialog: transferring ended unknown
		transferring: in_dialog ended unknown
		ended:
		refused:
		unknown: ended`)
	if d := cmp.Diff(want, moves(attemptStates, AttemptState.May)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestACampaignMovesByThisTableOnly(t *testing.T) {
	want := table(`
		draft: validating cancelled
		validating: awaiting_approval draft failed cancelled
		awaiting_approval: ready draft cancelled
		ready: piloting running draft cancelled
		piloting: pausing paused running completing cancelled failed
		running: pausing paused completing cancelled failed
		pausing: paused running cancelled
		paused: running piloting cancelled completing
		completing: completed running cancelled
		completed:
		cancelled:
		failed:`)
	if d := cmp.Diff(want, moves(campaignStates, CampaignState.May)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// From dialing on no path leads to a state from which a call could be placed:
// a person is never called twice by one attempt.
func TestNothingDialedCanBeDialedAgain(t *testing.T) {
	before := []AttemptState{Planned, Queued, Claimed, Dialing}
	for _, from := range attemptStates {
		if !from.Live() && from != Unknown {
			continue
		}
		seen := reach(from, func(s AttemptState) []AttemptState { return attemptMoves[s] })
		for _, to := range before {
			if seen[to] {
				t.Errorf("%s can come back to %s", from, to)
			}
		}
		if !seen[Ended] {
			t.Errorf("%s cannot end", from)
		}
	}
}

func TestEveryStateIsReachedAndEveryOpenOneCanEnd(t *testing.T) {
	fromPlanned := reach(Planned, func(s AttemptState) []AttemptState { return attemptMoves[s] })
	for _, s := range attemptStates {
		if s != Planned && !fromPlanned[s] {
			t.Errorf("no attempt becomes %s", s)
		}
	}
	next := func(s CampaignState) []CampaignState { return campaignMoves[s] }
	fromDraft := reach(Draft, next)
	for _, s := range campaignStates {
		if s != Draft && !fromDraft[s] {
			t.Errorf("no campaign becomes %s", s)
		}
		if s.Over() != (len(campaignMoves[s]) == 0) {
			t.Errorf("%s: Over is %v, but it moves to %v", s, s.Over(), campaignMoves[s])
		}
		if !s.Over() && !reach(s, next)[Cancelled] {
			t.Errorf("a campaign in %s cannot be cancelled", s)
		}
	}
}

// reach is every state that may follow from, sooner or later.
func reach[S comparable](from S, next func(S) []S) map[S]bool {
	seen := map[S]bool{}
	todo := []S{from}
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		for _, n := range next(s) {
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return seen
}

func TestWhatAStateCountsAs(t *testing.T) {
	live := map[AttemptState]bool{Dialing: true, Ringing: true, EarlyMedia: true, InDialog: true, Transferring: true}
	for _, s := range attemptStates {
		if s.Live() != live[s] {
			t.Errorf("%s: Live is %v", s, s.Live())
		}
	}
	dialing := map[CampaignState]bool{Piloting: true, Running: true}
	for _, s := range campaignStates {
		if s.Dialing() != dialing[s] {
			t.Errorf("%s: Dialing is %v", s, s.Dialing())
		}
	}
	if AttemptState("nonsense").May(Ended) || CampaignState("").May(Cancelled) {
		t.Error("a state nobody knows may move")
	}
}

// The comments above the two types draw the machines. What they draw is
// allowed, and they leave no state out.
func TestTheCommentsDrawTheMachines(t *testing.T) {
	attempts, campaigns := drawing(t, "attempt.go", "AttemptState"), drawing(t, "campaign.go", "CampaignState")
	checkDrawing(t, attempts, attemptStates, AttemptState.May)
	checkDrawing(t, campaigns, campaignStates, CampaignState.May)
}

// drawing is the comment of a type.
func drawing(t *testing.T, file, typ string) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if ok && g.Tok == token.TYPE && g.Specs[0].(*ast.TypeSpec).Name.Name == typ {
			return g.Doc.Text()
		}
	}
	t.Fatalf("%s has no type %s", file, typ)
	return ""
}

var word = regexp.MustCompile(`[a-z]+(_[a-z]+)*`)

func checkDrawing[S ~string](t *testing.T, text string, states []S, may func(from, to S) bool) {
	t.Helper()
	named, drawn := map[string]bool{}, 0
	for _, w := range word.FindAllString(text, -1) {
		named[w] = true
	}
	for _, s := range states {
		if !named[string(s)] {
			t.Errorf("the comment says nothing of %s", s)
		}
	}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, ";")
		for _, path := range strings.Split(line, ",") {
			drawn += checkPath(t, path, may)
		}
	}
	if drawn < 5 {
		t.Errorf("only %d arrows seen: the drawing was not read", drawn)
	}
}

// checkPath checks a chain like "a → b | c → d" or "a ⇄ b" and counts its arrows.
func checkPath[S ~string](t *testing.T, path string, may func(from, to S) bool) (arrows int) {
	t.Helper()
	both := strings.Split(strings.ReplaceAll(path, "⇄", "→ ⇄"), "→")
	for i := 1; i < len(both); i++ {
		back := strings.HasPrefix(strings.TrimSpace(both[i]), "⇄")
		for _, from := range word.FindAllString(both[i-1], -1) {
			for _, to := range word.FindAllString(both[i], -1) {
				arrows++
				if !may(S(from), S(to)) || back && !may(S(to), S(from)) {
					t.Errorf("the comment draws %s → %s, which is not allowed", from, to)
				}
			}
		}
	}
	return arrows
}
