package contacts

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// SpokenNames gives the word a bot says for an item: SKU or a keyword of the title
// → at most six characters. An empty name means: never say it.
type SpokenNames map[string]string

// maxSpoken is how long a spoken name may be, in characters.
const maxSpoken = 6

// ReadSpokenNames reads a table with the columns sku (or keyword), spoken and,
// optionally, speakable (yes/no; no keeps the item from ever being said). The first
// fault ends the reading: this table is written by hand and should be right.
func ReadSpokenNames(r io.Reader) (SpokenNames, error) {
	t, err := newTable(r)
	if err != nil {
		return nil, err
	}
	header, _, err := t.next()
	if err != nil {
		return nil, fmt.Errorf("reading the header of the spoken names: %w", err)
	}
	key, name, say := column(header, "sku", "商家编码", "keyword", "关键词"), column(header, "spoken", "口语名", "播报名"), column(header, "speakable", "可播报")
	if key < 0 || name < 0 {
		return nil, errors.New("spoken names need the columns sku and spoken")
	}
	names := SpokenNames{}
	for {
		cells, line, err := t.next()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, fmt.Errorf("spoken names, line %d: %w", line, err)
		}
		k, v := cellAt(cells, key), cellAt(cells, name)
		switch {
		case k == "":
			return nil, &RowError{Line: line, Column: key + 1, Field: "sku", Reason: ReasonEmpty, Row: cells}
		case utf8.RuneCountInString(v) > maxSpoken:
			return nil, &RowError{Line: line, Column: name + 1, Field: "spoken", Reason: "too_long", Value: v, Row: cells}
		}
		switch cellAt(cells, say) {
		case "no", "否", "n", "0":
			v = ""
		}
		names[k] = v
	}
}

// Spoken finds the word for an SKU or a title: the SKU itself first, then the
// longest keyword that occurs in the title.
func (n SpokenNames) Spoken(item string) (string, bool) {
	if name, ok := n[item]; ok {
		return name, name != ""
	}
	best := ""
	for k := range n {
		if strings.Contains(item, k) && (len(k) > len(best) || len(k) == len(best) && k < best) {
			best = k
		}
	}
	return n[best], n[best] != ""
}

// Of finds the word for an ordered item: by its SKU, or else by its title.
func (n SpokenNames) Of(o Order) (string, bool) {
	if name, ok := n[o.SKU]; ok && o.SKU != "" {
		return name, name != ""
	}
	return n.Spoken(o.Item)
}

// Cycles says how long one order of an item lasts, by the same keys as SpokenNames.
type Cycles map[string]time.Duration

// ReadCycles reads the column cycle_days (周期天数) of the table of spoken names; a
// table without it has no cycles, an empty cell no cycle for its item.
func ReadCycles(r io.Reader) (Cycles, error) {
	t, err := newTable(r)
	if err != nil {
		return nil, err
	}
	header, _, err := t.next()
	if err != nil {
		return nil, fmt.Errorf("reading the header of the spoken names: %w", err)
	}
	key, days := column(header, "sku", "商家编码", "keyword", "关键词"), column(header, "cycle_days", "周期天数")
	cycles := Cycles{}
	for days >= 0 {
		cells, line, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("spoken names, line %d: %w", line, err)
		}
		cell := cellAt(cells, days)
		if cell == "" {
			continue
		}
		n, err := strconv.Atoi(cell)
		if err != nil || n < 1 || n > 3650 {
			return nil, &RowError{Line: line, Column: days + 1, Field: "cycle_days", Reason: "not_days", Value: cell, Row: cells}
		}
		cycles[cellAt(cells, key)] = time.Duration(n) * 24 * time.Hour
	}
	return cycles, nil
}

// Of finds an ordered item's cycle: by its SKU, or else by the longest keyword in
// its title; zero when there is none.
func (c Cycles) Of(o Order) time.Duration {
	if d, ok := c[o.SKU]; ok && o.SKU != "" {
		return d
	}
	best := ""
	for k := range c {
		if strings.Contains(o.Item, k) && (len(k) > len(best) || len(k) == len(best) && k < best) {
			best = k
		}
	}
	return c[best]
}

// Unmapped counts the SKUs (or titles, where there is no SKU) that have no entry.
func (n SpokenNames) Unmapped(people []Contact) map[string]int {
	missing := map[string]int{}
	for _, c := range people {
		for _, o := range c.Orders {
			_, bySKU := n[o.SKU]
			if _, byTitle := n.Spoken(o.Item); !bySKU && !byTitle {
				missing[first(o.SKU, o.Item)]++
			}
		}
	}
	return missing
}

// column finds a header by any of its names; -1 when there is none.
func column(header []string, names ...string) int {
	for i, h := range header {
		if slices.Contains(names, headerKey(h)) {
			return i
		}
	}
	return -1
}

func cellAt(cells []string, i int) string {
	if i < 0 || i >= len(cells) {
		return ""
	}
	return strings.TrimSpace(unquoteCell(cells[i]))
}
