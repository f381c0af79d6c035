package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Permanent reports whether the database refused what was written rather than
// being away or busy: the same write will be refused again. These are the
// classes 22 (data exception) and 23 (integrity constraint violation) of
// PostgreSQL's appendix A.
func Permanent(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23"))
}
