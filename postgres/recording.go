package postgres

import (
	"context"
	"fmt"
	"time"
)

// expiredSQL lists the recordings of calls that ended before a moment.
const expiredSQL = `
SELECT recording FROM attempts WHERE recording IS NOT NULL AND ended_at < $1
UNION ALL
SELECT recording FROM inbound_calls WHERE recording IS NOT NULL AND ended_at < $1
LIMIT $2`

// ExpiredRecordings lists files of calls that ended before a moment.
func (db *DB) ExpiredRecordings(ctx context.Context, before time.Time, limit int) ([]string, error) {
	files, err := collect[string](ctx, db.pool, expiredSQL, before, limit)
	if err != nil {
		return nil, fmt.Errorf("looking for expired recordings: %w", err)
	}
	return files, nil
}

// forgetRecordingsSQL takes away the reference; that there was one stays in the
// sum.
const forgetRecordingsSQL = `
WITH ours AS (UPDATE attempts SET recording = NULL WHERE recording = ANY ($1))
UPDATE inbound_calls SET recording = NULL WHERE recording = ANY ($1)`

// ForgetRecordings notes that the files are gone.
func (db *DB) ForgetRecordings(ctx context.Context, files []string) error {
	if _, err := db.pool.Exec(ctx, forgetRecordingsSQL, files); err != nil {
		return fmt.Errorf("forgetting %d recordings: %w", len(files), err)
	}
	return nil
}
