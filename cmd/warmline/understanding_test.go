package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"warmline/dialogs"
	"warmline/speech/openai/openaitest"
)

// model is an endpoint and the configuration that names it.
func model(t *testing.T, o openaitest.Options) (*openaitest.Server, UnderstandingConfig) {
	t.Helper()
	o.Key, o.Model = "sk-test-4f0c", "small"
	s, err := openaitest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, UnderstandingConfig{URL: s.URL(), Model: "small", APIKey: "sk-test-4f0c", Deadline: 3 * time.Second, PriceIn: 2, PriceOut: 8}
}

func configFor(t *testing.T, u UnderstandingConfig) string {
	t.Helper()
	return writeFile(t, "understanding:\n  url: "+u.URL+"\n  model: "+u.Model+"\n  api_key: "+u.APIKey+"\n  price_in: 2\n  price_out: 8\n")
}

// copyOf is a tree in a folder of its own.
func copyOf(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// wordings are what the model of these tests proposes for the last line of care: three
// that pass, one of them twice, and three that do not.
func wordings([]string, int) []string {
	return []string{
		"天冷了，您出门多穿点儿。", "天气凉，您注意身体。", "我们的棉服全国第一，您放心。", "天凉了，给您免费领3份礼品。",
		"天冷了，您出门多穿点儿。", "天凉，{{ contact.phone }}。", "天冷，您多喝热水。",
	}
}

func TestWordingsAreProposedCheckedAndApprovedByAPerson(t *testing.T) {
	server, u := model(t, openaitest.Options{Propose: wordings})
	config, file := configFor(t, u), copyOf(t, winter)
	was, err := parseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line := "2"
	propose := func(in string, more ...string) (int, string, string) {
		return typed(t, in, append([]string{"-c", config, "dialog", "propose", file, "care", "--line", line, "--count", "7"}, more...)...)
	}
	code, out, errs := propose("")
	if code != 0 {
		t.Fatal(errs)
	}
	for _, want := range []string{"1    天冷了，您出门多穿点儿。", "3    天冷，您多喝热水。", "第一: superlatives", "免费领: bait", "number 3 is not in the original", "proposed already", "does not lean on contact.phone", " tokens in, "} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if now, _ := os.ReadFile(file); len(now) == 0 || strings.Contains(string(now), "热水") {
		t.Error("a proposal was written without --write")
	}
	if code, out, _ := propose("\n", "--write"); code != 0 || !strings.Contains(out, "nothing was written") {
		t.Errorf("nobody approved: exit %d\n%s", code, out)
	}
	if code, _, errs := propose("1 9\n", "--write"); code != 1 || !strings.Contains(errs, `"9" is not a number from 1 to 3`) {
		t.Errorf("a number there is not: exit %d, %s", code, errs)
	}
	if now, err := parseFile(file); err != nil || now.Version() != was.Version() {
		t.Errorf("the tree was changed though nothing was approved: %v", err)
	}
	code, out, errs = propose("3, 1 1\n", "--write")
	if code != 0 || !strings.Contains(out, "2 written") {
		t.Fatalf("exit %d: %s\n%s", code, errs, out)
	}
	now, err := parseFile(file)
	if err != nil || now.Version() == was.Version() || !strings.Contains(out, now.Version()) {
		t.Fatalf("the tree is %v, %v", now, err)
	}
	p, err := now.Proposal("care", 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Texts[len(p.Texts)-2:]; got[0] != "天冷，您多喝热水。" || got[1] != "天冷了，您出门多穿点儿。" {
		t.Errorf("the tree says %q", p.Texts)
	}
	if code, out, _ := said(t, "dialog", "lint", file); code != 0 {
		t.Error(out)
	}
	if bad := server.Refused(); len(bad) > 0 {
		t.Errorf("the endpoint refused %q", bad)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode became %v, %v", info.Mode(), err)
	}
}

func TestWordingsAsJSONAndAsAPersonWouldHearThem(t *testing.T) {
	server, u := model(t, openaitest.Options{Propose: func([]string, int) []string {
		return []string{"您那边明天要降温，最低{{ weather.tomorrow.low | temperature }}，您多穿点儿。"}
	}})
	facts := writeFile(t, "weather: {drop_48h: 11, tomorrow: {low: -12}}\ncontact: {name: 王芳, phone: '13800138000'}\n")
	code, out, errs := said(t, "-c", configFor(t, u), "dialog", "propose", winter, "care", "--json", "--facts", facts)
	var got struct {
		Wordings []struct {
			Number       int
			Text, Sounds string
			Reasons      []string
		}
		TokensIn int `json:"tokens_in"`
		Cost     float64
	}
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || len(got.Wordings) != 1 || got.TokensIn == 0 || got.Cost == 0 {
		t.Fatalf("exit %d, %s%s %v", code, out, errs, err)
	}
	if w := got.Wordings[0]; w.Number != 1 || !strings.Contains(w.Sounds, "零下十二度") {
		t.Errorf("%+v", w)
	}
	for _, secret := range []string{"王芳", "13800138000", "-12"} {
		if strings.Contains(server.Requests()[0], secret) {
			t.Errorf("%q of the facts went to the model", secret)
		}
	}
}

func TestProposingSaysWhatIsMissing(t *testing.T) {
	_, u := model(t, openaitest.Options{Propose: wordings})
	config := configFor(t, u)
	u.APIKey = "sk-wrong-77"
	wrong := configFor(t, u)
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"no model", []string{"dialog", "propose", winter, "care"}, "no model is configured"},
		{"no such node", []string{"-c", config, "dialog", "propose", winter, "caer"}, "did you mean care?"},
		{"no such line", []string{"-c", config, "dialog", "propose", winter, "care", "--line", "40"}, "there is no line 40"},
		{"too many", []string{"-c", config, "dialog", "propose", winter, "care", "--count", "400"}, "between 1 and 20"},
		{"nobody to ask", []string{"-c", config, "dialog", "propose", winter, "care", "--write", "--json"}, "give one of them"},
		{"a wrong key", []string{"-c", wrong, "dialog", "propose", winter, "care"}, "401 invalid_api_key"},
	} {
		code, _, errs := said(t, tt.args...)
		if code != 1 || !strings.Contains(errs, tt.want) || strings.Contains(errs, "sk-") {
			t.Errorf("%s: exit %d, %s, want %q", tt.name, code, errs, tt.want)
		}
	}
}

func TestUnderstandingIsOffUnlessAnEndpointIsNamed(t *testing.T) {
	cfg, err := loadConfig("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if says, err := cfg.Understanding.examine(t.Context()); err != nil || !strings.HasPrefix(says, "off") {
		t.Errorf("%q, %v", says, err)
	}
	cfg.Speech.Voice = "tones"
	log := slog.New(slog.DiscardHandler)
	d, stop, err := newDialer(t.Context(), cfg, time.Now, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if d.Understander != nil {
		t.Errorf("calls ask %v", d.Understander)
	}
	_, cfg.Understanding = model(t, openaitest.Options{})
	if d, stop, err = newDialer(t.Context(), cfg, time.Now, log, nil); err != nil {
		t.Fatal(err)
	}
	stop()
	if d.Understander == nil || d.Patience <= cfg.Understanding.Deadline || d.Patience > cfg.Understanding.Deadline+100*time.Millisecond {
		t.Errorf("calls ask %v and wait %v", d.Understander, d.Patience)
	}
}

func TestTheDoctorAsksTheModel(t *testing.T) {
	server, u := model(t, openaitest.Options{Understand: func(_, _ string, _ []string) (string, float64) { return "yes", 0.9 }})
	if says, err := u.examine(t.Context()); err != nil || !strings.Contains(says, "small at 127.0.0.1") || !strings.Contains(says, "(yes, ") {
		t.Errorf("%q, %v", says, err)
	}
	server.Fault(openaitest.Prose)
	if _, err := u.examine(t.Context()); err == nil || !strings.Contains(err.Error(), "not a JSON object") {
		t.Errorf("a model that chats: %v", err)
	}
	server.Fault(openaitest.None)
	u.APIKey = "sk-wrong-77"
	if _, err := u.examine(t.Context()); err == nil || strings.Contains(err.Error(), "sk-") {
		t.Errorf("a wrong key: %v", err)
	}
}

func TestWhatUnderstandingCostsIsCounted(t *testing.T) {
	_, u := model(t, openaitest.Options{})
	m, err := u.client()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for range 2 {
		if _, err := m.Understand(t.Context(), dialogs.Doubt{Text: "那天放门卫了", Intents: []string{"other", "yes"}}); err != nil {
			t.Fatal(err)
		}
	}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(understandingMetrics{m})
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, s := range f.Metric {
			name := f.GetName()
			for _, l := range s.Label {
				name += " " + l.GetValue()
			}
			got[name] = s.GetCounter().GetValue() + s.GetGauge().GetValue()
		}
	}
	s := m.Stats()
	for name, want := range map[string]float64{
		"warmline_understanding_questions_total cached": 1, "warmline_understanding_questions_total answered": 1, "warmline_understanding_questions_total failed": 0,
		"warmline_understanding_tokens_total in": float64(s.TokensIn), "warmline_understanding_cost_total": s.Cost, "warmline_understanding_breaker_open": 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
}
