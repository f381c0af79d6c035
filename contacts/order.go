package contacts

import (
	"fmt"
	"log/slog"
	"time"
)

// Role says what the owner of a number is to the shop.
type Role string

// The roles of a number, weakest first.
const (
	RoleConsignee Role = "consignee" // received a parcel somebody else bought
	RoleBuyer     Role = "buyer"
	RoleMember    Role = "member" // a buyer the shop keeps a member record of
)

// Order is one bought item as the export tells it. The street is not kept: nobody
// needs it to call, and what is not kept cannot leak.
type Order struct {
	Line     int    // physical line of the file, 1 is the header
	Source   string // where the file came from: "taobao"
	Number   string // 订单编号
	Buyer    string // the buyer's own name, where the export has it, else the account
	Receiver string
	Phone    Phone
	Role     Role

	Item     string
	SKU      string
	Quantity int
	Amount   int64  // fen
	Channel  string // the shop's name

	Province, City, District string // without 省 and 市: 黑龙江, 哈尔滨, 南岗区

	Paid, Signed time.Time // zero: not yet
	Refunded     bool      // a refund was asked for or given, or the order was closed after payment

	Gender   string // "f", "m", or "" when not declared
	Birthday Birthday
	Level    string // 会员等级
}

// RowError refuses one cell of one row. Reading goes on behind it.
type RowError struct {
	Line   int    // physical line where the row starts
	Column int    // cell, counted from 1; 0 when the row as a whole is meant
	Field  string // what the cell should have been: "phone"
	Reason string // "masked_number", "not_paid", "bad_amount" …
	Value  string // the cell, numbers masked
	Kept   bool   // the order itself was yielded, only this cell was dropped

	Row []string // all raw cells, for the reject file and for nothing else
}

// Error gives line, cell, field, reason and the masked value.
func (e *RowError) Error() string {
	return fmt.Sprintf("line %d, column %d, %s: %s %q", e.Line, e.Column, e.Field, e.Reason, e.Value)
}

// LogValue leaves the raw row out of the log.
func (e *RowError) LogValue() slog.Value { return slog.StringValue(e.Error()) }
