package dialer

import (
	"context"
	"fmt"

	"warmline/dialogs"
)

// Rehearse voices the fixed parts of a tree, one after the other, so that calls
// find them ready.
func (d *Dialer) Rehearse(ctx context.Context, t *dialogs.Tree) error {
	c := &call{dialer: d, job: Job{Tree: t}}
	for _, p := range t.Fixed() {
		if _, err := c.part(ctx, p); err != nil {
			return fmt.Errorf("voicing %q of tree %s: %w", p.Text, t.Name(), err)
		}
	}
	return nil
}
