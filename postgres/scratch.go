package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Scratch makes an empty database beside the one at url, for a rehearsal that
// must not touch it, and returns its URL and how to drop it again. Who connects
// must be allowed to create databases.
func Scratch(ctx context.Context, url string) (scratch string, drop func() error, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return "", nil, fmt.Errorf("making a scratch database: the URL cannot be read (%w)", hideURL(err))
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return "", nil, fmt.Errorf("making a scratch database: %w", hideURL(err))
	}
	defer conn.Close(ctx)
	name := "warmline_scratch_" + strings.ToLower(rand.Text()[:10])
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", nil, fmt.Errorf("making a scratch database: %w", err)
	}
	drop = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return fmt.Errorf("dropping %s: %w", name, hideURL(err))
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("dropping %s: %w", name, err)
		}
		return nil
	}
	return withDatabase(url, name), drop, nil
}

// withDatabase is url with another database name, in either form pgx reads.
func withDatabase(url, name string) string {
	if !strings.Contains(url, "://") {
		return url + " dbname=" + name
	}
	sep := "?"
	if strings.Contains(url, "?") {
		sep = "&"
	}
	return url + sep + "dbname=" + name
}
