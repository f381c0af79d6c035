package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// recordings is the folder call sound is kept in, "" when it is not kept.
func (c Config) recordings() string {
	switch {
	case !c.Recording.On:
		return ""
	case c.Recording.Dir != "":
		return c.Recording.Dir
	}
	return filepath.Join(c.dataDir(), "recordings")
}

// expireRecordings deletes, once an hour, the folders of the days whose
// recordings are too old. It goes on when recording is off: what was kept once is
// not kept for ever.
func (c *caller) expireRecordings(ctx context.Context) error {
	kept := c.config
	kept.Recording.On = true
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if n, err := expire(ctx, kept.recordings(), c.clock.now().Add(-c.config.Recording.Retain), c.db.ForgetRecordings); err != nil && ctx.Err() == nil {
			c.log.Error("deleting old recordings", "err", err)
		} else if n > 0 {
			c.log.Info("old recordings deleted", "files", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// expire deletes the day folders that ended before a moment, each after forget
// has taken its files' names.
func expire(ctx context.Context, dir string, before time.Time, forget func(context.Context, []string) error) (n int, err error) {
	days, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the recordings: %w", err)
	}
	for _, d := range days {
		day, perr := time.Parse(time.DateOnly, d.Name())
		if perr != nil || !d.IsDir() || day.AddDate(0, 0, 1).After(before) {
			continue
		}
		files, err := filepath.Glob(filepath.Join(dir, d.Name(), "*.wav"))
		if err != nil {
			return n, fmt.Errorf("reading the recordings of %s: %w", d.Name(), err)
		}
		names := make([]string, len(files))
		for i, f := range files {
			names[i] = d.Name() + "/" + filepath.Base(f)
		}
		if err := forget(ctx, names); err != nil {
			return n, err
		}
		if err := os.RemoveAll(filepath.Join(dir, d.Name())); err != nil {
			return n, fmt.Errorf("deleting the recordings of %s: %w", d.Name(), err)
		}
		n += len(files)
	}
	return n, nil
}
