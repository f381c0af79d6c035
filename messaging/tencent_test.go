package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"warmline/contacts"
	"warmline/messaging"
	"warmline/messaging/smstest"
)

func start(t *testing.T, o smstest.Options) (*smstest.Server, *messaging.Tencent) {
	t.Helper()
	if o.Templates == nil {
		o.Templates = map[string]string{"1": "{1}您好，感谢您的电话。", "2": "新品到店，点 https://shop.example/i/{1} 看看，拒收请回复R"}
	}
	if o.Pace == 0 {
		o.Pace = 0.001
	}
	if o.People == nil {
		o.People = func(string, string) (string, time.Duration) { return "", 0 }
	}
	if o.Deliver == nil {
		o.Deliver = func(string) string { return "DELIVRD" }
	}
	s, err := smstest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, &messaging.Tencent{
		AppID: "1400000001", SecretID: "AKIDEXAMPLE00000000", SecretKey: "SECRETEXAMPLE0000000", BaseURL: s.URL(), Now: o.Now,
	}
}

func hello(n int) messaging.Message {
	return messaging.Message{
		ID: fmt.Sprint("m", n), To: contacts.Phone(fmt.Sprintf("+86138%08d", n)), Template: "1", Sign: "示例",
		Params: []string{"王女士"}, Text: "王女士您好，感谢您的电话。",
	}
}

func TestSend(t *testing.T) {
	s, client := start(t, smstest.Options{})
	got, err := client.Send(t.Context(), hello(1))
	if err != nil || got.Serial == "" || got.ID != "m1" || got.Fee != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	s.Wait()
	list := s.Truth().To("+8613800000001")
	if len(list) != 1 || list[0].Text != "王女士您好，感谢您的电话。" || list[0].Session != "m1" || list[0].Status != "DELIVRD" {
		t.Errorf("got %+v", list)
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change func(*messaging.Tencent, *messaging.Message)
		code   string
		kind   messaging.Kind
	}{
		{"a wrong key", func(c *messaging.Tencent, _ *messaging.Message) { c.SecretKey = "x" }, "AuthFailure.SignatureFailure", messaging.KindAccount},
		{"a wrong key ID", func(c *messaging.Tencent, _ *messaging.Message) { c.SecretID = "x" }, "AuthFailure.SecretIdNotFound", messaging.KindAccount},
		{"a wrong clock", func(c *messaging.Tencent, _ *messaging.Message) {
			c.Now = func() time.Time { return time.Now().Add(-6 * time.Minute) }
		}, "AuthFailure.SignatureExpire", messaging.KindAccount},
		{"another app", func(c *messaging.Tencent, _ *messaging.Message) { c.AppID = "x" }, "UnauthorizedOperation.SmsSdkAppIdVerifyFail", messaging.KindAccount},
		{"an unknown template", func(_ *messaging.Tencent, m *messaging.Message) { m.Template = "x" }, "FailedOperation.TemplateIncorrectOrUnapproved", messaging.KindContent},
		{"a variable too many", func(_ *messaging.Tencent, m *messaging.Message) { m.Params = []string{"a", "b"} }, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate", messaging.KindContent},
		{"a number that is none", func(_ *messaging.Tencent, m *messaging.Message) { m.To = "+8612345" }, "InvalidParameterValue.IncorrectPhoneNumber", messaging.KindNumber},
		{"an address in a variable", func(c *messaging.Tencent, m *messaging.Message) {
			c.Rules.ParamURL, m.Params = true, []string{"t.cn/x"}
		}, "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", messaging.KindContent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, client := start(t, smstest.Options{})
			m := hello(1)
			tt.change(client, &m)
			_, err := client.Send(t.Context(), m)
			var refusal *messaging.Error
			if !errors.As(err, &refusal) || refusal.Code != tt.code || refusal.Kind != tt.kind || refusal.Request == "" {
				t.Errorf("got %v, want %s (%s)", err, tt.code, tt.kind)
			}
			if got := s.Truth().Taken; got != 0 {
				t.Errorf("%d were taken", got)
			}
		})
	}
}

func TestInjectedRefusalsAreSorted(t *testing.T) {
	s, client := start(t, smstest.Options{})
	for code, want := range map[string]messaging.Kind{
		"InternalError.Timeout": messaging.KindLater, "RequestLimitExceeded": messaging.KindLimit,
		"FailedOperation.PhoneNumberInBlacklist":          messaging.KindStopped,
		"FailedOperation.InsufficientBalanceInSmsPackage": messaging.KindAccount,
		"FailedOperation.ContainSensitiveWord":            messaging.KindContent,
	} {
		s.Inject(smstest.Fault{Code: code})
		_, err := client.Send(t.Context(), hello(1))
		var refusal *messaging.Error
		if !errors.As(err, &refusal) || refusal.Kind != want {
			t.Errorf("%s: got %v, want %s", code, err, want)
		}
	}
}

func TestTheSameTextTwiceIn30Seconds(t *testing.T) {
	var past atomic.Int64 // seconds
	_, client := start(t, smstest.Options{PerDay: 2, Now: func() time.Time { return time.Unix(1790000000+past.Load(), 0) }})
	send := func() string {
		t.Helper()
		_, err := client.Send(t.Context(), hello(1))
		if err == nil {
			return ""
		}
		var refusal *messaging.Error
		if !errors.As(err, &refusal) || refusal.Kind != messaging.KindLimit {
			t.Fatal(err)
		}
		return strings.TrimPrefix(refusal.Code, "LimitExceeded.PhoneNumber")
	}
	var got []string
	for range 5 {
		got = append(got, send())
		past.Add(20)
	}
	if want := " ThirtySecondLimit  ThirtySecondLimit DailyLimit"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, " "), want)
	}
}

func TestALostAnswerIsUnknownAndNotSentAgain(t *testing.T) {
	for kind, taken := range map[string]int{"lost": 1, "hang": 0, "http500": 0} {
		t.Run(kind, func(t *testing.T) {
			s, client := start(t, smstest.Options{})
			s.Inject(smstest.Fault{Kind: kind})
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if _, err := client.Send(ctx, hello(1)); !errors.Is(err, messaging.ErrUnknown) {
				t.Errorf("got %v, want ErrUnknown", err)
			}
			truth := s.Truth()
			if truth.Requests != 1 || truth.Taken != taken {
				t.Errorf("%d requests, %d taken, want 1, %d", truth.Requests, truth.Taken, taken)
			}
		})
	}
}

func TestContentIsCheckedBeforeMoneyIsSpent(t *testing.T) {
	s, client := start(t, smstest.Options{})
	m := hello(1)
	m.Promotion = true
	_, err := client.Send(t.Context(), m)
	var bad *messaging.ContentError
	if !errors.As(err, &bad) || s.Truth().Requests != 0 {
		t.Errorf("got %v and %d requests", err, s.Truth().Requests)
	}
}

// shop is the sender's side of the pushes: it keeps who said stop.
type shop struct {
	mu        sync.Mutex
	delivered map[string]bool // serial
	stopped   map[contacts.Phone]bool
}

func (s *shop) serve(t *testing.T) string {
	t.Helper()
	s.delivered, s.stopped = map[string]bool{}, map[contacts.Phone]bool{}
	mux := http.NewServeMux()
	mux.Handle("/receipt/", messaging.DeliveryHandler("k1", func(_ context.Context, list []messaging.Delivery) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, d := range list {
			s.delivered[d.Serial] = d.Delivered
		}
		return nil
	}))
	mux.Handle("/reply/", messaging.ReplyHandler("k2", func(_ context.Context, list []messaging.Reply) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, r := range list {
			if messaging.OptOutWord(r.Text) {
				s.stopped[r.From] = true
			}
		}
		return nil
	}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(ln)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return "http://" + ln.Addr().String()
}

func TestReceiptsRepliesAndStops(t *testing.T) {
	s, client := start(t, smstest.Options{
		Deliver: func(phone string) string {
			if phone == "+8613800000002" {
				return "MK:0001"
			}
			return "DELIVRD"
		},
		People: func(phone, _ string) (string, time.Duration) {
			if phone == "+8613800000003" {
				return "Ｒ", time.Second // full width: the simulator does not know it, the sender does
			}
			if phone == "+8613800000004" {
				return "TD", time.Second
			}
			return "", 0
		},
	})
	h := &shop{}
	base := h.serve(t)
	s.SetPush(base+"/receipt/k1", base+"/reply/k2")
	serials := map[int]string{}
	for n := 1; n <= 4; n++ {
		r, err := client.Send(t.Context(), hello(n))
		if err != nil {
			t.Fatal(err)
		}
		serials[n] = r.Serial
	}
	s.Wait()
	for n, serial := range serials {
		if got, told := h.delivered[serial]; !told || got != (n != 2) {
			t.Errorf("message %d: told %v, delivered %v", n, told, got)
		}
	}
	if len(h.stopped) != 2 || !h.stopped["+8613800000003"] || !h.stopped["+8613800000004"] {
		t.Errorf("got %d stops", len(h.stopped))
	}
	truth := s.Truth()
	if truth.PushesTaken != 6 || truth.Stops != 1 || truth.MessagedAfterOptOut != 0 {
		t.Errorf("got %+v", truth)
	}
	m := hello(4)
	m.Params = []string{"再来"}
	if _, err := client.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := s.Truth().MessagedAfterOptOut; got != 1 {
		t.Errorf("a text after a stop was not counted: %d", got)
	}
}

func TestLinksReachThePerson(t *testing.T) {
	var mu sync.Mutex
	var got []string
	s, client := start(t, smstest.Options{OnLink: func(url, phone string) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, phone+" "+url)
	}})
	m := hello(1)
	m.Template, m.Params, m.Promotion = "2", []string{"iv0123"}, true
	m.Text = "新品到店，点 https://shop.example/i/iv0123 看看，拒收请回复R"
	if _, err := client.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	s.Wait()
	if len(got) != 1 || got[0] != "+8613800000001 https://shop.example/i/iv0123" {
		t.Errorf("got %q", got)
	}
}
