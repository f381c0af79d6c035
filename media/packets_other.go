//go:build !linux || !(amd64 || arm64 || riscv64 || loong64)

package media

import "net/netip"

func listenUDP(at netip.AddrPort) (Packets, error) { return listenNet(at) }
