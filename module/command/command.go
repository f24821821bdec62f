// Package command turns the argument string of uuid_openai_audio_stream into typed commands.
//
// It knows the words and nothing of channels or sockets. All functions may be called concurrently.
package command

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Usage is the text that an empty or unknown command is answered with.
const Usage = `uuid_openai_audio_stream <uuid> start <ws(s)-url|profile:name> [mono|mixed|stereo] [8k|16k|24k|<Hz>] [mute_user]
uuid_openai_audio_stream <uuid> stop [<base64 json>]
uuid_openai_audio_stream <uuid> send_json <base64 json>
uuid_openai_audio_stream <uuid> send_text <base64 text>
uuid_openai_audio_stream <uuid> say <base64 text>
uuid_openai_audio_stream <uuid> interrupt
uuid_openai_audio_stream <uuid> pause | resume
uuid_openai_audio_stream <uuid> mute | unmute [user|openai|all]
uuid_openai_audio_stream <uuid> dtmf model|event|mask|off
uuid_openai_audio_stream <uuid> tool_result <call_id> <base64 text>
uuid_openai_audio_stream <uuid> status
uuid_openai_audio_stream prewarm <profile> [<seconds>]
uuid_openai_audio_stream status
uuid_openai_audio_stream drain [off]`

// Verb is what a command asks for.
type Verb string

// The verbs, as they are typed.
const (
	Start      Verb = "start"
	Stop       Verb = "stop"
	SendJSON   Verb = "send_json"
	SendText   Verb = "send_text"
	Say        Verb = "say"
	Interrupt  Verb = "interrupt"
	Pause      Verb = "pause"
	Resume     Verb = "resume"
	Mute       Verb = "mute"
	Unmute     Verb = "unmute"
	DTMF       Verb = "dtmf"
	ToolResult Verb = "tool_result"
	Prewarm    Verb = "prewarm"
	Status     Verb = "status"
	Drain      Verb = "drain"
)

// Mix says which audio of the channel goes to the server. The numbers are those of oas_mix_t.
type Mix int

// The mixes.
const (
	Mono   Mix = iota // the caller
	Mixed             // caller and callee, added up
	Stereo            // caller left, callee right
)

var mixes = map[string]Mix{"mono": Mono, "mixed": Mixed, "stereo": Stereo}

// Channels is how many channels the mix has.
func (m Mix) Channels() int {
	if m == Stereo {
		return 2
	}
	return 1
}

// Target says whose audio mute and unmute are about.
type Target struct{ User, OpenAI bool }

var targets = map[string]Target{
	"user":   {User: true},
	"openai": {OpenAI: true},
	"all":    {User: true, OpenAI: true},
	"both":   {User: true, OpenAI: true},
}

// DefaultRateHz is the rate of caller audio when start names none.
const DefaultRateHz = 8000

// Command is one parsed command. Which fields are set depends on Verb.
type Command struct {
	UUID string // "" in a Status of the module, and in Drain
	Verb Verb

	// Start.
	URL      *url.URL // nil when Profile is set
	Profile  string
	Mix      Mix
	RateHz   int // caller audio as the server gets it
	MuteUser bool
	// Given says which of start's optional words were typed, so that a profile fills only the others.
	Given struct{ Mix, Rate, MuteUser bool }

	// Mute and Unmute.
	Target Target

	// Drain: whether it ends.
	Off bool

	// Prewarm: beside Profile, how long the connection is kept; 0: as long as the module thinks.
	Keep time.Duration

	// DTMF: one of the words that ParseKeys takes.
	Keys string

	// ToolResult: which call of a function the Text is the result of.
	CallID string

	// SendJSON and Stop: the decoded JSON object. Nil if stop has none.
	JSON []byte
	// SendText, Say and ToolResult.
	Text string
}

// Parse reads one argument string. Words other than the uuid, the URL and base64 payloads may be in upper or lower case.
// The error quotes what is wrong and says what is expected.
func Parse(args string) (Command, error) {
	words := strings.Fields(args)
	if len(words) == 1 && strings.EqualFold(words[0], string(Status)) {
		return Command{Verb: Status}, nil
	}
	if len(words) > 0 && strings.EqualFold(words[0], string(Drain)) {
		return parseDrain(words[1:])
	}
	if len(words) > 0 && strings.EqualFold(words[0], string(Prewarm)) {
		return parsePrewarm(words[1:])
	}
	if len(words) < 2 {
		return Command{}, fmt.Errorf("%d arguments: expected <uuid> <command>\n%s", len(words), Usage)
	}
	c := Command{UUID: words[0], Verb: Verb(strings.ToLower(words[1]))}
	if err := checkUUID(c.UUID); err != nil {
		return Command{}, err
	}
	rest := words[2:]
	var err error
	switch c.Verb {
	case Start:
		err = c.parseStart(rest)
		return c, err
	case Stop:
		if len(rest) > 0 {
			c.JSON, err = parseJSON(rest[0])
		}
		return c, firstError(err, atMost(c.Verb, rest, 1))
	case SendJSON:
		if len(rest) == 0 {
			return c, fmt.Errorf("send_json without a message: expected <base64 json>")
		}
		c.JSON, err = parseJSON(rest[0])
		return c, firstError(err, atMost(c.Verb, rest, 1))
	case SendText, Say:
		c.Text, err = parseText(c.Verb, rest)
		return c, firstError(err, atMost(c.Verb, rest, 1))
	case ToolResult:
		if len(rest) == 0 {
			return c, fmt.Errorf("tool_result without a call: expected <call_id> <base64 text>")
		}
		c.CallID = rest[0]
		c.Text, err = parseText(c.Verb, rest[1:])
		return c, firstError(err, atMost(c.Verb, rest, 2))
	case DTMF:
		if len(rest) == 0 {
			return c, fmt.Errorf("dtmf without a word: expected model, event, mask or off")
		}
		c.Keys, err = ParseKeys(rest[0])
		return c, firstError(err, atMost(c.Verb, rest, 1))
	case Mute, Unmute:
		c.Target = targets["user"]
		if len(rest) > 0 {
			target, ok := targets[strings.ToLower(rest[0])]
			if !ok {
				return c, fmt.Errorf("%s %q: expected user, openai or all", c.Verb, rest[0])
			}
			c.Target = target
		}
		return c, atMost(c.Verb, rest, 1)
	case Pause, Resume, Interrupt, Status:
		return c, atMost(c.Verb, rest, 0)
	}
	return c, fmt.Errorf("command %q: expected start, stop, send_json, send_text, say, interrupt, pause, resume, mute, "+
		"unmute, dtmf, tool_result or status", words[1])
}

// ParseStart reads the words of a start for a channel: all that the application is given.
func ParseStart(uuid, args string) (Command, error) {
	if err := checkUUID(uuid); err != nil {
		return Command{}, err
	}
	c := Command{UUID: uuid, Verb: Start}
	err := c.parseStart(strings.Fields(args))
	return c, err
}

func checkUUID(uuid string) error {
	if len(uuid) > 255 {
		return fmt.Errorf("uuid of %d characters: expected at most 255", len(uuid))
	}
	return nil
}

func parseDrain(rest []string) (Command, error) {
	c := Command{Verb: Drain}
	if len(rest) > 0 {
		if !strings.EqualFold(rest[0], "off") {
			return c, fmt.Errorf("drain %q: expected off or nothing", rest[0])
		}
		c.Off = true
	}
	return c, atMost(c.Verb, rest, 1)
}

// maxKeep is how long a connection that is not used yet may be kept at most.
const maxKeep = 10 * time.Minute

func parsePrewarm(rest []string) (Command, error) {
	c := Command{Verb: Prewarm}
	if len(rest) == 0 {
		return c, fmt.Errorf("prewarm without a profile: expected prewarm <profile> [<seconds>]")
	}
	c.Profile = rest[0]
	if name, ok := cutPrefixFold(c.Profile, "profile:"); ok {
		c.Profile = name
	}
	if len(rest) > 1 {
		n, err := strconv.Atoi(rest[1])
		if err != nil || n < 1 || n > int(maxKeep/time.Second) {
			return c, fmt.Errorf("prewarm seconds %q: expected a number from 1 to %d", rest[1], int(maxKeep/time.Second))
		}
		c.Keep = time.Duration(n) * time.Second
	}
	return c, atMost(c.Verb, rest, 2)
}

// ParseKeys reads what is to become of the caller's keys: model, event, mask or off.
func ParseKeys(word string) (string, error) {
	switch word := strings.ToLower(word); word {
	case "model", "event", "mask", "off":
		return word, nil
	}
	return "", fmt.Errorf("dtmf %q: expected model, event, mask or off", word)
}

// parseText reads a text in base64, the first of the words.
func parseText(verb Verb, words []string) (string, error) {
	if len(words) == 0 {
		return "", fmt.Errorf("%s without a text: expected <base64 text>", verb)
	}
	text, err := DecodeBase64(words[0])
	if err == nil && (len(text) == 0 || !utf8.Valid(text)) {
		err = fmt.Errorf("%s %q: expected base64 of UTF-8 text", verb, clip(text))
	}
	return string(text), err
}

func (c *Command) parseStart(words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("start without a URL: expected start <ws(s)-url|profile:name> [mono|mixed|stereo] [<rate>] [mute_user]")
	}
	if name, ok := cutPrefixFold(words[0], "profile:"); ok {
		if name == "" {
			return fmt.Errorf("profile without a name: expected profile:<name>")
		}
		c.Profile = name
	} else {
		u, err := ParseURL(words[0])
		if err != nil {
			return err
		}
		c.URL = u
	}
	c.RateHz = DefaultRateHz
	words = words[1:]
	// The documented order is mix, rate, mute_user. Each may be left out; none may come twice or out of order.
	if len(words) > 0 {
		if mix, ok := mixes[strings.ToLower(words[0])]; ok {
			c.Mix, c.Given.Mix = mix, true
			words = words[1:]
		}
	}
	if len(words) > 0 && (words[0][0] >= '0' && words[0][0] <= '9' || words[0][0] == '-') {
		rate, err := ParseRate(words[0])
		if err != nil {
			return err
		}
		c.RateHz, c.Given.Rate = rate, true
		words = words[1:]
	}
	if len(words) > 0 && strings.EqualFold(words[0], "mute_user") {
		c.MuteUser, c.Given.MuteUser = true, true
		words = words[1:]
	}
	if len(words) > 0 {
		return fmt.Errorf("start argument %q: expected [mono|mixed|stereo] [8k|16k|24k|<Hz>] [mute_user], in this order", words[0])
	}
	return nil
}

// ParseMix reads "mono", "mixed" or "stereo".
func ParseMix(word string) (Mix, error) {
	mix, ok := mixes[strings.ToLower(word)]
	if !ok {
		return 0, fmt.Errorf("mix %q: expected mono, mixed or stereo", word)
	}
	return mix, nil
}

// ParseRate reads a sampling rate in Hz: "8k", "16k", "24k", or a multiple of 8000 up to 48000.
func ParseRate(word string) (int, error) {
	hz := 0
	if k, ok := strings.CutSuffix(strings.ToLower(word), "k"); ok {
		if n, err := strconv.Atoi(k); err == nil && n > 0 && n <= 48 {
			hz = n * 1000
		}
	} else if n, err := strconv.Atoi(word); err == nil {
		hz = n
	}
	if hz < 8000 || hz > 48000 || hz%8000 != 0 {
		return 0, fmt.Errorf("sampling rate %q: expected 8k, 16k, 24k or a multiple of 8000 up to 48000", word)
	}
	return hz, nil
}

// ParseURL reads a WebSocket URL. Its error does not repeat what may carry a key: the URL's query and, however
// misspelt, its user and password.
func ParseURL(word string) (*url.URL, error) {
	shown, _, _ := strings.Cut(word, "?")
	if at := strings.LastIndexByte(shown, '@'); at >= 0 {
		scheme, _, found := strings.Cut(shown[:at], "://")
		if found {
			scheme += "://"
		} else {
			scheme = ""
		}
		shown = scheme + "***" + shown[at:]
	}
	u, err := url.Parse(word)
	if err != nil {
		return nil, fmt.Errorf("URL %q: expected ws://host/path or wss://host/path", shown)
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "" {
		return nil, fmt.Errorf("URL %q: expected ws://host/path or wss://host/path", shown)
	}
	if u.User != nil {
		return nil, fmt.Errorf("URL with a user name or password: give the key in STREAM_OPENAI_API_KEY")
	}
	return u, nil
}

// DecodeBase64 reads base64 as people and programs write it: in the standard or in the URL-safe alphabet, padded or not.
// Shells and ESL libraries give all four. The error names the length of the text, and quotes none of it.
func DecodeBase64(word string) ([]byte, error) {
	normal := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(word, "="))
	b, err := base64.RawStdEncoding.DecodeString(normal)
	if err != nil {
		return nil, fmt.Errorf("base64 of %d characters: expected A-Z, a-z, 0-9, + and /: %v", len(word), err)
	}
	return b, nil
}

func parseJSON(word string) ([]byte, error) {
	b, err := DecodeBase64(word)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		return nil, fmt.Errorf("message %q: expected a JSON object: %v", clip(b), err)
	}
	if object == nil { // "null" is no error to Unmarshal
		return nil, fmt.Errorf("message %q: expected a JSON object", clip(b))
	}
	// A text message that is not UTF-8 makes the server close the connection (RFC 6455, 8.1).
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("message %q: expected UTF-8", clip(b))
	}
	return b, nil
}

func atMost(verb Verb, rest []string, n int) error {
	if len(rest) > n {
		return fmt.Errorf("%s argument %q: expected nothing more", verb, rest[n])
	}
	return nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

func clip(b []byte) string {
	const limit = 40
	if len(b) > limit {
		return string(b[:limit]) + "..."
	}
	return string(b)
}
