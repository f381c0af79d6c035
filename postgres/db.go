package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrNotFound is returned when there is no such row.
var ErrNotFound = errors.New("not found")

// ErrLost is returned to an owner whose claim has lapsed or was given away.
var ErrLost = errors.New("the claim is lost")

// Options open a [DB]. Key and KeyID are required wherever suppressions are
// written or asked.
type Options struct {
	Key   []byte // of compliance.HashPhone; part of every backup
	KeyID string // names Key on each suppression row
	Conns int32  // at most this many connections; 0 means 16
	Log   *slog.Logger
}

// DB is the store. It is safe for concurrent use.
type DB struct {
	pool  *pgxpool.Pool
	key   []byte
	keyID string
	log   *slog.Logger
}

// Open connects to the database at url and checks that it answers. It does not
// migrate; see [DB.Migrate].
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("opening the database: the URL cannot be read (%w)", hideURL(err))
	}
	config.MaxConns = o.Conns
	if o.Conns == 0 {
		config.MaxConns = 16
	}
	config.ConnConfig.RuntimeParams["application_name"] = "warmline"
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	db := &DB{pool: pool, key: o.Key, keyID: o.KeyID, log: o.Log}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	if err := db.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return db, nil
}

// hideURL keeps a password out of the message: pgx repeats the URL it was given.
func hideURL(err error) error {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		if inner := errors.Unwrap(parse); inner != nil {
			return inner
		}
		return errors.New("not a postgres URL")
	}
	return err
}

// Close waits for running queries and closes all connections.
func (db *DB) Close() { db.pool.Close() }

// Ping asks the database for a sign of life.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.pool.Ping(ctx); err != nil {
		return fmt.Errorf("asking the database: %w", err)
	}
	return nil
}

// Migrate brings the schema to the version of this program, under a lock, so
// several processes may start at once. A schema newer than the program is
// refused.
func (db *DB) Migrate(ctx context.Context) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	defer conn.Release()
	m, err := migrate.NewMigrator(ctx, conn.Conn(), "public.schema_version")
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	if err := m.LoadMigrations(files); err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	version, err := m.GetCurrentVersion(ctx)
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	if int(version) > len(m.Migrations) {
		return fmt.Errorf("the database has schema version %d and this program knows %d: start a newer warmline", version, len(m.Migrations))
	}
	m.OnStart = func(n int32, name, _, _ string) { db.log.Info("migrating", "version", n, "name", name) }
	if err := m.Migrate(ctx); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

// foreignKeysSQL lists key IDs, of suppressions and of the house, that are not
// this process's.
const foreignKeysSQL = `
SELECT key_id FROM suppressions WHERE key_id <> $1
UNION
SELECT key_id FROM suppression_key WHERE key_id <> $1
ORDER BY key_id`

// registerKeySQL names the house's key, once.
const registerKeySQL = `
INSERT INTO suppression_key (key_id) VALUES ($1)
ON CONFLICT DO NOTHING`

// RegisterKey makes this process's key the house's, if it has none yet, and then
// is CheckKey. Those who write opt-outs call it when they start.
func (db *DB) RegisterKey(ctx context.Context) error {
	if len(db.key) > 0 && db.keyID != "" {
		if _, err := db.pool.Exec(ctx, registerKeySQL, db.keyID); err != nil {
			return fmt.Errorf("registering the suppression key: %w", err)
		}
	}
	return db.CheckKey(ctx)
}

// CheckKey refuses when the house, or any suppression, has another key than this
// process: people on them could not be recognised, so nobody may be dialed.
func (db *DB) CheckKey(ctx context.Context) error {
	if len(db.key) == 0 || db.keyID == "" {
		return errors.New("the suppression key is missing")
	}
	ids, err := collect[string](ctx, db.pool, foreignKeysSQL, db.keyID)
	if err != nil {
		return fmt.Errorf("checking the suppression key: %w", err)
	}
	if len(ids) > 0 {
		return fmt.Errorf("suppressions were made with key %v and the configured key is %q: copy the house's suppression.key here, or restore it from the backup", ids, db.keyID)
	}
	return nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// collect reads a query of one column.
func collect[T any](ctx context.Context, q querier, sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

// collectRows reads a query of several columns with one scan function.
func collectRows[T any](ctx context.Context, q querier, sql string, scan func(pgx.Row) (T, error), args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (T, error) { return scan(r) })
}

// tries is how often a transaction is run again after the database broke it off
// in favour of another.
const tries = 5

// tx runs f in a transaction. f may run several times and must not keep what it
// learnt from a run that failed.
func (db *DB) tx(ctx context.Context, f func(pgx.Tx) error) error {
	var err error
	for range tries {
		err = pgx.BeginFunc(ctx, db.pool, f)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "40001" && pg.Code != "40P01" { // serialisation failure, deadlock
			return err
		}
	}
	return err
}

// moment makes a NULL of a zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// instant makes a zero time of a NULL, in UTC.
func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// notFound turns pgx's word into ours.
func notFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
