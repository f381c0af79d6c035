package siptest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// play feeds a listener: v is a voiced packet, s a silent one, - none, each 20
// ms and each repeated as often as its number says.
func play(l *listener, script ...any) (acts []line) {
	for i := 0; i < len(script); i += 2 {
		for range script[i+1].(int) {
			voiced, silent := 0, 0
			switch script[i].(string) {
			case "v":
				voiced = 1
			case "s":
				silent = 1
			}
			if a, ok := l.hear(voiced, silent); ok {
				acts = append(acts, a)
				l.acted()
			}
		}
	}
	return acts
}

func TestListenerTakesTurns(t *testing.T) {
	words := says("a", "b")
	for name, tt := range map[string]struct {
		lines  []line
		script []any
		want   []line
	}{
		"silence alone is no turn":                     {words, []any{"s", 100}, nil},
		"a click is no turn":                           {words, []any{"v", 10, "s", 100}, nil},
		"speech then quiet is a turn":                  {words, []any{"v", 20, "s", 20}, words[:1]},
		"a breath inside a sentence is no turn":        {words, []any{"v", 20, "s", 19, "v", 20, "s", 19}, nil},
		"a stalled caller has not finished":            {words, []any{"v", 20, "-", 49}, nil},
		"a caller that suppresses silence is finished": {words, []any{"v", 20, "-", 71}, words[:1]},
		"each line waits for speech of its own":        {words, []any{"v", 20, "s", 60, "v", 20, "s", 20}, words},
		"an interruption waits for no quiet":           {[]line{{after: time.Second, say: "x"}}, []any{"v", 50}, []line{{after: time.Second, say: "x"}}},
		"a machine speaks at once":                     {[]line{{atOnce: true, say: "x"}}, []any{"s", 1}, []line{{atOnce: true, say: "x"}}},
		"patience ends":                                {words, []any{"s", 150}, []line{{hang: true}}},
		"patience ends without packets too":            {words, []any{"-", 150}, []line{{hang: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &listener{lines: tt.lines, wait: 400 * time.Millisecond, patience: 3 * time.Second}
			got := play(l, tt.script...)
			if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(line{})); d != "" {
				t.Error(d)
			}
		})
	}
}
