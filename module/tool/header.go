package tool

import (
	"fmt"
	"net/http"
	"strings"

	"mod_openai_audio_stream/module/namedfile"
	"mod_openai_audio_stream/module/transport"
)

// maxHeaderFile bounds a header file.
const maxHeaderFile = 64 << 10

// readHeader reads lines Name: value. Empty ones and those that begin with # are left out. The values are secrets, and so
// may be a line that is none: the error repeats nothing.
func readHeader(path string) (http.Header, error) {
	text, err := namedfile.Read(path, maxHeaderFile)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found || transport.CheckHeader(name, value) != nil {
			return nil, fmt.Errorf("%s: line %d: expected Name: value, of a header that is not the connection's own", path, number)
		}
		header.Add(name, value)
	}
	return header, nil
}
