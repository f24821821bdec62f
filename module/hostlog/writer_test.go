package hostlog_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"mod_openai_audio_stream/module/hostlog"
	"mod_openai_audio_stream/module/secret"
)

type logged struct {
	level      int
	uuid, text string
}

// record returns a Func and where it keeps its lines.
func record() (hostlog.Func, *[]logged) {
	lines := &[]logged{}
	return func(level int, uuid, text string) { *lines = append(*lines, logged{level, uuid, text}) }, lines
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		level zerolog.Level
		want  int
	}{
		{"trace", zerolog.TraceLevel, 7},
		{"debug", zerolog.DebugLevel, 7},
		{"info", zerolog.InfoLevel, 6},
		{"none", zerolog.NoLevel, 5},
		{"warning", zerolog.WarnLevel, 4},
		{"error", zerolog.ErrorLevel, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			log, lines := record()
			logger := hostlog.New(log, "uuid-1", secret.New(), nil).Level(zerolog.TraceLevel)
			logger.WithLevel(tc.level).Msg("text")
			if want := (logged{tc.want, "uuid-1", "text"}); len(*lines) != 1 || (*lines)[0] != want {
				t.Errorf("got %+v, want %+v", *lines, want)
			}
		})
	}
	t.Run("fatal and panic", func(t *testing.T) {
		t.Parallel()
		log, lines := record()
		logger := hostlog.New(log, "", secret.New(), nil)
		logger.WithLevel(zerolog.FatalLevel).Msg("a")
		logger.WithLevel(zerolog.PanicLevel).Msg("b")
		if len(*lines) != 2 || (*lines)[0].level != 2 || (*lines)[1].level != 2 {
			t.Errorf("got %+v", *lines)
		}
	})
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		uuid string
		log  func(zerolog.Logger)
		want logged
	}{
		{
			"fields follow in their order", "u",
			func(l zerolog.Logger) { l.Info().Str("b", "x").Int("a", 3).Dur("c", time.Second).Msg("done") },
			logged{6, "u", "done b=x a=3 c=1000"},
		},
		{
			"values of several words are quoted", "u",
			func(l zerolog.Logger) { l.Info().Str("a", `two "words"`).Str("b", "").Msg("m") },
			logged{6, "u", `m a="two \"words\"" b=""`},
		},
		{
			"an error", "u",
			func(l zerolog.Logger) { l.Error().Err(errors.New("refused")).Msg("connect") },
			logged{3, "u", "connect error=refused"},
		},
		{
			"uuid from a field", "",
			func(l zerolog.Logger) { l.Warn().Str("uuid", "channel").Msg("m") },
			logged{4, "channel", "m"},
		},
		{
			"a second uuid is shown", "u",
			func(l zerolog.Logger) { l.Warn().Str("uuid", "other").Msg("m") },
			logged{4, "u", "m uuid=other"},
		},
		{
			"no line is forged", "u",
			func(l zerolog.Logger) { l.Info().Str("a", "x\ny").Msg("one\r\n2026 [CRIT] two\x1b[31m") },
			logged{6, "u", "one  2026 [CRIT] two [31m a=x y"},
		},
		{
			"patterns are masked", "u",
			func(l zerolog.Logger) { l.Info().Str("header", "Bearer abcdefgh").Msg("key sk-abcdefgh") },
			logged{6, "u", `key *** header="Bearer ***"`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			log, lines := record()
			tc.log(hostlog.New(log, tc.uuid, secret.New(), nil))
			if len(*lines) != 1 || (*lines)[0] != tc.want {
				t.Errorf("got %+v\nwant %+v", *lines, tc.want)
			}
		})
	}
}

// A line is masked after it was put together: what stands in quotes, and what spans two parts.
func TestSecretsAreMaskedInEveryPartOfALine(t *testing.T) {
	t.Parallel()
	const key = `forged "key" value`
	masker := secret.New(key, "spans=two words")
	log, lines := record()
	logger := hostlog.New(log, "u", masker, nil)
	masker.Add("added-later")
	logger.Error().Str("a", key).Err(errors.New("x "+key)).Str(key, "v").Msg("m " + key + " added-later")
	logger.Error().Str("spans", "two words").Str("json", `{"api_key":"abc def"}`).Msg("one\ntwo")
	want := []logged{{3, "u", `m *** *** a="***" error="x ***" ***=v`}, {3, "u", `one two spans="two words" json="{\"api_key\":\"***\"}"`}}
	if !slices.Equal(*lines, want) {
		t.Errorf("got %q, want %q", *lines, want)
	}
}

// Above the host's level nothing is written, and nothing is formatted either.
func TestLevelOfTheHost(t *testing.T) {
	t.Parallel()
	log, lines := record()
	level := hostlog.LevelWarning
	logger := hostlog.New(log, "", secret.New(), func() int { return level })
	child := logger.With().Str("a", "b").Logger()
	for _, l := range []*zerolog.Logger{&logger, &child} {
		if l.Debug().Enabled() || l.Info().Enabled() || l.Log().Enabled() || !l.Warn().Enabled() || !l.Error().Enabled() {
			t.Error("of warnings: the wrong lines are enabled")
		}
		l.Info().Func(func(*zerolog.Event) { t.Error("formatted") }).Msg("")
	}
	level = hostlog.LevelDebug
	if !logger.Debug().Enabled() {
		t.Error("not enabled at debug")
	}
	level = -1 // FreeSWITCH's for none at all
	logger.WithLevel(zerolog.PanicLevel).Msg("")
	if len(*lines) != 0 {
		t.Errorf("got %v", *lines)
	}
}

func BenchmarkALineThatIsOff(b *testing.B) {
	logger := hostlog.New(func(int, string, string) {}, "u", secret.New(), func() int { return hostlog.LevelInfo })
	b.ReportAllocs()
	for b.Loop() {
		logger.Debug().Str("a", "b").Msg("text")
	}
}

func BenchmarkALine(b *testing.B) {
	logger := hostlog.New(func(int, string, string) {}, "u", secret.New("correct-horse-battery-staple"), nil)
	line := "server: " + strings.Repeat(`{"type":"response.output_audio_transcript.delta","delta":"hello"} `, 10)
	b.ReportAllocs()
	for b.Loop() {
		logger.Debug().Str("a", "b").Msg(line)
	}
}
