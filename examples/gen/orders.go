package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// header is the order export of Taobao and Tmall with the shop's own member
// columns behind it.
var header = strings.Split("订单编号,买家会员名,买家支付宝账号,支付单号,支付详情,买家应付货款,买家应付邮费,买家支付积分,总金额,返点积分,"+
	"买家实际支付金额,买家实际支付积分,订单状态,买家留言,收货人姓名,收货地址,运送方式,联系电话,联系手机,订单创建时间,订单付款时间,"+
	"宝贝标题,宝贝种类,物流单号,物流公司,订单备注,宝贝总数量,店铺Id,店铺名称,订单关闭原因,卖家服务费,买家服务费,发票抬头,是否手机订单,"+
	"分阶段订单信息,特权订金订单id,是否上传合同照片,是否上传小票,是否代付,定金排名,修改后的sku,修改后的收货地址,异常信息,天猫卡券抵扣,"+
	"集分宝抵扣,是否是O2O交易,退款金额,确认收货时间,商家编码,买家真实姓名,会员生日,性别,会员等级", ",")

// item is something the shop sells, and what it is called aloud.
type item struct {
	sku, title, keyword, spoken, category string
	price                                 int // yuan
	silent                                bool
}

var items = []item{
	{"SXT-001", "苏小糖手工牛轧糖花生味500g袋装", "牛轧糖", "牛轧糖", "糖果", 49, false},
	{"SXT-002", "苏小糖九制黑芝麻丸每日一丸铁盒", "黑芝麻丸", "芝麻丸", "滋补", 69, false},
	{"SXT-003", "苏小糖雪媚娘蛋黄酥6枚礼盒", "蛋黄酥", "蛋黄酥", "糕点", 59, false},
	{"SXT-004", "苏小糖桂花糕老式苏州特产", "桂花糕", "桂花糕", "糕点", 36, false},
	{"SXT-005", "苏小糖每日坚果混合果仁30包", "每日坚果", "每日坚果", "坚果", 99, false},
	{"SXT-006", "苏小糖若羌红枣片无核脆枣", "红枣片", "红枣片", "果干", 29, false},
	{"SXT-007", "苏小糖年货坚果大礼包送长辈", "坚果大礼包", "坚果礼包", "坚果", 168, false},
	{"SXT-008", "苏小糖红糖姜茶独立包装", "红糖姜茶", "", "滋补", 39, true}, // of health: never spoken of
}

const shop = "苏小糖天猫店"

// line is one row of the export, by column.
type line map[string]string

// book writes down rows as they come and numbers the orders.
type book struct {
	d     *dice
	rows  []line
	count int
}

// orders gives the export in GB18030, newest order first.
func orders(d *dice, people []person) []byte {
	b := &book{d: d}
	for _, p := range people {
		for i := range p.orders {
			b.bought(p, i)
		}
	}
	b.dirt()
	slices.SortStableFunc(b.rows, func(x, y line) int { return strings.Compare(y["订单创建时间"], x["订单创建时间"]) })
	var text bytes.Buffer
	text.WriteString(strings.Join(header, ",") + "\r\n")
	for _, row := range b.rows {
		for i, column := range header {
			if i > 0 {
				text.WriteByte(',')
			}
			text.WriteString(cell(row[column]))
		}
		text.WriteString("\r\n")
	}
	out, err := simplifiedchinese.GB18030.NewEncoder().Bytes(text.Bytes())
	if err != nil {
		panic("the example data is plain Chinese and always encodes: " + err.Error())
	}
	return out
}

// cell quotes what would break the row; ="…" stays bare, as consoles write it.
func cell(s string) string {
	if strings.HasPrefix(s, `="`) || !strings.ContainsAny(s, ",\"\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// blank is an order of nobody yet: paid, sent, and signed three to forty days ago.
func (b *book) blank() line {
	b.count++
	it := pick(b.d, items)
	quantity := 1 + b.d.n(3)
	signed := world.Add(-time.Duration(3+b.d.n(37))*24*time.Hour - time.Duration(b.d.n(600))*time.Minute)
	paid := signed.Add(-time.Duration(2*24*60+b.d.n(3*24*60)) * time.Minute)
	amount := fmt.Sprintf("%d.%02d", it.price*quantity-b.d.n(5), 10*b.d.n(10))
	return line{
		"订单编号": fmt.Sprintf(`="26%010d%07d"`, 1100000000+b.count*7919, b.d.n(1e7)), "支付详情": "支付完成",
		"买家应付货款": amount, "买家应付邮费": "0.00", "总金额": amount, "买家实际支付金额": amount, "订单状态": "交易成功", "运送方式": "快递",
		"订单创建时间": paid.Add(-3 * time.Minute).Format(time.DateTime), "订单付款时间": paid.Format(time.DateTime),
		"宝贝标题": it.title, "宝贝种类": "1", "物流公司": "圆通速递", "物流单号": fmt.Sprintf("No:YT%011d", b.d.n(1e11)),
		"宝贝总数量": fmt.Sprint(quantity), "店铺名称": shop, "是否手机订单": "手机订单", "退款金额": "0.00",
		"确认收货时间": signed.Format(time.DateTime), "商家编码": it.sku,
	}
}

// bought writes the i-th order of a person.
func (b *book) bought(p person, i int) {
	row := b.blank()
	row["买家会员名"], row["收货人姓名"], row["买家真实姓名"] = p.account, p.name, p.real
	row["收货地址"] = strings.Join([]string{p.home.province, p.home.city, p.home.district, fmt.Sprintf("示例路%d号", 1+b.d.n(200))}, " ")
	row["联系手机"] = b.written(p.number)
	row["会员生日"], row["性别"], row["会员等级"] = p.birthday, p.gender, p.level
	switch {
	case p.refunded:
		row["退款金额"], row["订单状态"], row["订单关闭原因"] = row["总金额"], "交易关闭", "退款"
	case p.gift:
		row["订单备注"] = pick(b.d, []string{"送礼，不放价格单", "代收", "送朋友的生日礼物"})
	case i > 0 && b.d.percent(12): // an old customer sent one of several back
		row["退款金额"], row["订单关闭原因"] = row["总金额"], "退款"
	case i > 0 && b.d.percent(15): // still on its way
		row["订单状态"], row["确认收货时间"] = "卖家已发货，等待买家确认", ""
	}
	b.rows = append(b.rows, row)
}

// written spells a number the ways exports and people do.
func (b *book) written(number string) string {
	switch b.d.n(12) {
	case 0:
		return wide(number)
	case 1, 2:
		return "'" + number
	case 3:
		return "+86 " + number[:3] + "-" + number[3:7] + "-" + number[7:]
	case 4:
		return number + "\t"
	}
	return `="` + number + `"`
}

func wide(s string) string {
	return strings.Map(func(r rune) rune { return r + 0xFEE0 }, s)
}

// dirt adds what every real export has and no campaign can use.
func (b *book) dirt() {
	add := func(number string, change func(line)) {
		row := b.blank()
		row["买家会员名"], row["收货人姓名"], row["收货地址"] = "t00000000", "无名氏", "北京 北京市 东城区 示例路1号"
		row["联系手机"] = number
		if change != nil {
			change(row)
		}
		b.rows = append(b.rows, row)
	}
	for i := range 8 {
		add("", func(r line) {
			r["联系电话"] = fmt.Sprintf("0%d-%08d", []int{10, 21, 571, 451}[i%4], 60000000+b.d.n(9999999))
		})
	}
	for range 6 {
		add("", nil)
	}
	for _, bad := range []string{"1380000123", "138000012345", "12000001234", "00000000000", "无", "见备注", "13800001234;ext=1@evil", "sip:x@y", "14800001234"} {
		add(bad, nil)
	}
	for range 10 {
		add(fmt.Sprintf("%s****%04d", pick(b.d, prefixes), b.d.n(10000)), nil)
	}
	for i := range 10 {
		number := fmt.Sprintf("%s0000%04d", pick(b.d, prefixes), b.d.n(10000))
		add(fmt.Sprintf([]string{"%s-%04d", "%s转%04d", "%s,%04d"}[i%3], number, b.d.n(10000)), nil)
	}
	for range 4 {
		add("1.38E+10", nil)
	}
	for _, service := range []string{"10086", "95588", "400-800-0000"} {
		add(service, nil)
	}
	for range 4 { // nobody paid
		add(`="13800009999"`, func(r line) {
			r["订单状态"], r["订单付款时间"], r["确认收货时间"] = "等待买家付款", "", ""
		})
	}
	add(`="13900009998"`, func(r line) { r["买家实际支付金额"] = "四十九" })
	add(`="13900009997"`, func(r line) { r["订单付款时间"] = "昨天" })
	for _, i := range []int{3, 30, 60} { // exported twice
		b.rows = append(b.rows, b.rows[i])
	}
}
