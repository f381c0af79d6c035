package contacts

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var wang = Contact{
	City: "哈尔滨", Province: "黑龙江", Role: RoleMember, Frequency: 3, Amount: 49950,
	Recency: on("2026-11-01"), Tags: []string{"金卡会员"}, Birthday: Birthday{Month: 12, Day: 5},
}

func TestSegmentMatches(t *testing.T) {
	now := on("2026-12-01")
	for expr, want := range map[string]bool{
		`all`:                            true,
		`!all`:                           false,
		`frequency >= 3`:                 true,
		`frequency > 3`:                  false,
		`frequency == 3 && amount < 500`: true,
		`amount >= 499.5`:                true,
		`amount > 499.50`:                false,
		`recency_days <= 30`:             true,
		`recency_days < 30`:              false,
		`city in ["哈尔滨", "北京"]`:          true,
		`city == "哈尔滨市"`:                 true,
		`city != "哈尔滨"`:                  false,
		`province in ["黑龙江省"]`:           true,
		`role == "member"`:               true,
		`tag("金卡会员") && !tag("有退款")`:     true,
		`birthday.within(4)`:             true,
		`birthday.within(3)`:             false,
		`frequency > 9 || (city == “哈尔滨” && birthday.within(7))`: true,
		`frequency > 9 && all || all`:                            true,
	} {
		s, err := ParseSegment(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := s.Match(wang, now); got != want {
			t.Errorf("%s matches: %v, want %v", expr, got, want)
		}
	}
	if (Segment{}).Match(wang, now) {
		t.Error("the empty segment matches somebody")
	}
	s, err := ParseSegment(`birthday.within(0)`)
	if err != nil {
		t.Fatal(err)
	}
	lunar := Contact{Birthday: Birthday{Month: 10, Day: 23, Lunar: true}}
	if !s.Match(lunar, on("2026-12-01")) {
		t.Error("农历十月廿三 is 2026-12-01")
	}
}

func TestSegmentErrorsPointAtThePlace(t *testing.T) {
	for expr, want := range map[string]string{
		``:                         "column 1: expected a test such as frequency >= 2, but the expression ends",
		`frequency`:                "column 10: expected a comparison after frequency, but the expression ends",
		`frequency >= "x"`:         `column 14: expected a number, found "x"`,
		`frequency >= 2.5`:         `column 14: "2.5" is not a number that fits here`,
		`all all`:                  `column 5: "all" is not expected here; join tests with && or ||`,
		`city in ["a"`:             "column 13: expected a comma or a closing square bracket, but the expression ends",
		`city = "a"`:               `column 6: "=" means nothing here`,
		`tag("a)`:                  "column 5: the quotation mark is not closed",
		`(all`:                     "column 5: expected a closing bracket, but the expression ends",
		`birthday.within(400)`:     "column 17: a window of at most 366 days",
		strings.Repeat("!", 200):   "column 101: nested too deeply",
		strings.Repeat(" ", 5000):  "column 4097: the expression is longer than 4096 bytes",
		`phone == "1"; DROP TABLE`: `column 13: ";" means nothing here`,
	} {
		_, err := ParseSegment(expr)
		var at *SegmentError
		if !errors.As(err, &at) || err.Error() != want {
			t.Errorf("%.40q: %v, want %s", expr, err, want)
		}
	}
}

func TestSegmentSQLHoldsNoWordOfTheExpression(t *testing.T) {
	s, err := ParseSegment(`frequency >= 2 && (amount < 500.5 || !tag("'; DROP TABLE contacts; --")) && city in ["北京", "哈尔滨"] && recency_days <= 90`)
	if err != nil {
		t.Fatal(err)
	}
	where, args := s.SQL(4)
	want := `((((frequency >= $4::bigint) AND ((amount_fen < $5::bigint) OR NOT COALESCE($6::text = ANY(tags), FALSE))) AND (COALESCE(city, '') = ANY($7::text[])))` +
		` AND (COALESCE(FLOOR(EXTRACT(EPOCH FROM ($8::timestamptz - last_order_at)) / 86400), 1000000) <= $9::bigint))`
	if diff := cmp.Diff(want, where); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{int64(2), int64(50050), "'; DROP TABLE contacts; --", []string{"北京", "哈尔滨"}, NowArg{}, int64(90)}, args); diff != "" {
		t.Error(diff)
	}
	where, args = (Segment{}).SQL(1)
	if where != "FALSE" || args != nil {
		t.Errorf("the empty segment is %s %v", where, args)
	}
}

func FuzzParseSegment(f *testing.F) {
	for _, s := range []string{`all`, `frequency >= 2 && !tag("x")`, `city in ["a","b"] || birthday.within(7)`, `((`, `amount == 1.23`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		s, err := ParseSegment(expr)
		if err != nil {
			return
		}
		s.Match(wang, on("2026-12-01"))
		where, args := s.SQL(1)
		if strings.Count(where, "(") != strings.Count(where, ")") {
			t.Errorf("%q gives %s", expr, where)
		}
		if len(args) > 0 && !strings.Contains(where, "$1") {
			t.Errorf("%q gives %s with %d arguments", expr, where, len(args))
		}
	})
}
