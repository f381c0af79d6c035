package postgres

import (
	"context"
	"fmt"
)

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
