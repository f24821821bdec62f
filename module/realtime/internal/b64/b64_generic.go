//go:build !amd64

package b64

// encode and decode leave all groups to encoding/base64.
func encode(_, _ []byte) int { return 0 }
func decode(_, _ []byte) int { return 0 }
