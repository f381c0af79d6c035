package wecom_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/wecom"
	"warmline/wecom/wecomtest"
)

// clock is a clock that only moves when told.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1790000000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Wait lets a client wait without waiting.
func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.Add(d)
	return ctx.Err()
}

func start(t *testing.T, o wecomtest.Options) (*wecomtest.Server, *wecom.Client, *clock) {
	t.Helper()
	c := newClock()
	o.Now = c.Now
	s, err := wecomtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, &wecom.Client{
		CorpID: "ww0123456789abcdef", Secret: "secret", BaseURL: s.URL(), Now: c.Now, Wait: c.Wait,
	}, c
}

func TestOneTokenForManyCallers(t *testing.T) {
	s, client, _ := start(t, wecomtest.Options{})
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if _, err := client.FollowUsers(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	truth := s.Truth()
	if truth.Calls["gettoken"] != 1 {
		t.Errorf("gettoken was called %d times", truth.Calls["gettoken"])
	}
	if truth.Peak > 4 {
		t.Errorf("%d calls of one API at a time, want at most 4", truth.Peak)
	}
}

func TestTokenIsRenewedInTime(t *testing.T) {
	s, client, clock := start(t, wecomtest.Options{})
	call := func() {
		t.Helper()
		if _, err := client.Quota(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	call()
	clock.Add(100 * time.Minute) // 83 % of two hours
	call()
	if got := s.Truth().Calls["gettoken"]; got != 1 {
		t.Errorf("%d tokens before 88 %% of the life", got)
	}
	clock.Add(9 * time.Minute) // 91 %
	call()
	if got := s.Truth().Calls["gettoken"]; got != 2 {
		t.Errorf("%d calls of gettoken after 90 %% of the life, want 2", got)
	}
}

func TestRefusedTokens(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*wecomtest.Server)
	}{
		{"revoked early (40014)", func(s *wecomtest.Server) { s.RevokeTokens() }},
		{"expired (42001)", func(s *wecomtest.Server) {
			s.Inject(wecomtest.Fault{API: "externalcontact/customer_acquisition_quota", Code: 42001})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, client, _ := start(t, wecomtest.Options{})
			if _, err := client.Quota(t.Context()); err != nil {
				t.Fatal(err)
			}
			tt.spoil(s)
			if _, err := client.Quota(t.Context()); err != nil {
				t.Fatal(err)
			}
			calls := s.Truth().Calls
			if calls["gettoken"] != 2 || calls["externalcontact/customer_acquisition_quota"] != 3 {
				t.Errorf("got %v, want one renewal and one replay", calls)
			}
		})
	}
	t.Run("refused for ever: one replay only", func(t *testing.T) {
		s, client, _ := start(t, wecomtest.Options{})
		s.Inject(wecomtest.Fault{API: "externalcontact/customer_acquisition_quota", Code: 42001, Times: 100})
		_, err := client.Quota(t.Context())
		if wecom.Code(err) != 42001 {
			t.Errorf("got %v", err)
		}
		if got := s.Truth().Calls["externalcontact/customer_acquisition_quota"]; got != 2 {
			t.Errorf("%d calls, want 2", got)
		}
	})
}

func TestWrongSecretIsNotTriedAgain(t *testing.T) {
	s, client, clock := start(t, wecomtest.Options{Secret: "other"})
	for range 5 {
		_, err := client.Quota(t.Context())
		var refusal *wecom.APIError
		if !errors.As(err, &refusal) || refusal.Code != 40001 || refusal.Kind() != wecom.KindConfig || refusal.API != "gettoken" {
			t.Fatalf("got %v", err)
		}
		if strings.Contains(err.Error(), "secret=") {
			t.Fatalf("the error shows the secret: %v", err)
		}
	}
	if got := s.Truth().WrongSecrets; got != 1 {
		t.Errorf("the wrong secret was sent %d times", got)
	}
	clock.Add(time.Hour)
	client.Quota(t.Context())
	if got := s.Truth().WrongSecrets; got != 2 {
		t.Errorf("after its rest the secret was sent %d times in all, want 2", got)
	}
}

func TestRateRefusal(t *testing.T) {
	const api = "externalcontact/customer_acquisition_quota"
	s, client, clock := start(t, wecomtest.Options{})
	s.Inject(wecomtest.Fault{API: api, Code: 45009})
	_, err := client.Quota(t.Context())
	var paused *wecom.PausedError
	if !errors.As(err, &paused) || paused.Until.Sub(clock.Now()) != time.Minute || wecom.Code(err) != 45009 {
		t.Fatalf("got %v, want a pause of a minute", err)
	}
	if _, err := client.Quota(t.Context()); !errors.As(err, &paused) {
		t.Fatalf("during the pause: got %v", err)
	}
	if got := s.Truth().Calls[api]; got != 1 {
		t.Errorf("%d calls, want none during the pause", got)
	}
	if _, err := client.FollowUsers(t.Context()); err != nil {
		t.Errorf("another API rests too: %v", err)
	}
	clock.Add(time.Minute)
	s.Inject(wecomtest.Fault{API: api, Code: 45009})
	if _, err = client.Quota(t.Context()); !errors.As(err, &paused) || paused.Until.Sub(clock.Now()) != time.Hour {
		t.Fatalf("the second refusal: got %v, want a pause of an hour", err)
	}
	clock.Add(time.Hour)
	if _, err := client.Quota(t.Context()); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestARateRefusalIsWaitedOutWhenThereIsTime(t *testing.T) {
	s, client, _ := start(t, wecomtest.Options{})
	client.MaxWait = 2 * time.Minute
	s.Inject(wecomtest.Fault{API: "externalcontact/customer_acquisition_quota", Code: 45009})
	if _, err := client.Quota(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBusyAndConcurrencyAreTriedThreeTimes(t *testing.T) {
	const api = "externalcontact/customer_acquisition_quota"
	for _, code := range []int{-1, 6000, 45033, 41063} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			s, client, clock := start(t, wecomtest.Options{})
			s.Inject(wecomtest.Fault{API: api, Code: code, Times: 2})
			before := clock.Now()
			if _, err := client.Quota(t.Context()); err != nil {
				t.Fatal(err)
			}
			if waited := clock.Now().Sub(before); waited < 600*time.Millisecond || waited > 2*time.Second {
				t.Errorf("waited %s in all", waited)
			}
			s.Inject(wecomtest.Fault{API: api, Code: code, Times: 3})
			if _, err := client.Quota(t.Context()); wecom.Code(err) != code {
				t.Errorf("got %v", err)
			}
			if got := s.Truth().Calls[api]; got != 6 {
				t.Errorf("%d calls, want 6", got)
			}
		})
	}
}

func TestConcurrencyRefusalsOfARealServerAreSurvived(t *testing.T) {
	s, client, _ := start(t, wecomtest.Options{Parallel: 2})
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			for {
				_, err := client.Quota(t.Context())
				if err == nil {
					return
				}
				if wecom.Code(err) != 45033 {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := s.Truth().Peak; got > 4 {
		t.Errorf("%d at a time", got)
	}
}

func TestALostAnswerIsNotSentAgain(t *testing.T) {
	const api = "externalcontact/customer_acquisition/create_link"
	for _, kind := range []string{"http500", "half", "lost", "hang"} {
		t.Run(kind, func(t *testing.T) {
			s, client, _ := start(t, wecomtest.Options{})
			s.Inject(wecomtest.Fault{API: api, Kind: kind})
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := client.CreateLink(ctx, wecom.NewLink{Name: "双十一", Members: []string{"zhangsan"}})
			if !errors.Is(err, wecom.ErrNoAnswer) {
				t.Errorf("got %v, want ErrNoAnswer", err)
			}
			if strings.Contains(err.Error(), "access_token") {
				t.Errorf("the error shows the token: %v", err)
			}
			if got := s.Truth().Calls[api]; got != 1 {
				t.Errorf("%d calls", got)
			}
		})
	}
}

func TestLifeOfALink(t *testing.T) {
	s, client, _ := start(t, wecomtest.Options{Quota: 30})
	ctx := t.Context()
	link, err := client.CreateLink(ctx, wecom.NewLink{Name: "老客 & 会员", Members: []string{"zhangsan", "lisi"}})
	if err != nil {
		t.Fatal(err)
	}
	read, err := client.GetLink(ctx, link.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(link, read); diff != "" {
		t.Errorf("-created +read:\n%s", diff)
	}
	var tokens []string
	for n := range 12 {
		token, err := wecom.NewState(wecom.TokenInvitation, nil)
		if err != nil {
			t.Fatal(err)
		}
		u, err := wecom.LinkURL(link.URL, token)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Open(u, fmt.Sprintf("+86138000000%02d", n)); err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	var got []string
	for lc, err := range client.Customers(ctx, link.ID) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, lc.State)
	}
	if diff := cmp.Diff(tokens, got); diff != "" {
		t.Errorf("states of the link's customers: -want +got:\n%s", diff)
	}
	q, err := client.Quota(ctx)
	if err != nil || q.Used != 12 || q.Balance != 18 {
		t.Errorf("got %+v, %v", q, err)
	}
	way, err := client.AddContactWay(ctx, wecom.NewWay{Members: []string{"lisi"}, State: tokens[0]})
	if err != nil || way.ConfigID == "" || way.QRCode == "" {
		t.Errorf("got %+v, %v", way, err)
	}
	if ips, err := client.CallbackIPs(ctx); err != nil || len(ips) != 1 {
		t.Errorf("got %v, %v", ips, err)
	}
}

func TestReconcilingReadsEveryPage(t *testing.T) {
	s, client, _ := start(t, wecomtest.Options{})
	const n = 230 // three pages of 100
	for i := range n {
		if err := s.MemberAdds([]string{"zhangsan", "lisi"}[i%2], fmt.Sprintf("+86138%08d", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for f, err := range client.ByMembers(t.Context(), []string{"zhangsan", "lisi", "wangwu"}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.AddWay != wecom.WayPhone || f.StartedBy != f.Member || len(f.Mobiles) != 1 || f.Since.IsZero() {
			t.Fatalf("got %+v", f)
		}
		seen[f.Customer] = true
	}
	if len(seen) != n {
		t.Errorf("got %d friends, want %d", len(seen), n)
	}
	for _, err := range client.ByMembers(t.Context(), []string{"nobody"}) {
		if wecom.Code(err) != wecom.CodeNoMember {
			t.Errorf("got %v", err)
		}
	}
}

func TestRemarkAndTags(t *testing.T) {
	s, client, _ := start(t, wecomtest.Options{})
	ctx := t.Context()
	if err := s.MemberAdds("zhangsan", "+8613800000001", ""); err != nil {
		t.Fatal(err)
	}
	id := s.Truth().People[0].External
	tags, err := client.AddCorpTags(ctx, "来源", "电话邀请", "老客")
	if err != nil || len(tags) != 2 {
		t.Fatalf("got %v, %v", tags, err)
	}
	if err := client.MarkTag(ctx, "zhangsan", id, tags[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := client.Remark(ctx, wecom.Remark{Member: "zhangsan", Customer: id, Remark: "王女士", Mobiles: []string{"13800000001", "13800000002"}}); err != nil {
		t.Fatal(err)
	}
	got, err := client.Get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	f := got.Friends[0]
	if f.Remark != "王女士" || !slices.Equal(f.Tags, []string{tags[0].ID}) || len(f.Mobiles) != 2 {
		t.Errorf("got %+v", f)
	}
	all, err := client.CorpTags(ctx)
	if err != nil || !slices.Equal(all, tags) {
		t.Errorf("got %v, %v, want %v", all, err, tags)
	}
	if err := client.MarkTag(ctx, "lisi", id, tags[0].ID); wecom.Code(err) != wecom.CodeNoRelation {
		t.Errorf("a stranger's tag: got %v", err)
	}
	if err := client.MarkTag(ctx, "zhangsan", id, "et0"); wecom.Code(err) != wecom.CodeTagID {
		t.Errorf("an unknown tag: got %v", err)
	}
	if _, err := client.Get(ctx, "wo0"); wecom.Code(err) != wecom.CodeExternal {
		t.Errorf("an unknown customer: got %v", err)
	}
	calls := s.Truth().Calls["externalcontact/remark"]
	for _, bad := range []wecom.Remark{{Customer: id}, {Customer: id, Remark: strings.Repeat("字", 21)}, {Customer: id, Description: strings.Repeat("字", 151)}} {
		if err := client.Remark(ctx, bad); err == nil {
			t.Errorf("%+v was sent", bad)
		}
	}
	if got := s.Truth().Calls["externalcontact/remark"]; got != calls {
		t.Error("a remark that can not work was sent")
	}
}

func TestMessagesToMembers(t *testing.T) {
	s, client, clock := start(t, wecomtest.Options{})
	ctx := t.Context()
	task := wecom.AppMessage{AgentID: 1000002, To: []string{"zhangsan", "Nobody"}, TaskCard: &wecom.TaskCard{
		TaskID: "friend-1", Title: "待添加客户 1 人", Rows: []wecom.CardRow{{Key: "客户", Value: "138****0001"}},
		Buttons: []wecom.CardButton{{Text: "已添加", Key: "done:1"}, {Text: "打开", Key: "open:1", URL: "https://h5.example/t?a=1&b=2"}},
	}}
	sent, err := client.Send(ctx, task)
	if err != nil || sent.ResponseCode == "" || !slices.Equal(sent.Invalid, []string{"nobody"}) {
		t.Fatalf("got %+v, %v", sent, err)
	}
	if body := string(s.Truth().Messages[0].Body); !strings.Contains(body, "a=1&b=2") {
		t.Errorf("the address was escaped: %s", body)
	}
	if err := client.UpdateCard(ctx, 1000002, sent.ResponseCode, "已添加", "zhangsan"); err != nil {
		t.Error(err)
	}
	if err := client.UpdateCard(ctx, 1000002, sent.ResponseCode, "已添加", "zhangsan"); err == nil {
		t.Error("a response code worked twice")
	}
	if _, err := client.Send(ctx, wecom.AppMessage{AgentID: 1000002, To: []string{"x"}, Text: "hi"}); wecom.Code(err) != wecom.CodeNobody {
		t.Errorf("nobody to send to: got %v", err)
	}
	if _, err := client.Send(ctx, wecom.AppMessage{AgentID: 1000002, To: []string{"lisi"}, TextCard: &wecom.TextCard{Title: "日报", Description: "…", URL: "https://a.example"}}); err != nil {
		t.Error(err)
	}
	before := len(s.Truth().Messages)
	for n := range 40 {
		if _, err := client.Send(ctx, wecom.AppMessage{AgentID: 1000002, To: []string{"wangwu"}, Text: fmt.Sprint("第", n)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(s.Truth().Messages) - before; got != 30 {
		t.Errorf("%d messages in a minute reached the member, want 30", got)
	}
	clock.Add(time.Minute)
	for range 2 {
		if _, err := client.Send(ctx, wecom.AppMessage{AgentID: 1000002, To: []string{"wangwu"}, Text: "一遍"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(s.Truth().Messages) - before; got != 31 {
		t.Errorf("the repeat was not dropped: %d", got)
	}
}
