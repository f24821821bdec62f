package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/namedfile"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/transport"
)

const (
	// maxText bounds a text, its file, and what base64 unpacks to; the API takes 16,384 tokens of instructions.
	maxText = 1 << 20
	// maxKey is what servers take of one header line.
	maxKey = 8 << 10
	// filePrefix before a path: the value is in that file.
	filePrefix = "file:"
)

// Whether a value is checked when a stream starts (setting.late).

func namesFile(value string) bool { return strings.HasPrefix(value, filePrefix) }
func namesAuthorities(value string) bool {
	return value != transport.CASystem && value != transport.CANone
}
func always(string) bool { return true }

// The kinds of values. Each returns a setting.set.

func boolean(at func(*File) *bool) func(*File, string) error {
	return func(f *File, value string) error {
		b, err := parseBool(value)
		if err == nil {
			*at(f) = b
		}
		return err
	}
}

// parseBool takes the usual ones of the words that FreeSWITCH's switch_true takes.
func parseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, errors.New("expected true or false")
}

func number(low, high int, at func(*File) *int) func(*File, string) error {
	return func(f *File, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < low || n > high {
			return fmt.Errorf("expected a number from %d to %d", low, high)
		}
		*at(f) = n
		return nil
	}
}

func duration(unit time.Duration, low, high int, at func(*File) *time.Duration) func(*File, string) error {
	name := "ms"
	if unit == time.Second {
		name = "seconds"
	}
	return func(f *File, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < low || n > high {
			return fmt.Errorf("expected a number from %d to %d (%s)", low, high, name)
		}
		*at(f) = time.Duration(n) * unit
		return nil
	}
}

// word takes one line of text.
func word(at func(*File) *string) func(*File, string) error {
	return func(f *File, value string) error {
		if len(value) > 256 || !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return errors.New("expected one line of at most 256 bytes")
		}
		*at(f) = value
		return nil
	}
}

// text takes any text, or the file that it names.
func text(check func(string) error, put func(*File, string)) func(*File, string) error {
	return func(f *File, value string) error {
		value, err := textOrFile(value)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
		put(f, value)
		return nil
	}
}

// file takes one of the words, or a file that can be read.
func file(at func(*File) *string, words ...string) func(*File, string) error {
	return func(f *File, value string) error {
		if !slices.Contains(words, value) {
			if _, err := namedfile.Read(value, maxText); err != nil {
				return fmt.Errorf("expected %s: %w", strings.Join(append(words, "a readable file"), ", "), err)
			}
		}
		*at(f) = value
		return nil
	}
}

func inputFormat(f *File) *realtime.Format  { return &f.Settings.InputFormat }
func outputFormat(f *File) *realtime.Format { return &f.Settings.OutputFormat }

func format(at func(*File) *realtime.Format) func(*File, string) error {
	return func(f *File, value string) error {
		parsed, err := realtime.ParseFormat(value)
		if err != nil {
			return expectation(err)
		}
		*at(f) = parsed
		return nil
	}
}

// expectation is the part of another package's error that says what is expected, without the value that it quotes.
func expectation(err error) error {
	if _, after, ok := strings.Cut(err.Error(), ": expected "); ok {
		return errors.New("expected " + after)
	}
	return err
}

// Single settings.

func checkKey(key string) error {
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("expected the key alone, visible ASCII characters without spaces, or file:/path of it")
	}
	return nil
}

func setHeaders(f *File, value string) (err error) {
	f.Settings.ExtraHeaders, err = transport.ParseHeaders([]byte(value))
	return err
}

func setProvider(f *File, value string) error {
	if _, err := realtime.ProviderFor(nil, value); err != nil {
		return expectation(err)
	}
	f.Settings.Provider = value
	return nil
}

func setBufferSize(f *File, value string) error {
	ms, err := strconv.Atoi(value)
	if err != nil || ms < 20 || ms > 1000 || ms%20 != 0 {
		return errors.New("expected a multiple of 20 up to 1000 (ms)")
	}
	f.Settings.BufferSize = time.Duration(ms) * time.Millisecond
	return nil
}

func setBargeIn(f *File, value string) error {
	var b BargeIn
	limits := map[string]*time.Duration{"min_ms": &b.Min, "confirm_ms": &b.Confirm, "resume_ms": &b.Resume}
	switch word := strings.ToLower(value); word {
	case "on":
	case "off":
		b.Off = true
	default:
		for _, limit := range strings.Split(word, ",") {
			name, number, _ := strings.Cut(strings.TrimSpace(limit), "=")
			n, err := strconv.Atoi(number)
			if err != nil || n < 0 || n > 600000 || limits[name] == nil {
				return errors.New("expected on, off, or min_ms=N, confirm_ms=N and resume_ms=N, each at most once, with N from 0 to 600000")
			}
			*limits[name] = time.Duration(n) * time.Millisecond
			delete(limits, name)
		}
	}
	f.Settings.BargeIn = b
	return nil
}

func setKeys(f *File, value string) error {
	keys, err := command.ParseKeys(value)
	if err != nil {
		return expectation(err)
	}
	f.Settings.Keys = Keys(keys)
	return nil
}

func setKeysTerminator(f *File, value string) error {
	switch {
	case strings.EqualFold(value, "none"):
		f.Settings.KeysTerminator = ""
	case len(value) == 1 && strings.Contains("0123456789*#ABCD", value):
		f.Settings.KeysTerminator = value
	default:
		return errors.New("expected one of 0 to 9, *, #, A to D, or none")
	}
	return nil
}

func setOnError(f *File, value string) error {
	kind, to, with := strings.Cut(value, ":")
	rescue := Rescue{RescueKind(strings.ToLower(kind)), strings.TrimSpace(to)}
	switch words := strings.Fields(to); {
	case !with && (rescue.Kind == RescueContinue || rescue.Kind == RescueHangup):
	case with && rescue.Kind == RescuePlay && rescue.To != "":
	case with && rescue.Kind == RescueTransfer && len(words) >= 1 && len(words) <= 3:
	default:
		return errors.New("expected continue, hangup, play:<file>, or transfer:<extension> [dialplan [context]]")
	}
	f.Settings.OnError = rescue
	return nil
}

// choice takes one of the words.
func choice(at func(*File) *string, words ...string) func(*File, string) error {
	return func(f *File, value string) error {
		word := strings.ToLower(value)
		if !slices.Contains(words, word) {
			return fmt.Errorf("expected %s or %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
		}
		*at(f) = word
		return nil
	}
}

func setTurnDetection(f *File, value string) error {
	value = strings.TrimSpace(value)
	switch word := strings.ToLower(value); word {
	case "none", "null":
		f.Settings.TurnDetection = json.RawMessage("null")
	case "server_vad", "semantic_vad":
		f.Settings.TurnDetection = json.RawMessage(`{"type":"` + word + `"}`)
	default:
		if !isObject([]byte(value)) {
			return errors.New("expected server_vad, semantic_vad, none or a JSON object")
		}
		f.Settings.TurnDetection = json.RawMessage(value)
	}
	return nil
}

func setSession(f *File, value string) error {
	value, err := textOrFile(value)
	if err != nil {
		return err
	}
	object := bytes.TrimSpace([]byte(value))
	if len(object) > 0 && object[0] != '{' {
		if object, err = command.DecodeBase64(string(object)); err != nil {
			object = nil
		}
	}
	if !isObject(object) {
		return errors.New("expected a JSON object, plain, in base64, or file:/path of it")
	}
	f.Settings.Session = object
	return nil
}

func isObject(text []byte) bool {
	var object map[string]json.RawMessage
	return len(text) <= maxText && json.Unmarshal(text, &object) == nil && object != nil
}

func setProxy(f *File, value string) error {
	if err := transport.CheckProxy(value); err != nil {
		return err
	}
	f.Settings.Proxy = value
	return nil
}

// textOrFile is value, or what is in the file that it names.
func textOrFile(value string) (string, error) {
	if path, ok := strings.CutPrefix(value, filePrefix); ok {
		b, err := namedfile.Read(path, maxText)
		if err != nil {
			return "", err
		}
		value = string(b)
	}
	if len(value) > maxText || !utf8.ValidString(value) {
		return "", fmt.Errorf("expected UTF-8 text of at most %d bytes", maxText)
	}
	return value, nil
}

// clip shortens what is quoted in an error, between characters.
func clip(value string) string {
	const limit = 80
	if len(value) <= limit {
		return value
	}
	end := limit
	for end > 0 && !utf8.RuneStart(value[end]) {
		end--
	}
	return value[:end] + "..."
}
