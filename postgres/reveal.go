package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/wecom"
)

// Reveal opens the task behind a token for the member it was given to: the
// invitation with the whole number, noted in the audit. It is for open tasks
// only; afterwards the number is nobody's business any more.
func (db *DB) Reveal(ctx context.Context, now time.Time, token string) (i Invitation, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		if i, err = scanInvitation(tx.QueryRow(ctx, invitationByTokenSQL, token)); err != nil {
			return notFound(err)
		}
		if i.Channel != wecom.ByTask || !i.State.Open() {
			return ErrNotFound
		}
		return audit(ctx, tx, now, i.Member, "reveal", fmt.Sprint(i.ID), map[string]any{"contact": i.ContactID})
	})
	if err != nil {
		return Invitation{}, fmt.Errorf("opening a task: %w", err)
	}
	return i, nil
}
