package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"warmline/dialogs"
	"warmline/speech/openai/openaitest"
)

const key = "sk-test-4f0c9a7be21d"

// lab is an endpoint and a client of it, with a clock a test moves.
type lab struct {
	*openaitest.Server
	client *Client
	mu     sync.Mutex
	now    time.Time
}

func newLab(t *testing.T, bend ...func(*Config, *openaitest.Options)) *lab {
	t.Helper()
	l := &lab{now: time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)}
	o := openaitest.Options{Key: key, Model: "small", Understand: func(_, answer string, _ []string) (string, float64) {
		switch {
		case strings.Contains(answer, "门卫"):
			return "yes", 0.9
		case strings.Contains(answer, "拉倒"):
			return "not_interested", 0.8
		}
		return "other", 0.5
	}}
	c := Config{Model: "small", APIKey: key, Deadline: 5 * time.Second, PriceIn: 2, PriceOut: 8, Now: l.clock}
	for _, b := range bend {
		b(&c, &o)
	}
	var err error
	if l.Server, err = openaitest.Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Server.Close() })
	c.URL = l.URL()
	if l.client, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.client.Close)
	return l
}

func (l *lab) clock() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lab) pass(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

func doubt(text string) dialogs.Doubt {
	return dialogs.Doubt{Asked: "用着还满意吗？", Text: text, Lang: "zh-CN", Intents: []string{"no", "not_interested", "opt_out", "other", "yes"}}
}

// short is a deadline for answers that never come.
func short(c *Config, _ *openaitest.Options) { c.Deadline = 300 * time.Millisecond }

func TestASentenceIsUnderstoodOverTheWire(t *testing.T) {
	l := newLab(t)
	got, err := l.client.Understand(t.Context(), doubt("放门卫那儿了"))
	if want := (dialogs.Reading{Intent: "yes", Confidence: 0.9}); err != nil || got != want {
		t.Fatalf("%+v, %v, want %+v", got, err, want)
	}
	if bad := l.Refused(); len(bad) > 0 {
		t.Errorf("the endpoint refused %q", bad)
	}
	var sent struct {
		Model  string
		Format struct {
			Schema struct {
				Strict bool
				Schema struct {
					Properties struct {
						Intent struct{ Enum []string }
					}
				}
			} `json:"json_schema"`
		} `json:"response_format"`
	}
	if err := json.Unmarshal([]byte(l.Requests()[0]), &sent); err != nil || !sent.Format.Schema.Strict ||
		!slices.Equal(sent.Format.Schema.Schema.Properties.Intent.Enum, doubt("").Intents) {
		t.Errorf("the list was not closed: %+v, %v", sent, err)
	}
}

func TestTheSameSentenceCostsOnce(t *testing.T) {
	l := newLab(t)
	for range 3 {
		if _, err := l.client.Understand(t.Context(), doubt("放门卫那儿了")); err != nil {
			t.Fatal(err)
		}
	}
	other := doubt("放门卫那儿了")
	other.Intents = []string{"other", "yes"}
	if _, err := l.client.Understand(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	s := l.client.Stats()
	if n := len(l.Requests()); n != 2 || s.Asked != 4 || s.Cached != 2 {
		t.Errorf("%d requests, %+v", n, s)
	}
	if want := (float64(s.TokensIn)*2 + float64(s.TokensOut)*8) / 1e6; s.TokensIn == 0 || s.TokensOut == 0 || s.Cost != want {
		t.Errorf("cost %v of %d and %d tokens, want %v", s.Cost, s.TokensIn, s.TokensOut, want)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	var c cache
	for i := range kept + 100 {
		c.put(fmt.Sprint(i), dialogs.Reading{})
		c.get("0")
	}
	if _, ok := c.get("0"); !ok || len(c.byKey) != kept || c.order.Len() != kept {
		t.Errorf("%d kept, the one that is used among them: %v", len(c.byKey), ok)
	}
	if _, ok := c.get("1"); ok {
		t.Error("what nobody used is still there")
	}
}

func TestAHostileAnswerIsAnErrorAndNothingElse(t *testing.T) {
	for _, tt := range []struct {
		fault openaitest.Fault
		want  string
	}{
		{openaitest.Hang, "deadline"},
		{openaitest.Drip, "deadline"},
		{openaitest.Flood, "more than 65536 bytes"},
		{openaitest.Garbage, "did not answer with a chat completion"},
		{openaitest.Prose, "not a JSON object"},
		{openaitest.Fenced, "not a JSON object"},
		{openaitest.NotInList, "not in the list"},
		{openaitest.Foreign, "not in the list"},
		{openaitest.Sure, "not between 0 and 1"},
		{openaitest.Extra, "not the JSON that was asked for"},
		{openaitest.Twice, "something follows"},
		{openaitest.Cut, "cut short: length"},
		{openaitest.Refusal, "refused to answer"},
		{openaitest.NoChoice, "no answer"},
		{openaitest.Quota, "429 rate_limit_exceeded"},
		{openaitest.Busy, "503 server_error"},
		{openaitest.Broken, "500 server_error"},
		{openaitest.Gone, "asking the model"},
		{openaitest.Elsewhere, "307"},
	} {
		t.Run(string(tt.fault), func(t *testing.T) {
			l := newLab(t, func(c *Config, o *openaitest.Options) {
				if tt.want == "deadline" {
					short(c, o)
				}
			})
			l.Fault(tt.fault)
			began := time.Now()
			got, err := l.client.Understand(t.Context(), doubt("放门卫那儿了"))
			if err == nil || !strings.Contains(err.Error(), tt.want) || got != (dialogs.Reading{}) {
				t.Errorf("%+v, %v, want an error with %q", got, err, tt.want)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			s := l.client.Stats()
			if s.Failed != 1 || (s.Late == 1) != (tt.want == "deadline") {
				t.Errorf("counted as %+v", s)
			}
			l.Fault(openaitest.None) // and the next question, once it is due, is answered
			l.pass(time.Minute)
			l.client.config.Deadline = 5 * time.Second
			if _, err := l.client.Understand(t.Context(), doubt("放门卫那儿了")); err != nil {
				t.Errorf("after the bad day: %v", err)
			}
		})
	}
}

func TestTokensOfAHostileEndpointAreBounded(t *testing.T) {
	l := newLab(t)
	l.Fault(openaitest.WildTokens)
	if _, err := l.client.Understand(t.Context(), doubt("放门卫那儿了")); err != nil {
		t.Fatal(err)
	}
	if s := l.client.Stats(); s.TokensIn != 0 || s.TokensOut != 1<<20 {
		t.Errorf("counted %+v", s)
	}
}

func TestTheBreakerLeavesAFailingEndpointAlone(t *testing.T) {
	l := newLab(t)
	ask := func(i int) error {
		_, err := l.client.Understand(t.Context(), doubt(fmt.Sprint("那", i)))
		return err
	}
	l.Fault(openaitest.Broken)
	for i := range 5 {
		ask(i)
	}
	if err := ask(5); !errors.Is(err, errOpen) || len(l.Requests()) != 5 || !l.client.Stats().Open || l.client.Stats().Refused != 1 {
		t.Errorf("after five failures: %v, %d requests", err, len(l.Requests()))
	}
	l.pass(resting)
	if err := ask(6); err == nil || errors.Is(err, errOpen) || len(l.Requests()) != 6 {
		t.Errorf("the one that tries it: %v", err)
	}
	if err := ask(7); !errors.Is(err, errOpen) {
		t.Errorf("the try failed and it is asked again: %v", err)
	}
	l.Fault(openaitest.None)
	l.pass(resting)
	for i := 8; i < 10; i++ {
		if err := ask(i); err != nil {
			t.Errorf("it is well again: %v", err)
		}
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	for _, f := range []openaitest.Fault{openaitest.Quota, openaitest.QuotaDate} {
		t.Run(string(f), func(t *testing.T) {
			l := newLab(t, func(c *Config, _ *openaitest.Options) { c.Now = nil })
			l.client.config.Now = time.Now // a date is counted from the present
			var moved time.Duration
			l.client.config.Now = func() time.Time { return time.Now().Add(moved) }
			l.Fault(f)
			l.client.Understand(t.Context(), doubt("那一"))
			l.Fault(openaitest.None)
			if _, err := l.client.Understand(t.Context(), doubt("那二")); !errors.Is(err, errOpen) {
				t.Errorf("asked again at once: %v", err)
			}
			moved = 8 * time.Second // it said seven
			if _, err := l.client.Understand(t.Context(), doubt("那二")); err != nil {
				t.Errorf("not asked when it was due: %v", err)
			}
		})
	}
	for header, want := range map[string]time.Duration{"": resting, "soon": resting, "-5": time.Second, "0": time.Second, "7": 7 * time.Second, "99999999": maxRest, "Mon, 01 Jan 2001 00:00:00 GMT": time.Second} {
		if got := retryAfter(header, time.Now()); got != want {
			t.Errorf("Retry-After %q is %v, want %v", header, got, want)
		}
	}
}

func TestACallThatGoesOnBlamesNobody(t *testing.T) {
	l := newLab(t)
	l.Fault(openaitest.Hang)
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := l.client.Understand(ctx, doubt("放门卫那儿了")); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cancel()
	}
	if s := l.client.Stats(); s.Open || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTheKeyIsNeverTold(t *testing.T) {
	l := newLab(t, func(c *Config, _ *openaitest.Options) { c.APIKey = "sk-wrong-8d2e77" })
	_, err := l.client.Understand(t.Context(), doubt("放门卫那儿了"))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("not understood", "err", err)
	if err == nil || !strings.Contains(log.String(), "401 invalid_api_key") || strings.Contains(log.String(), "sk-wrong") {
		t.Errorf("%v", err)
	}
	if _, err := l.client.Understand(t.Context(), doubt("再来")); !errors.Is(err, errOpen) {
		t.Errorf("a key that was refused is tried again at once: %v", err)
	}
}

func TestNothingPersonalLeavesTheHouse(t *testing.T) {
	l := newLab(t)
	d := doubt("我是王芳，住中山路12号3栋2单元401室，电话幺三八零零一三八零零零，身份证11010519491231002X，微信wang.fang@qq.com，卡号6222 0210 0111 6245")
	d.Asked = "请问是王女士吗？您在南岗区花园街的包裹收到了吗？"
	d.Private = []string{"南岗区花园街", "王女士", "王芳"}
	if _, err := l.client.Understand(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	sent := l.Requests()[0]
	for _, secret := range []string{"王芳", "王女士", "中山路12", "401", "幺三八", "零零一三", "110105", "002X", "wang.fang", "qq.com", "6222", "6245", "花园街", "南岗", key} {
		if strings.Contains(sent, secret) {
			t.Errorf("%q left the house in %s", secret, sent)
		}
	}
	if !strings.Contains(sent, "包裹收到了吗") {
		t.Errorf("the question is gone too: %s", sent)
	}
}

func TestRedaction(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"我电话是13800138000", "我电话是[号码]"},
		{"我电话是138-0013-8000你记一下", "我电话是[号码]你记一下"},
		{"１３８００１３８０００", "[号码]"},
		{"+86 138 0013 8000", "[号码]"},
		{"幺三八 零零幺三 八零零零", "[号码]"},
		{"验证码是 1 2 3 4 5", "验证码是 [号码]"},
		{"one three eight double zero one three", "[号码]"},
		{"call 415-555-0123 please", "call [号码] please"},
		{"I live at 42 Green Hill Road, ok", "I live at [地址], ok"},
		{"我叫李雷", "我叫[姓名]"},
		{"发到 a.b@c.cn", "发到 [邮箱]"},
		{"买了3个用了2024年的券", "买了3个用了2024年的券"},
		{"明天下午三点", "明天下午三点"},
		{"I have one or two left", "I have one or two left"},
	} {
		if got := redact(tt.text, nil); got != tt.want {
			t.Errorf("%q became %q, want %q", tt.text, got, tt.want)
		}
	}
	if got := redact("this is WANG FANG here", []string{"Wang Fang"}); got != "this is [某] here" {
		t.Errorf("%q", got)
	}
}

func TestAnEndpointIsNamedRightOrNotAtAll(t *testing.T) {
	for url, want := range map[string]string{
		"":                           "not an address",
		"api.openai.com/v1":          "not an address",
		"http://api.openai.com/v1":   "not https",
		"https://u:p@api.openai.com": "not an address",
		"https://x.example/v1?k=sk":  "not an address",
		"ftp://x.example/v1":         "not https",
		"https://api.openai.com/v1/": "",
		"http://127.0.0.1:11434/v1":  "",
		"http://10.0.0.7:8000/v1":    "",
	} {
		_, err := New(Config{URL: url, Model: "m"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "sk") {
			t.Errorf("%s: the error tells the key: %v", url, err)
		}
	}
}

func TestWordingsAreProposedOverTheWire(t *testing.T) {
	l := newLab(t, func(_ *Config, o *openaitest.Options) {
		o.Propose = func(lines []string, count int) []string {
			var out []string
			for i := range count + 3 { // more than was asked for
				out = append(out, fmt.Sprint(lines[0], i))
			}
			return out
		}
	})
	got, err := l.client.Propose(t.Context(), Draft{Lines: []string{"最近天凉。"}, Lang: "zh-CN", Count: 2})
	if err != nil || !slices.Equal(got, []string{"最近天凉。0", "最近天凉。1"}) {
		t.Errorf("%q, %v", got, err)
	}
	for _, f := range []openaitest.Fault{openaitest.Prose, openaitest.Cut, openaitest.Extra, openaitest.Flood, openaitest.Garbage} {
		l.Fault(f)
		if got, err := l.client.Propose(t.Context(), Draft{Lines: []string{"最近天凉。"}, Count: 2}); err == nil || got != nil {
			t.Errorf("%s: %q, %v", f, got, err)
		}
		l.pass(time.Minute)
		l.client.breaker.note(true, l.clock())
	}
	if bad := l.Refused(); len(bad) > 0 {
		t.Errorf("the endpoint refused %q", bad)
	}
}

// FuzzReadings: no answer makes the readers panic, and what they accept is of the list.
func FuzzReadings(f *testing.F) {
	for _, s := range []string{`{"intent":"yes","confidence":0.5}`, `{"intent":"yes"}`, `{`, `[]`, `null`, `{"wordings":["a"]}`, `{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}`, `{"error":{"code":401,"type":"x"}}`, `{"intent":"yes","confidence":1e999}`} {
		f.Add(s)
	}
	list := []string{"other", "yes"}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := readReading(s, list); err == nil && (!slices.Contains(list, r.Intent) || !(r.Confidence >= 0 && r.Confidence <= 1)) {
			t.Errorf("%q was read as %+v", s, r)
		}
		readWordings(s)
		if a, err := readCompletion([]byte(s)); err == nil {
			a.content()
		}
		if code := errorCode([]byte(s)); len(code) > 41 {
			t.Errorf("a code of %d bytes", len(code))
		}
	})
}

// FuzzRedact: no text makes it panic, and no run of five figures is left.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{"13800138000", "İ王芳ẞ", "幺三八零零", "\xff12345"} {
		f.Add(s, "王芳")
	}
	f.Fuzz(func(t *testing.T, text, private string) {
		got := redact(text, []string{private})
		run := 0
		for _, r := range got {
			if run++; r < '0' || r > '9' {
				run = 0
			}
			if run >= 5 && !strings.Contains(private, "0") {
				t.Fatalf("%q became %q", text, got)
			}
		}
	})
}
