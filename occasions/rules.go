package occasions

import (
	"bytes"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
)

// A Rule names weather worth calling about. Every limit that is given must hold;
// a value the source does not know holds no limit. Numbers are °C, millimetres a
// day and km/h, of tomorrow where nothing else is said.
type Rule struct {
	Name      string   `yaml:"name"`      // weather.kind in trees: cold_snap, heat, rain …
	Drop48h   *int     `yaml:"drop_48h"`  // the low falls by at least this much in 48 hours
	LowBelow  *int     `yaml:"low_below"` // and to less than this
	HighFrom  *int     `yaml:"high_from"` // the high is at least this
	RainFrom  *int     `yaml:"rain_from"` // as much rain or melted snow as this
	WindFrom  *int     `yaml:"wind_from"` // wind of at least this
	TextOneOf []string `yaml:"text"`      // the sky is one of these: 大雪, 暴雨 …
}

// Rules are tried in order; the first that holds names the weather.
type Rules []Rule

// DefaultRules follow the national standards where there is one: 寒潮 GB/T 21987
// (8 degrees in 48 hours), 高温 from 35 °C (QX/T 280), 暴雨 50 mm and 大雨 25 mm a
// day (GB/T 28592), strong wind from 62 km/h (Beaufort 8, GB/T 28591).
var DefaultRules = Rules{
	{Name: "storm", WindFrom: degrees(62)},
	{Name: "rainstorm", RainFrom: degrees(50)},
	{Name: "heavy_snow", TextOneOf: []string{"大雪", "暴雪", "强阵雪"}},
	{Name: "cold_snap", Drop48h: degrees(8), LowBelow: degrees(10)},
	{Name: "heat", HighFrom: degrees(35)},
	{Name: "rain", RainFrom: degrees(25)},
}

func degrees(n int) *int { return &n }

// ReadRules reads rules as YAML, a list of mappings with the keys of Rule. What is
// wrong is told with line and column.
//
//   - name: cold_snap
//     drop_48h: 8
//     low_below: 10
func ReadRules(r io.Reader) (Rules, error) {
	b, err := io.ReadAll(io.LimitReader(r, askBytes))
	if err != nil {
		return nil, fmt.Errorf("reading weather rules: %w", err)
	}
	var rules Rules
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&rules); err != nil {
		return nil, fmt.Errorf("reading weather rules: %s", yaml.FormatError(err, false, true))
	}
	seen := map[string]bool{}
	for i, rule := range rules {
		switch {
		case rule.Name == "":
			return nil, fmt.Errorf("weather rule %d has no name", i+1)
		case seen[rule.Name]:
			return nil, fmt.Errorf("weather rule %d: %s is there twice", i+1, rule.Name)
		case rule.Drop48h == nil && rule.LowBelow == nil && rule.HighFrom == nil && rule.RainFrom == nil && rule.WindFrom == nil && rule.TextOneOf == nil:
			return nil, fmt.Errorf("weather rule %s has no limit and would always hold", rule.Name)
		}
		seen[rule.Name] = true
	}
	return rules, nil
}

// name is the first rule's that holds, "" for weather nobody need be called about.
func (rs Rules) name(drop int, tomorrow Day) string {
	if rs == nil {
		rs = DefaultRules
	}
	for _, r := range rs {
		if r.holds(drop, tomorrow) {
			return r.Name
		}
	}
	return ""
}

func (r Rule) holds(drop int, d Day) bool {
	atLeast := func(limit, value *int) bool { return limit == nil || value != nil && *value >= *limit }
	if !atLeast(r.Drop48h, &drop) || !atLeast(r.HighFrom, d.High) || !atLeast(r.RainFrom, d.Rain) || !atLeast(r.WindFrom, d.Wind) {
		return false
	}
	if r.LowBelow != nil && (d.Low == nil || *d.Low >= *r.LowBelow) {
		return false
	}
	if r.TextOneOf == nil {
		return true
	}
	for _, text := range r.TextOneOf {
		if text == d.Text {
			return true
		}
	}
	return false
}
