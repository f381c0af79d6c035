package contacts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
)

const exportHeader = "订单编号,买家会员名,买家实际支付金额,订单状态,买家留言,收货人姓名,收货地址,联系电话,联系手机,订单付款时间,宝贝标题,订单备注,宝贝总数量,店铺名称,退款金额,确认收货时间,商家编码,买家真实姓名,会员生日,性别,会员等级\r\n"

const exportRow = `="2612345678901234567",t001,49.50,交易成功,,王芳,黑龙江省 哈尔滨市 南岗区 学府路1号,,="13800138000",2026-11-01 09:00:00,牛轧糖,,2,苏小糖天猫店,0.00,2026-11-05 18:00:00,SXT-001,王芳,8-15,女,金卡会员` + "\r\n"

func readAll(t *testing.T, r io.Reader, m Mapping) (orders []Order, refused []string) {
	t.Helper()
	for o, err := range ReadOrders(r, m) {
		var bad *RowError
		switch {
		case errors.As(err, &bad):
			refused = append(refused, fmt.Sprintf("%d:%d %s %s %s", bad.Line, bad.Column, bad.Field, bad.Reason, bad.Value))
		case err != nil:
			refused = append(refused, "stopped: "+err.Error())
		default:
			orders = append(orders, o)
		}
	}
	return orders, refused
}

func TestOneOrderInEveryEncoding(t *testing.T) {
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(exportHeader + exportRow)
	if err != nil {
		t.Fatal(err)
	}
	want := []Order{{
		Line: 2, Source: "taobao", Number: "2612345678901234567", Buyer: "王芳", Receiver: "王芳", Phone: "+8613800138000",
		Role: RoleMember, Item: "牛轧糖", SKU: "SXT-001", Quantity: 2, Amount: 4950, Channel: "苏小糖天猫店",
		Province: "黑龙江", City: "哈尔滨", District: "南岗区",
		Paid: time.Date(2026, 11, 1, 9, 0, 0, 0, beijing), Signed: time.Date(2026, 11, 5, 18, 0, 0, 0, beijing),
		Gender: "f", Birthday: Birthday{Month: 8, Day: 15}, Level: "金卡会员",
	}}
	for name, text := range map[string]string{
		"UTF-8": exportHeader + exportRow, "UTF-8 with a mark": "\xef\xbb\xbf" + exportHeader + exportRow, "GB18030": gb,
		"tab separated": strings.ReplaceAll(exportHeader+exportRow, ",", "\t"),
	} {
		got, refused := readAll(t, strings.NewReader(text), Mapping{})
		if diff := cmp.Diff(want, got); diff != "" || refused != nil {
			t.Errorf("%s: refused %v, %s", name, refused, diff)
		}
	}
}

func TestRefusedRowsSayWhereAndWhy(t *testing.T) {
	const header = "订单编号,联系手机,联系电话,订单状态,买家实际支付金额,订单付款时间,确认收货时间,会员生日,性别,收货人姓名\n"
	for _, test := range []struct{ name, row, want string }{
		{"a masked number", "1,138****1234,,,,,,,,王", "2:2 phone masked_number 138****1234"},
		{"a privacy number", "1,13800138000转1234,,,,,,,,王", "2:2 phone privacy_number 138****8000转1234"},
		{"only a landline", "1,,0571-87654321,,,,,,,王", "2:3 phone2 landline 057*-****4321"},
		{"no number", "1,,,,,,,,,王", "2:2 phone empty "},
		{"no order number", ",13800138000,,,,,,,,王", "2:1 number empty "},
		{"nobody paid", "1,13800138000,,等待买家付款,,,,,,王", "2:4 status not_paid 等待买家付款"},
		{"an amount in words", "1,13800138000,,,四十九,,,,,王", "2:5 amount bad_amount 四十九"},
		{"a time in words", "1,13800138000,,,,昨天,,,,王", "2:6 paid bad_time 昨天"},
		{"signed before paid", "1,13800138000,,,,2026-11-02,2026-11-01,,,王", "2:7 signed signed_before_paid 2026-11-01"},
		{"a NUL byte", "1,13800138000,,,,,,,,王\x00", "2:10 receiver bad_encoding 王\x00"},
		{"a quotation mark that never closes", `1,"13800138000,,,,,,,,王`, "2:0 row unclosed_quote "},
	} {
		t.Run(test.name, func(t *testing.T) {
			good := "9,13900139000,,,,,,,,李\n"
			orders, refused := readAll(t, strings.NewReader(header+test.row+"\n"+good), Mapping{})
			if diff := cmp.Diff([]string{test.want}, refused); diff != "" {
				t.Error(diff)
			}
			if len(orders) != 1 || orders[0].Number != "9" || orders[0].Line != 3 {
				t.Errorf("the good row behind it was lost: %+v", orders)
			}
		})
	}
	t.Run("an unreadable birthday costs only itself", func(t *testing.T) {
		orders, refused := readAll(t, strings.NewReader(header+"1,13800138000,,,,,,八月十五,?,王\n"), Mapping{})
		if diff := cmp.Diff([]string{"2:8 birthday ambiguous_birthday 八月十五", "2:9 gender bad_gender ?"}, refused); diff != "" || len(orders) != 1 {
			t.Errorf("%d orders, %s", len(orders), diff)
		}
	})
	t.Run("a cell of a megabyte", func(t *testing.T) {
		orders, refused := readAll(t, strings.NewReader(header+"1,13800138000,"+strings.Repeat("x", 1<<20)+"\n9,13900139000\n"), Mapping{})
		if diff := cmp.Diff([]string{"2:0 row line_too_long "}, refused); diff != "" || len(orders) != 1 {
			t.Errorf("%d orders, %s", len(orders), diff)
		}
	})
	t.Run("a header without a number column", func(t *testing.T) {
		orders, refused := readAll(t, strings.NewReader("订单编号,收货人姓名\n1,王\n"), Mapping{})
		if len(orders) != 0 || len(refused) != 1 || !strings.HasPrefix(refused[0], "stopped: no column for phone") {
			t.Errorf("%v %v", orders, refused)
		}
	})
	t.Run("a mapped column", func(t *testing.T) {
		orders, refused := readAll(t, strings.NewReader("单,电\n1,13800138000\n"), Mapping{Source: "crm", Columns: map[Field]string{FieldNumber: "单", FieldPhone: "电"}})
		if refused != nil || len(orders) != 1 || orders[0].Source != "crm" {
			t.Errorf("%v %v", orders, refused)
		}
	})
}

func TestRolesAndRefunds(t *testing.T) {
	const header = "订单编号,联系手机,收货人姓名,买家真实姓名,订单备注,买家留言,会员等级,退款金额,订单状态,退款状态,订单付款时间\n"
	for _, test := range []struct {
		name, row string
		role      Role
		refunded  bool
	}{
		{"the buyer receives", "王芳,王芳,,,,0,交易成功,,2026-11-01", RoleBuyer, false},
		{"a member receives", "王芳,王芳,,,金卡,0,交易成功,,2026-11-01", RoleMember, false},
		{"a title is no other name", "王芳女士,王芳,,,,0,交易成功,,2026-11-01", RoleBuyer, false},
		{"another name", "李老太太,王芳,,,金卡,0,交易成功,,2026-11-01", RoleConsignee, false},
		{"a remark of a gift", "王芳,,送礼勿放小票,,,0,交易成功,,2026-11-01", RoleConsignee, false},
		{"a buyer's word of a gift", "王芳,,,送给朋友的,,0,交易成功,,2026-11-01", RoleConsignee, false},
		{"money went back", "王芳,,,,,49.50,交易成功,,2026-11-01", RoleBuyer, true},
		{"closed after payment", "王芳,,,,,,交易关闭,,2026-11-01", RoleBuyer, true},
		{"a refund is being asked for", "王芳,,,,,,交易成功,退款处理中,2026-11-01", RoleBuyer, true},
		{"no refund was asked for", "王芳,,,,,,交易成功,没有申请退款,2026-11-01", RoleBuyer, false},
	} {
		orders, refused := readAll(t, strings.NewReader(header+"1,13800138000,"+test.row+"\n"), Mapping{})
		if len(orders) != 1 || orders[0].Role != test.role || orders[0].Refunded != test.refunded {
			t.Errorf("%s: %+v, refused %v", test.name, orders, refused)
		}
	}
}

func TestSplitAddress(t *testing.T) {
	for _, test := range []struct{ in, province, city, district string }{
		{"黑龙江省 哈尔滨市 南岗区 学府路1号", "黑龙江", "哈尔滨", "南岗区"},
		{"黑龙江省哈尔滨市南岗区学府路1号", "黑龙江", "哈尔滨", "南岗区"},
		{"北京 北京市 朝阳区 建国路1号", "北京", "北京", "朝阳区"},
		{"上海市徐汇区漕溪路1号", "上海", "上海", "徐汇区"},
		{"新疆维吾尔自治区 乌鲁木齐市 天山区 1号", "新疆", "乌鲁木齐", "天山区"},
		{"吉林省 延边朝鲜族自治州 延吉市 1号", "吉林", "延边朝鲜族自治州", "延吉市"},
		{"火星基地", "", "", ""},
	} {
		province, city, district := splitAddress(test.in)
		if province != test.province || city != test.city || district != test.district {
			t.Errorf("splitAddress(%s) = %s, %s, %s", test.in, province, city, district)
		}
	}
}

func FuzzReadOrders(f *testing.F) {
	f.Add([]byte(exportHeader + exportRow))
	f.Add([]byte("订单编号,手机\n\"1,2\n\"\"\n1,\"13800138000\"\n="))
	f.Add([]byte("\xff\xfea\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		lines := bytes.Count(b, []byte("\n")) + 1
		n := 0
		for o, err := range ReadOrders(bytes.NewReader(b), Mapping{}) {
			if n++; n > 4*lines+4 {
				t.Fatalf("%d answers for %d lines", n, lines)
			}
			if err == nil && (o.Phone == "" || o.Number == "" || o.Role == "" || o.Line < 2) {
				t.Fatalf("an order without number, phone, role or line: %+v", o)
			}
		}
	})
}

func BenchmarkReadOrders(b *testing.B) {
	text := []byte(exportHeader + strings.Repeat(exportRow, 1000))
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for _, err := range ReadOrders(bytes.NewReader(text), Mapping{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
