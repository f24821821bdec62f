package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mod_openai_audio_stream/module/command"
)

// Host is FreeSWITCH as the engine sees it. Its methods but Answer may be called from any goroutine and may block for as
// long as FreeSWITCH takes to find a channel or queue an event.
type Host interface {
	// Log writes one line; level is one of FreeSWITCH's numbers, uuid the channel or "".
	Log(level int, uuid, text string)
	// LogLevel is the highest number whose lines are logged for the channel uuid, or for none if that is "".
	LogLevel(uuid string) int
	// Event fires mod_openai_audio_stream::<subclass> for the channel.
	Event(subclass, uuid string, body []byte)
	// Variable is the value of a channel variable, "" if unset.
	Variable(uuid, name string) string
	// Exists reports whether there is such a channel, be it one that is hanging up.
	Exists(uuid string) bool
	// Answer answers the call, if it is not answered yet. Only from a call of the channel's own thread into the engine.
	// FreeSWITCH may run commands meanwhile, on this thread, that call the engine: no lock may be held. Its error is
	// ErrNoChannel or another.
	Answer(uuid string) error
	// Attach puts a stream on the channel. Its error is one of ErrNoChannel, ErrNoMedia, ErrBusy, or another that says
	// what the channel lacks.
	Attach(uuid string, mix command.Mix) (Rings, error)

	Actions
}

// Actions are what can be done with a call on behalf of its profile. Each takes as long as FreeSWITCH and the network do, so
// never a stream's owner calls them. Their error is ErrNoChannel or says what FreeSWITCH refused.
type Actions interface {
	// Hangup ends the call. cause is FreeSWITCH's name of it, NORMAL_CLEARING if it is "".
	Hangup(uuid, cause string) error
	// Transfer has the call go on at an extension. dialplan and context are the call's own where they are "".
	Transfer(uuid, extension, dialplan, context string) error
	// Refer asks the caller's phone to call a SIP URI in the place of this call, and waits until the phone has reached it or
	// ctx ends. After success this call has no phone any more, but goes on until Hangup. Its error is a *ReferFailure where
	// the phone or the network is the reason.
	Refer(ctx context.Context, uuid, uri string) error
	// SendDTMF presses keys for the far end: 0-9, *, #, A-D, and w for a pause of half a second.
	SendDTMF(uuid, digits string) error
	// SetVariable sets a channel variable, or removes it where value is "". The value is data: the caller sees to it that
	// FreeSWITCH finds nothing in it to expand.
	SetVariable(uuid, name, value string) error
	// API runs an API command, as the console does, and returns what it prints, up to 64 KiB.
	API(uuid, command, arguments string) (reply string, err error)
	// Dial rings a dial string until it is answered, ctx ends or timeout has passed, as a leg of the call uuid. Its
	// error is a *DialFailure where the far end, or the lack of one, is the reason. The peer is held until Bridge, or
	// Hangup.
	Dial(ctx context.Context, uuid, dialString string, timeout time.Duration) (peer string, err error)
	// Bridge connects the call with a peer. When the peer hangs up, the call goes on in its dialplan.
	Bridge(uuid, peer string) error
	// OpenSound opens what FreeSWITCH can play: a file, tone_stream://..., local_stream://... Mono, at rateHz, 8000 to
	// 48000. A local_stream that is read faster than it plays is silent in between.
	OpenSound(uuid, path string, rateHz int) (Sound, error)
}

// Sound is something that plays. It belongs to one goroutine.
type Sound interface {
	// Read fills pcm, or less of it, and returns how many samples it has; io.EOF at the end.
	Read(pcm []int16) (int, error)
	Close()
}

// DialFailure says why nobody answered.
type DialFailure struct{ Cause string } // FreeSWITCH's name, e.g. USER_BUSY

func (f *DialFailure) Error() string { return "not answered: " + f.Cause }

// ReferFailure says how a phone refused to call somebody else, or how that call failed.
type ReferFailure struct {
	Status int  // of SIP, 0 if there was none in time
	Lost   bool // this call has no phone any more: only Hangup is left
}

func (f *ReferFailure) Error() string {
	if f.Status == 0 {
		return "REFER not answered in time"
	}
	return fmt.Sprintf("REFER failed with status %d", f.Status)
}

// What Host.Answer and Host.Attach answer when they can't.
var (
	ErrNoChannel = errors.New("no such channel")
	ErrNoMedia   = errors.New("channel without media: expected one that is answered or in early media, not bypassing FreeSWITCH")
	ErrBusy      = errors.New("channel has a stream already: stop it first")
)

// Totals are what a stream counted. Each is the channel variable of that name, openai_audio_stream_audio_in_ms and so on
// (OAS_TOTALS in include/oas_stream.h).
type Totals struct {
	Turns         int64
	AnsweredTurns int64 // those in which the model answered the caller and was heard
	Interruptions int64
	InputTokens   int64
	OutputTokens  int64
	CachedTokens  int64
	AudioInMS     int64
	AudioOutMS    int64
	LatencyMSAvg  int64 // over AnsweredTurns: from the server's word of the end of speech to the first sample played
	ResponseMSAvg int64 // over AnsweredTurns: from the end of the caller's voice to the same
	Reconnects    int64
}

// Frame is what a media thread handed over at once.
type Frame struct {
	RateHz   int
	Channels int // 1, or 2 interleaved
	PCM      []int16
}

// Key is one that the caller has pressed.
type Key struct {
	Digit  byte // 0-9, *, #, A-D, or whatever else FreeSWITCH reports
	Length time.Duration
}

// Look is what is true of a stream at one moment. Positions count the samples of agent audio since the start.
type Look struct {
	Written uint64 // by Write
	Read    uint64 // given to the channel, or skipped
	Free    int    // samples that Write would take
	RateHz  int    // of the frames that the channel writes, 0 before the first

	Flushed   bool   // the last Flush has been carried out
	FlushedAt uint64 // up to which position audio was played before it

	Underruns  uint64 // times that the ring ran dry inside an answer
	UnderrunMS int64  // length of the silence that was heard there
	DroppedMS  int64  // length of the frames that found a capture ring full
	KeysLost   int    // keys that the caller pressed while too many waited for ReadKey
	Held       bool   // the phone of the caller holds the call
	Closed     bool   // the channel has let go: it is gone, or can't be streamed any more
}

// Listener is called for a channel by a goroutine that does so for many: it must not wait. All that rang take, then all
// send: the same code many times in a row stays in the processor's caches.
type Listener interface {
	// Take takes what the channel has left. It wants to be called at the time again if nothing comes before; zero: it does
	// not. Where it says taken, Send is called then.
	Take(now time.Time) (again time.Time, taken bool)
	// Send sends what was taken. Only after a Take that said so, by the same goroutine.
	Send(now time.Time)
}

// Rings is the audio of one channel: caller and callee audio out of it, agent audio into it. Only the stream's owner uses
// them.
type Rings interface {
	// Serve has l called whenever new audio or a key has come or the channel has let go, and once now. A call may still be under way
	// when Release returns.
	Serve(l Listener)
	// Look tells what is true of the stream now.
	Look() Look
	// Closing is why the channel let go, and with what error, "" if with none. Only when Look says Closed.
	Closing() (reason, errorText string)
	// ReadCaller and ReadCallee take the oldest frame; false if there is none. They reuse f.PCM.
	ReadCaller(f *Frame) bool
	ReadCallee(f *Frame) bool
	// ReadKey takes the oldest key that the caller has pressed; false if there is none.
	ReadKey() (key Key, ok bool)
	// SetAgentRate declares the rate of what Write adds from now on. At any other rate of the channel the stream plays
	// silence and keeps what it has.
	SetAgentRate(hz int)
	// Write adds agent audio, mono, and returns how many samples were taken.
	Write(pcm []int16) int
	// Flush skips what was written so far at the channel's next frame, after fading out fade samples of it.
	Flush(fade int)
	// Hold keeps what is queued; what others write to the channel is heard meanwhile.
	Hold(on bool)
	// SetAnswerOpen says whether more of this answer is to come, so that an empty ring is an underrun.
	SetAnswerOpen(open bool)
	// SetTotals stores what the channel's variables get when it ends.
	SetTotals(totals Totals)
	// SetEnd stores why the stream ends, for the same variables, and with what error, "" if with none; and whether the call
	// is about to go elsewhere, so that the dialplan's next line is not for it. Called at most once, before Detach.
	SetEnd(reason, errorText string, moves bool)

	// Detach takes the stream off the channel; harmless when the channel has gone.
	Detach()
	// Release frees the stream. Nothing may be called after it.
	Release()
}
