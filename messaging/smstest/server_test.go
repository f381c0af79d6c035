package smstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTC3MatchesPublishedVectors(t *testing.T) {
	const body = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	const head = "POST\n/\n\ncontent-type:application/json; charset=utf-8\nhost:cvm.tencentcloudapi.com\n"
	tests := []struct{ name, key, canonical, want string }{
		{"two headers", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", head + "\ncontent-type;host\n" + sum([]byte(body)),
			"72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"},
		{"three headers", "Gu5t9xGARNpq86cd98joQYCN3*******", head + "x-tc-action:describeinstances\n\ncontent-type;host;x-tc-action\n" + sum([]byte(body)),
			"be4f67d323c78ab9acb7395e43c0dbcf822a9cfac32fea2449a7bc7726b770a3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tc3(tt.key, "2019-02-25", "cvm", 1551113065, tt.canonical); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// send posts a signed request made by hand and gives the first code.
func send(t *testing.T, s *Server, change func(r *http.Request), body map[string]any) string {
	t.Helper()
	all := map[string]any{
		"PhoneNumberSet": []string{"+8613800000001"}, "SmsSdkAppId": "1400000001", "SignName": "示例",
		"TemplateId": "1", "TemplateParamSet": []string{"王女士"}, "SessionContext": "m1",
	}
	for k, v := range body {
		all[k] = v
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	now := s.o.Now()
	date, ts := now.UTC().Format("2006-01-02"), now.Unix()
	names := "content-type;host;x-tc-action"
	canonical := "POST\n/\n\ncontent-type:application/json\nhost:" + s.Addr() + "\nx-tc-action:sendsms\n\n" + names + "\n" + sum(b)
	req, err := http.NewRequest(http.MethodPost, s.URL()+"/", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", "SendSms")
	req.Header.Set("X-TC-Version", "2021-01-11")
	req.Header.Set("X-TC-Timestamp", strconv.FormatInt(ts, 10))
	req.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential="+s.o.SecretID+"/"+date+"/sms/tc3_request, SignedHeaders="+names+
		", Signature="+tc3(s.o.SecretKey, date, "sms", ts, canonical))
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a struct {
		Response struct {
			Error         struct{ Code string }
			SendStatusSet []struct{ Code string }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	if len(a.Response.SendStatusSet) > 0 {
		return a.Response.SendStatusSet[0].Code
	}
	return a.Response.Error.Code
}

func open(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSignatureIsVerified(t *testing.T) {
	s := open(t, Options{Pace: 0.001})
	tests := []struct {
		name   string
		change func(r *http.Request)
		want   string
	}{
		{"as signed", nil, "Ok"},
		{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }, "AuthFailure.InvalidAuthorization"},
		{"another action", func(r *http.Request) { r.Header.Set("X-TC-Action", "PullSmsSendStatus") }, "AuthFailure.SignatureFailure"},
		{"another body", func(r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			b = bytes.Replace(b, []byte("00001"), []byte("00002"), 1)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		}, "AuthFailure.SignatureFailure"},
		{"another time", func(r *http.Request) { r.Header.Set("X-TC-Timestamp", "1") }, "AuthFailure.SignatureExpire"},
		{"a flipped nibble", func(r *http.Request) {
			a := r.Header.Get("Authorization")
			last := "0"
			if strings.HasSuffix(a, "0") {
				last = "1"
			}
			r.Header.Set("Authorization", a[:len(a)-1]+last)
		}, "AuthFailure.SignatureFailure"},
		{"the host left unsigned", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "content-type;host;", "content-type;", 1))
		}, "AuthFailure.SignatureFailure"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := send(t, s, tt.change, nil); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if got := s.Truth(); got.Taken != 1 || got.Forged != len(tests)-1 {
		t.Errorf("%d taken, %d forged", got.Taken, got.Forged)
	}
}

func TestLimits(t *testing.T) {
	s := open(t, Options{Pace: 0.001, Signs: []string{"示例"}, Templates: map[string]string{"1": "{1}您好"}, Balance: 1})
	many := make([]string, 201)
	tests := []struct {
		name string
		body map[string]any
		want string
	}{
		{"an unapproved sign", map[string]any{"SignName": "别人"}, "FailedOperation.SignatureIncorrectOrUnapproved"},
		{"an unapproved template", map[string]any{"TemplateId": "2"}, "FailedOperation.TemplateIncorrectOrUnapproved"},
		{"a missing variable", map[string]any{"TemplateParamSet": []string{}}, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"},
		{"an address in a variable", map[string]any{"TemplateParamSet": []string{"a.cn/x"}}, "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"},
		{"201 numbers", map[string]any{"PhoneNumberSet": many}, "LimitExceeded.PhoneNumberCountLimit"},
		{"no number", map[string]any{"PhoneNumberSet": []string{}}, "InvalidParameterValue.IncorrectPhoneNumber"},
		{"a fixed line", map[string]any{"PhoneNumberSet": []string{"+8602112345678"}}, "InvalidParameterValue.IncorrectPhoneNumber"},
		{"the first", nil, "Ok"},
		{"the same at once", nil, "LimitExceeded.PhoneNumberThirtySecondLimit"},
		{"without money", map[string]any{"TemplateParamSet": []string{"李先生"}}, "FailedOperation.InsufficientBalanceInSmsPackage"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := send(t, s, nil, tt.body); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestHabits(t *testing.T) {
	replies, failed := 0, 0
	const n = 10_000
	for i := range n {
		phone := fmt.Sprintf("+86138%08d", i)
		if r, _ := Habit(phone, ""); r != "" {
			replies++
		}
		if Network(phone) != "DELIVRD" {
			failed++
		}
	}
	if replies < n*3/100 || replies > n*5/100 || failed < n*2/100 || failed > n*4/100 {
		t.Errorf("of %d, %d reply and %d fail", n, replies, failed)
	}
}

func TestControlFromAnotherProcess(t *testing.T) {
	var mu sync.Mutex
	var links []string
	refuse := 2 // of the pushes, to see them come again
	mux := http.NewServeMux()
	mux.HandleFunc("POST /control/open", func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		links = append(links, string(b))
	})
	mux.HandleFunc("POST /push", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if refuse > 0 {
			refuse--
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	peer := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() {
		defer close(done)
		peer.Serve(ln)
	}()
	t.Cleanup(func() {
		peer.Close()
		<-done
	})
	base := "http://" + ln.Addr().String()
	record, err := os.Create(t.TempDir() + "/record.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer record.Close()
	s := open(t, Options{
		Pace: 0.001, OnLinkURL: base + "/control/open", Record: record,
		Deliver: func(string) string { return "DELIVRD" },
		People:  func(string, string) (string, time.Duration) { return "", 0 },
	})
	do := func(name, body string) {
		t.Helper()
		resp, err := http.Post(s.URL()+"/control/"+name, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: HTTP %d", name, resp.StatusCode)
		}
	}
	do("push", `{"receipts":"`+base+`/push","replies":"`+base+`/push"}`)
	do("template", `{"id":"9","text":"看看 https://shop.example/i/{1} 拒收请回复R"}`)
	if got := send(t, s, nil, map[string]any{"TemplateId": "9", "TemplateParamSet": []string{"tok1"}}); got != "Ok" {
		t.Fatalf("got %s", got)
	}
	s.Wait()
	do("reply", `{"phone":"+8613800000001","text":"R"}`)
	s.Wait()
	do("stop", `{"phone":"+8613800000002"}`)
	do("fault", `{"code":"InternalError"}`)
	if got := send(t, s, nil, map[string]any{"TemplateId": "9"}); got != "InternalError" {
		t.Errorf("got %s", got)
	}
	for _, phone := range []string{"+8613800000001", "+8613800000002", "+8613800000003"} {
		if got := send(t, s, nil, map[string]any{"TemplateId": "9", "PhoneNumberSet": []string{phone}}); got != "Ok" {
			t.Errorf("%s: got %s", phone, got)
		}
	}
	s.Wait()
	resp, err := http.Get(s.URL() + "/control/truth")
	if err != nil {
		t.Fatal(err)
	}
	var truth Truth
	if err := json.NewDecoder(resp.Body).Decode(&truth); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if truth.MessagedAfterOptOut != 2 || truth.Stops != 2 || truth.PushesTaken != 5 || truth.Links != 4 {
		t.Errorf("got %+v", truth)
	}
	if want := `{"phone":"+8613800000001","url":"https://shop.example/i/tok1"}`; len(links) != 4 || links[0] != want {
		t.Errorf("got %q", links)
	}
	b, err := os.ReadFile(record.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"taken"`, `"carried"`, `"replied"`, `"stopped"`, `"after_stop":true`} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("the log lacks %s", want)
		}
	}
}
