package dialer

import (
	"strconv"
	"testing"

	"warmline/media"
)

func TestATestCallPlaysItsClipToTheEndAndHangsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		name   string
		frames int
	}{
		{"a clip", 40},
		{"an empty clip hangs up at the answer", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := w.job(tt.name, "000")
			j.Attempt, j.Tree, j.Facts, j.Clip = "clip-"+strconv.Itoa(tt.frames), nil, nil, media.NewClip(make([]int16, 160*tt.frames))
			r := w.dialer.Place(t.Context(), j, nil)
			if r.Err != nil || r.Disposition != Answered || r.EndedBy != "us" || r.RTP.Sent < uint64(tt.frames) || r.Journal != nil {
				t.Errorf("%+v", r)
			}
			if talked := r.EndedAt.Sub(r.AnsweredAt); talked < media.NewClip(make([]int16, 160*tt.frames)).Duration()-frame {
				t.Errorf("hung up after %v", talked)
			}
			if c := w.record(t, j.Attempt); c.AnsweredAt.IsZero() {
				t.Errorf("the carrier saw %+v", c)
			}
		})
	}
}
