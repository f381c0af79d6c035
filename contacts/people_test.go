package contacts

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func on(date string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, date, beijing)
	if err != nil {
		panic(err)
	}
	return t
}

func TestFoldMakesOnePersonOfOneNumber(t *testing.T) {
	orders := []Order{
		{Source: "taobao", Number: "2", Phone: "+8613800138000", Role: RoleMember, Receiver: "王芳", City: "北京", Province: "北京", Paid: on("2026-11-01"), Signed: on("2026-11-05"), Amount: 5000, Gender: "f", Level: "金卡", Item: "糕"},
		{Source: "taobao", Number: "1", Phone: "+8613800138000", Role: RoleBuyer, Receiver: "王小芳", City: "哈尔滨", Province: "黑龙江", Paid: on("2026-10-01"), Signed: on("2026-10-05"), Amount: 3000, Birthday: Birthday{Month: 8, Day: 15}},
		{Source: "taobao", Number: "2", Phone: "+8613800138000", Role: RoleMember, Receiver: "王芳", City: "北京", Province: "北京", Paid: on("2026-11-01"), Amount: 5000, Item: "糕", Line: 9}, // exported twice
		{Source: "taobao", Number: "3", Phone: "+8613800138000", Role: RoleConsignee, Receiver: "别人家", City: "北京", Province: "北京", Paid: on("2026-11-02"), Signed: on("2026-11-06"), Amount: 100, Gender: "m"},
		{Source: "taobao", Number: "4", Phone: "+8613800138000", Role: RoleBuyer, Receiver: "王芳", Paid: on("2026-11-20"), Signed: on("2026-11-22"), Amount: 9900, Refunded: true},
		{Source: "taobao", Number: "5", Phone: "+8613700137000", Role: RoleConsignee, Receiver: "李强", Paid: on("2026-11-01")},
	}
	got := Fold(orders)
	if len(got) != 2 || got[0].Phone != "+8613700137000" || got[0].Role != RoleConsignee {
		t.Fatalf("folded to %+v", got)
	}
	c := got[1]
	c.Orders = nil
	want := Contact{
		Phone: "+8613800138000", Name: "王芳", Surname: "王", Gender: "f", GenderDeclared: true, Role: RoleMember,
		Province: "北京", City: "北京", Birthday: Birthday{Month: 8, Day: 15},
		LastSigned: on("2026-11-06"), Recency: on("2026-11-02"), Frequency: 3, Amount: 8100,
		Tags: []string{"金卡", TagRefund}, Risks: []string{RiskNames}, Zone: "Asia/Shanghai",
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	if n := len(got[1].Orders); n != 4 {
		t.Errorf("%d orders kept, want 4: the one exported twice counts once", n)
	}
	if last, ok := got[1].LastItem(); !ok || last.Number != "3" {
		t.Errorf("LastItem = %+v, %v; want order 3, not the refunded one", last, ok)
	}
	if _, ok := got[0].LastItem(); ok {
		t.Error("an unsigned order is nobody's last item")
	}
}

func TestFoldNamesRisks(t *testing.T) {
	var orders []Order
	for i := range 5 {
		n := string(rune('0' + i))
		orders = append(orders,
			Order{Number: "a" + n, Phone: "+8613800138000", Role: RoleBuyer, Receiver: "王芳", Paid: on("2026-11-01")},
			Order{Number: "b" + n, Phone: Phone("+861390013900" + n), Role: RoleBuyer, Receiver: "李强", Paid: on("2026-11-01")})
	}
	for _, c := range Fold(orders) {
		want := []string{RiskSequence}
		if c.Phone == "+8613800138000" {
			want = []string{RiskBrushing}
		}
		if diff := cmp.Diff(want, c.Risks); diff != "" {
			t.Errorf("%v: %s", c.Phone, diff)
		}
	}
}

func TestSalutation(t *testing.T) {
	for _, test := range []struct {
		name, gender string
		declared     bool
		want         string
	}{
		{"王芳", "f", true, "王女士"}, {"李强", "m", true, "李先生"}, {"欧阳娜娜", "f", true, "欧阳女士"}, {"欧阳", "f", true, "欧女士"},
		{"王女士", "f", true, "王女士"}, {"王芳", "f", false, ""}, {"王芳", "", true, ""},
		{"小仙女🌸", "f", true, ""}, {"王妈妈", "f", true, ""}, {"张三放菜鸟驿站", "m", true, ""}, {"A座1203", "m", true, ""},
		{"王5", "f", true, ""}, {"Lily", "f", true, ""}, {"李同学", "m", true, ""}, {"王芳（代收）", "f", true, ""}, {"", "f", true, ""},
		{"小糖", "f", true, ""},
	} {
		c := Contact{Name: test.name, Surname: surname(test.name), Gender: test.gender, GenderDeclared: test.declared}
		if got := c.Salutation(); got != test.want {
			t.Errorf("%s (%s, declared %v) is %q, want %q", test.name, test.gender, test.declared, got, test.want)
		}
	}
}

func TestSpokenNames(t *testing.T) {
	names, err := ReadSpokenNames(strings.NewReader("\ufeffSKU,spoken,category,speakable\nSXT-001,牛轧糖,糖果,yes\n坚果,坚果,零食,\n坚果礼包,坚果礼包,零食,是\nSXT-008,姜茶,滋补,no\n"))
	if err != nil {
		t.Fatal(err)
	}
	for item, want := range map[string]string{"SXT-001": "牛轧糖", "年货坚果礼包大份": "坚果礼包", "每日坚果": "坚果", "SXT-008": "", "阿胶": ""} {
		if got, ok := names.Spoken(item); got != want || ok != (want != "") {
			t.Errorf("Spoken(%s) = %q, %v; want %q", item, got, ok, want)
		}
	}
	for _, test := range []struct {
		order Order
		want  string
	}{{Order{SKU: "SXT-001", Item: "坚果"}, "牛轧糖"}, {Order{SKU: "SXT-008", Item: "坚果"}, ""}, {Order{SKU: "Z", Item: "坚果"}, "坚果"}} {
		if got, _ := names.Of(test.order); got != test.want {
			t.Errorf("Of(%s, %s) = %q, want %q", test.order.SKU, test.order.Item, got, test.want)
		}
	}
	unmapped := names.Unmapped([]Contact{{Orders: []Order{{SKU: "SXT-001"}, {SKU: "X", Item: "阿胶"}, {SKU: "X", Item: "阿胶"}, {SKU: "Y", Item: "坚果"}}}})
	if diff := cmp.Diff(map[string]int{"X": 2}, unmapped); diff != "" {
		t.Error(diff)
	}
	_, err = ReadSpokenNames(strings.NewReader("sku,spoken\nA,一二三四五六七\n"))
	var bad *RowError
	if !errors.As(err, &bad) || bad.Line != 2 || bad.Reason != "too_long" {
		t.Errorf("a name of seven characters: %v", err)
	}
}

func TestReadConsents(t *testing.T) {
	const file = "phone,brand,purpose,channels,text_version,source,at,expires,proof\n" +
		"13800138000,苏小糖,marketing,voice|sms,v1,会员中心,2026-03-01 10:00,2027-03-01,CR-1\n" +
		"13800138001,苏小糖,服务,电话、企业微信,v1,门店,2026-03-01,,CR-2\n" +
		"138****0000,苏小糖,marketing,voice,v1,x,2026-03-01,,CR-3\n" +
		"13800138002,苏小糖,marketing,voice,v1,x,2026-03-01,,\n" +
		"13800138002,苏小糖,whatever,voice,v1,x,2026-03-01,,CR\n" +
		"13800138002,苏小糖,marketing,pigeon,v1,x,2026-03-01,,CR\n" +
		"13800138002,苏小糖,marketing,voice,v1,x,2026-03-01,2026-02-01,CR\n"
	var got []Consent
	var refused []string
	for c, err := range ReadConsents(strings.NewReader(file)) {
		var bad *RowError
		switch {
		case errors.As(err, &bad):
			refused = append(refused, bad.Field+" "+bad.Reason)
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, c)
		}
	}
	want := []Consent{
		{2, "+8613800138000", "苏小糖", "marketing", []string{"voice", "sms"}, "v1", "会员中心", on("2026-03-01").Add(10 * time.Hour), on("2027-03-02"), "CR-1"},
		{3, "+8613800138001", "苏小糖", "service", []string{"voice", "wecom"}, "v1", "门店", on("2026-03-01"), time.Time{}, "CR-2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"phone masked_number", "proof empty", "purpose unknown_purpose", "channels unknown_channel", "expires expires_before_given"}, refused); diff != "" {
		t.Error(diff)
	}
}

func FuzzReadConsents(f *testing.F) {
	f.Add("phone,brand,purpose,channels,text_version,source,at,expires,proof\n13800138000,b,service,voice,v,s,2026-01-01,,p\n")
	f.Fuzz(func(t *testing.T, s string) {
		for c, err := range ReadConsents(strings.NewReader(s)) {
			if err == nil && (c.Proof == "" || c.Phone == "" || len(c.Channels) == 0 || c.At.IsZero()) {
				t.Fatalf("half a consent: %+v", c)
			}
		}
	})
}
