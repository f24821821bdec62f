package secret_test

import (
	"strings"
	"testing"

	"mod_openai_audio_stream/module/secret"
)

// newCall is a masker of what a call has as a rule: a key, and a header that carries it.
func newCall() *secret.Masker {
	const key = "sk-proj-correcthorsebatterystaple-0123456789-correcthorsebatterystaple"
	return secret.New(key, "Bearer "+key, "user:pass@word/", "dXNlcjpwYXNzd29yZA==")
}

func event(n int) string {
	return `{"type":"response.output_audio_transcript.delta","delta":"` + strings.Repeat(`hello \"flight SK-1423\" `, n/24) + `"}`
}

func BenchmarkTextOfALine(b *testing.B) {
	m := newCall()
	line := "received " + strings.Repeat(`{"type":"response.output_audio_transcript.delta","delta":"hello"} `, 10)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if m.Text(line) != line {
			b.Fatal("changed")
		}
	}
}

func BenchmarkTextOfAMegabyte(b *testing.B) {
	m := newCall()
	text := strings.ReplaceAll(event(1<<20), "SK-1423", "BA-1423")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if m.Text(text) != text {
			b.Fatal("changed")
		}
	}
}

func BenchmarkBodyOfAMegabyte(b *testing.B) {
	m := newCall()
	secrets := strings.Repeat(strings.Repeat(`hello \"flight SK-1423\" `, 40)+"user:pass@word/ ", 1000)
	for name, body := range map[string][]byte{
		"without a secret": []byte(event(1 << 20)),
		"with a thousand":  []byte(`{"delta":"` + secrets + `"}`),
		"audio":            []byte(`{"delta":"` + strings.Repeat("AAECAwQFBgcICQoL", 1<<16) + `"}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				m.Body(body)
			}
		})
	}
}
