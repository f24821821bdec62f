package command_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/command"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestStart(t *testing.T) {
	for args, want := range map[string]command.Command{
		"u start ws://h":                       {RateHz: 8000},
		"u START WSS://h/p?model=m Stereo 24K": {Mix: command.Stereo, RateHz: 24000},
		"u start ws://h mixed 16000 MUTE_USER": {Mix: command.Mixed, RateHz: 16000, MuteUser: true},
		"u start ws://h mute_user":             {RateHz: 8000, MuteUser: true},
		"u start ws://h 48000":                 {RateHz: 48000},
		"u start profile:Front desk":           {},
		"u start Profile:p mono 8k":            {Profile: "p", RateHz: 8000},
	} {
		got, err := command.Parse(args)
		if want.RateHz == 0 {
			if err == nil || !strings.Contains(err.Error(), `"desk"`) {
				t.Errorf("%q: %v, want a word about \"desk\"", args, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", args, err)
			continue
		}
		if got.UUID != "u" || got.Verb != command.Start || got.Mix != want.Mix || got.RateHz != want.RateHz ||
			got.MuteUser != want.MuteUser || got.Profile != want.Profile || (got.URL == nil) != (got.Profile != "") {
			t.Errorf("%q: %+v", args, got)
		}
	}
	got, err := command.Parse("u start WSS://h/p?model=m mono")
	if err != nil || got.URL.String() != "wss://h/p?model=m" || !got.Given.Mix || got.Given.Rate || got.Given.MuteUser {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOtherCommands(t *testing.T) {
	for args, want := range map[string]command.Command{
		"u stop":                                 {Verb: command.Stop},
		"u Stop " + b64(`{"a":1}`):               {Verb: command.Stop, JSON: []byte(`{"a":1}`)},
		"u send_json " + b64(`{"a":"\u00e9?>"}`): {Verb: command.SendJSON, JSON: []byte(`{"a":"\u00e9?>"}`)},
		"u send_json eyJhIjoiPz8_In0":            {Verb: command.SendJSON, JSON: []byte(`{"a":"???"}`)}, // URL-safe, unpadded
		"u send_text " + b64("Grüß Gott"):        {Verb: command.SendText, Text: "Grüß Gott"},
		"u SAY " + b64("hello"):                  {Verb: command.Say, Text: "hello"},
		"u interrupt":                            {Verb: command.Interrupt},
		"u pause":                                {Verb: command.Pause},
		"u resume":                               {Verb: command.Resume},
		"u mute":                                 {Verb: command.Mute, Target: command.Target{User: true}},
		"u mute OpenAI":                          {Verb: command.Mute, Target: command.Target{OpenAI: true}},
		"u unmute both":                          {Verb: command.Unmute, Target: command.Target{User: true, OpenAI: true}},
		"u unmute all":                           {Verb: command.Unmute, Target: command.Target{User: true, OpenAI: true}},
		"  u\tstatus  ":                          {Verb: command.Status},
	} {
		got, err := command.Parse(args)
		if err != nil || got.UUID != "u" || got.Verb != want.Verb || string(got.JSON) != string(want.JSON) ||
			got.Text != want.Text || got.Target != want.Target {
			t.Errorf("%q: %+v, %v", args, got, err)
		}
	}
	if got, err := command.Parse("STATUS"); err != nil || got.Verb != command.Status || got.UUID != "" {
		t.Errorf("%+v, %v", got, err)
	}
	for args, off := range map[string]bool{"drain": false, " Drain  OFF ": true} {
		if got, err := command.Parse(args); err != nil || got.Verb != command.Drain || got.UUID != "" || got.Off != off {
			t.Errorf("%q: %+v, %v", args, got, err)
		}
	}
}

// What is wrong is said, with the value and with what is expected.
func TestBadInput(t *testing.T) {
	for args, want := range map[string]string{
		"":                                  "0 arguments: expected <uuid> <command>",
		"u":                                 "1 arguments: expected <uuid> <command>",
		"u fly":                             `command "fly": expected start, stop`,
		"u start":                           "start without a URL: expected",
		"u start profile:":                  "profile without a name: expected profile:<name>",
		"u start https://h":                 `URL "https://h": expected ws://host/path or wss://host/path`,
		"u start ws://":                     `URL "ws://": expected`,
		"u start ://x":                      `URL "://x": expected`,
		"u start wss://h:port":              `URL "wss://h:port": expected`,
		"u start ws://me:forged@h":          "URL with a user name or password: give the key in STREAM_OPENAI_API_KEY",
		"u start ws://h quad":               `start argument "quad": expected [mono|mixed|stereo]`,
		"u start ws://h 8k mono":            `start argument "mono": expected [mono|mixed|stereo] [8k|16k|24k|<Hz>] [mute_user], in this order`,
		"u start ws://h mono 11025":         `sampling rate "11025": expected 8k, 16k, 24k or a multiple of 8000 up to 48000`,
		"u start ws://h mono 0":             `sampling rate "0": expected`,
		"u start ws://h mono -8000":         `sampling rate "-8000": expected`,
		"u start ws://h mono 56000":         `sampling rate "56000": expected`,
		"u start ws://h mono 8k extra":      `start argument "extra": expected`,
		"u stop !":                          "base64 of 1 characters",
		"u stop " + b64("[1]"):              `message "[1]": expected a JSON object`,
		"u stop " + b64("{}") + " more":     `stop argument "more": expected nothing more`,
		"u send_json":                       "send_json without a message: expected <base64 json>",
		"u send_json " + b64("{"):           `message "{": expected a JSON object`,
		"u send_json " + b64("null"):        `message "null": expected a JSON object`,
		"u stop " + b64("{\"a\":\"\xff\"}"): `message "{\"a\":\"\xff\"}": expected UTF-8`,
		"u say " + b64("\xfcber"):           `say "\xfcber": expected base64 of UTF-8 text`,
		"u send_text =":                     `send_text "": expected base64 of UTF-8 text`,
		"u send_text":                       "send_text without a text: expected <base64 text>",
		"u say":                             "say without a text: expected <base64 text>",
		"u mute everybody":                  `mute "everybody": expected user, openai or all`,
		"u unmute user now":                 `unmute argument "now": expected nothing more`,
		"u pause now":                       `pause argument "now": expected nothing more`,
		"drain on":                          `drain "on": expected off or nothing`,
		"drain off now":                     `drain argument "now": expected nothing more`,
		strings.Repeat("u", 256) + " stop":  "uuid of 256 characters: expected at most 255",
	} {
		_, err := command.Parse(args)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s...", args, err, want)
		}
	}
}

// The application has only the words of a start; what is a command to the API is none here.
func TestParseStart(t *testing.T) {
	got, err := command.ParseStart("u", " ws://h/p  stereo 16k mute_user ")
	if err != nil || got.UUID != "u" || got.Verb != command.Start || got.URL.String() != "ws://h/p" ||
		got.Mix != command.Stereo || got.RateHz != 16000 || !got.MuteUser {
		t.Errorf("%+v, %v", got, err)
	}
	for args, want := range map[string]string{
		"":             "start without a URL: expected",
		"stop":         `URL "stop": expected ws://host/path or wss://host/path`,
		"ws://h ws://": `start argument "ws://": expected`,
	} {
		if _, err := command.ParseStart("u", args); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s...", args, err, want)
		}
	}
	if _, err := command.ParseStart(strings.Repeat("u", 256), "ws://h"); err == nil {
		t.Error("a uuid of 256 characters is taken")
	}
}

// A URL may carry a key; what is said about it must not.
func TestErrorsShowNoKey(t *testing.T) {
	for _, args := range []string{
		"u start http://h/?api-key=forged", "u start ws://me:forged@h", "u start http://me:forged@h", "u start ws://me:forged@h:x/",
		"u start me:forged@h", "u start http://forged@h%zz",
	} {
		if _, err := command.Parse(args); err == nil || strings.Contains(err.Error(), "forged") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestDecodeBase64(t *testing.T) {
	want := "\xfb\xff?>" // has both characters in which the alphabets differ
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		word := encoding.EncodeToString([]byte(want))
		if got, err := command.DecodeBase64(word); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", word, got, err)
		}
	}
	if got, err := command.DecodeBase64("secret!"); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "7 characters") {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("u start wss://h/p?model=m stereo 24k mute_user")
	f.Add("u send_json " + b64(`{"type":"response.create"}`))
	f.Add("u mute all")
	f.Fuzz(func(t *testing.T, args string) {
		c, err := command.Parse(args)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a word")
			}
			return
		}
		if c.Verb == command.Start && (c.URL == nil) == (c.Profile == "") {
			t.Errorf("%q: %+v", args, c)
		}
		if c.Verb == command.Start && (c.RateHz < 8000 || c.RateHz > 48000) {
			t.Errorf("%q: %d Hz", args, c.RateHz)
		}
	})
}
