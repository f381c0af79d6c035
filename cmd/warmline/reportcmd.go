package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"warmline/compliance"
	"warmline/contacts"
	"warmline/postgres"
	"warmline/postgres/local"
)

// reportCmd prints the funnel.
type reportCmd struct {
	Campaign string `help:"Campaign name; all when left out."`
	Lang     string `help:"Language: zh or en." enum:"zh,en" default:"zh"`
	JSON     bool   `help:"One JSON object."`
}

// Help shows an example.
func (reportCmd) Help() string {
	return "Example:\n\n  warmline report --campaign winter --json"
}

// Run reports.
func (c *reportCmd) Run(a *app) error {
	return withStore(a, func(db *postgres.DB, _ Config) error {
		id := ""
		if c.Campaign != "" {
			s, err := db.CampaignByName(a.ctx, c.Campaign)
			if err != nil {
				return err
			}
			id = s.ID
		}
		f, err := db.Funnel(a.ctx, time.Now(), id)
		if err != nil {
			return err
		}
		if c.JSON {
			return a.json(f)
		}
		f.At = f.At.In(shanghai)
		return f.Text(a.std.out, c.Lang)
	})
}

// whyCmd explains one person.
type whyCmd struct {
	Phone string `arg:"" help:"The person's number."`
	JSON  bool   `help:"One JSON object."`
}

// Help shows an example.
func (whyCmd) Help() string {
	return `Says what is known of a person: consents, opt-outs, each campaign's decision with
its reason and until, and every attempt.

Example:

  warmline why 13800138000`
}

// Run explains.
func (c *whyCmd) Run(a *app) error {
	phone, _, err := contacts.ParsePhone(c.Phone, "CN")
	if err != nil {
		return err
	}
	return withStore(a, func(db *postgres.DB, _ Config) error {
		w, err := db.Why(a.ctx, time.Now(), phone)
		if err != nil {
			return err
		}
		if c.JSON {
			return a.json(w)
		}
		return tellWhy(a, w)
	})
}

// tellWhy prints what is known of a person.
func tellWhy(a *app, w postgres.Why) error {
	if !w.Known {
		a.printf("%s: nobody of that number has ordered\n", w.Masked)
	} else {
		a.printf("%s %s\n", w.Masked, w.Name)
	}
	for _, s := range w.Suppressions {
		a.printf("  not to be contacted: %s\n", s)
	}
	for _, c := range w.Consents {
		a.printf("  consent: %s for %s by %s, from %s on %s, text %s\n", c.Brand, c.Purpose, strings.Join(c.Channels, ","), c.Source,
			c.At.In(shanghai).Format(time.DateOnly), c.TextVersion)
	}
	if w.Known && len(w.Consents) == 0 {
		a.printf("  no consent: an order is none\n")
	}
	for _, c := range w.Campaigns {
		a.printf("  campaign %s (%s): %s", c.Campaign, c.InState, c.State)
		switch {
		case c.DoneReason != "":
			a.printf(", done: %s", c.DoneReason)
		case c.HeldReason != "":
			a.printf(", held: %s", c.HeldReason)
		}
		if !c.HeldUntil.IsZero() {
			a.printf(" until %s", c.HeldUntil.In(shanghai).Format("2006-01-02 15:04 MST"))
		}
		a.printf("\n")
	}
	for _, t := range w.Attempts {
		a.printf("  attempt %d of %s: %s %s %s%s\n", t.Number, t.Campaign, t.State, t.Disposition, t.Outcome, lineOf(t.Codec, t.MOS, t.PDDms))
	}
	for _, i := range w.Inbound {
		a.printf("  called us on %s: %s %s%s\n", i.CameAt.In(shanghai).Format("2006-01-02 15:04 MST"), i.Disposition, i.Outcome, lineOf(i.Codec, i.MOS, 0))
	}
	return nil
}

// lineOf says how a call sounded and how long it took to ring, where known.
func lineOf(codec string, mos float32, pddms int) (s string) {
	if codec != "" {
		s += ", " + codec
	}
	if mos > 0 {
		s += fmt.Sprintf(", MOS %.1f", mos)
	}
	if pddms > 0 {
		s += fmt.Sprintf(", rang after %.1f s", float64(pddms)/1000)
	}
	return s
}

// doctorCmd checks a set-up.
type doctorCmd struct {
	JSON bool `help:"One JSON object."`
}

// Help shows an example.
func (doctorCmd) Help() string {
	return "Exit code 1 when something must be mended.\n\nExample:\n\n  warmline doctor -c warmline.yaml"
}

// finding is one line of the doctor.
type finding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"`
}

// Run checks.
func (c *doctorCmd) Run(a *app) error {
	var found []finding
	add := func(check string, err error, says, do string) {
		f := finding{Check: check, OK: err == nil, Says: says}
		if err != nil {
			f.Says, f.Do = err.Error(), do
		}
		found = append(found, f)
	}
	cfg, err := a.config()
	add("config", err, "read", "mend the line it names; deploy/warmline.example.yaml explains every key")
	if err == nil {
		c.look(a, cfg, add)
	}
	sick := false
	for _, f := range found {
		sick = sick || !f.OK
		if c.JSON {
			continue
		}
		mark := "ok  "
		if !f.OK {
			mark = "MEND"
		}
		a.printf("%s %-10s %s\n", mark, f.Check, f.Says)
		if f.Do != "" {
			a.printf("     %-10s → %s\n", "", f.Do)
		}
	}
	if c.JSON {
		if err := a.json(map[string]any{"ok": !sick, "findings": found, "go": runtime.Version()}); err != nil {
			return err
		}
	}
	if sick {
		return errExit(1)
	}
	return nil
}

func (c *doctorCmd) look(a *app, cfg Config, add func(check string, err error, says, do string)) {
	if cfg.DatabaseURL == "" {
		bin, err := local.Find()
		add("postgres", err, "a private server would run from "+bin.Dir, "install PostgreSQL or set DATABASE_URL")
	} else {
		db, err := openStore(a.ctx, cfg, a.log)
		if err == nil {
			err = db.CheckKey(a.ctx)
			db.Close()
		}
		add("postgres", err, "answers, and its suppressions are of our key", "check DATABASE_URL, run «warmline migrate», restore suppression.key from the backup")
	}
	_, err := time.LoadLocation("Asia/Shanghai")
	add("time zones", err, "Asia/Shanghai is known", "install tzdata")
	now := time.Now()
	var missing error
	if _, ok := compliance.CalendarCN().Kind(now); !ok {
		missing = fmt.Errorf("the table of public holidays lacks %d", now.Year())
	}
	add("holidays", missing, fmt.Sprintf("the table covers %d", now.Year()), "without it nobody is called: update Warmline when the State Council has published the year")
	voice, _, err := newVoice(cfg)
	says := "recorded"
	if err == nil {
		says = voice.ID()
	}
	if strings.Contains(says, "espeak") {
		says += " (for tests: real customers deserve a better voice)"
	}
	add("voice", err, says, "apt-get install -y espeak-ng")
	says, err = cfg.Understanding.examine(a.ctx)
	add("understanding", err, says, "check understanding: url, model and api_key; or leave url empty, and the rules understand alone")
	_, err = newFactBook(cfg, a.log)
	add("occasions", err, "almanac, events and spoken names read", "mend the file it names")
	t := newTrees(cfg.Dialogs)
	for _, name := range t.names() {
		_, _, err := t.load(name)
		add("dialog", err, name, "warmline dialog lint")
	}
	if len(cfg.Trunks) == 0 {
		_, err := cfg.trunk("")
		add("trunk", err, "", "see trunks: in deploy/warmline.example.yaml")
	}
	for _, tr := range cfg.Trunks {
		examineTrunk(a.ctx, tr, add)
	}
}
