//go:build !linux

package transport

import "syscall"

// setUserTimeout exists on Linux alone; elsewhere HeartBeat and keep-alive find a dead network.
func setUserTimeout(string, string, syscall.RawConn) error { return nil }
