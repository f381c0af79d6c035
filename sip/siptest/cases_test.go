package siptest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// brief is a gateway whose people ring and speak shortly, for tests.
func brief(t *testing.T, bend ...func(*Options)) *Gateway {
	t.Helper()
	o := Options{
		Ring: 400 * time.Millisecond, Pace: 2, Quiet: 200 * time.Millisecond, Patience: 3 * time.Second,
		Voice: func(string) []byte { return tone(500, 240*time.Millisecond) },
	}
	for _, b := range bend {
		b(&o)
	}
	g, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

type verdict struct {
	Status  int
	EndedBy string
	Said    []string
	Keys    string
	Reason  string
	OptOut  bool
}

func TestEachPersonDoesWhatTheTableSays(t *testing.T) {
	t.Parallel()
	g := brief(t)
	agreed := []string{"对我是", "挺好的", "可以啊", "好的再见"}
	want := map[string]verdict{
		"busy":            {Status: 486, EndedBy: "callee", Reason: `Q.850;cause=17;text="User busy"`},
		"no-answer":       {Status: 487, EndedBy: "us"},
		"reject":          {Status: 603, EndedBy: "callee", Reason: `Q.850;cause=21;text="Call rejected"`},
		"retry-answers":   {Status: 487, EndedBy: "us"},
		"late-answer":     {Status: 200, EndedBy: "us"},
		"invalid-number":  {Status: 404, EndedBy: "carrier", Reason: `Q.850;cause=1;text="Unallocated number"`},
		"powered-off":     {Status: 480, EndedBy: "carrier", Reason: `Q.850;cause=20;text="Subscriber absent"`},
		"suspended":       {Status: 480, EndedBy: "carrier"},
		"unreachable":     {Status: 480, EndedBy: "carrier", Reason: `Q.850;cause=18;text="No user responding"`},
		"congestion":      {Status: 503, EndedBy: "carrier", Reason: `Q.850;cause=34;text="No circuit available"`},
		"trunk-down":      {Status: 503, EndedBy: "carrier"},
		"carrier-blocked": {Status: 403, EndedBy: "carrier", Reason: `Q.850;cause=21;text="Call rejected"`},
		"agrees":          {Status: 200, EndedBy: "us", Said: agreed},
		"agrees-sms":      {Status: 200, EndedBy: "us", Said: []string{"对我是", "挺好的", "那就发短信", "好的再见"}},
		"hangs-up":        {Status: 200, EndedBy: "callee"},
		"opt-out":         {Status: 200, EndedBy: "us", Said: []string{"不要再打了"}, OptOut: true},
		"who-are-you":     {Status: 200, EndedBy: "us", Said: append([]string{"你是谁啊"}, agreed...)},
		"asks-robot":      {Status: 200, EndedBy: "us", Said: append([]string{"你是机器人吗"}, agreed...)},
		"key-1":           {Status: 200, EndedBy: "us", Keys: "111"},
		"key-9":           {Status: 200, EndedBy: "us", Keys: "9", OptOut: true},
		"wrong-person":    {Status: 200, EndedBy: "us", Said: []string{"你打错了"}},
		"not-interested":  {Status: 200, EndedBy: "us", Said: []string{"不需要谢谢"}},
		"driving":         {Status: 200, EndedBy: "us", Said: []string{"我在开车"}},
		"meeting":         {Status: 200, EndedBy: "us", Said: []string{"在开会 晚点再打"}},
		"already-friend":  {Status: 200, EndedBy: "us", Said: []string{"对我是", "挺好的", "我已经加过你们微信了"}},
		"silent":          {Status: 200, EndedBy: "us"},
		"complaint":       {Status: 200, EndedBy: "us", Said: []string{"我要投诉你们"}},
		"voicemail":       {Status: 200, EndedBy: "us", Said: []string{"您好，机主现在不方便接听电话，请在嘀声后留言，录音完毕挂机即可。"}},
		"no-media":        {Status: 200, EndedBy: "us"},
		"183-storm":       {Status: 200, EndedBy: "us", Said: agreed},
		"interrupts":      {Status: 200, EndedBy: "us", Said: []string{"不要再打了"}, OptOut: true},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	callers, calling := map[string]*uac{}, sync.WaitGroup{}
	for _, c := range Cases() {
		u := newUAC(t, g, "13800138"+c.Suffix)
		u.cancel = want[c.Name].Status == 487 || c.Name == "late-answer"
		u.replies = len(want[c.Name].Said) + len(want[c.Name].Keys)
		callers[c.Name] = u
		calling.Go(func() { u.run(ctx) })
	}
	calling.Wait()
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			u := callers[c.Name]
			r := u.record(g)
			if u.final == nil {
				t.Fatalf("no final response; record %+v", r)
			}
			got := verdict{r.Status, r.EndedBy, r.Said, r.Keys, u.final.Get("Reason"), !r.SaidOptOut.IsZero()}
			if d := cmp.Diff(want[c.Name], got); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
			checkWitness(t, c, u, r)
		})
	}
	truth := g.Truth()
	got := []int{truth.Invites, truth.Up, truth.CalledAfterOptOut, truth.Malformed}
	if d := cmp.Diff([]int{len(Cases()), 0, 0, 0}, got); d != "" {
		t.Error(d)
	}
}

// checkWitness compares what the caller counted with what the gateway did.
func checkWitness(t *testing.T, c Case, u *uac, r CallRecord) {
	t.Helper()
	if r.Attempt != "attempt-"+u.number || r.From != "4001" || r.Number != u.number || r.Case != c.Name {
		t.Errorf("record = %+v", r)
	}
	if r.EndedAt.IsZero() || r.AnsweredAt.IsZero() != (r.Status != 200) {
		t.Errorf("answered at %v, ended at %v, status %d", r.AnsweredAt, r.EndedAt, r.Status)
	}
	// A first packet may overtake the SDP that says where it comes from.
	if r.RTPOut-u.rtpIn > 2 || u.rtpIn > r.RTPOut || u.seqGaps > 0 {
		t.Errorf("caller got %d RTP packets of %d, with %d gaps", u.rtpIn, r.RTPOut, u.seqGaps)
	}
	if r.RTPIn > u.rtpOut || r.EndedBy == "us" && !u.cancel && r.RTPIn != u.rtpOut {
		t.Errorf("gateway got %d RTP packets of %d", r.RTPIn, u.rtpOut)
	}
	if u.digits != r.Keys {
		t.Errorf("caller heard keys %q, the person pressed %q", u.digits, r.Keys)
	}
	if alive := r.EndedAt.Sub(r.AnsweredAt); c.Name == "agrees" {
		if paced := int(alive / frameTime); r.RTPOut < paced-25 || r.RTPOut > paced+5 {
			t.Errorf("%d packets sent in %v, want about %d", r.RTPOut, alive, paced)
		}
	}
	switch {
	case c.Name == "no-media" && u.rtpIn != 0:
		t.Errorf("%d RTP packets from a line without media", u.rtpIn)
	case len(r.Said) > 0 && u.loudIn < 11*len(r.Said):
		t.Errorf("%d voiced packets for %d sentences", u.loudIn, len(r.Said))
	case personFor(r.Number).early != "" && u.early < 20:
		t.Errorf("%d packets of early media, want the announcement twice", u.early)
	case c.Name == "183-storm" && len(u.provisional) != 16:
		t.Errorf("provisionals = %v, want 100 and fifteen 183", u.provisional)
	case c.Name == "trunk-down" && u.final.Get("Retry-After") == "":
		t.Error("503 without Retry-After")
	}
}

func TestNumbersFindTheirPeople(t *testing.T) {
	for number, want := range map[string]string{
		"13800138303": "opt-out", "+8613800138101": "busy", "008613800138201": "invalid-number",
		"13800138000": "agrees", "138 0013 8999": "agrees", "": "agrees",
	} {
		if got := CaseFor(number).Name; got != want {
			t.Errorf("CaseFor(%q) = %s, want %s", number, got, want)
		}
	}
}

func TestCasesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		if len(c.Suffix) != 3 || c.Name == "" || c.Disposition == "" || c.About == "" || seen[c.Suffix] || seen[c.Name] {
			t.Errorf("incomplete or double: %+v", c)
		}
		if (c.Disposition == "answered") != (c.Outcome != "") {
			t.Errorf("%s: disposition %s with outcome %q", c.Name, c.Disposition, c.Outcome)
		}
		seen[c.Suffix], seen[c.Name] = true, true
	}
}
