package occasions

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Notice is something grave that an official body has announced: an outbreak, a
// disaster, a warning, a day of mourning. It never sells anything: while it holds,
// its place gets care alone, and with level red nobody there is called.
type Notice struct {
	Kind         Kind
	Place        Place // as far as given; empty is the whole country
	Title        string
	Level        string // blue, yellow, orange, red, or "" where the body gives none
	Issuer       string // 黑龙江省气象台
	Link         string // where it was published
	Starts, Ends time.Time
}

// Notices is a source of what an operator has entered from official announcements.
type Notices []Notice

var noticeColumns = []string{"kind", "province", "city", "district", "title", "level", "issuer", "link", "starts", "ends"}

var noticeKinds = []Kind{Outbreak, Disaster, Warning, Mourning}

var levels = []string{"", "blue", "yellow", "orange", "red"}

// longestTitle is what a line of speech has room for, in characters.
const longestTitle = 16

// graveWords are never spoken: numbers of the ill and the dead are no small talk.
var graveWords = []string{"死亡", "遇难", "确诊", "病例", "感染者", "失踪"}

// ReadNotices reads a table with the columns kind, province, city, district, title,
// level, issuer, link, starts and ends, UTF-8, times as 2006-01-02 15:04 in Beijing
// time. The first fault ends the reading and names its line and column.
func ReadNotices(r io.Reader) (Notices, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = len(noticeColumns)
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the header of the notices: %w", err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	for i, name := range noticeColumns {
		if strings.ToLower(strings.TrimSpace(header[i])) != name {
			return nil, fmt.Errorf("notices: column %d is %q, %q was expected", i+1, header[i], name)
		}
	}
	var all Notices
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the notices: %w", err)
		}
		line, _ := in.FieldPos(0)
		n, column, err := readNotice(row)
		if err != nil {
			return nil, fmt.Errorf("notices, line %d, %s: %w", line, noticeColumns[column], err)
		}
		all = append(all, n)
	}
}

// readNotice reads one row; the number of the column at fault comes with the error.
func readNotice(row []string) (n Notice, column int, err error) {
	for i := range row {
		if row[i] = strings.TrimSpace(row[i]); !utf8.ValidString(row[i]) {
			return n, i, errors.New("not UTF-8")
		}
	}
	n = Notice{Kind: Kind(row[0]), Title: row[4], Level: row[5], Issuer: row[6], Link: row[7]}
	if !slices.Contains(noticeKinds, n.Kind) {
		return n, 0, fmt.Errorf("%q; write outbreak, disaster, warning or mourning", n.Kind)
	}
	if n.Place, column, err = noticePlace(row[1], row[2], row[3]); err != nil {
		return n, column, err
	}
	if err := checkTitle(n.Title); err != nil {
		return n, 4, err
	}
	if !slices.Contains(levels, n.Level) {
		return n, 5, fmt.Errorf("%q; write blue, yellow, orange, red or nothing", n.Level)
	}
	if n.Issuer == "" {
		return n, 6, errors.New("a notice without the body that issued it is a rumour")
	}
	if n.Starts, err = time.ParseInLocation("2006-01-02 15:04", row[8], beijing); err != nil {
		return n, 8, fmt.Errorf("%q; write 2026-12-01 08:00", row[8])
	}
	if n.Ends, err = time.ParseInLocation("2006-01-02 15:04", row[9], beijing); err != nil || !n.Ends.After(n.Starts) {
		return n, 9, fmt.Errorf("%q; write a time behind the start, as 2026-12-02 08:00", row[9])
	}
	return n, 0, nil
}

func noticePlace(province, city, district string) (Place, int, error) {
	switch {
	case city != "":
		p, ok := Locate(province, city, district)
		if !ok {
			return p, 2, fmt.Errorf("%s%s is no city that is known, or could be two", province, city)
		}
		return p, 0, nil
	case province != "":
		d, ok := gazetteerCN().only(province, "", division.isProvince)
		if !ok {
			return Place{}, 1, fmt.Errorf("%q is no province", province)
		}
		if d.municipal() {
			p, _ := Locate(province, "", district)
			return p, 0, nil
		}
		return Place{Province: d.bare}, 0, nil
	case district != "":
		return Place{}, 3, errors.New("a district needs its city")
	}
	return Place{}, 0, nil
}

// checkTitle refuses what may not be said to somebody who lives there.
func checkTitle(title string) error {
	switch {
	case title == "":
		return errors.New("is empty")
	case utf8.RuneCountInString(title) > longestTitle:
		return fmt.Errorf("has more than %d characters", longestTitle)
	case strings.ContainsFunc(title, unicode.IsDigit):
		return errors.New("has a number; numbers of the ill and the dead are never spoken")
	}
	for _, w := range graveWords {
		if strings.Contains(title, w) {
			return fmt.Errorf("says %s, which is never spoken", w)
		}
	}
	return nil
}

// Today gives the notices that hold in a place.
func (all Notices) Today(_ context.Context, place Place, now time.Time) (found []Occasion, err error) {
	for _, n := range all {
		if !now.Before(n.Starts) && now.Before(n.Ends) && place.near(n.Place) {
			found = append(found, n.occasion(now, 1))
		}
	}
	return found, nil
}

func (n Notice) occasion(now time.Time, confidence float64) Occasion {
	return Occasion{
		Kind: n.Kind, Place: n.Place, Source: n.Issuer, ObservedAt: now, Until: n.Ends, Confidence: confidence,
		CareOnly: true, Hold: n.Level == "red" || n.Kind == Mourning,
		Facts: map[string]any{"title": n.Title, "level": n.Level, "issuer": n.Issuer, "link": n.Link},
	}
}
