package scheduler

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// The decided lists of the vocabulary.
var (
	dispositions = []string{"answered", "voicemail", "assistant", "announcement", "fax", "no_answer", "busy", "rejected", "powered_off",
		"unreachable", "suspended", "invalid_number", "invalid_format", "number_changed", "call_barred", "carrier_blocked",
		"forward_failed", "network_busy", "line_fault", "trunk_unavailable", "no_media", "false_answer", "abandoned",
		"cancelled", "not_dialed", "unknown"}
	outcomes = []string{"", "agreed_add", "agreed_sms", "already_friend", "callback", "not_interested", "wrong_person", "opt_out",
		"complaint", "transferred", "no_interaction", "no_match", "hung_up", "system_error"}
)

func TestEveryDispositionIsTriedAgainOrEnds(t *testing.T) {
	again := func(gaps ...time.Duration) []time.Duration { return gaps }
	const m, h = time.Minute, time.Hour
	// The wait after the first, second, third … attempt; nil ends.
	want := map[string][]time.Duration{
		"answered": nil, "announcement": nil, "fax": nil, "suspended": nil, "invalid_number": nil, "invalid_format": nil,
		"number_changed": nil, "call_barred": nil, "forward_failed": nil, "false_answer": nil, "cancelled": nil, "unknown": nil,
		"no_answer":         again(4*h, 24*h, 24*h),
		"busy":              again(20*m, 3*h, 24*h),
		"rejected":          again(48*h, 48*h, 48*h),
		"powered_off":       again(4*h, 24*h, 24*h),
		"unreachable":       again(h, 24*h, 24*h),
		"voicemail":         again(24*h, 24*h, 24*h),
		"assistant":         again(24*h, 24*h, 24*h),
		"abandoned":         again(72*h, 72*h, 72*h),
		"no_media":          again(4*h, 4*h, 4*h),
		"carrier_blocked":   again(h, h, h),
		"network_busy":      again(2*m, 10*m, h),
		"trunk_unavailable": again(2*m, 10*m, h),
		"line_fault":        again(10*m, h, h),
		"not_dialed":        again(m, m, m),
	}
	for _, d := range dispositions {
		t.Run(d, func(t *testing.T) {
			gaps, listed := want[d]
			if !listed {
				t.Fatal("this table does not know the disposition")
			}
			for n := 1; n <= 3; n++ {
				wanted := []FollowUp{{Kind: FollowDone, Reason: d}}
				if gaps != nil {
					wanted = []FollowUp{{Kind: FollowRetry, Due: noon.Add(gaps[n-1]), Reason: d}}
				}
				got := After(Result{Number: n, Disposition: d, EndedAt: noon}, Retry{Attempts: 5})
				if diff := cmp.Diff(wanted, got); diff != "" {
					t.Errorf("attempt %d: -want +got\n%s", n, diff)
				}
			}
		})
	}
	for d := range gaps {
		if _, known := want[d]; !known {
			t.Errorf("%s has a wait and is not in the vocabulary", d)
		}
	}
}

func TestTheLastAttemptEndsUnlessTheTrunkFailed(t *testing.T) {
	faults := map[string]bool{"network_busy": true, "trunk_unavailable": true, "line_fault": true, "carrier_blocked": true, "not_dialed": true, "cancelled": true}
	for _, d := range dispositions {
		if TrunkFault(d) != faults[d] {
			t.Errorf("%s: TrunkFault is %v", d, TrunkFault(d))
		}
		for _, marked := range []bool{false, true} {
			r := Result{Number: 3, Disposition: d, EndedAt: noon, TrunkFault: marked}
			want := FollowDone
			if (marked || faults[d]) && len(gaps[d]) > 0 {
				want = FollowRetry // not spent, so it was not the last
			}
			got := After(r, Retry{})
			if last := got[len(got)-1]; last.Kind != want {
				t.Errorf("%s, trunk fault %v: got %s, want %s", d, marked, last.Kind, want)
			}
		}
	}
}

func TestWhatFollowsAnOutcome(t *testing.T) {
	asked := noon.Add(26 * time.Hour)
	tests := []struct {
		name string
		r    Result
		want []FollowUp
	}{
		{"who agreed to be added is invited", Result{Outcome: "agreed_add"},
			[]FollowUp{{Kind: FollowInvite}, {Kind: FollowDone, Reason: "agreed_add"}}},
		{"who agreed to a text gets one", Result{Outcome: "agreed_sms", Template: "link"},
			[]FollowUp{{Kind: FollowSMS, Template: "link"}, {Kind: FollowDone, Reason: "agreed_sms"}}},
		{"who got the text already gets no second", Result{Outcome: "agreed_sms", Template: "link", Messaged: true},
			[]FollowUp{{Kind: FollowDone, Reason: "agreed_sms"}}},
		{"who named a time is called then", Result{Outcome: "callback", Callback: asked},
			[]FollowUp{{Kind: FollowRetry, Due: asked, Reason: "callback"}}},
		{"who is busy or drives is called tomorrow", Result{Outcome: "callback"},
			[]FollowUp{{Kind: FollowRetry, Due: noon.Add(24 * time.Hour), Reason: "callback"}}},
		{"who asks again at the last attempt is done", Result{Outcome: "callback", Callback: asked, Number: 3},
			[]FollowUp{{Kind: FollowDone, Reason: "callback"}}},
		{"who is busy at the last attempt is done", Result{Outcome: "callback", Number: 3},
			[]FollowUp{{Kind: FollowDone, Reason: "callback"}}},
		{"a time without the wish is no callback", Result{Outcome: "not_interested", Callback: asked},
			[]FollowUp{{Kind: FollowDone, Reason: "not_interested"}}},
		{"who hung up is not called again", Result{Outcome: "hung_up"},
			[]FollowUp{{Kind: FollowDone, Reason: "hung_up"}}},
		{"who said nothing is not called again", Result{Outcome: "no_interaction"},
			[]FollowUp{{Kind: FollowDone, Reason: "no_interaction"}}},
		{"an answer without an outcome names itself", Result{},
			[]FollowUp{{Kind: FollowDone, Reason: "answered"}}},
		{"who agreed by key over a dead line is not called again", Result{Outcome: "agreed_add", Disposition: "no_media"},
			[]FollowUp{{Kind: FollowInvite}, {Kind: FollowDone, Reason: "agreed_add"}}},
		{"who wants no calls is not called for a line fault", Result{Outcome: "opt_out", Disposition: "line_fault", TrunkFault: true},
			[]FollowUp{{Kind: FollowDone, Reason: "opt_out"}}},
		{"whom our fault cut off is called again", Result{Outcome: "system_error", Disposition: "line_fault", TrunkFault: true},
			[]FollowUp{{Kind: FollowRetry, Due: noon.Add(10 * time.Minute), Reason: "line_fault"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.r.EndedAt = noon
			tt.r.Number = max(tt.r.Number, 1)
			if tt.r.Disposition == "" {
				tt.r.Disposition = "answered"
			}
			if d := cmp.Diff(tt.want, After(tt.r, Retry{})); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

// Whatever happened, exactly one thing becomes of the person, it comes last, and
// a spent person is not called.
func TestExactlyOneThingBecomesOfAPerson(t *testing.T) {
	for _, d := range append(dispositions, "", "a_new_one") {
		for _, o := range append(outcomes, "a_new_one") {
			for n := range 5 {
				r := Result{Number: n, Disposition: d, Outcome: o, EndedAt: noon}
				got := After(r, Retry{})
				fates := 0
				for _, f := range got {
					if f.Kind == FollowRetry || f.Kind == FollowDone {
						fates++
					}
				}
				last := got[len(got)-1]
				switch {
				case fates != 1 || last.Kind != FollowRetry && last.Kind != FollowDone:
					t.Errorf("%q %q %d: %v", d, o, n, got)
				case last.Kind == FollowRetry && !last.Due.After(noon):
					t.Errorf("%q %q %d: again at once", d, o, n)
				case last.Kind == FollowRetry && n >= 3 && !TrunkFault(d):
					t.Errorf("%q %q: attempt %d of 3 is tried again", d, o, n)
				case d != "" && last.Reason == "":
					t.Errorf("%q %q %d: no reason", d, o, n)
				}
			}
		}
	}
}

func TestAttemptsAPersonGets(t *testing.T) {
	for _, tt := range []struct {
		attempts, max int
		ok            bool
	}{{0, 3, true}, {1, 1, true}, {10, 10, true}, {-1, -1, false}, {11, 11, false}} {
		r := Retry{Attempts: tt.attempts}
		if got := r.Max(); got != tt.max {
			t.Errorf("%d attempts: at most %d, want %d", tt.attempts, got, tt.max)
		}
		if err := r.Check(); (err == nil) != tt.ok {
			t.Errorf("%d attempts: %v", tt.attempts, err)
		}
	}
}
