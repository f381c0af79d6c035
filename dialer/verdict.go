package dialer

import (
	"slices"
	"strings"

	"warmline/sip"
)

// Dispositions of an ended attempt that a call can find out.
const (
	Answered         = "answered"
	Voicemail        = "voicemail"
	Assistant        = "assistant"
	NoAnswer         = "no_answer"
	Busy             = "busy"
	Rejected         = "rejected"
	PoweredOff       = "powered_off"
	Unreachable      = "unreachable"
	Suspended        = "suspended"
	InvalidNumber    = "invalid_number"
	InvalidFormat    = "invalid_format"
	NumberChanged    = "number_changed"
	CallBarred       = "call_barred"
	CarrierBlocked   = "carrier_blocked"
	ForwardFailed    = "forward_failed"
	NetworkBusy      = "network_busy"
	LineFault        = "line_fault"
	TrunkUnavailable = "trunk_unavailable"
	NoMedia          = "no_media"
	Abandoned        = "abandoned"
	Cancelled        = "cancelled"
	NotDialed        = "not_dialed"
)

// Verdict says what the end of a call means. words are what was heard: before
// the answer when there was none, after it when there was.
//
// Evidence counts in this order. A status that a carrier uses for one thing only
// (404, 410, 484, 486, 600, 604, 607, 608) stands. Then the words of an
// announcement, which beat 480, 487, 503 and 603 because Chinese carriers use
// those for almost anything. Then the Q.850 cause of a Reason header
// (RFC 3326), which beats the status it came with. Then the status.
func Verdict(c sip.Cause, answered bool, words string) string {
	if answered {
		if kind := machine(words); kind != "" {
			return kind
		}
		return Answered
	}
	if d, ok := plainStatus[c.Status]; ok {
		return d
	}
	if d := announcement(words); d != "" {
		return d
	}
	if c.Status == 403 && c.Q850 == 21 { // rejected by a network, not by a person
		return CarrierBlocked
	}
	if d, ok := causes[c.Q850]; ok {
		return d
	}
	return statusVerdict(c)
}

// plainStatus holds the statuses that mean one thing (RFC 3261 21, RFC 8197,
// RFC 8688).
var plainStatus = map[int]string{
	301: NumberChanged,
	404: InvalidNumber, 604: InvalidNumber,
	410: NumberChanged,
	484: InvalidFormat,
	486: Busy, 600: Busy,
	607: CarrierBlocked, 608: CarrierBlocked,
}

// causes maps ITU-T Q.850 values. Those that say nothing of their own (16, 31,
// 111, 127) are left to the status. 2 and 3 are a carrier that found no route:
// they must not mark a person's number as invalid.
var causes = map[int]string{
	1: InvalidNumber, 2: LineFault, 3: LineFault,
	17: Busy, 18: Unreachable, 19: NoAnswer, 20: PoweredOff, 21: Rejected,
	22: NumberChanged, 23: ForwardFailed, 25: LineFault, 26: LineFault, 27: LineFault,
	28: InvalidFormat, 29: LineFault,
	34: NetworkBusy, 38: NetworkBusy, 41: NetworkBusy, 42: NetworkBusy, 44: NetworkBusy, 47: NetworkBusy,
	50: CallBarred, 55: CallBarred, 57: CallBarred,
	58: LineFault, 63: LineFault, 65: LineFault, 70: LineFault, 79: LineFault, 88: LineFault,
}

// statusVerdict is what the status alone says.
func statusVerdict(c sip.Cause) string {
	switch s := c.Status; {
	case s == 487 && c.By == sip.ByUs, s == 0 && c.By == sip.ByUs:
		return Cancelled
	case s == 487:
		return NoAnswer
	case s == 408 && c.By == sip.ByTimeout, s == 0 && c.By == sip.ByTimeout:
		return TrunkUnavailable // nothing came back at all
	case s == 408, s == 480:
		return Unreachable
	case s == 603:
		return Rejected
	case s == 403, s == 433: // 433 Anonymity Disallowed, RFC 5079
		return CallBarred
	case s == 503:
		return TrunkUnavailable
	case s >= 300 && s < 400:
		return ForwardFailed
	case s >= 600:
		return Rejected
	case s == 0:
		return "unknown"
	}
	return LineFault // 401, 407, 488, 500, … : our side or theirs, not the person
}

// TrunkFault reports whether an unanswered call failed for the trunk's sake, so
// that its breaker should count it and another trunk may be tried.
func TrunkFault(c sip.Cause, disposition string) bool {
	switch disposition {
	case TrunkUnavailable, NetworkBusy, LineFault:
		return true
	}
	return c.Status == 503 && disposition == "unknown"
}

// spoken is a kind of announcement and what it sounds like.
type spoken struct {
	means   string
	phrases []string
}

// announcements are the networks' own words. The order matters: 请稍后再拨 and
// 请核对后再拨 are said behind many others.
var announcements = []spoken{
	{InvalidNumber, []string{"空号", "号码不存在", "doesnotexist", "notinuse"}},
	{NumberChanged, []string{"改号", "号码已更改", "号码已变更", "haschanged"}},
	{PoweredOff, []string{"关机", "poweredoff", "powerisoff", "switchedoff"}},
	{Suspended, []string{"停机", "欠费", "暂停服务", "outofservice"}},
	{Rejected, []string{"不方便接听", "拒接", "拒绝接听"}},
	{Busy, []string{"正在通话", "正忙", "通话中", "busynow", "isbusy"}},
	{Unreachable, []string{"无法接通", "不在服务区", "来电提醒", "cannotbeconnected", "notavailable", "notreachable"}},
	{NoAnswer, []string{"无人接听", "暂时无人", "无应答", "noanswer", "notanswer"}},
	{CallBarred, []string{"呼入限制", "限制呼入", "呼叫受限"}},
	{InvalidFormat, []string{"拨号方式", "拨号有误", "号码有误", "checkthenumber"}},
	{ForwardFailed, []string{"转移失败", "呼转失败", "呼叫转移"}},
	{NetworkBusy, []string{"网络忙", "线路忙", "稍后再拨", "trylater", "tryagainlater"}},
}

// machines are answering machines' own words. A person says 给我留言 too, so the
// plain word counts only with what a machine puts around it.
var machines = []spoken{
	{Voicemail, []string{"语音信箱", "语音留言", "留言信箱", "后留言", "请留言", "开始留言", "录制留言", "嘟的一声", "嘟声", "嘀声", "滴声", "来电提醒",
		"leaveamessage", "voicemail", "afterthetone", "afterthebeep"}},
	{Assistant, []string{"机主", "小秘书", "来电秘书", "语音助理", "智能助理", "电话助理", "来电助手"}},
}

// announcement names the disposition that a network's words mean, or "".
func announcement(words string) string { return among(announcements, words) }

// machine says whether what answered is voicemail or an assistant, or "".
func machine(words string) string { return among(machines, words) }

func among(kinds []spoken, words string) string {
	words = strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" ,.，。、！!'’", r) {
			return -1
		}
		return r
	}, words))
	if words == "" {
		return ""
	}
	i := slices.IndexFunc(kinds, func(k spoken) bool {
		return slices.ContainsFunc(k.phrases, func(p string) bool { return strings.Contains(words, p) })
	})
	if i < 0 {
		return ""
	}
	return kinds[i].means
}
