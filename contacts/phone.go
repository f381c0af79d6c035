package contacts

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Phone is a telephone number in E.164, "+8613800138000". It prints masked.
type Phone string

// Class says what kind of line a number is.
type Class string

// The classes of numbers. Ranges of virtual operators (170, 171, 162, 165, 167)
// are ordinary mobiles; virtual means a number with no handset of its own.
const (
	ClassMobile   Class = "mobile"
	ClassFixed    Class = "fixed"
	ClassVirtual  Class = "virtual"
	ClassShort    Class = "short"
	ClassPremium  Class = "premium"
	ClassTollFree Class = "toll_free"
	ClassUnknown  Class = "unknown"
)

// Reasons a number is refused for, as they stand in Refusal.Reason.
const (
	ReasonEmpty     = "empty"
	ReasonMalformed = "malformed"
	ReasonMasked    = "masked_number"
	ReasonPrivacy   = "privacy_number"
	ReasonLandline  = "landline"
	ReasonShort     = "short_code"
	ReasonPremium   = "premium"
	ReasonTollFree  = "toll_free"
	ReasonVirtual   = "virtual_number"
	ReasonExcel     = "excel_number"
)

// Refusal says why a cell is no number we may use. Value is already masked.
type Refusal struct{ Reason, Value string }

// Error names the reason and the masked value.
func (r *Refusal) Error() string {
	if r.Value == "" {
		return "phone number refused: " + r.Reason
	}
	return fmt.Sprintf("phone number %q refused: %s", r.Value, r.Reason)
}

// E164 gives all digits with the plus: for the trunk and the store only.
func (p Phone) E164() string { return string(p) }

// National gives the digits as dialled inside the country: "13800138000" for a
// mainland number, E.164 without the plus for all others.
func (p Phone) National() string {
	if s, ok := strings.CutPrefix(string(p), "+86"); ok {
		return s
	}
	return strings.TrimPrefix(string(p), "+")
}

// Masked hides the middle: "138****8000".
func (p Phone) Masked() string {
	s := p.National()
	switch {
	case s == "":
		return ""
	case len(s) >= 11:
		return s[:len(s)-8] + "****" + s[len(s)-4:]
	case len(s) > 4:
		return strings.Repeat("*", len(s)-2) + s[len(s)-2:]
	}
	return "****"
}

// String masks, so that %s and %v cannot leak a number.
func (p Phone) String() string { return p.Masked() }

// GoString masks, so that %#v cannot either.
func (p Phone) GoString() string { return `contacts.Phone("` + p.Masked() + `")` }

// LogValue masks in structured logs.
func (p Phone) LogValue() slog.Value { return slog.StringValue(p.Masked()) }

var (
	excelNumber = regexp.MustCompile(`^[0-9](\.[0-9]+)?[eE]\+?[0-9]{1,2}$`)
	// extension: 13800138000-1234, 转1234, 分机1234, #1234, ",1234", ext. 1234
	extension = regexp.MustCompile(`^(.*[0-9])\s*(?:转接?|分机号?|[,，;；#pP]|[eE][xX][tT]\.?[=:]?|[-_])+\s*([0-9]{2,6})$`)
)

// ParsePhone reads one number as people and spreadsheets write it: full-width
// digits, blanks, dashes, brackets, +86 and 0086, ="…" and a leading quote mark.
// region is the country of numbers without a prefix, "CN" when empty.
//
// The error is a *Refusal. A landline comes back with its number and class beside
// the refusal, because it is a real line, only not one person's.
func ParsePhone(s, region string) (Phone, Class, error) {
	if region == "" {
		region = "CN"
	}
	text := plainDigits(s)
	switch {
	case text == "":
		return "", ClassUnknown, &Refusal{Reason: ReasonEmpty}
	case strings.ContainsAny(text, "*●•×") || maskedByX(text):
		return "", ClassUnknown, refuse(ReasonMasked, text)
	case excelNumber.MatchString(text):
		return "", ClassUnknown, refuse(ReasonExcel, text)
	}
	if region == "CN" {
		if p, class, reason, ok := mainland(text); ok {
			if reason != "" {
				return p, class, refuse(reason, text)
			}
			return p, class, nil
		}
	}
	return worldwide(text, region)
}

// mainland reads the shapes of mainland China without the big metadata; ok is
// false for whatever it leaves to worldwide.
func mainland(text string) (p Phone, class Class, reason string, ok bool) {
	if m := extension.FindStringSubmatch(text); m != nil {
		digits := national(compact(m[1]))
		if mobile(digits) {
			return "", ClassMobile, ReasonPrivacy, true
		}
		if strings.HasPrefix(digits, "95") { // platforms also hide numbers behind an access code of their own
			return "", ClassShort, ReasonPrivacy, true
		}
		if fixed(digits) {
			return Phone("+86" + digits[1:]), ClassFixed, ReasonLandline, true
		}
	}
	joined := compact(text)
	if strings.HasPrefix(joined, "+") && !strings.HasPrefix(joined, "+86") {
		return "", ClassUnknown, "", false
	}
	digits := national(joined)
	if !allDigits(digits) {
		return "", ClassUnknown, ReasonMalformed, true
	}
	switch {
	case mobile(digits):
		return Phone("+86" + digits), ClassMobile, "", true
	case fixed(digits):
		return Phone("+86" + digits[1:]), ClassFixed, ReasonLandline, true
	case len(digits) == 8 && (strings.HasPrefix(digits, "168") || strings.HasPrefix(digits, "160")):
		return "", ClassPremium, ReasonPremium, true
	case len(digits) == 10 && (strings.HasPrefix(digits, "400") || strings.HasPrefix(digits, "800")):
		return "", ClassTollFree, ReasonTollFree, true
	case strings.HasPrefix(digits, "106") && len(digits) >= 8, len(digits) >= 3 && len(digits) <= 6 && (digits[0] == '1' || digits[0] == '9'),
		strings.HasPrefix(digits, "95") && len(digits) <= 9, strings.HasPrefix(digits, "96") && len(digits) <= 8:
		return "", ClassShort, ReasonShort, true
	case (len(digits) == 7 || len(digits) == 8) && digits[0] >= '2' && digits[0] <= '8':
		return "", ClassFixed, ReasonLandline, true // a landline without its area code
	}
	return "", ClassUnknown, ReasonMalformed, true
}

// worldwide asks libphonenumber's metadata.
func worldwide(text, region string) (Phone, Class, error) {
	joined := compact(text)
	if strings.HasPrefix(joined, "00") {
		joined = "+" + joined[2:]
	}
	if strings.HasPrefix(text, "+") && !strings.HasPrefix(joined, "+") {
		joined = "+" + joined
	}
	if !allDigits(strings.TrimPrefix(joined, "+")) {
		return "", ClassUnknown, refuse(ReasonMalformed, text)
	}
	n, err := phonenumbers.Parse(joined, region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", ClassUnknown, refuse(ReasonMalformed, text)
	}
	p := Phone(phonenumbers.Format(n, phonenumbers.E164))
	if phonenumbers.GetRegionCodeForNumber(n) == "001" { // +882, +870 …: satellite and global networks, billed as they like
		return "", ClassPremium, refuse(ReasonPremium, text)
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return p, ClassMobile, nil
	case phonenumbers.FIXED_LINE:
		return p, ClassFixed, refuse(ReasonLandline, text)
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST:
		return "", ClassPremium, refuse(ReasonPremium, text)
	case phonenumbers.TOLL_FREE, phonenumbers.UAN:
		return "", ClassTollFree, refuse(ReasonTollFree, text)
	case phonenumbers.VOIP, phonenumbers.PERSONAL_NUMBER, phonenumbers.PAGER, phonenumbers.VOICEMAIL:
		return "", ClassVirtual, refuse(ReasonVirtual, text)
	}
	return "", ClassUnknown, refuse(ReasonMalformed, text)
}

func refuse(reason, value string) *Refusal {
	return &Refusal{Reason: reason, Value: maskDigits(value)}
}
