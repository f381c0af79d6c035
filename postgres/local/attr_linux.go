package local

import "syscall"

// attr runs the server as cred and stops it (fast shutdown) when we die.
func attr(cred *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: cred, Pdeathsig: syscall.SIGINT, Setpgid: true}
}
