package contacts

import (
	"fmt"
	"strings"
	"time"
)

// Field names what a column holds.
type Field string

// The fields an order file can have. Phone and Number must be found.
const (
	FieldNumber    Field = "number"
	FieldAccount   Field = "account"  // 买家会员名
	FieldBuyer     Field = "buyer"    // the buyer's own name
	FieldReceiver  Field = "receiver" // 收货人姓名
	FieldPhone     Field = "phone"    // 联系手机
	FieldPhone2    Field = "phone2"   // 联系电话, read when the first is empty
	FieldItem      Field = "item"     // 宝贝标题
	FieldSKU       Field = "sku"      // 商家编码
	FieldQuantity  Field = "quantity" // 宝贝总数量
	FieldAmount    Field = "amount"   // 买家实际支付金额, yuan
	FieldChannel   Field = "channel"  // 店铺名称
	FieldAddress   Field = "address"  // 收货地址, of which province, city and district are kept
	FieldProvince  Field = "province" //
	FieldCity      Field = "city"     //
	FieldDistrict  Field = "district" //
	FieldStatus    Field = "status"   // 订单状态
	FieldRefund    Field = "refund"   // 退款状态
	FieldRefunded  Field = "refunded" // 退款金额
	FieldPaid      Field = "paid"     // 订单付款时间
	FieldSigned    Field = "signed"   // 确认收货时间
	FieldMessage   Field = "message"  // 买家留言
	FieldRemark    Field = "remark"   // 订单备注
	FieldRecipient Field = "gift"     // 送礼/代收
	FieldBirthday  Field = "birthday" // 会员生日
	FieldGender    Field = "gender"   // 性别
	FieldLevel     Field = "level"    // 会员等级
	FieldIgnored   Field = "-"        // in no header; a Mapping may point a column here
)

// headers are the names each field goes by, the Taobao and Tmall export's first.
var headers = []struct {
	field Field
	names []string
}{
	{FieldNumber, []string{"订单编号", "主订单编号", "订单号", "交易号", "order_no", "order number"}},
	{FieldAccount, []string{"买家会员名", "买家昵称", "会员名", "旺旺号"}},
	{FieldBuyer, []string{"买家真实姓名", "买家姓名", "会员姓名", "客户姓名", "付款人姓名", "buyer"}},
	{FieldReceiver, []string{"收货人姓名", "收货人", "收件人", "收件人姓名", "receiver"}},
	{FieldPhone, []string{"联系手机", "收货人手机号", "收货人手机", "手机号", "手机号码", "手机", "phone", "mobile"}},
	{FieldPhone2, []string{"联系电话", "收货人电话", "固定电话", "电话"}},
	{FieldItem, []string{"宝贝标题", "商品标题", "商品名称", "标题", "宝贝名称", "item"}},
	{FieldSKU, []string{"商家编码", "外部系统编号", "sku编码", "sku"}},
	{FieldQuantity, []string{"宝贝总数量", "购买数量", "商品数量", "数量", "quantity"}},
	{FieldAmount, []string{"买家实际支付金额", "买家实付金额", "实付金额", "实付款", "实际支付金额", "amount"}},
	{FieldChannel, []string{"店铺名称", "店铺", "shop"}},
	{FieldAddress, []string{"收货地址", "收件地址", "详细地址", "地址"}},
	{FieldProvince, []string{"省", "省份", "收货省份", "province"}},
	{FieldCity, []string{"市", "城市", "收货城市", "city"}},
	{FieldDistrict, []string{"区", "区县", "收货区县", "district"}},
	{FieldStatus, []string{"订单状态", "交易状态"}},
	{FieldRefund, []string{"退款状态", "售后状态"}},
	{FieldRefunded, []string{"退款金额"}},
	{FieldPaid, []string{"订单付款时间", "付款时间", "支付时间", "paid"}},
	{FieldSigned, []string{"确认收货时间", "签收时间", "收货时间", "signed"}},
	{FieldMessage, []string{"买家留言"}},
	{FieldRemark, []string{"订单备注", "卖家备注", "备注"}},
	{FieldRecipient, []string{"送礼/代收", "是否送礼", "送礼", "代收"}},
	{FieldBirthday, []string{"会员生日", "生日", "birthday"}},
	{FieldGender, []string{"性别", "会员性别", "gender"}},
	{FieldLevel, []string{"会员等级", "等级", "level"}},
}

// Mapping says which column holds what. The zero Mapping leaves everything to
// detection by header.
type Mapping struct {
	Columns map[Field]string // header text per field, over what detection finds; FieldIgnored takes the field away
	Source  string           // remembered on each order; "taobao" when empty
	Region  string           // country of numbers without a prefix; "CN" when empty
	Zone    *time.Location   // of times in the file; Asia/Shanghai when nil
}

// Detect finds the columns of a header line and says which one it misses.
func Detect(header []string) (Mapping, error) {
	m := Mapping{Columns: map[Field]string{}}
	byName := map[string]string{}
	for _, h := range header {
		if key := headerKey(h); byName[key] == "" {
			byName[key] = h
		}
	}
	for _, h := range headers {
		for _, name := range h.names {
			if found, ok := byName[name]; ok && found != "" {
				m.Columns[h.field] = found
				break
			}
		}
	}
	for _, need := range []Field{FieldNumber, FieldPhone} {
		if need == FieldPhone && m.Columns[FieldPhone] == "" && m.Columns[FieldPhone2] != "" {
			continue
		}
		if m.Columns[need] == "" {
			return m, fmt.Errorf("no column for %s in the header; one of %s was expected", need, strings.Join(namesOf(need), ", "))
		}
	}
	return m, nil
}

// over lays the caller's choices on top of the detected columns and resolves all
// of them to positions.
func (m Mapping) positions(header []string) (map[Field]int, error) {
	found, err := Detect(header)
	for field, name := range m.Columns {
		found.Columns[field] = name
	}
	at := map[Field]int{}
	for field, name := range found.Columns {
		if name == string(FieldIgnored) {
			continue
		}
		i := indexOf(header, name)
		if i < 0 {
			return nil, fmt.Errorf("column %q, mapped to %s, is not in the header", name, field)
		}
		at[field] = i
	}
	_, number := at[FieldNumber]
	_, phone := at[FieldPhone]
	_, phone2 := at[FieldPhone2]
	if !number || !phone && !phone2 {
		if err == nil {
			err = fmt.Errorf("the mapping leaves no column for %s or %s", FieldNumber, FieldPhone)
		}
		return nil, err
	}
	return at, nil
}

func indexOf(header []string, name string) int {
	for i, h := range header {
		if headerKey(h) == headerKey(name) {
			return i
		}
	}
	return -1
}

func namesOf(f Field) []string {
	for _, h := range headers {
		if h.field == f {
			return h.names
		}
	}
	return nil
}

func headerKey(s string) string {
	return strings.ToLower(strings.TrimRight(plainDigits(s), " *：:"))
}
