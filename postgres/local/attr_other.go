//go:build !linux

package local

import "syscall"

// attr runs the server as cred. Outside Linux nothing stops the server when we
// are killed; the next start of the same folder says so.
func attr(cred *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: cred, Setpgid: true}
}
