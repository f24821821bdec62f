// Package hostlog brings zerolog lines to the log of the host, FreeSWITCH, and takes secrets out of texts.
//
// Two things mask: a Masker knows the secrets of one call and masks them wherever they stand, and Mask finds what looks
// like a secret to anyone: keys, bearer tokens, credentials in headers, in URLs and in JSON. Both are meant for texts on
// their way out: log lines, events, error texts, status pages.
package hostlog
