package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "warmline.yaml")
	if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestExampleConfigHasEveryKeyAndLoads(t *testing.T) {
	const example = "../../deploy/warmline.example.yaml"
	b, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig(example, nil); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys(reflect.TypeFor[Config]()) {
		if !strings.Contains(string(b), k+":") {
			t.Errorf("key %q is not explained in %s", k, example)
		}
	}
}

func TestConfigErrorsSayWhereAndWhatWouldBeRight(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a misspelt key gets its line and a suggestion", "brand: x\nlisen: 1\n", `did you mean "listen"`},
		{"a misspelt key names its line", "brand: x\nlisen: 1\n", "[2:1]"},
		{"a wrong type names its line", "dialer:\n  channels: many\n", "[2:13]"},
		{"a trunk without rate", "trunks: [{name: a, addr: 'h:1', channels: 1}]\n", "trunks[0]: rate"},
		{"digest without a realm", "trunks: [{name: a, addr: 'h:1', channels: 1, rate: 1, user: u}]\n", "realm"},
		{"a codec nobody has", "trunks: [{name: a, addr: 'h:1', channels: 1, rate: 1, codecs: [opus]}]\n", "pcma, pcmu or g722"},
		{"a packet time nobody sends", "trunks: [{name: a, addr: 'h:1', channels: 1, rate: 1, ptime: 25}]\n", "10, 20, 30, 40 or 60"},
		{"encryption by half", "trunks: [{name: a, addr: 'h:1', channels: 1, rate: 1, srtp: maybe}]\n", "off, optional or required"},
		{"a port range the wrong way", "media: {ports: 9000-8000, ip: 127.0.0.1}\n", "media.ports"},
		{"an API the world can reach, without a token", "listen: 0.0.0.0:8080\n", "api_token"},
		{"a public address without a token", "public_url: https://x.example\n", "api_token"},
		{"a model over plain HTTP", "understanding: {url: 'http://api.example/v1', model: m}\n", "not https"},
		{"a model nobody named", "understanding: {url: 'https://api.example/v1'}\n", "no model"},
		{"a key without an endpoint", "understanding: {api_key: k}\n", "no url"},
		{"a deadline nobody waits for", "understanding: {url: 'https://api.example/v1', model: m, deadline: 30s}\n", "a person waits"},
		{"a short suppression key", "suppression: {key: YWJj}\n", "openssl rand"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadConfig(writeFile(t, tt.text), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

func TestServeRefusesTestGearTowardsRealTrunks(t *testing.T) {
	real := "trunks: [{name: a, addr: 'sip.example:5060', channels: 1, rate: 1}]\n"
	for _, tt := range []struct{ name, text, want string }{
		{"ears no person speaks to", real, "speech.ears"},
		{"a voice of tones", real + "speech: {ears: none, voice: tones}\n", "speech.voice"},
		{"signalling nobody can answer", real + "speech: {ears: none}\n", "sip.listen"},
		{"sound nobody can hear", real + "speech: {ears: none}\nsip: {listen: '0.0.0.0:5060'}\n", "media.ip"},
		{"all of it right", real + "speech: {ears: none}\nsip: {listen: '0.0.0.0:5060'}\nmedia: {ip: 192.0.2.7}\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := loadConfig(writeFile(t, tt.text), nil)
			if err != nil {
				t.Fatal(err)
			}
			err = c.checkReal()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	c, err := loadConfig(writeFile(t, "listen: 127.0.0.1:1\n"), []string{
		"WARMLINE_LISTEN=127.0.0.1:2", "WARMLINE_DIALER_DRAIN=5s", "DATABASE_URL=postgres://x/y", "WARMLINE_DIALER_CHANNELS=7",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:2" || c.Dialer.Drain != 5*time.Second || c.DatabaseURL != "postgres://x/y" || c.Dialer.Channels != 7 {
		t.Errorf("got %+v", c)
	}
	if _, err := loadConfig("", []string{"WARMLINE_DIALER_CHANNELS=many"}); err == nil || !strings.Contains(err.Error(), "WARMLINE_DIALER_CHANNELS") {
		t.Errorf("got %v", err)
	}
}

func TestConfigErrorsTellNoSecret(t *testing.T) {
	_, err := loadConfig(writeFile(t, "understanding:\n  api_key: sk-4f0c9a7be21d # ours\n  modell: m\nwecom: {secret: 'geheim'}\n"), nil)
	if err == nil || !strings.Contains(err.Error(), `did you mean "model"`) || strings.Contains(err.Error(), "sk-4f0c") || strings.Contains(err.Error(), "geheim") {
		t.Errorf("%v", err)
	}
}
