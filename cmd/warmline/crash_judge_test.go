package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/postgres"
	"warmline/scheduler"
)

// carrierLine is what the judge reads of a line of the carrier's own log.
type carrierLine struct {
	At      time.Time `json:"at"`
	Event   string    `json:"event"`
	Attempt string    `json:"attempt"`
	Number  string    `json:"number"`
	Case    string    `json:"case"`
	By      string    `json:"by"`
	CallID  string    `json:"call_id"`

	AfterOptOut bool `json:"after_opt_out"`
}

// ringsOn are the people whose phones ring until the caller gives up. When the
// caller is dead the carrier lets them ring for two minutes.
var ringsOn = []string{"no-answer", "late-answer", "retry-answers"}

// readCarrier reads the carrier's log.
func readCarrier(path string) ([]carrierLine, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []carrierLine
	s := bufio.NewScanner(f)
	for s.Scan() {
		var l carrierLine
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("the carrier's log: %q: %w", s.Text(), err)
		}
		lines = append(lines, l)
	}
	return lines, s.Err()
}

// judge holds the carrier's log against the store after a dialer was killed,
// and says what must not be. people are by number as dialled.
func judge(log []carrierLine, people map[string]postgres.Why, killed time.Time) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	attempts := map[string]postgres.Attempt{}
	for _, p := range people {
		for _, a := range p.Attempts {
			attempts[a.ID] = a
		}
	}
	invites := map[string]carrierLine{} // by Call-ID
	ends := map[string]carrierLine{}
	asked := map[string]string{}  // attempt → Call-ID
	called := map[string]string{} // number → its last attempt
	for _, l := range log {
		switch l.Event {
		case "end":
			ends[l.CallID] = l
		case "invite":
			invites[l.CallID] = l
			a, known := attempts[l.Attempt]
			switch {
			case !known || !slices.ContainsFunc(people[l.Number].Attempts, func(a postgres.Attempt) bool { return a.ID == l.Attempt }):
				say("%s was called and the store has no such attempt of theirs", l.Number)
			case a.DialedAt.IsZero():
				say("%s was called before the store knew", l.Number)
			}
			if asked[l.Attempt] != "" {
				say("%s was called twice for one attempt", l.Number)
			}
			asked[l.Attempt] = l.CallID
			if before, twice := called[l.Number]; twice && before != l.Attempt && !scheduler.TrunkFault(attempts[before].Disposition) {
				say("%s was called twice; the first attempt is %s %s", l.Number, attempts[before].State, attempts[before].Disposition)
			}
			called[l.Number] = l.Attempt
			if l.AfterOptOut {
				say("%s was called after saying no", l.Number)
			}
		}
	}
	for id, in := range invites {
		end, over := ends[id]
		if !over && !(in.At.Before(killed) && slices.Contains(ringsOn, in.Case)) {
			say("the call of %s never ended", in.Number)
		}
		a := attempts[in.Attempt]
		cutOff := in.At.Before(killed) && (!over || end.At.After(killed) && end.By != "us")
		// What the dead knew before they died they may have written.
		if cutOff && a.State != "unknown" && !(a.State == "ended" && !a.EndedAt.After(killed)) {
			say("the call of %s was cut off and its attempt is %s %s", in.Number, a.State, a.Disposition)
		}
	}
	for number, p := range people {
		for _, why := range stuck(p) {
			say("%s: %s", number, why)
		}
	}
	slices.Sort(wrong)
	return wrong
}

// stuck says what of a person is neither done nor held for a reason.
func stuck(p postgres.Why) (wrong []string) {
	for _, c := range p.Campaigns {
		switch {
		case c.State == "done" && c.DoneReason != "":
		case c.State == "waiting" && c.HeldReason != "" && !c.DueAt.IsZero():
		default:
			wrong = append(wrong, fmt.Sprintf("lost as %s, held %q, done %q", c.State, c.HeldReason, c.DoneReason))
		}
	}
	for i, a := range p.Attempts { // newest first
		switch a.State {
		case "ended", "refused":
		case "unknown":
			if i > 0 {
				wrong = append(wrong, "an attempt of unknown end was followed by another")
			}
		default:
			wrong = append(wrong, "an attempt is stuck in "+a.State)
		}
	}
	return wrong
}

// TestTheJudgeSeesEveryCrime keeps the judge of the crash honest.
func TestTheJudgeSeesEveryCrime(t *testing.T) {
	t0 := dayOne
	killed := t0.Add(10 * time.Second)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	invite := func(s int, call, attempt string) carrierLine {
		return carrierLine{At: at(s), Event: "invite", CallID: call, Attempt: attempt, Number: "138", Case: "agrees"}
	}
	end := func(s int, call, by string) carrierLine {
		return carrierLine{At: at(s), Event: "end", CallID: call, By: by, Number: "138"}
	}
	attempt := func(id, state, disposition string) postgres.Attempt {
		a := postgres.Attempt{ID: id, State: state, Disposition: disposition, DialedAt: at(1)}
		if state == "ended" {
			a.EndedAt = at(20)
		}
		return a
	}
	done := postgres.WhyCampaign{State: "done", DoneReason: "unknown"}
	for name, tt := range map[string]struct {
		log  []carrierLine
		who  postgres.Why
		want []string
	}{
		"a call of the next dialer ends as it should": {
			[]carrierLine{invite(11, "c", "a"), end(20, "c", "us")},
			postgres.Why{Campaigns: []postgres.WhyCampaign{done}, Attempts: []postgres.Attempt{attempt("a", "ended", "answered")}}, nil},
		"a call that was cut off is unknown": {
			[]carrierLine{invite(5, "c", "a"), end(20, "c", "timeout")},
			postgres.Why{Campaigns: []postgres.WhyCampaign{done}, Attempts: []postgres.Attempt{attempt("a", "unknown", "unknown")}}, nil},
		"a call that was cut off has a made-up end": {
			[]carrierLine{invite(5, "c", "a"), end(20, "c", "timeout")},
			postgres.Why{Campaigns: []postgres.WhyCampaign{done}, Attempts: []postgres.Attempt{attempt("a", "ended", "no_answer")}},
			[]string{"the call of 138 was cut off and its attempt is ended no_answer"}},
		"one attempt calls twice": {
			[]carrierLine{invite(5, "c", "a"), end(9, "c", "us"), invite(11, "d", "a"), end(20, "d", "us")},
			postgres.Why{Campaigns: []postgres.WhyCampaign{done}, Attempts: []postgres.Attempt{attempt("a", "ended", "answered")}},
			[]string{"138 was called twice for one attempt"}},
		"who was cut off is called again": {
			[]carrierLine{invite(5, "c", "a"), end(20, "c", "timeout"), invite(21, "d", "b"), end(30, "d", "us")},
			postgres.Why{Campaigns: []postgres.WhyCampaign{done}, Attempts: []postgres.Attempt{attempt("b", "ended", "answered"), attempt("a", "unknown", "unknown")}},
			[]string{"138 was called twice; the first attempt is unknown unknown", "138: an attempt of unknown end was followed by another"}},
		"a trunk fault may be tried again": {
			[]carrierLine{invite(5, "c", "a"), end(6, "c", "carrier"), invite(21, "d", "b"), end(30, "d", "us")},
			postgres.Why{Campaigns: []postgres.WhyCampaign{done}, Attempts: []postgres.Attempt{attempt("b", "ended", "answered"), attempt("a", "ended", "network_busy")}}, nil},
		"a call nobody wrote down": {
			[]carrierLine{invite(11, "c", "x"), end(20, "c", "us")},
			postgres.Why{Campaigns: []postgres.WhyCampaign{done}},
			[]string{"138 was called and the store has no such attempt of theirs"}},
		"a call that goes on for ever": {
			[]carrierLine{invite(11, "c", "a")},
			postgres.Why{Campaigns: []postgres.WhyCampaign{done}, Attempts: []postgres.Attempt{attempt("a", "ended", "answered")}},
			[]string{"the call of 138 never ended"}},
		"a person who is lost in an attempt": {nil,
			postgres.Why{Campaigns: []postgres.WhyCampaign{{State: "attempting"}}, Attempts: []postgres.Attempt{attempt("a", "claimed", "")}},
			[]string{"138: an attempt is stuck in claimed", `138: lost as attempting, held "", done ""`}},
		"a person held without a reason": {nil,
			postgres.Why{Campaigns: []postgres.WhyCampaign{{State: "waiting", DueAt: at(60)}}},
			[]string{`138: lost as waiting, held "", done ""`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(tt.log, map[string]postgres.Why{"138": tt.who}, killed)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
