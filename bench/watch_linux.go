package bench

import (
	"time"

	"warmline/media"
)

// Watch is one second of this process, whose sound this engine carries.
func Watch(e *media.Engine) (w Window, err error) {
	late, stats := e.Lateness(), e.Stats()
	at, cpu := time.Now(), CPU()
	ticks, err := ReadTicks()
	if err != nil {
		return w, err
	}
	time.Sleep(time.Second)
	w = Window{Seconds: time.Since(at).Seconds(), CPU: (CPU() - cpu).Seconds()}
	now, after := e.Stats(), e.Lateness()
	after.Sub(&late)
	w.Out, w.In, w.Skipped = now.Sent-stats.Sent, now.Received-stats.Received, now.Skipped-stats.Skipped
	read, err := ReadTicks()
	if err != nil {
		return w, err
	}
	w.Steal = Stolen(ticks, read)
	w.Late50, w.Late99, w.Late999 = us(after.Percentile(0.5)), us(after.Percentile(0.99)), us(after.Percentile(0.999))
	return w, nil
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
