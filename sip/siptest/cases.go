package siptest

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Case is one kind of person or line, chosen by the last three digits of the
// number. Disposition and Outcome are what a caller that behaves well should
// report, in the words of the attempt's vocabulary; Outcome is "" where nobody
// was spoken to.
type Case struct {
	Suffix, Name, Disposition, Outcome string

	// NextDisposition and NextOutcome hold from the second call on; they are
	// empty when a second call ends like the first.
	NextDisposition, NextOutcome string

	// About says in one sentence what happens.
	About string
}

// behaviour is how a Case acts: first the phone, then the person.
type behaviour struct {
	instant bool          // the network refuses without ringing
	storm   int           // 183s with ringback instead of one 180
	never   bool          // rings until the caller gives up
	takes   time.Duration // of a blind transfer: when the agent picks up; the ring time when zero
	untold  bool          // of a blind transfer: no reports of it (RFC 4488)
	late    bool          // picks up as the CANCEL arrives
	once    bool          // never, but only at the first call

	early        string // announcement played in 183 before the refusal
	status       int    // final refusal; 0 = answers
	phrase       string
	cause        int // Q.850 in Reason; 0 = none
	causeText    string
	retryAfter   int    // seconds
	refusedBy    string // callee or carrier
	mute         bool   // answers, but no packet ever leaves
	lines        []line // what the person does, in order
	morePatience int    // times the usual
}

// line is one thing a person does. Without atOnce, after or pause it waits until the
// bot has spoken and then been quiet.
type line struct {
	atOnce bool
	after  time.Duration // this much of the bot's speech is enough
	pause  time.Duration // so long after their own last words or keys, whatever is heard
	say    string
	beep   bool // 500 ms of 1 kHz after the words
	keys   string
	hang   bool
	optOut bool // whoever calls this number again does wrong
}

type person struct {
	Case
	behaviour
}

// agrees is what most people answer, turn by turn.
var agrees = says("对我是", "挺好的", "可以啊", "好的再见")

func says(texts ...string) (out []line) {
	for _, t := range texts {
		out = append(out, line{say: t})
	}
	return out
}

func first(text string, then ...line) []line { return append(says(text), then...) }

// people: 1xx never answer, 2xx are the network speaking, 3xx answer.
var people = []person{
	{Case{Suffix: "101", Name: "busy", Disposition: "busy", About: "486 with cause 17 after a short ring."},
		behaviour{status: 486, phrase: "Busy Here", cause: 17, causeText: "User busy", refusedBy: "callee"}},
	{Case{Suffix: "102", Name: "no-answer", Disposition: "no_answer", About: "Rings until the caller cancels."},
		behaviour{never: true}},
	{Case{Suffix: "103", Name: "reject", Disposition: "rejected", About: "603 with cause 21: the person pressed the red button."},
		behaviour{status: 603, phrase: "Decline", cause: 21, causeText: "Call rejected", refusedBy: "callee"}},
	{Case{Suffix: "104", Name: "retry-answers", Disposition: "no_answer", NextDisposition: "answered", NextOutcome: "agreed_add",
		About: "Does not answer the first call; answers every later one and agrees."},
		behaviour{once: true, lines: agrees}},
	{Case{Suffix: "105", Name: "late-answer", Disposition: "no_answer", About: "Picks up as the CANCEL arrives: 200 to both."},
		behaviour{late: true, never: true}},

	{Case{Suffix: "201", Name: "invalid-number", Disposition: "invalid_number", About: "空号 in early media, then 404 cause 1."},
		announced("您好，您拨打的号码是空号，请核对后再拨。", 404, "Not Found", 1, "Unallocated number")},
	{Case{Suffix: "202", Name: "powered-off", Disposition: "powered_off", About: "关机 in early media, then 480 cause 20."},
		announced("您好，您拨打的电话已关机。", 480, "Temporarily Unavailable", 20, "Subscriber absent")},
	{Case{Suffix: "203", Name: "suspended", Disposition: "suspended", About: "停机 in early media, then 480 without a cause: only the words tell."},
		announced("您好，您拨打的电话已停机。", 480, "Temporarily Unavailable", 0, "")},
	{Case{Suffix: "204", Name: "unreachable", Disposition: "unreachable", About: "无法接通 in early media, then 480 cause 18."},
		announced("您好，您拨打的电话暂时无法接通，请稍后再拨。", 480, "Temporarily Unavailable", 18, "No user responding")},
	{Case{Suffix: "205", Name: "congestion", Disposition: "network_busy", About: "503 cause 34 at once."},
		behaviour{instant: true, status: 503, phrase: "Service Unavailable", cause: 34, causeText: "No circuit available", refusedBy: "carrier"}},
	{Case{Suffix: "206", Name: "trunk-down", Disposition: "trunk_unavailable", About: "503 with Retry-After 2 from the trunk at once."},
		behaviour{instant: true, status: 503, phrase: "Service Unavailable", retryAfter: 2, refusedBy: "carrier"}},
	{Case{Suffix: "207", Name: "carrier-blocked", Disposition: "carrier_blocked", About: "403 cause 21 from the carrier at once."},
		behaviour{instant: true, status: 403, phrase: "Forbidden", cause: 21, causeText: "Call rejected", refusedBy: "carrier"}},

	{Case{Suffix: "300", Name: "agrees", Disposition: "answered", Outcome: "agreed_add", About: "Answers each turn and agrees; so does every number not in this table."},
		behaviour{lines: agrees}},
	{Case{Suffix: "301", Name: "agrees-sms", Disposition: "answered", Outcome: "agreed_sms", About: "Prefers a text message."},
		behaviour{lines: says("对我是", "挺好的", "那就发短信", "好的再见")}},
	{Case{Suffix: "302", Name: "hangs-up", Disposition: "answered", Outcome: "hung_up", About: "Hangs up in the middle of the first sentence."},
		behaviour{lines: []line{{after: 1200 * time.Millisecond, hang: true}}}},
	{Case{Suffix: "303", Name: "opt-out", Disposition: "answered", Outcome: "opt_out", About: "Says 不要再打了 after the greeting."},
		behaviour{lines: []line{{say: "不要再打了", optOut: true}}}},
	{Case{Suffix: "304", Name: "who-are-you", Disposition: "answered", Outcome: "agreed_add", About: "Asks who is calling, then agrees."},
		behaviour{lines: first("你是谁啊", agrees...)}},
	{Case{Suffix: "305", Name: "asks-robot", Disposition: "answered", Outcome: "agreed_add", About: "Asks whether it is a robot, then agrees."},
		behaviour{lines: first("你是机器人吗", agrees...)}},
	{Case{Suffix: "306", Name: "key-1", Disposition: "answered", Outcome: "agreed_add", About: "Presses 1 at every turn."},
		behaviour{lines: []line{{keys: "1"}, {keys: "1"}, {keys: "1"}}}},
	{Case{Suffix: "307", Name: "key-9", Disposition: "answered", Outcome: "opt_out", About: "Presses 9: no more calls."},
		behaviour{lines: []line{{keys: "9", optOut: true}}}},
	{Case{Suffix: "308", Name: "wrong-person", Disposition: "answered", Outcome: "wrong_person", About: "Says 你打错了."},
		behaviour{lines: says("你打错了")}},
	{Case{Suffix: "309", Name: "not-interested", Disposition: "answered", Outcome: "not_interested", About: "Declines the first thing said."},
		behaviour{lines: says("不需要谢谢")}},
	{Case{Suffix: "310", Name: "driving", Disposition: "answered", Outcome: "callback", About: "Says 我在开车."},
		behaviour{lines: says("我在开车")}},
	{Case{Suffix: "311", Name: "meeting", Disposition: "answered", Outcome: "callback", About: "Says 在开会 晚点再打."},
		behaviour{lines: says("在开会 晚点再打")}},
	{Case{Suffix: "312", Name: "already-friend", Disposition: "answered", Outcome: "already_friend", About: "Says the two are WeCom friends already."},
		behaviour{lines: says("对我是", "挺好的", "我已经加过你们微信了")}},
	{Case{Suffix: "313", Name: "silent", Disposition: "answered", Outcome: "no_interaction", About: "Answers and never says a word."},
		behaviour{morePatience: 4}},
	{Case{Suffix: "314", Name: "complaint", Disposition: "answered", Outcome: "complaint", About: "Says 我要投诉你们."},
		behaviour{lines: says("我要投诉你们")}},
	{Case{Suffix: "315", Name: "voicemail", Disposition: "voicemail", About: "A machine: greeting at once, beep, then it records."},
		behaviour{morePatience: 4, lines: []line{{atOnce: true, beep: true, say: "您好，机主现在不方便接听电话，请在嘀声后留言，录音完毕挂机即可。"}}}},
	{Case{Suffix: "316", Name: "no-media", Disposition: "no_media", About: "Answers, but not one RTP packet comes."},
		behaviour{mute: true, morePatience: 8}},
	{Case{Suffix: "317", Name: "183-storm", Disposition: "answered", Outcome: "agreed_add", About: "Fifteen 183s with ringback, then answers and agrees."},
		behaviour{storm: 15, lines: agrees}},
	{Case{Suffix: "318", Name: "interrupts", Disposition: "answered", Outcome: "opt_out", About: "Says 不要再打了 while the greeting is still playing."},
		behaviour{lines: []line{{after: time.Second, say: "不要再打了", optOut: true}}}},
}

func announced(text string, status int, phrase string, cause int, causeText string) behaviour {
	return behaviour{early: text, status: status, phrase: phrase, cause: cause, causeText: causeText, refusedBy: "carrier"}
}

// Cases lists every kind of person, in order of suffix.
func Cases() []Case {
	out := make([]Case, len(people))
	for i, p := range people {
		out[i] = p.Case
	}
	slices.SortFunc(out, func(a, b Case) int { return cmp.Compare(a.Suffix, b.Suffix) })
	return out
}

// CaseFor says who answers a number; a number no suffix claims agrees.
func CaseFor(number string) Case { return personFor(number).Case }

func personFor(number string) person {
	number = plainNumber(number)
	for _, p := range staff {
		if p.Suffix == number {
			return p
		}
	}
	for _, p := range people {
		if strings.HasSuffix(number, p.Suffix) {
			return p
		}
	}
	for _, p := range people {
		if p.Name == "agrees" {
			return p
		}
	}
	return person{}
}

// plainNumber is the number without sign and country code: what a person is
// known by across calls.
func plainNumber(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	digits := strings.TrimPrefix(b.String(), "00")
	if len(digits) == 13 {
		digits = strings.TrimPrefix(digits, "86")
	}
	return digits
}

// share is a stable number in [0,1) of a phone number and a purpose.
func share(number, purpose string) float64 {
	h := fnv.New32a()
	h.Write([]byte(purpose + plainNumber(number)))
	return float64(h.Sum32()>>8) / (1 << 24)
}
