package openaitest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

const good = `{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"{\"answer\":\"好\"}"}],"response_format":{"type":"json_schema","json_schema":{"name":"understanding","strict":true,"schema":{"type":"object","properties":{"intent":{"type":"string","enum":["yes","other"]},"confidence":{"type":"number"}},"required":["intent","confidence"],"additionalProperties":false}}}}`

func post(t *testing.T, s *Server, key, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestTheEndpointRefusesWhatTheRealOneRefuses(t *testing.T) {
	s, err := Start(Options{Key: "k", Model: "m", Understand: func(_, answer string, _ []string) (string, float64) {
		return map[bool]string{true: "yes", false: "other"}[answer == "好"], 0.9
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, tt := range []struct {
		name, key, old, new string
		status              int
		want                string
	}{
		{"a good request", "k", "", "", 200, `{\"confidence\":0.9,\"intent\":\"yes\"}`},
		{"a wrong key", "x", "", "", 401, "invalid_api_key"},
		{"a model there is not", "k", `"model":"m"`, `"model":"n"`, 404, "model_not_found"},
		{"no model", "k", `"model":"m",`, ``, 400, "model parameter"},
		{"no messages", "k", `"messages":[`, `"messages":[],"x":[`, 400, "unknown field"},
		{"a role there is not", "k", `"role":"user"`, `"role":"robot"`, 400, "invalid message"},
		{"a schema that is not strict", "k", `"strict":true`, `"strict":false`, 400, "strict"},
		{"a schema with room for more", "k", `,"additionalProperties":false`, ``, 400, "additionalProperties"},
		{"a property that is not required", "k", `"required":["intent","confidence"]`, `"required":["intent"]`, 400, "required must name every property"},
		{"a name with a space", "k", `"name":"understanding"`, `"name":"an understanding"`, 400, "does not match"},
		{"no JSON", "k", `{"model"`, `"model"`, 400, "parse"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body := post(t, s, tt.key, strings.Replace(good, tt.old, tt.new, 1))
			if status != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d with %q", status, body, tt.status, tt.want)
			}
			var e struct {
				Error *struct{ Message, Type string }
				Usage struct {
					Total int `json:"total_tokens"`
				}
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil || (status == 200) != (e.Error == nil) || status == 200 && e.Usage.Total == 0 {
				t.Errorf("the envelope is %s (%v)", body, err)
			}
		})
	}
	if n := len(s.Refused()); n != 10 {
		t.Errorf("%d refusals are remembered: %q", n, s.Refused())
	}
}
