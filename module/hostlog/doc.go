// Package hostlog brings zerolog lines to the log of the host, FreeSWITCH. Each line is masked once, in the writer, so
// that who logs need not.
package hostlog
