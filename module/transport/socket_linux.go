package transport

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// userTimeout is how long sent bytes may stay unacknowledged. Without it the kernel sends them again for a quarter of an
// hour; keep-alive does not help, because it waits until nothing is on its way.
const userTimeout = 30 * time.Second

// setUserTimeout is a net.Dialer's Control. A kernel that refuses is no reason not to connect.
func setUserTimeout(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
	})
}
