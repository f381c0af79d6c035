package siptest

import "time"

// staff are who a call is handed over to, and customers whose calls are about
// that. Their Suffix is the whole number, so that nobody else has it.
var staff = []person{
	{Case{Suffix: "8001", Name: "agent-accepts", Disposition: "answered", Outcome: "transferred",
		About: "Hears the brief, presses 1, greets, says one thing more and hangs up."},
		behaviour{lines: []line{{keys: "1"}, {pause: 500 * time.Millisecond, say: "您好我是小李"}, {pause: 3 * time.Second, say: "马上给您补发"}, {pause: time.Second, hang: true}}}},
	{Case{Suffix: "8002", Name: "agent-declines", Disposition: "rejected", About: "Hears the brief and presses 2."},
		behaviour{lines: []line{{keys: "2"}}, morePatience: 4}},
	{Case{Suffix: "8003", Name: "agent-away", Disposition: "no_answer", About: "Never picks up."},
		behaviour{never: true}},
	{Case{Suffix: "8004", Name: "agent-busy", Disposition: "busy", About: "486 at once."},
		behaviour{instant: true, status: 486, phrase: "Busy Here", cause: 17, causeText: "User busy", refusedBy: "callee"}},
	{Case{Suffix: "8005", Name: "agent-says-yes", Disposition: "answered", Outcome: "transferred",
		About: "Hears the brief, says 好的接进来, greets and stays until the customer hangs up."},
		behaviour{lines: []line{{say: "好的接进来"}, {pause: 800 * time.Millisecond, say: "您好我是小王"}}, morePatience: 4}},
	{Case{Suffix: "8006", Name: "agent-silent", Disposition: "no_answer", About: "Picks up and says nothing."},
		behaviour{morePatience: 4}},
	{Case{Suffix: "8007", Name: "agent-says-no", Disposition: "rejected", About: "Hears the brief and says 不行我在忙."},
		behaviour{lines: says("不行我在忙"), morePatience: 4}},
	{Case{Suffix: "8008", Name: "agent-hangs-up", Disposition: "rejected", About: "Hangs up while the brief is spoken."},
		behaviour{lines: []line{{after: 400 * time.Millisecond, hang: true}}}},

	{Case{Suffix: "8009", Name: "agent-takes-late", Disposition: "answered", About: "Of a blind transfer: picks up 2.5 s after it was asked for."},
		behaviour{takes: 2500 * time.Millisecond}},
	{Case{Suffix: "8010", Name: "agent-untold", Disposition: "answered", About: "Of a blind transfer: the carrier gives no reports, connects the two and hangs up."},
		behaviour{untold: true, takes: time.Second}},

	{Case{Suffix: "13800138404", Name: "asks-human-and-listens", Disposition: "answered", Outcome: "transferred",
		About: "Asks for a person and says nothing more."},
		behaviour{lines: says("我要找人工"), morePatience: 4}},
	{Case{Suffix: "13800138401", Name: "asks-human", Disposition: "answered", Outcome: "transferred",
		About: "Asks for a person, tells them what is wrong and stays until they hang up."},
		behaviour{lines: says("我要找人工", "牛轧糖还没收到"), morePatience: 4}},
	{Case{Suffix: "13800138402", Name: "asks-human-and-leaves", Disposition: "answered", Outcome: "transferred",
		About: "Asks for a person, tells them what is wrong and hangs up."},
		behaviour{lines: append(says("我要找人工", "牛轧糖还没收到"), line{pause: time.Second, hang: true}), morePatience: 4}},
	{Case{Suffix: "13800138403", Name: "asks-human-then-stop", Disposition: "answered", Outcome: "opt_out",
		About: "Asks for a person and, while it rings there, wants no more calls: 9."},
		behaviour{lines: []line{{say: "我要找人工"}, {after: 1500 * time.Millisecond, keys: "9", optOut: true}}, morePatience: 4}},

	{Case{Suffix: "13800138411", Name: "calls-back-key-9", Disposition: "answered", Outcome: "opt_out",
		About: "Calls back, hears who we are and presses 9."},
		behaviour{lines: []line{{keys: "9", optOut: true}}}},
	{Case{Suffix: "13800138412", Name: "calls-back-and-thanks", Disposition: "answered",
		About: "Calls back, hears who we are and says 没事了再见."},
		behaviour{lines: says("没事了再见")}},
	{Case{Suffix: "13800138413", Name: "calls-back-for-a-person", Disposition: "answered", Outcome: "transferred",
		About: "Calls back, presses 0 and tells a person what is wrong."},
		behaviour{lines: []line{{keys: "0"}, {say: "牛轧糖还没收到"}}, morePatience: 4}},
}

// Staff lists those a call is handed over to, and the customers whose calls are
// about that or who call back; Suffix is their whole number.
func Staff() []Case {
	out := make([]Case, len(staff))
	for i, p := range staff {
		out[i] = p.Case
	}
	return out
}
