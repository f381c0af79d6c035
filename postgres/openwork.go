package postgres

import (
	"context"
	"fmt"
	"time"
)

// openWorkSQL counts announced or due work that nobody has finished. Attempts
// are counted by their campaign's backlog.
const openWorkSQL = `
SELECT count(*)
FROM outbox
WHERE done_at IS NULL AND kind <> 'attempt' AND not_before <= $1`

// OpenWork counts invitations and messages that are due and not yet carried out.
func (db *DB) OpenWork(ctx context.Context, now time.Time) (n int, err error) {
	if err := db.pool.QueryRow(ctx, openWorkSQL, now).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting open work: %w", err)
	}
	return n, nil
}
