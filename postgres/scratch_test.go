package postgres

import (
	"testing"

	"warmline/postgres/pgtest"
)

func TestScratchIsEmptyAndGoesAwayAgain(t *testing.T) {
	url := pgtest.New(t, migrated)
	scratch, drop, err := Scratch(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), scratch, Options{Key: testKey, KeyID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Errorf("migrating an empty database: %v", err)
	}
	list, err := db.Campaigns(t.Context())
	if err != nil || len(list) != 0 {
		t.Errorf("got %d campaigns, %v; want none", len(list), err)
	}
	db.Close()
	if err := drop(); err != nil {
		t.Fatal(err)
	}
	if db, err := Open(t.Context(), scratch, Options{Key: testKey, KeyID: "k"}); err == nil {
		db.Close()
		t.Error("the scratch database is still there")
	}
}
