//go:build !linux

package sip

import (
	"net"
	"net/netip"
)

// direct is Linux's; elsewhere package net reads and writes.
type direct struct{}

func newDirect(*net.UDPConn) *direct { return nil }

func (*direct) read([]byte) (int, netip.AddrPort, error) { return 0, netip.AddrPort{}, net.ErrClosed }

func (*direct) write([]byte, netip.AddrPort) error { return net.ErrClosed }
