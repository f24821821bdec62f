package realtimetest

import (
	"math"
	"time"

	"mod_openai_audio_stream/module/audio"
)

// Turn is what the server answers.
type Turn struct {
	N int // responses of the session before this one
	// PCM is the caller's last utterance, first channel, at RateHz, with the detector's prefix and silence. It is empty
	// if the caller has said nothing since the last answer.
	PCM    []int16
	RateHz int
	// Text is the last text item of the user's since the last answer.
	Text string
	// Instructions are those of the response.create, if it has some, else the session's.
	Instructions string
	Session      *Session
}

// Reply is an answer: items that are spoken, or called, one after the other.
type Reply struct {
	Items []ReplyItem
	// Status is the response's at its end; "" = completed. incomplete and failed go with Reason, which is the reason of
	// the one and the error code of the other.
	Status, Reason string
}

// ReplyItem is a spoken message, or a call if Function is not "".
type ReplyItem struct {
	PCM        []int16 // mono
	RateHz     int
	Transcript string

	Function  string
	Arguments string // JSON
}

// Answerer makes answers.
type Answerer func(Turn) Reply

// Say is the reply of one spoken item.
func Say(pcm []int16, rateHz int, transcript string) Reply {
	return Reply{Items: []ReplyItem{{PCM: pcm, RateHz: rateHz, Transcript: transcript}}}
}

// Echo says what the caller said. If that is nothing, it says a tone of half a second.
func Echo(t Turn) Reply {
	if len(t.PCM) == 0 {
		return Say(Sine(440, 500*time.Millisecond, 24000), 24000, "tone")
	}
	return Say(t.PCM, t.RateHz, "echo")
}

// Speech always says the same recording, mono at rateHz.
func Speech(pcm []int16, rateHz int, transcript string) Answerer {
	return func(Turn) Reply { return Say(pcm, rateHz, transcript) }
}

// Tone always says a tone of hz at half of full scale.
func Tone(hz float64, d time.Duration) Answerer {
	pcm := Sine(hz, d, 24000)
	return Speech(pcm, 24000, "tone")
}

// InTurn says the replies in turn, and the last one from then on.
func InTurn(replies ...Reply) Answerer {
	return func(t Turn) Reply { return replies[min(t.N, len(replies)-1)] }
}

// WithPreamble says a spoken item of its own before each answer, in the same response, as models do that think before
// they answer.
func WithPreamble(preamble ReplyItem, then Answerer) Answerer {
	return func(t Turn) Reply {
		reply := then(t)
		reply.Items = append([]ReplyItem{preamble}, reply.Items...)
		return reply
	}
}

// Sine is a tone at half of full scale.
func Sine(hz float64, d time.Duration, rateHz int) []int16 {
	pcm := make([]int16, int(d.Seconds()*float64(rateHz)))
	for i := range pcm {
		pcm[i] = int16(math.Round(16384 * math.Sin(2*math.Pi*hz*float64(i)/float64(rateHz))))
	}
	return pcm
}

// resample is a copy of the audio at another rate, of the length that belongs to it.
func resample(pcm []int16, from, to int) []int16 {
	if from == to || from <= 0 || len(pcm) == 0 {
		return append([]int16(nil), pcm...)
	}
	r, err := audio.NewResampler(from, to)
	if err != nil { // a rate that no session can have
		return nil
	}
	return r.Drain(r.Process(nil, pcm))
}
