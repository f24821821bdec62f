package freeswitch_test

import (
	"flag"
	"fmt"
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
	// They wait more than they work; but with more calls at once FreeSWITCH loses packets on two processors.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// calls are the tests that share a FreeSWITCH. They run at the same time, most of it they wait.
var calls = map[string]func(testing.TB){}

func TestCalls(t *testing.T) {
	shared = freeswitch.Start(t)
	for name, test := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			attempts(t, test)
		})
	}
}

// attemptsMost is how often a call is made until it is heard whole. On a busy machine FreeSWITCH itself loses a packet now
// and then, and its recorder of what a leg sends puts a frame too many in: what the module does wrong, it does every time.
const attemptsMost = 3

// attempts runs a test until an attempt has nothing to complain of.
func attempts(t *testing.T, test func(testing.TB)) {
	for n := 1; ; n++ {
		a := &attempt{TB: t, n: n}
		a.run(test)
		if len(a.problems) == 0 {
			return
		}
		for _, problem := range a.problems {
			if n == attemptsMost {
				t.Error(problem)
			} else {
				t.Logf("attempt %d: %s", n, problem)
			}
		}
		if n == attemptsMost {
			return
		}
	}
}

// attempt is a test's T that keeps the complaints to itself.
type attempt struct {
	testing.TB
	n        int
	problems []string
	over     bool
}

// givenUp is how a fatal complaint ends an attempt.
type givenUp struct{}

func (a *attempt) run(test func(testing.TB)) {
	defer func() {
		a.over = true
		if r := recover(); r != nil && r != (givenUp{}) {
			panic(r)
		}
	}()
	test(a)
}

func (a *attempt) Name() string { // of calls, which must differ
	if a.n == 1 {
		return a.TB.Name()
	}
	return fmt.Sprintf("%s-%d", a.TB.Name(), a.n)
}

func (a *attempt) Failed() bool { return len(a.problems) > 0 || a.TB.Failed() }

func (a *attempt) Error(args ...any) {
	if a.over { // a clean-up's complaint
		a.TB.Error(args...)
		return
	}
	a.problems = append(a.problems, fmt.Sprint(args...))
}

func (a *attempt) Errorf(format string, args ...any) { a.Error(fmt.Sprintf(format, args...)) }

func (a *attempt) Fatal(args ...any) {
	if a.over {
		a.TB.Fatal(args...)
	}
	a.Error(args...)
	panic(givenUp{})
}

func (a *attempt) Fatalf(format string, args ...any) { a.Fatal(fmt.Sprintf(format, args...)) }

// uuidOf makes a uuid of a test's name.
func uuidOf(t testing.TB) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.TrimPrefix(t.Name(), "TestCalls/"))
}
