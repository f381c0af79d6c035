package wecom

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTransitionsAreTheTableOfThePackageComment(t *testing.T) {
	f, err := os.Open("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	documented := map[State]map[string]State{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		words := strings.Fields(strings.TrimPrefix(sc.Text(), "//"))
		if !strings.HasPrefix(sc.Text(), "//\t") {
			continue
		}
		row := map[string]State{}
		for _, w := range words[1:] {
			step, to, ok := strings.Cut(w, "=")
			if !ok {
				t.Fatalf("row %s: %q is no step=state", words[0], w)
			}
			row[step] = State(to)
		}
		documented[State(words[0])] = row
	}
	if diff := cmp.Diff(documented, transitions); diff != "" {
		t.Errorf("-comment +code:\n%s", diff)
	}
}

var allSteps = []string{
	StepOffer, StepClick, StepHalf, StepAwaiting, StepNotFound, StepThrottle, StepAdd, StepChat, StepTransfer,
	StepCustomerDeleted, StepMemberDeleted, StepExpire, StepRefuse, StepOptOut, StepUnreachable, StepDuplicate, "nonsense", "",
}

func TestEveryStepTwiceIsOnce(t *testing.T) {
	for s := range transitions {
		for _, step := range allSteps {
			to, moved := s.Next(step)
			if !moved && to != s {
				t.Errorf("%s %s: not moved but %s", s, step, to)
			}
			if _, known := transitions[to]; !known {
				t.Errorf("%s %s leads to unknown %q", s, step, to)
			}
			if again, moved := to.Next(step); moved {
				t.Errorf("%s %s is %s, and once more %s", s, step, to, again)
			}
		}
	}
	if _, moved := State("invented").Next(StepAdd); moved {
		t.Error("an unknown state moved")
	}
}

func TestOptedOutIsTheEnd(t *testing.T) {
	for _, step := range allSteps {
		if to, moved := OptedOut.Next(step); moved {
			t.Errorf("%s moved to %s", step, to)
		}
	}
	for s := range transitions {
		if to, _ := s.Next(StepOptOut); s.Open() && to != OptedOut {
			t.Errorf("open %s does not hear an opt-out", s)
		}
	}
}

func TestApplyInAnyOrderEndsTheSame(t *testing.T) {
	t0 := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	type moment struct {
		step string
		at   time.Time
	}
	history := []moment{
		{StepClick, t0.Add(1 * time.Second)},
		{StepHalf, t0.Add(2 * time.Second)},
		{StepAdd, t0.Add(3 * time.Second)},
		{StepCustomerDeleted, t0.Add(9 * time.Second)},
	}
	var permute func(rest, taken []moment)
	permute = func(rest, taken []moment) {
		if len(rest) == 0 {
			i := Invitation{State: Offered, Changed: t0}
			for _, m := range append(slices.Clone(taken), taken...) { // each twice
				i, _ = i.Apply(m.step, m.at)
			}
			want := Invitation{State: LostByCustomer, Changed: t0.Add(9 * time.Second), AddedAt: t0.Add(3 * time.Second), LostAt: t0.Add(9 * time.Second)}
			if diff := cmp.Diff(want, i); diff != "" {
				t.Errorf("%v: -want +got:\n%s", taken, diff)
			}
			return
		}
		for n := range rest {
			permute(slices.Delete(slices.Clone(rest), n, n+1), append(slices.Clone(taken), rest[n]))
		}
	}
	permute(history, nil)
}

func TestApplyReturningCustomer(t *testing.T) {
	t0 := time.Unix(1790000000, 0)
	i := Invitation{State: Added, Changed: t0, AddedAt: t0}
	i, _ = i.Apply(StepCustomerDeleted, t0) // the same second
	if i.State != LostByCustomer {
		t.Fatalf("got %s", i.State)
	}
	if i, moved := i.Apply(StepAdd, t0); moved {
		t.Errorf("the old add revived it: %s", i.State)
	}
	i, moved := i.Apply(StepAdd, t0.Add(time.Hour))
	if !moved || i.State != Added || !i.LostAt.IsZero() || !i.AddedAt.Equal(t0) {
		t.Errorf("got %+v", i)
	}
}

func TestPick(t *testing.T) {
	now := time.Unix(1790000000, 0)
	rooms := []Room{
		{Member: "busy", Store: "sh", Daily: 20, UsedToday: 19},
		{Member: "calm", Store: "bj", Daily: 20, UsedToday: 2},
		{Member: "full", Store: "sh", Daily: 5, UsedToday: 5},
		{Member: "hour", Store: "gz", Daily: 20, Hourly: 5, UsedThisHour: 5},
		{Member: "new", Store: "bj", Daily: 5, UsedToday: 1},
		{Member: "paused", Store: "sz", Daily: 20, PausedUntil: now.Add(time.Hour)},
		{Member: "away", Store: "sz", Daily: 20, Away: true},
	}
	tests := []struct {
		name string
		wish Wish
		want string
	}{
		{"anyone: the smallest part of the day used", Wish{}, "calm"},
		{"the same store, though busier", Wish{Store: "sh"}, "busy"},
		{"who followed before comes first", Wish{Previous: "new", Store: "sh"}, "new"},
		{"a full predecessor is passed over", Wish{Previous: "full", Store: "bj"}, "calm"},
		{"a paused store gives anyone", Wish{Store: "sz"}, "calm"},
		{"not the one who failed", Wish{Avoid: "calm"}, "new"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Pick(rooms, tt.wish, now)
			if !ok || got.Member != tt.want {
				t.Errorf("got %s, want %s", got.Member, tt.want)
			}
		})
	}
	if _, ok := Pick(rooms[2:4], Wish{}, now); ok {
		t.Error("somebody without room was picked")
	}
	if got := Headroom(rooms, 100, 90, 50, now); got != 10 {
		t.Errorf("headroom by quota: got %d, want 10", got)
	}
	if got := Headroom(rooms, 100, 0, 100, now); got != 1+18+4 {
		t.Errorf("headroom by members: got %d, want 23", got)
	}
	if got := Headroom(rooms, 5, 9, 100, now); got != 0 {
		t.Errorf("headroom below nothing: got %d", got)
	}
}

func TestRampDaily(t *testing.T) {
	now := time.Unix(1790000000, 0)
	day := 24 * time.Hour
	for age, want := range map[time.Duration]int{-day: 5, 0: 5, 6 * day: 5, 7 * day: 10, 21 * day: 20, 365 * day: 20} {
		if got := RampDaily(now.Add(-age), now, 20); got != want {
			t.Errorf("after %s: got %d, want %d", age, got, want)
		}
	}
}

func TestAttribute(t *testing.T) {
	list := []Invitation{
		{ID: "link", Token: "iv1", Channel: ByLink, Phone: "+8613800000001", Member: "zhangsan"},
		{ID: "taken", Token: "iv2", Channel: ByLink, Phone: "+8613800000002", Customer: "wo2"},
		{ID: "campaign", Token: "iv3", Campaign: "cp1", Channel: ByLink, Phone: "+8613800000003"},
		{ID: "task", Token: "task-4", Channel: ByTask, Phone: "+8613800000004", Member: "lisi"},
		{ID: "stopped", Token: "task-5", Channel: ByTask, Phone: "+8613800000005", Member: "lisi", State: OptedOut},
	}
	tests := []struct {
		name string
		f    Friendship
		want Match
	}{
		{"the token alone is enough", Friendship{Customer: "wo1", Member: "wangwu", State: "iv1", AddWay: WayLink}, Match{"link", ByState}},
		{"the token again, same person, other member", Friendship{Customer: "wo2", Member: "lisi", State: "iv2"}, Match{"taken", ByState}},
		{"the token by another person is forwarded", Friendship{Customer: "wo9", State: "iv2"}, Match{"taken", Forwarded}},
		{"a campaign's token needs the number", Friendship{Customer: "wo3", State: "cp1", Mobiles: []string{"138 0000 0003"}}, Match{"campaign", ByCampaignPhone}},
		{"a campaign's token alone is nobody's", Friendship{Customer: "wo3", State: "cp1"}, Match{}},
		{"the member's own search of the number", Friendship{Customer: "wo4", Member: "lisi", StartedBy: "lisi", AddWay: WayPhone, Mobiles: []string{"+86 138-0000-0004"}}, Match{"task", ByTaskPhone}},
		{"full-width digits", Friendship{Customer: "wo4", Member: "lisi", StartedBy: "lisi", AddWay: WayPhoneBook, Mobiles: []string{"１３８０００００００４"}}, Match{"task", ByTaskPhone}},
		{"an old foreign state does not hide the search", Friendship{Customer: "wo4", Member: "lisi", StartedBy: "lisi", State: "wb:1:4285486", AddWay: WayPhone, Mobiles: []string{"13800000004"}}, Match{"task", ByTaskPhone}},
		{"another member's search is no proof", Friendship{Customer: "wo4", Member: "wangwu", StartedBy: "wangwu", AddWay: WayPhone, Mobiles: []string{"13800000004"}}, Match{}},
		{"the customer's own search is no proof", Friendship{Customer: "wo4", Member: "lisi", StartedBy: "wo4", AddWay: WayPhone, Mobiles: []string{"13800000004"}}, Match{}},
		{"nobody is claimed after an opt-out", Friendship{Customer: "wo5", Member: "lisi", StartedBy: "lisi", AddWay: WayPhone, Mobiles: []string{"13800000005"}}, Match{}},
		{"a name is no evidence", Friendship{Customer: "wo6", Member: "lisi", Name: "王女士", Remark: "王女士"}, Match{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Attribute(tt.f, list)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != Match{}) {
				t.Errorf("ok=%v -want +got:\n%s", ok, diff)
			}
		})
	}
	if (Match{"x", Forwarded}).Credit() || !(Match{"x", ByState}).Credit() {
		t.Error("credit goes to all but forwarded links")
	}
}

func TestFillRemarkLeavesTheMembersWorkAlone(t *testing.T) {
	want := Remark{Remark: "王女士 电话邀请", Description: "来自热线", Mobiles: []string{"13800000001"}}
	tests := []struct {
		name string
		have Friendship
		fill Remark
		ok   bool
	}{
		{"empty fields are filled", Friendship{}, want, true},
		{"the customer's own name is nobody's work", Friendship{Name: "Ann", Remark: "Ann"}, want, true},
		{"the member's words stay", Friendship{Remark: "老王", Description: "喜欢茶"}, Remark{Mobiles: want.Mobiles}, true},
		{"numbers are added", Friendship{Mobiles: []string{"139"}}, Remark{Remark: want.Remark, Description: want.Description, Mobiles: []string{"139", "13800000001"}}, true},
		{"a known number in another spelling is not", Friendship{Remark: "a", Description: "b", Mobiles: []string{"+86 138 0000 0001"}}, Remark{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := FillRemark(tt.have, want)
			if diff := cmp.Diff(tt.fill, got); diff != "" || ok != tt.ok {
				t.Errorf("ok=%v -want +got:\n%s", ok, diff)
			}
		})
	}
}

func TestTokensAndLinks(t *testing.T) {
	token, err := NewState(TokenInvitation, nil)
	if err != nil || len(token) != 28 {
		t.Fatalf("got %q, %v", token, err)
	}
	if kind, ok := StateKind(token); kind != TokenInvitation || !ok {
		t.Errorf("got %s, %v", kind, ok)
	}
	if _, ok := StateKind("wb:1:4285486"); ok {
		t.Error("a foreign state was taken for ours")
	}
	if _, err := NewState("x1", nil); err == nil {
		t.Error("kind x1 was taken")
	}
	got, err := LinkURL("https://work.weixin.qq.com/ca/cawcde01?comp_scene=1", "iv&x")
	if want := "https://work.weixin.qq.com/ca/cawcde01?comp_scene=1&customer_channel=iv%26x"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if got, want := SchemeURL("https://work.weixin.qq.com/ca/caXXXXX?customer_channel=WORK"),
		"weixin://biz/ww/profile/https%3A%2F%2Fwork.weixin.qq.com%2Fca%2FcaXXXXX%3Fcustomer_channel%3DWORK"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bad := range []string{"", "work.weixin.qq.com/ca/x", "javascript:alert(1)", "https://"} {
		if got, err := LinkURL(bad, "iv"); err == nil {
			t.Errorf("%q gave %q", bad, got)
		}
	}
	if _, err := LinkURL("https://a/ca/x", strings.Repeat("x", 65)); err == nil {
		t.Error("65 bytes were taken; WeCom would cut them in silence")
	}
}
