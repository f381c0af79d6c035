package messaging

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/contacts"
)

// raw compares phones as they are: a Phone prints itself masked.
var raw = cmp.Transformer("raw", func(p contacts.Phone) string { return p.E164() })

func TestParseDeliveries(t *testing.T) {
	got, err := ParseDeliveries([]byte(`[
	 {"user_receive_time":"2026-11-02 10:00:00","nationcode":"86","mobile":"13800000001","report_status":"SUCCESS","errmsg":"DELIVRD","description":"用户短信送达成功","sid":"2028:1"},
	 {"user_receive_time":"","nationcode":"86","mobile":"13800000002","report_status":"FAIL","errmsg":"MK:0001","sid":"2028:2"}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Delivery{
		{Serial: "2028:1", To: "+8613800000001", Delivered: true, Code: "DELIVRD", At: time.Date(2026, 11, 2, 10, 0, 0, 0, beijing)},
		{Serial: "2028:2", To: "+8613800000002", Code: "MK:0001"},
	}
	if diff := cmp.Diff(want, got, raw); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseReplies(t *testing.T) {
	const one = `{"extend":"01","mobile":"13800000001","nationcode":"86","sign":"示例","text":" R","time":1790000000}`
	want := []Reply{{From: "+8613800000001", Text: " R", Sign: "示例", At: time.Unix(1790000000, 0)}}
	for name, in := range map[string]string{
		"one object": one, "an array": "[" + one + "]",
		"a number with its plus": strings.Replace(one, `"13800000001"`, `"+8613800000001"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseReplies([]byte(in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, raw); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPushesRefused(t *testing.T) {
	for _, in := range []string{
		"", "null", "[]", "{}", "7", `[{"mobile":""}]`, `[{"mobile":"1380000'; DROP"}]`, `[{"mobile":"13800000001","sid":`,
		"[" + strings.Repeat(`{"mobile":"13800000001","sid":"1"},`, maxItems) + `{"mobile":"13800000001","sid":"1"}]`,
	} {
		if got, err := ParseDeliveries([]byte(in)); err == nil {
			t.Errorf("deliveries %.40q: got %v", in, got)
		}
		if got, err := ParseReplies([]byte(in)); err == nil {
			t.Errorf("replies %.40q: got %v", in, got)
		}
	}
}

// answer keeps what a handler answers.
type answer struct {
	code int
	head http.Header
	body strings.Builder
}

func (a *answer) Header() http.Header         { return a.head }
func (a *answer) WriteHeader(code int)        { a.code = code }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func TestHandlers(t *testing.T) {
	const reply = `{"mobile":"13800000001","nationcode":"86","text":"R","time":1790000000}`
	var fail error
	var got []Reply
	h := ReplyHandler("s3cret", func(_ context.Context, list []Reply) error {
		if fail == nil {
			got = append(got, list...)
		}
		return fail
	})
	tests := []struct {
		name, method, path, body string
		fail                     error
		want                     int
	}{
		{"a reply", "POST", "/sms/reply/s3cret", reply, nil, 200},
		{"the wrong secret", "POST", "/sms/reply/other", reply, nil, 404},
		{"no secret", "POST", "/sms/reply/", reply, nil, 404},
		{"a read", "GET", "/sms/reply/s3cret", "", nil, 405},
		{"nonsense", "POST", "/sms/reply/s3cret", "R", nil, 400},
		{"too long", "POST", "/sms/reply/s3cret", strings.Repeat(" ", maxPush+1), nil, 413},
		{"not stored", "POST", "/sms/reply/s3cret", reply, errors.New("the store is away"), 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, fail = nil, tt.fail
			r, err := http.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			a := &answer{code: 200, head: http.Header{}}
			h.ServeHTTP(a, r)
			if a.code != tt.want || (len(got) > 0) != (tt.want == 200) {
				t.Errorf("got HTTP %d and %v, want %d", a.code, got, tt.want)
			}
			if tt.want == 200 && a.body.String() != `{"result":0,"errmsg":"OK"}` {
				t.Errorf("answered %q", a.body.String())
			}
		})
	}
	// A handler without a secret takes nothing, rather than everything.
	a := &answer{code: 200, head: http.Header{}}
	r, err := http.NewRequest("POST", "/", strings.NewReader(reply))
	if err != nil {
		t.Fatal(err)
	}
	ReplyHandler("", func(context.Context, []Reply) error { t.Error("consumed"); return nil }).ServeHTTP(a, r)
	if a.code != 404 {
		t.Errorf("without a secret: HTTP %d", a.code)
	}
}

func FuzzPushes(f *testing.F) {
	f.Add([]byte(`[{"mobile":"13800000001","nationcode":"86","text":"R","time":1790000000,"sid":"1","report_status":"SUCCESS"}]`))
	f.Add([]byte(`{"mobile":"+8613800000001"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		replies, err := ParseReplies(b)
		for _, r := range replies {
			if err == nil && !strings.HasPrefix(r.From.E164(), "+") {
				t.Errorf("got %q", r.From.E164())
			}
			r.Key()
		}
		ParseDeliveries(b)
	})
}
