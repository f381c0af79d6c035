package postgres

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"warmline/scheduler"
)

// queries reads every constant named …SQL out of this folder's source.
func queries(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	consts := map[string]ast.Expr{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, s := range g.Specs {
					if v := s.(*ast.ValueSpec); len(v.Values) == 1 {
						consts[v.Names[0].Name] = v.Values[0]
					}
				}
			}
		}
	}
	var eval func(ast.Expr) string
	eval = func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.BasicLit:
			s, err := strconv.Unquote(e.Value)
			if err != nil {
				t.Fatal(err)
			}
			return s
		case *ast.Ident:
			return eval(consts[e.Name])
		case *ast.BinaryExpr:
			return eval(e.X) + eval(e.Y)
		}
		t.Fatalf("a query constant is made of %T", e)
		return ""
	}
	found := map[string]string{}
	for name, e := range consts {
		if strings.HasSuffix(name, "SQL") {
			found[name] = eval(e)
		}
	}
	if len(found) < 80 {
		t.Fatalf("only %d query constants found", len(found))
	}
	return found
}

func TestEveryQueryIsPreparedAgainstTheSchema(t *testing.T) {
	db := fresh(t)
	all := queries(t)
	err := pgx.BeginFunc(t.Context(), db.pool, func(tx pgx.Tx) error {
		for name, sql := range all {
			if strings.HasPrefix(name, "stage") {
				if _, err := tx.Exec(t.Context(), sql); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		for name, sql := range all {
			if strings.HasPrefix(name, "stage") {
				continue
			}
			sp, err := tx.Begin(t.Context())
			if err != nil {
				return err
			}
			if _, err := sp.Prepare(t.Context(), name, sql); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := sp.Rollback(t.Context()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSQLNeverAsksForBusinessTime(t *testing.T) {
	clock := regexp.MustCompile(`(?i)\b(now\s*\(|current_timestamp|current_date|current_time|localtime|statement_timestamp|transaction_timestamp)`)
	check := func(where, sql string) {
		if m := clock.FindString(sql); m != "" {
			t.Errorf("%s says %q; business time is an argument, leases take clock_timestamp()", where, m)
		}
	}
	for name, sql := range queries(t) {
		check(name, sql)
	}
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, err %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		check(f, string(b))
	}
}

func TestTheSchemaKnowsTheSameMovesAsTheScheduler(t *testing.T) {
	db := fresh(t)
	attempts := []string{"planned", "queued", "claimed", "dialing", "ringing", "early_media", "in_dialog", "transferring", "ended", "refused", "unknown"}
	campaigns := []string{"draft", "validating", "awaiting_approval", "ready", "piloting", "running", "pausing", "paused", "completing", "completed", "cancelled", "failed"}
	for _, m := range []struct {
		function string
		states   []string
		may      func(was, next string) bool
	}{
		{"attempt_may", attempts, func(was, next string) bool {
			return scheduler.AttemptState(was).May(scheduler.AttemptState(next))
		}},
		{"campaign_may", campaigns, func(was, next string) bool {
			return scheduler.CampaignState(was).May(scheduler.CampaignState(next))
		}},
	} {
		for _, was := range m.states {
			for _, next := range m.states {
				var got bool
				if err := db.pool.QueryRow(t.Context(), "SELECT "+m.function+"($1, $2)", was, next).Scan(&got); err != nil {
					t.Fatal(err)
				}
				if want := m.may(was, next); got != want {
					t.Errorf("%s(%s, %s) = %v, the scheduler says %v", m.function, was, next, got, want)
				}
			}
		}
	}
}

func TestTheSchemaRefuses(t *testing.T) {
	db := fresh(t)
	people(t, db, 1)
	c := running(t, db, "one")
	id := plan(t, db, noon, c, 1)[0]
	dial(t, db, noon, id, "d1")
	for _, tt := range []struct{ name, sql string }{
		{"a dialed attempt that goes back to the queue", `UPDATE attempts SET state = 'queued', dialed_at = NULL`},
		{"an ended attempt without a disposition", `UPDATE attempts SET state = 'ended', ended_at = clock_timestamp()`},
		{"a live attempt without an owner", `UPDATE attempts SET owner = ''`},
		{"a disposition nobody decided on", `UPDATE attempts SET state = 'ended', ended_at = dialed_at, disposition = 'maybe'`},
		{"a second open attempt of one person", `INSERT INTO attempts (id, campaign, contact, seq, number, state, trunk, caller_id, tree_version, planned_at)
			SELECT gen_random_uuid(), campaign, contact, 9, 9, 'queued', trunk, caller_id, tree_version, planned_at FROM attempts`},
		{"a paused campaign without a reason", `UPDATE campaigns SET state = 'paused'`},
		{"a running campaign that becomes a draft", `UPDATE campaigns SET state = 'draft', approved_by = '', started_at = NULL`},
		{"a changed audit", `UPDATE audit SET actor = 'nobody'`},
		{"a task that is neither due nor done", `UPDATE contact_tasks SET state = 'waiting', due_at = NULL`},
		{"a consent for smoke signals", `UPDATE consents SET channels = '{smoke}'`},
	} {
		if _, err := db.pool.Exec(t.Context(), tt.sql); err == nil {
			t.Errorf("%s was taken", tt.name)
		}
	}
	if err := db.OptOut(t.Context(), noon, OptOutIn{Phone: phone(0), Source: "test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.pool.Exec(t.Context(), `DELETE FROM suppressions`); err == nil {
		t.Error("a suppression was deleted")
	}
}

func TestMigrateTwiceAndRefuseANewerSchema(t *testing.T) {
	db := fresh(t)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatalf("migrating a migrated database: %v", err)
	}
	if _, err := db.pool.Exec(t.Context(), `UPDATE schema_version SET version = 1000`); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "newer warmline") {
		t.Errorf("a newer schema gives %v", err)
	}
}

func TestEveryMigrationCanBeTakenBack(t *testing.T) {
	db := fresh(t)
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(files)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, down, ok := strings.Cut(string(b), "---- create above / drop below ----")
		if !ok {
			t.Fatalf("%s has no way back", f)
		}
		if _, err := db.pool.Exec(context.Background(), down); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	if n := count(t, db, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_version'`); n != 0 {
		t.Errorf("%d tables are left", n)
	}
}

func TestOpenDoesNotTellThePassword(t *testing.T) {
	_, err := Open(t.Context(), "postgres://u:hunter2@:bad:port/x", Options{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error is %v", err)
	}
}

func TestASuppressionOfAnotherKeyStopsDialing(t *testing.T) {
	db := fresh(t)
	if err := db.CheckKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.OptOut(t.Context(), noon, OptOutIn{Phone: phone(1), Source: "test"}); err != nil {
		t.Fatal(err)
	}
	db.keyID = "k2"
	if err := db.CheckKey(t.Context()); err == nil || !strings.Contains(err.Error(), "k1") {
		t.Errorf("checking with another key gives %v", err)
	}
}
