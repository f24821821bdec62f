package hostlog_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"mod_openai_audio_stream/module/hostlog"
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
			logger := hostlog.New(log, "uuid-1").Level(zerolog.TraceLevel)
			logger.WithLevel(tc.level).Msg("text")
			if want := (logged{tc.want, "uuid-1", "text"}); len(*lines) != 1 || (*lines)[0] != want {
				t.Errorf("got %+v, want %+v", *lines, want)
			}
		})
	}
	t.Run("fatal and panic", func(t *testing.T) {
		t.Parallel()
		log, lines := record()
		logger := hostlog.New(log, "")
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
			tc.log(hostlog.New(log, tc.uuid))
			if len(*lines) != 1 || (*lines)[0] != tc.want {
				t.Errorf("got %+v\nwant %+v", *lines, tc.want)
			}
		})
	}
}

func TestMaskedLoggerHidesItsSecretsEverywhere(t *testing.T) {
	t.Parallel()
	const secret = `forged "key" value`
	masker := hostlog.NewMasker(secret)
	log, lines := record()
	logger := hostlog.NewMasked(log, "u", masker)
	masker.Add("added-later")
	logger.Error().Str("a", secret).Err(errors.New("x "+secret)).Str(secret, "v").Msg("m " + secret + " added-later")
	if len(*lines) != 1 {
		t.Fatalf("got %+v", *lines)
	}
	if text := (*lines)[0].text; strings.Contains(text, "forged") || strings.Contains(text, "value") || strings.Contains(text, "later") {
		t.Errorf("a secret in %q", text)
	}
}
