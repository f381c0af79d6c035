package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"warmline/speech/openai"
)

// Config is everything an operator sets: one file, then the environment, where
// WARMLINE_SIP_LISTEN is sip.listen. deploy/warmline.example.yaml explains
// every key; a test keeps the two equal.
type Config struct {
	DatabaseURL   string              `yaml:"database_url"`
	Redis         string              `yaml:"redis"`
	Listen        string              `yaml:"listen"`
	PublicURL     string              `yaml:"public_url"`
	Brand         string              `yaml:"brand"`
	Dialogs       string              `yaml:"dialogs"`
	SpokenNames   string              `yaml:"spoken_names"`
	DataDir       string              `yaml:"data_dir"`
	APIToken      string              `yaml:"api_token"`
	Log           LogConfig           `yaml:"log"`
	SIP           SIPConfig           `yaml:"sip"`
	Media         MediaConfig         `yaml:"media"`
	Trunks        []TrunkConfig       `yaml:"trunks"`
	Dialer        DialerConfig        `yaml:"dialer"`
	Queues        []QueueConfig       `yaml:"queues"`
	Recording     RecordingConfig     `yaml:"recording"`
	Speech        SpeechConfig        `yaml:"speech"`
	Understanding UnderstandingConfig `yaml:"understanding"`
	Occasions     OccasionsConfig     `yaml:"occasions"`
	Suppression   KeyConfig           `yaml:"suppression"`
	WeCom         WeComConfig         `yaml:"wecom"`
	SMS           SMSConfig           `yaml:"sms"`
}

// LogConfig says how much is logged and in what form.
type LogConfig struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// SIPConfig is our own side of signalling.
type SIPConfig struct {
	Listen string `yaml:"listen"`
}

// MediaConfig is our own side of RTP.
type MediaConfig struct {
	IP    string `yaml:"ip"`
	Ports string `yaml:"ports"`
}

// DialerConfig bounds this process as a dialer.
type DialerConfig struct {
	Channels int           `yaml:"channels"`
	MaxTalk  time.Duration `yaml:"max_talk"`
	Drain    time.Duration `yaml:"drain"`
}

// SpeechConfig chooses voice and ears.
type SpeechConfig struct {
	Voice  string  `yaml:"voice"`
	Espeak string  `yaml:"espeak"`
	Rate   float64 `yaml:"rate"`
	Ears   string  `yaml:"ears"`
}

// UnderstandingConfig names a language model that is asked what the rules leave
// open. Without a URL it is off.
type UnderstandingConfig struct {
	URL      string        `yaml:"url"`
	Model    string        `yaml:"model"`
	APIKey   string        `yaml:"api_key"`
	Deadline time.Duration `yaml:"deadline"`
	PriceIn  float64       `yaml:"price_in"`
	PriceOut float64       `yaml:"price_out"`
}

// OccasionsConfig names the sources of kind reasons.
type OccasionsConfig struct {
	Almanac   string         `yaml:"almanac"`
	Events    string         `yaml:"events"`
	Notices   string         `yaml:"notices"`
	Rules     string         `yaml:"rules"`
	OpenMeteo string         `yaml:"open_meteo"`
	Geocoding string         `yaml:"geocoding"`
	QWeather  QWeatherConfig `yaml:"qweather"`
	Feeds     []FeedConfig   `yaml:"feeds"`
}

// QWeatherConfig is an account at 和风天气: a host and one of the two ways in.
type QWeatherConfig struct {
	URL       string `yaml:"url"`
	APIKey    string `yaml:"api_key"`
	ProjectID string `yaml:"project_id"`
	KeyID     string `yaml:"key_id"`
	KeyFile   string `yaml:"key_file"`
}

// FeedConfig is a list of local events that somebody else keeps.
type FeedConfig struct {
	URL    string `yaml:"url"`
	Format string `yaml:"format"`
	Source string `yaml:"source"`
	City   string `yaml:"city"`
}

// KeyConfig is the key that suppression entries are hashed with.
type KeyConfig struct {
	Key   string `yaml:"key"`
	KeyID string `yaml:"key_id"`
}

// WeComConfig is the corp's self-built app.
type WeComConfig struct {
	BaseURL string   `yaml:"base_url"`
	CorpID  string   `yaml:"corp_id"`
	Secret  string   `yaml:"secret"`
	AgentID int      `yaml:"agent_id"`
	Token   string   `yaml:"token"`
	AESKey  string   `yaml:"aes_key"`
	Members []Member `yaml:"members"`
}

// Member is an employee who adds customers as friends.
type Member struct {
	ID    string `yaml:"id"`
	Name  string `yaml:"name"`
	Daily int    `yaml:"daily"`
}

// SMSConfig is the SMS provider's account (Tencent Cloud's shape).
type SMSConfig struct {
	BaseURL   string `yaml:"base_url"`
	SecretID  string `yaml:"secret_id"`
	SecretKey string `yaml:"secret_key"`
	AppID     string `yaml:"app_id"`
	Sign      string `yaml:"sign"`
	Template  string `yaml:"template"`
	Text      string `yaml:"text"`
	// CallbackPath is the secret last part of the receipt and reply URLs; the
	// provider does not sign what it pushes.
	CallbackPath string `yaml:"callback_path"`
}

// defaults is the configuration of an empty file.
func defaults() Config {
	return Config{
		Listen: "127.0.0.1:8080", Brand: "苏小糖", Dialogs: "examples/dialogs", SpokenNames: "examples/spoken.csv",
		Log:           LogConfig{"info", "text"},
		SIP:           SIPConfig{"127.0.0.1:0"},
		Media:         MediaConfig{"127.0.0.1", "16384-32767"},
		Dialer:        DialerConfig{Channels: 200, MaxTalk: 3 * time.Minute, Drain: 60 * time.Second},
		Recording:     RecordingConfig{Retain: 30 * 24 * time.Hour},
		Speech:        SpeechConfig{Voice: "espeak", Espeak: "espeak-ng", Rate: 1, Ears: "tones"},
		Understanding: UnderstandingConfig{Deadline: openai.DefaultDeadline},
		Occasions: OccasionsConfig{
			Almanac: "examples/almanac.json", Events: "examples/events.csv",
		},
	}
}

// loadConfig reads the file (none when path is empty), then the environment.
func loadConfig(path string, env []string) (Config, error) {
	c := defaults()
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return c, fmt.Errorf("reading the config: %w", err)
		}
		if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&c); err != nil && len(bytes.TrimSpace(b)) > 0 {
			return c, fmt.Errorf("%s: %s", path, explain(err))
		}
	}
	if err := overlay(reflect.ValueOf(&c).Elem(), "WARMLINE", env); err != nil {
		return c, err
	}
	for _, kv := range env { // the names everybody uses
		if v, ok := strings.CutPrefix(kv, "DATABASE_URL="); ok && v != "" {
			c.DatabaseURL = v
		}
		if v, ok := strings.CutPrefix(kv, "REDIS_ADDR="); ok && v != "" {
			c.Redis = v
		}
	}
	return c, c.check()
}

var unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)

// secrets are values the decoder's message may quote with the lines around a mistake.
var secrets = regexp.MustCompile(`((?:password|secret|secret_key|api_key|api_token|token|aes_key|key)["']?[ \t]*:[ \t]*)[^ \t\n#][^\n]*`)

// explain adds the nearest known key to the decoder's message, which has line
// and column.
func explain(err error) string {
	msg := secrets.ReplaceAllString(yaml.FormatError(err, false, true), "$1…")
	m := unknownField.FindStringSubmatch(msg)
	if m == nil {
		return msg
	}
	if near := nearest(m[1], keys(reflect.TypeFor[Config]())); near != "" {
		return msg + fmt.Sprintf("\ndid you mean %q?", near)
	}
	return msg + "\nall keys are explained in deploy/warmline.example.yaml"
}

// keys lists all yaml keys of a struct type, at every depth.
func keys(t reflect.Type) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var out []string
	for f := range t.Fields() {
		out = append(out, f.Tag.Get("yaml"))
		out = append(out, keys(f.Type)...)
	}
	return out
}

// nearest is the candidate at edit distance 3 or less, or "".
func nearest(word string, candidates []string) string {
	best, dist := "", 4
	for _, c := range candidates {
		if d := edits(word, c); d < dist {
			best, dist = c, d
		}
	}
	return best
}

func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cur := row[j+1]
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(prev+cost, row[j]+1, cur+1)
			prev = cur
		}
	}
	return row[len(b)]
}

// overlay sets fields from PREFIX_KEY variables; lists come from the file only.
func overlay(v reflect.Value, prefix string, env []string) error {
	for i := range v.NumField() {
		name := prefix + "_" + strings.ToUpper(v.Type().Field(i).Tag.Get("yaml"))
		f := v.Field(i)
		if f.Kind() == reflect.Struct {
			if err := overlay(f, name, env); err != nil {
				return err
			}
			continue
		}
		for _, kv := range env {
			val, ok := strings.CutPrefix(kv, name+"=")
			if !ok || val == "" {
				continue
			}
			if err := set(f, val); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func set(f reflect.Value, val string) error {
	switch f.Interface().(type) {
	case string:
		f.SetString(val)
	case int:
		n, err := strconv.Atoi(val)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", val)
		}
		f.SetInt(int64(n))
	case float64:
		x, err := strconv.ParseFloat(val, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", val)
		}
		f.SetFloat(x)
	case bool:
		b, err := strconv.ParseBool(val)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", val)
		}
		f.SetBool(b)
	case time.Duration:
		d, err := time.ParseDuration(val)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 30s", val)
		}
		f.SetInt(int64(d))
	default:
		return errors.New("is a list; set it in the config file")
	}
	return nil
}

// check refuses values that cannot work, naming the key.
func (c Config) check() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("config: listen %q is not host:port", c.Listen)
	}
	if _, _, err := c.Media.portRange(); err != nil {
		return err
	}
	if net.ParseIP(c.Media.IP) == nil {
		return fmt.Errorf("config: media.ip %q is not an IP address", c.Media.IP)
	}
	if err := c.checkTrunks(); err != nil {
		return err
	}
	if err := c.checkQueues(); err != nil {
		return err
	}
	if c.Recording.Retain < 24*time.Hour {
		return fmt.Errorf("config: recording.retain %v is less than a day", c.Recording.Retain)
	}
	if host, _, _ := net.SplitHostPort(c.Listen); c.APIToken == "" && (c.PublicURL != "" || !localName(host)) {
		return errors.New("config: the API can be reached from outside (listen or public_url) and has no api_token; set one")
	}
	if v := c.Speech.Voice; v != "espeak" && v != "tones" {
		return fmt.Errorf("config: speech.voice %q is neither espeak nor tones", v)
	}
	if r := c.Speech.Rate; r < 0.5 || r > 2 {
		return fmt.Errorf("config: speech.rate %g is not between 0.5 and 2", r)
	}
	if v := c.Speech.Ears; v != "tones" && v != "none" {
		return fmt.Errorf("config: speech.ears %q is neither tones nor none", v)
	}
	if err := c.Understanding.check(); err != nil {
		return err
	}
	if v := c.Log.Level; v != "debug" && v != "info" && v != "warn" && v != "error" {
		return fmt.Errorf("config: log.level %q is not debug, info, warn or error", v)
	}
	if k := c.Suppression.Key; k != "" {
		if b, err := base64.StdEncoding.DecodeString(k); err != nil || len(b) < 32 {
			return errors.New("config: suppression.key is not base64 of at least 32 bytes; make one with «openssl rand -base64 32»")
		}
	}
	return nil
}

func localName(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkReal refuses, before real people are called, what is only good against
// simulators on this machine.
func (c Config) checkReal() error {
	for _, t := range c.Trunks {
		if t.sip().Loopback() {
			continue
		}
		sipHost, _, _ := net.SplitHostPort(c.SIP.Listen)
		switch {
		case c.Speech.Ears == "tones":
			return fmt.Errorf("config: trunk %s is real and speech.ears is tones, which no person speaks; set it to none (people answer by keys)", t.Name)
		case c.Speech.Voice == "tones":
			return fmt.Errorf("config: trunk %s is real and speech.voice is tones; set it to espeak", t.Name)
		case localName(sipHost):
			return fmt.Errorf("config: trunk %s is real and sip.listen is %s, where it cannot answer us", t.Name, c.SIP.Listen)
		case localName(c.Media.IP):
			return fmt.Errorf("config: trunk %s is real and media.ip is %s: nobody would hear us", t.Name, c.Media.IP)
		}
	}
	if c.WeCom.CorpID != "" && c.PublicURL == "" && !strings.Contains(c.WeCom.BaseURL, "127.0.0.1") {
		return errors.New("config: wecom is configured and public_url is empty: members' cards would lead nowhere")
	}
	return nil
}

// portRange reads "16384-32767".
func (m MediaConfig) portRange() (lo, hi int, err error) {
	a, b, ok := strings.Cut(m.Ports, "-")
	if ok {
		lo, err = strconv.Atoi(strings.TrimSpace(a))
		if err == nil {
			hi, err = strconv.Atoi(strings.TrimSpace(b))
		}
	}
	if !ok || err != nil || lo < 1024 || hi > 65535 || hi-lo < 2 {
		return 0, 0, fmt.Errorf("config: media.ports %q is not a range such as 16384-32767", m.Ports)
	}
	return lo, hi, nil
}

// trunk finds a trunk by name; the empty name is the first.
func (c Config) trunk(name string) (TrunkConfig, error) {
	for _, t := range c.Trunks {
		if t.Name == name || name == "" {
			return t, nil
		}
	}
	if len(c.Trunks) == 0 {
		return TrunkConfig{}, errors.New("no trunk is configured: add one under trunks: in the config file")
	}
	return TrunkConfig{}, fmt.Errorf("no trunk %q in the config", name)
}

// findConfig is the file named, else warmline.yaml here, else none.
func findConfig(named string) string {
	if named != "" {
		return named
	}
	if _, err := os.Stat("warmline.yaml"); !errors.Is(err, fs.ErrNotExist) {
		return "warmline.yaml"
	}
	return ""
}
