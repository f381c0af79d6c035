package postgres

import (
	"bytes"
	"strings"
)

// text drops what PostgreSQL cannot keep: NUL and bytes that are no UTF-8.
func text(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

// texts does so for a list and makes nil an empty one.
func texts(list []string) []string {
	clean := make([]string, len(list))
	for i, s := range list {
		clean[i] = text(s)
	}
	return clean
}

// jsonText drops the escaped NUL, which jsonb refuses.
func jsonText(b []byte) []byte {
	return bytes.ReplaceAll(b, []byte(`\u0000`), []byte(`\ufffd`))
}
