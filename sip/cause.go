package sip

import (
	"strconv"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// Who ended a call: the values of Cause.By.
const (
	ByCallee  = "callee"  // the person or phone called
	ByUs      = "us"      // Hangup, or Agent.Close
	ByCarrier = "carrier" // the trunk or the network behind it
	ByTimeout = "timeout" // nobody answered in time, or the trunk kept silent
)

// Cause says why and by whom a call ended.
type Cause struct {
	Status     int           // final SIP status of the INVITE; 408 and 503 are ours when the trunk kept silent or could not be reached, 487 when we cancelled
	Phrase     string        // the carrier's words, or ours
	Q850       int           // ITU-T Q.850 cause value from the Reason header, 0 if none
	Reason     string        // the Reason header as it came, numbers masked
	By         string        // ByCallee, ByUs, ByCarrier or ByTimeout
	RetryAfter time.Duration // how long the carrier asks to be left alone
}

// causeOf reads what a failure, provisional or BYE says about itself.
func causeOf(m gosip.Message) Cause {
	reason := strings.Join(values(m, "reason"), ", ")
	c := Cause{Reason: said(reason)}
	c.Q850, _ = ParseReason(reason)
	if after := values(m, "retry-after"); len(after) > 0 {
		c.RetryAfter = parseRetryAfter(after[0])
	}
	if res, ok := m.(*gosip.Response); ok {
		c.Status, c.Phrase = res.StatusCode, said(res.Reason)
	}
	return c
}

// failureBy tells a person's refusal from the network's. Statuses are
// RFC 3261 21, 607 is RFC 8197; Q.850 values 17–21 are the called party's own:
// busy, no response, no answer, absent, rejected.
func failureBy(status, q850 int) string {
	switch status {
	case 480, 486, 600, 603, 607:
		return ByCallee
	}
	if q850 >= 17 && q850 <= 21 {
		return ByCallee
	}
	return ByCarrier
}

// maxRetryAfter bounds what a carrier may ask, so a broken header cannot park a
// trunk for a year.
const maxRetryAfter = 24 * time.Hour

// parseRetryAfter reads the delta-seconds of RFC 3261 20.33 and ignores the
// comment and parameters behind it.
func parseRetryAfter(s string) time.Duration {
	s = strings.TrimSpace(s)
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(s[:end], 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxRetryAfter)
}
