package contacts

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ReadOrders reads an order export, GB18030 or UTF-8 (with or without a byte order
// mark), comma or tab separated, the header in its first line.
//
// Each row yields an order or a *RowError, which refuses the row and nothing else.
// A row with a usable number and an unreadable extra (birthday, gender) yields the
// order without it and then a *RowError with Kept set. Any other error ends the
// reading: the header has no number column, or the file cannot be read.
func ReadOrders(r io.Reader, m Mapping) iter.Seq2[Order, error] {
	return func(yield func(Order, error) bool) {
		t, err := newTable(r)
		if err != nil {
			yield(Order{}, err)
			return
		}
		header, _, err := t.next()
		if err != nil {
			yield(Order{}, fmt.Errorf("reading the header line: %w", err))
			return
		}
		at, err := m.positions(header)
		if err != nil {
			yield(Order{}, err)
			return
		}
		m = m.defaults()
		for {
			cells, line, err := t.next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.Is(err, errLongLine), errors.Is(err, errUnclosed):
				if !yield(Order{}, &RowError{Line: line, Field: "row", Reason: err.Error(), Row: cells}) {
					return
				}
				continue
			case err != nil:
				yield(Order{}, fmt.Errorf("reading line %d: %w", line+1, err))
				return
			}
			p := row{line: line, cells: cells, at: at, mapping: m}
			order, refused := p.order()
			if refused != nil {
				if !yield(Order{}, refused) {
					return
				}
				continue
			}
			if !yield(order, nil) {
				return
			}
			for _, dropped := range p.dropped {
				if !yield(Order{}, dropped) {
					return
				}
			}
		}
	}
}

// beijing is the civil time of all of mainland China, which has kept no summer
// time since 1991.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

func (m Mapping) defaults() Mapping {
	if m.Source == "" {
		m.Source = "taobao"
	}
	if m.Region == "" {
		m.Region = "CN"
	}
	if m.Zone == nil {
		m.Zone = beijing
	}
	return m
}

// row is one record being read.
type row struct {
	line    int
	cells   []string
	at      map[Field]int
	mapping Mapping
	dropped []*RowError
}

func (p *row) cell(f Field) string {
	i, ok := p.at[f]
	if !ok || i >= len(p.cells) {
		return ""
	}
	return strings.TrimSpace(unquoteCell(p.cells[i]))
}

func (p *row) refuse(f Field, reason, value string) *RowError {
	column := 0
	if i, ok := p.at[f]; ok {
		column = i + 1
	}
	return &RowError{Line: p.line, Column: column, Field: string(f), Reason: reason, Value: maskDigits(short(value)), Row: p.cells}
}

func (p *row) drop(f Field, reason string) {
	e := p.refuse(f, reason, p.cell(f))
	e.Kept = true
	p.dropped = append(p.dropped, e)
}

// order reads the row; what refuses it is told in the order of the reader's eye:
// broken row, number, state of the order, times, amount.
func (p *row) order() (Order, *RowError) {
	for f, i := range p.at {
		if i < len(p.cells) && (!utf8.ValidString(p.cells[i]) || strings.ContainsAny(p.cells[i], "\x00\uFFFD")) {
			return Order{}, p.refuse(f, "bad_encoding", strings.ToValidUTF8(p.cells[i], "?"))
		}
	}
	if len(p.cells) <= p.at[FieldNumber] {
		return Order{}, p.refuse(FieldNumber, "row_too_short", "")
	}
	o := Order{
		Line: p.line, Source: p.mapping.Source, Number: p.cell(FieldNumber),
		Buyer: first(p.cell(FieldBuyer), p.cell(FieldAccount)), Receiver: p.cell(FieldReceiver),
		Item: p.cell(FieldItem), SKU: p.cell(FieldSKU), Channel: p.cell(FieldChannel), Level: p.cell(FieldLevel),
	}
	if o.Number == "" {
		return o, p.refuse(FieldNumber, ReasonEmpty, "")
	}
	var refused *RowError
	if o.Phone, refused = p.phone(); refused != nil {
		return o, refused
	}
	if refused = p.payment(&o); refused != nil {
		return o, refused
	}
	o.Role = p.role(o)
	o.Province, o.City, o.District = p.place()
	p.member(&o)
	return o, nil
}

func (p *row) phone() (Phone, *RowError) {
	field := FieldPhone
	if plainDigits(p.raw(FieldPhone)) == "" && plainDigits(p.raw(FieldPhone2)) != "" {
		field = FieldPhone2
	}
	phone, _, err := ParsePhone(p.raw(field), p.mapping.Region)
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return "", p.refuse(field, refusal.Reason, p.raw(field))
	}
	return phone, nil
}

func (p *row) raw(f Field) string {
	if i, ok := p.at[f]; ok && i < len(p.cells) {
		return p.cells[i]
	}
	return ""
}

// payment reads state, times, amount and quantity. An order nobody paid for is no
// purchase; one closed after payment is a refund.
func (p *row) payment(o *Order) *RowError {
	status := p.cell(FieldStatus)
	if strings.Contains(status, "等待买家付款") {
		return p.refuse(FieldStatus, "not_paid", status)
	}
	var ok bool
	if o.Paid, ok = parseTime(p.cell(FieldPaid), p.mapping.Zone); !ok {
		return p.refuse(FieldPaid, "bad_time", p.cell(FieldPaid))
	}
	if o.Signed, ok = parseTime(p.cell(FieldSigned), p.mapping.Zone); !ok {
		return p.refuse(FieldSigned, "bad_time", p.cell(FieldSigned))
	}
	closed := strings.Contains(status, "关闭") || strings.Contains(status, "取消")
	if closed && o.Paid.IsZero() {
		return p.refuse(FieldStatus, "not_paid", status)
	}
	if !o.Signed.IsZero() && o.Signed.Before(o.Paid) {
		return p.refuse(FieldSigned, "signed_before_paid", p.cell(FieldSigned))
	}
	if o.Amount, ok = parseYuan(p.cell(FieldAmount)); !ok {
		return p.refuse(FieldAmount, "bad_amount", p.cell(FieldAmount))
	}
	back, ok := parseYuan(p.cell(FieldRefunded))
	if !ok {
		return p.refuse(FieldRefunded, "bad_amount", p.cell(FieldRefunded))
	}
	refund := p.cell(FieldRefund)
	asked := strings.Contains(refund, "退") && !strings.ContainsAny(refund, "无没未") && !strings.Contains(refund, "关闭")
	o.Refunded = closed || back > 0 || asked || strings.Contains(status, "退款")
	o.Quantity = 1
	if q := p.cell(FieldQuantity); q != "" {
		n, err := strconv.Atoi(plainDigits(q))
		if err != nil || n < 1 || n > 100000 {
			return p.refuse(FieldQuantity, "bad_quantity", q)
		}
		o.Quantity = n
	}
	return nil
}

// role: the number on a parcel belongs to who receives it. When a remark says so,
// or when the buyer's own name is another one, that is not the buyer.
func (p *row) role(o Order) Role {
	if gift := p.cell(FieldRecipient); gift != "" && !strings.Contains("否无不是没有NnOo0", gift) {
		return RoleConsignee
	}
	note := p.cell(FieldMessage) + " " + p.cell(FieldRemark)
	for _, word := range []string{"送礼", "代收", "送人", "送朋友", "送给", "礼物", "贺卡", "帮别人买", "收货人非本人"} {
		if strings.Contains(note, word) {
			return RoleConsignee
		}
	}
	if buyer := p.cell(FieldBuyer); buyer != "" && o.Receiver != "" && bareName(buyer) != bareName(o.Receiver) {
		return RoleConsignee
	}
	if p.cell(FieldLevel) != "" {
		return RoleMember
	}
	return RoleBuyer
}

// member reads the appended columns, which may be wrong without costing the row.
func (p *row) member(o *Order) {
	var err error
	if o.Birthday, err = ParseBirthday(p.cell(FieldBirthday)); err != nil {
		reason := "bad_birthday"
		if errors.Is(err, errAmbiguous) {
			reason = "ambiguous_birthday"
		}
		p.drop(FieldBirthday, reason)
	}
	switch g := strings.ToLower(p.cell(FieldGender)); g {
	case "女", "女士", "f", "female":
		o.Gender = "f"
	case "男", "先生", "男士", "m", "male":
		o.Gender = "m"
	case "", "未知", "保密", "-":
	default:
		p.drop(FieldGender, "bad_gender")
	}
}

// bareName compares names: without blanks and without a title.
func bareName(s string) string {
	s = strings.Join(strings.Fields(s), "")
	for _, title := range []string{"先生", "女士", "小姐"} {
		s = strings.TrimSuffix(s, title)
	}
	return s
}

var timeLayouts = []string{
	"2006-01-02 15:04:05", "2006-1-2 15:04:05", "2006/1/2 15:04:05", "2006-1-2 15:04", "2006/1/2 15:04",
	"2006-1-2", "2006/1/2", "2006年1月2日 15:04", "2006年1月2日", time.RFC3339,
}

// parseTime reads a time of the export; an empty cell is the zero time.
func parseTime(s string, zone *time.Location) (time.Time, bool) {
	s = plainDigits(s)
	if s == "" || s == "-" || strings.EqualFold(s, "null") {
		return time.Time{}, true
	}
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil && t.Year() >= 1990 && t.Year() <= 2100 {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseYuan gives fen; floats never touch money.
func parseYuan(s string) (int64, bool) {
	s = strings.TrimLeft(strings.ReplaceAll(plainDigits(s), ",", ""), "¥￥ ")
	s = strings.TrimSpace(strings.TrimSuffix(s, "元"))
	if s == "" || s == "-" {
		return 0, true
	}
	whole, cents, _ := strings.Cut(s, ".")
	if !allDigits(whole) || cents != "" && !allDigits(cents) || len(whole) > 10 {
		return 0, false
	}
	yuan, _ := strconv.ParseInt(whole, 10, 64)
	cents = (cents + "00")[:2]
	fen, _ := strconv.ParseInt(cents, 10, 64)
	return yuan*100 + fen, true
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// short keeps a megabyte cell out of messages.
func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
