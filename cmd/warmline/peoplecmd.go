package main

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"warmline/contacts"
	"warmline/postgres"
)

// importCmd reads a shop's order file.
type importCmd struct {
	File    string `arg:"" help:"Order export of the shop, CSV in UTF-8 or GB18030."`
	DryRun  bool   `help:"Read and report only; needs no database."`
	Rejects string `help:"Where refused rows are kept; FILE.refused.csv in the data folder when left out." placeholder:"FILE"`
	JSON    bool   `help:"One JSON object."`
}

// Help shows an example.
func (importCmd) Help() string {
	return `Orders become people, one per number. A bad row is refused with its line and
reason and kept beside; the rest goes in. An order never makes a consent, and
an import never lifts an opt-out. The same file twice changes nothing.

Example:

  warmline import examples/orders.csv --dry-run
  warmline import examples/orders.csv`
}

// importReport is what an import says.
type importReport struct {
	File    string        `json:"file"`
	Rows    int           `json:"rows"`
	People  int           `json:"people"`
	Folded  int           `json:"folded"` // rows that joined a person already seen
	Refused []refusedLine `json:"refused"`
	Noted   []refusedLine `json:"noted,omitempty"`   // extras left out of rows that were taken
	Already bool          `json:"already,omitempty"` // this very file was imported before
	Kept    string        `json:"refused_rows_kept_in,omitempty"`

	orders  []contacts.Order
	people  []contacts.Contact
	rejects []contacts.RowError
	sum     string
}

type refusedLine struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
	Value  string `json:"value"`
}

// readOrderFile reads and folds one file.
func readOrderFile(file string) (*importReport, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading orders: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	rep := &importReport{File: file, Refused: []refusedLine{}}
	for o, err := range contacts.ReadOrders(io.TeeReader(f, sum), contacts.Mapping{}) {
		var row *contacts.RowError
		switch {
		case errors.As(err, &row) && row.Kept: // the row came in, without one unreadable extra
			rep.Noted = append(rep.Noted, refusedLine{row.Line, row.Column, row.Field, row.Reason, row.Value})
		case errors.As(err, &row):
			rep.Rows++
			rep.rejects = append(rep.rejects, *row)
			rep.Refused = append(rep.Refused, refusedLine{row.Line, row.Column, row.Field, row.Reason, row.Value})
		case err != nil:
			return nil, fmt.Errorf("%s: %w", file, err)
		default:
			rep.Rows++
			rep.orders = append(rep.orders, o)
		}
	}
	rep.sum = hex.EncodeToString(sum.Sum(nil))
	rep.people = contacts.Fold(rep.orders)
	rep.People = len(rep.people)
	rep.Folded = len(rep.orders) - rep.People
	return rep, nil
}

// keepRejects writes refused rows as they came, with line and reason before
// them, so that a person can mend and import them again.
func (r *importReport) keepRejects(path string) error {
	if len(r.rejects) == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keeping refused rows: %w", err)
	}
	w := csv.NewWriter(f)
	for _, row := range r.rejects {
		err = errors.Join(err, w.Write(append([]string{strconv.Itoa(row.Line), row.Field, row.Reason}, row.Row...)))
	}
	w.Flush()
	if err = errors.Join(err, w.Error(), f.Close()); err != nil {
		return fmt.Errorf("keeping refused rows: %w", err)
	}
	r.Kept = path
	return nil
}

// save writes the people into the store.
func (r *importReport) save(ctx context.Context, db *postgres.DB, now time.Time, brand string) error {
	res, err := db.SaveContacts(ctx, now, postgres.Import{File: filepath.Base(r.File), SHA256: r.sum, Brand: brand, Source: "file"}, r.orders, r.people, r.rejects)
	if err != nil {
		return err
	}
	r.Already = res.Already
	return nil
}

// reasons counts refusals by reason.
func (r *importReport) reasons() map[string]int {
	n := map[string]int{}
	for _, x := range r.Refused {
		n[x.Reason]++
	}
	return n
}

// Run imports.
func (c *importCmd) Run(a *app) error {
	rep, err := readOrderFile(c.File)
	if err != nil {
		return err
	}
	if !c.DryRun {
		cfg, err := a.config()
		if err != nil {
			return err
		}
		db, err := openStore(a.ctx, cfg, a.log)
		if err != nil {
			return err
		}
		defer db.Close()
		if c.Rejects == "" {
			c.Rejects = filepath.Join(cfg.dataDir(), filepath.Base(c.File)+".refused.csv")
		}
		if err := rep.keepRejects(c.Rejects); err != nil {
			return err
		}
		if err := rep.save(a.ctx, db, time.Now(), cfg.Brand); err != nil {
			return err
		}
	}
	if c.JSON {
		return a.json(rep)
	}
	for _, r := range rep.Refused {
		a.printf("line %d, column %d (%s): %s %s\n", r.Line, r.Column, r.Field, r.Reason, r.Value)
	}
	a.printf("%d rows, %d people, %d rows folded, %d refused %s\n", rep.Rows, rep.People, rep.Folded, len(rep.Refused), counts(rep.reasons()))
	switch {
	case c.DryRun:
		a.printf("dry run: nothing was written\n")
	case rep.Already:
		a.printf("this very file was imported before: nothing changed\n")
	case rep.Kept != "":
		a.printf("refused rows are kept in %s\n", rep.Kept)
	}
	return nil
}

// consentCmd groups consents.
type consentCmd struct {
	Import consentImportCmd `cmd:"" help:"Read a consent file."`
}

type consentImportCmd struct {
	File string `arg:"" help:"CSV: number, purpose, channels, text_version, source, time, proof."`
	JSON bool   `help:"One JSON object."`
}

// Help shows an example.
func (consentImportCmd) Help() string {
	return `A consent says who agreed to be contacted, for what (service or marketing), by
which channels, under which text, where and when, with proof. Without one
nobody is called for marketing. A bad row is reported and left out.

Example:

  warmline consent import examples/consents.csv`
}

// consentReport is what a consent import says.
type consentReport struct {
	Rows      int           `json:"rows"`
	Taken     int           `json:"taken"`
	Unmatched int           `json:"unmatched"` // numbers nobody has ordered with; kept for later orders
	Refused   []refusedLine `json:"refused"`
}

// importConsents reads one file into the store.
func importConsents(ctx context.Context, db *postgres.DB, now time.Time, file string) (*consentReport, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading consents: %w", err)
	}
	defer f.Close()
	rep := &consentReport{Refused: []refusedLine{}}
	var good []contacts.Consent
	for c, err := range contacts.ReadConsents(f) {
		var row *contacts.RowError
		switch {
		case errors.As(err, &row):
			rep.Rows++
			rep.Refused = append(rep.Refused, refusedLine{row.Line, row.Column, row.Field, row.Reason, row.Value})
		case err != nil:
			return nil, fmt.Errorf("%s: %w", file, err)
		default:
			rep.Rows++
			good = append(good, c)
		}
	}
	res, err := db.SaveConsents(ctx, now, good)
	if err != nil {
		return nil, err
	}
	rep.Taken, rep.Unmatched = res.Taken, res.Unmatched
	return rep, nil
}

// Run imports consents.
func (c *consentImportCmd) Run(a *app) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	db, err := openStore(a.ctx, cfg, a.log)
	if err != nil {
		return err
	}
	defer db.Close()
	rep, err := importConsents(a.ctx, db, time.Now(), c.File)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.json(rep)
	}
	for _, r := range rep.Refused {
		a.printf("line %d, column %d (%s): %s %s\n", r.Line, r.Column, r.Field, r.Reason, r.Value)
	}
	a.printf("%d rows, %d consents taken, %d of numbers without orders, %d refused\n", rep.Rows, rep.Taken, rep.Unmatched, len(rep.Refused))
	return nil
}

// counts prints reason → number in a stable order.
func counts(m map[string]int) string {
	var parts []string
	for _, k := range byCount(m) {
		parts = append(parts, fmt.Sprintf("%s %d", k, m[k]))
	}
	return "(" + strings.Join(parts, ", ") + ")"
}
