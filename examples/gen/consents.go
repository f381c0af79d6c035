package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

const brand = "苏小糖"

// consents gives the file of what people agreed to: about seven of ten may be
// called with an offer; some agreed to service only, some agreements have run out,
// a few are of people who only received a gift, which does not help them in.
func consents(d *dice, people []person) []byte {
	var b bytes.Buffer
	b.WriteString("phone,brand,purpose,channels,text_version,source,at,expires,proof\n")
	row := func(i int, p person, purpose, channels string, given, expires time.Time) {
		fmt.Fprintln(&b, strings.Join([]string{
			p.number, brand, purpose, channels, "member-terms-2026-03",
			[]string{"会员中心勾选", "小程序注册页", "门店登记"}[i%3],
			given.Format("2006-01-02 15:04"), expires.Format(time.DateOnly), fmt.Sprintf("CR-%06d", 100000+i*37),
		}, ","))
	}
	for i, p := range people {
		given := world.AddDate(0, 0, -30-d.n(200)).Add(time.Duration(d.n(600)) * time.Minute)
		all := "voice|sms|wecom"
		switch roll := d.n(100); {
		case p.special, !p.gift && roll < 70:
			row(i, p, "marketing", all, given, given.AddDate(2, 0, 0))
			if roll%4 == 0 {
				row(i, p, "service", all, given, given.AddDate(2, 0, 0))
			}
		case p.gift && roll < 30:
			row(i, p, "service", "voice", given, given.AddDate(1, 0, 0))
		case p.gift:
		case roll < 78:
			row(i, p, "service", all, given, given.AddDate(2, 0, 0))
		case roll < 84:
			given = given.AddDate(-1, -3, 0)
			row(i, p, "marketing", all, given, given.AddDate(1, 0, 0))
		case roll < 87:
			row(i, p, "marketing", "sms", given, given.AddDate(2, 0, 0))
		}
	}
	return b.Bytes()
}
