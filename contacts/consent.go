package contacts

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
)

// Consent is a person's yes: to which brand, for what, over which channels, to
// which text, given where and when, with the proof of it.
type Consent struct {
	Line        int
	Phone       Phone
	Brand       string
	Purpose     string   // service or marketing
	Channels    []string // voice, sms, wecom
	TextVersion string   // of the words agreed to
	Source      string   // order form, member page, reply …
	At          time.Time
	Expires     time.Time // zero: no end of its own
	Proof       string    // reference of the artefact
}

var consentColumns = []struct {
	field string
	names []string
	need  bool
}{
	{"phone", []string{"phone", "mobile", "手机号", "联系手机"}, true},
	{"brand", []string{"brand", "品牌"}, true},
	{"purpose", []string{"purpose", "用途", "授权用途"}, true},
	{"channels", []string{"channels", "渠道", "授权渠道"}, true},
	{"text_version", []string{"text_version", "文本版本", "授权文本"}, true},
	{"source", []string{"source", "来源"}, true},
	{"at", []string{"at", "时间", "授权时间"}, true},
	{"expires", []string{"expires", "到期", "有效期至"}, false},
	{"proof", []string{"proof", "凭证"}, true},
}

var consentPurposes = map[string]string{"service": "service", "服务": "service", "marketing": "marketing", "营销": "marketing"}

var consentChannels = map[string]string{
	"voice": "voice", "电话": "voice", "语音": "voice", "sms": "sms", "短信": "sms", "wecom": "wecom", "企业微信": "wecom",
}

// ReadConsents reads a consent file. A row that lacks its proof, its text or its
// time is refused with a *RowError: half a proof is none. Channels are separated
// by | or blanks; a date without a time means its midnight, as expiry its end.
func ReadConsents(r io.Reader) iter.Seq2[Consent, error] {
	return func(yield func(Consent, error) bool) {
		t, err := newTable(r)
		if err != nil {
			yield(Consent{}, err)
			return
		}
		header, _, err := t.next()
		if err != nil {
			yield(Consent{}, fmt.Errorf("reading the header of the consents: %w", err))
			return
		}
		at := map[string]int{}
		for _, c := range consentColumns {
			at[c.field] = column(header, c.names...)
			if c.need && at[c.field] < 0 {
				yield(Consent{}, fmt.Errorf("consents need a column %s (or %s)", c.field, strings.Join(c.names[1:], ", ")))
				return
			}
		}
		for {
			cells, line, err := t.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil && !errors.Is(err, errLongLine) && !errors.Is(err, errUnclosed) {
				yield(Consent{}, fmt.Errorf("reading line %d of the consents: %w", line+1, err))
				return
			}
			if err != nil {
				if !yield(Consent{}, &RowError{Line: line, Field: "row", Reason: err.Error(), Row: cells}) {
					return
				}
				continue
			}
			c, refused := readConsent(cells, at)
			c.Line = line
			if refused != nil {
				refused.Line, refused.Row = line, cells
				c, err = Consent{}, refused
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func readConsent(cells []string, at map[string]int) (Consent, *RowError) {
	cell := func(f string) string { return cellAt(cells, at[f]) }
	refused := func(f, reason string) *RowError {
		return &RowError{Column: at[f] + 1, Field: f, Reason: reason, Value: maskDigits(short(cell(f)))}
	}
	var c Consent
	phone, _, err := ParsePhone(cell("phone"), "CN")
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return c, refused("phone", refusal.Reason)
	}
	c = Consent{Phone: phone, Brand: cell("brand"), TextVersion: cell("text_version"), Source: cell("source"), Proof: cell("proof")}
	for _, f := range []string{"brand", "text_version", "source", "at", "proof"} {
		if cell(f) == "" {
			return c, refused(f, ReasonEmpty)
		}
	}
	var ok bool
	if c.Purpose, ok = consentPurposes[strings.ToLower(cell("purpose"))]; !ok {
		return c, refused("purpose", "unknown_purpose")
	}
	for _, word := range strings.FieldsFunc(cell("channels"), func(r rune) bool { return strings.ContainsRune("|、,;+/ ", r) }) {
		channel, ok := consentChannels[strings.ToLower(word)]
		if !ok {
			return c, refused("channels", "unknown_channel")
		}
		if !slices.Contains(c.Channels, channel) {
			c.Channels = append(c.Channels, channel)
		}
	}
	if len(c.Channels) == 0 {
		return c, refused("channels", ReasonEmpty)
	}
	if c.At, ok = parseTime(cell("at"), beijing); !ok {
		return c, refused("at", "bad_time")
	}
	if c.Expires, ok = parseTime(cell("expires"), beijing); !ok {
		return c, refused("expires", "bad_time")
	}
	if !c.Expires.IsZero() && !strings.Contains(cell("expires"), ":") {
		c.Expires = c.Expires.AddDate(0, 0, 1)
	}
	if !c.Expires.IsZero() && !c.Expires.After(c.At) {
		return c, refused("expires", "expires_before_given")
	}
	return c, nil
}
