package freeswitch_test

import (
	"flag"
	"os"
	"runtime"
	"strings"
	"testing"

	"mod_openai_audio_stream/test/freeswitch"
)

// shared is the FreeSWITCH of all tests that need none of their own. It is started and ended by TestCalls, whose
// subtests they are.
var shared *freeswitch.Switch

func TestMain(m *testing.M) {
	flag.Parse()
	// They wait more than they work; but with more calls at once FreeSWITCH loses packets on two processors.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	// The telephones' threads must find a place in Go at once, whatever the tests compute.
	runtime.GOMAXPROCS(16)
	os.Exit(m.Run())
}

// calls are the tests that share a FreeSWITCH. They run at the same time, most of it they wait.
var calls = map[string]func(testing.TB){}

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
func uuidOf(t testing.TB) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.TrimPrefix(t.Name(), "TestCalls/"))
}
