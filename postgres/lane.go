package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// laneSQL says over which line a queued attempt would go.
const laneSQL = `
SELECT g.trunk, g.caller_id
FROM attempts a
JOIN campaigns g ON g.id = a.campaign
WHERE a.id = $1 AND a.state = 'queued'`

// Lane says whose pace an attempt belongs to: its trunk and caller ID. ok is
// false when it no longer waits to be claimed.
func (db *DB) Lane(ctx context.Context, attempt string) (trunk, callerID string, ok bool, err error) {
	err = db.pool.QueryRow(ctx, laneSQL, attempt).Scan(&trunk, &callerID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", false, nil
	}
	if err != nil {
		return "", "", false, fmt.Errorf("looking at attempt %s: %w", attempt, err)
	}
	return trunk, callerID, true, nil
}
