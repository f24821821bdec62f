package freeswitch_test

import (
	"flag"
	"os"
	"strings"

	"testing"

	"mod_openai_audio_stream/test/freeswitch"
)

// shared is the FreeSWITCH of all tests that need none of their own. It is started and ended by TestCalls, whose
// subtests they are.
var shared *freeswitch.Switch

func TestMain(m *testing.M) {
	flag.Parse()
	// These tests wait for calls, they do not work.
	if err := flag.Set("test.parallel", "64"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// calls are the tests that share a FreeSWITCH. They run at the same time, most of it they wait.
var calls = map[string]func(*testing.T){}

func TestCalls(t *testing.T) {
	shared = freeswitch.Start(t)
	for name, test := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// uuidOf makes a uuid of a test's name.
func uuidOf(t *testing.T) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.TrimPrefix(t.Name(), "TestCalls/"))
}
