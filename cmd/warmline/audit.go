package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"time"
)

// audit is the file in which calls outside campaigns are noted before they are
// placed.
type audit struct {
	file *os.File
	who  string
}

func openAudit(dir string) (*audit, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("the audit file: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "audit.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the audit file: %w", err)
	}
	a := &audit{file: f, who: "unknown"}
	if u, err := user.Current(); err == nil {
		a.who = u.Username
	}
	return a, nil
}

// note appends who called whom, when, in one write.
func (a *audit) note(action, masked, trunk, override string) error {
	line, err := json.Marshal(struct {
		Action   string    `json:"action"`
		At       time.Time `json:"at"`
		Number   string    `json:"number"`
		Override string    `json:"override"`
		Trunk    string    `json:"trunk"`
		User     string    `json:"user"`
	}{action, time.Now().UTC(), masked, override, trunk, a.who})
	if err == nil {
		_, err = a.file.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("the audit file: %w", err)
	}
	return nil
}

// Close closes the file.
func (a *audit) Close() error {
	if err := a.file.Close(); err != nil {
		return fmt.Errorf("the audit file: %w", err)
	}
	return nil
}
