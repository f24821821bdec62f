package realtime

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"mod_openai_audio_stream/module/realtime/internal/b64"
)

// DecodeAudio appends the bytes of an audio delta, Event.Delta, to dst and returns it. The payload is standard base64,
// padded or not, possibly with JSON escapes; an empty one is no audio. It allocates only if dst is too small or
// the payload has escapes. On an error, which gives the position of the fault, dst is returned as it was.
func DecodeAudio(dst, payload []byte) ([]byte, error) {
	if i := bytes.IndexByte(payload, '\\'); i >= 0 { // some servers write "/" as "\/"
		var plain string
		quoted := append(append(append(make([]byte, 0, len(payload)+2), '"'), payload...), '"')
		if json.Unmarshal(quoted, &plain) != nil {
			return dst, fmt.Errorf("audio payload: broken escape at or after byte %d", i)
		}
		payload = []byte(plain)
	}
	n := len(payload)
	for n > 0 && len(payload)-n < 2 && payload[n-1] == '=' {
		n--
	}
	out, err := b64.AppendDecode(dst, payload[:n])
	if err != nil {
		return dst, faultAt(err, len(payload))
	}
	return out, nil
}

// faultAt says where the base64 is broken.
func faultAt(err error, length int) error {
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) {
		return fmt.Errorf("audio payload: broken base64 at byte %d of %d", int64(corrupt), length)
	}
	return fmt.Errorf("audio payload: %w", err)
}
