package contacts

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Contact is one person, known by one number.
type Contact struct {
	Phone          Phone
	Name           string // as on the newest order
	Surname        string // "" when the name gives none
	Gender         string // "f", "m" or ""
	GenderDeclared bool
	Role           Role

	Province, City, District string // of the newest order that has them

	Birthday Birthday
	Orders   []Order // oldest first

	LastSigned time.Time // newest signed order that was not refunded
	Recency    time.Time // newest payment that was not refunded
	Frequency  int       // orders that were not refunded
	Amount     int64     // fen, of the same

	Tags  []string // what the shop knows: member levels, 有退款
	Risks []string // explained signs of abuse, each a word of risk…
	Zone  string   // IANA name: Asia/Shanghai
}

// Risk signs. They hold a person for a look, they never drop one silently.
const (
	RiskNames    = "names_differ"      // three or more names at one number
	RiskBrushing = "many_orders_a_day" // five or more orders paid within one day
	RiskSequence = "number_sequence"   // one of five or more consecutive numbers
)

// TagRefund marks who sent something back.
const TagRefund = "有退款"

// LastItem gives the newest signed order that was not refunded; whether it is old
// enough to ask about is the caller's question.
func (c Contact) LastItem() (Order, bool) {
	var last Order
	for _, o := range c.Orders {
		if !o.Refunded && !o.Signed.IsZero() && !o.Signed.Before(last.Signed) {
			last = o
		}
	}
	return last, !last.Signed.IsZero()
}

// Fold makes one contact of all orders with the same number, sorted by number. The
// same row read twice counts once.
func Fold(orders []Order) []Contact {
	orders = slices.Clone(orders)
	slices.SortStableFunc(orders, func(a, b Order) int {
		return cmp.Or(cmp.Compare(a.Phone, b.Phone), a.Paid.Compare(b.Paid),
			cmp.Compare(a.Source, b.Source), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Line, b.Line))
	})
	var people []Contact
	for start := 0; start < len(orders); {
		end := start
		for end < len(orders) && orders[end].Phone == orders[start].Phone {
			end++
		}
		people = append(people, fold(orders[start:end]))
		start = end
	}
	markSequences(people)
	return people
}

type orderKey struct{ source, number, sku, item string }

func fold(orders []Order) Contact {
	c := Contact{Phone: orders[0].Phone, Zone: "Asia/Shanghai"}
	seen, numbers, days, names := map[orderKey]bool{}, map[string]bool{}, map[string]int{}, map[string]bool{}
	for _, o := range orders {
		if key := (orderKey{o.Source, o.Number, o.SKU, o.Item}); seen[key] {
			continue
		} else {
			seen[key] = true
		}
		c.Orders = append(c.Orders, o)
		c.describe(o)
		names[bareName(o.Receiver)] = true
		if o.Refunded {
			c.tag(TagRefund)
			continue
		}
		c.Amount += o.Amount
		if !numbers[o.Source+"/"+o.Number] {
			numbers[o.Source+"/"+o.Number] = true
			c.Frequency++
			if !o.Paid.IsZero() {
				days[o.Paid.Format(time.DateOnly)]++
			}
		}
		if o.Paid.After(c.Recency) {
			c.Recency = o.Paid
		}
		if o.Signed.After(c.LastSigned) {
			c.LastSigned = o.Signed
		}
	}
	c.Surname = surname(c.Name)
	if len(names) >= 3 {
		c.Risks = append(c.Risks, RiskNames)
	}
	for _, n := range days {
		if n >= 5 {
			c.Risks = append(c.Risks, RiskBrushing)
			break
		}
	}
	return c
}

// describe takes over what o tells of the person; later orders win. An order of
// one's own outranks any number of gifts received, and gives the name.
func (c *Contact) describe(o Order) {
	own := rank(o.Role) >= rank(c.Role)
	if own {
		c.Role = o.Role
	}
	if o.Receiver != "" && (own || c.Name == "") {
		c.Name = o.Receiver
	}
	if o.City != "" {
		c.Province, c.City, c.District = o.Province, o.City, o.District
	}
	if o.Role == RoleConsignee {
		return // the member columns of a gift describe the giver
	}
	if o.Gender != "" {
		c.Gender, c.GenderDeclared = o.Gender, true
	}
	if !o.Birthday.IsZero() {
		c.Birthday = o.Birthday
	}
	if o.Level != "" {
		c.tag(o.Level)
	}
}

func (c *Contact) tag(t string) {
	if !slices.Contains(c.Tags, t) {
		c.Tags = append(c.Tags, t)
	}
}

func rank(r Role) int {
	return slices.Index([]Role{"", RoleConsignee, RoleBuyer, RoleMember}, r)
}

// markSequences finds runs of consecutive numbers, which no real customers form.
func markSequences(people []Contact) {
	const run = 5
	start := 0
	for i := 1; i <= len(people); i++ {
		if i < len(people) && following(people[i-1].Phone, people[i].Phone) {
			continue
		}
		if i-start >= run {
			for j := start; j < i; j++ {
				people[j].Risks = append(people[j].Risks, RiskSequence)
			}
		}
		start = i
	}
}

func following(a, b Phone) bool {
	x, errX := strconv.ParseInt(a.National(), 10, 64)
	y, errY := strconv.ParseInt(b.National(), 10, 64)
	return errX == nil && errY == nil && y == x+1
}
