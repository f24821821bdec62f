package main

import (
	"flag"
	"net/http"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// misbehaviour is what the flags say goes wrong.
type misbehaviour struct {
	refuse     int
	status     int
	retryAfter string
	connects   int

	hold       time.Duration
	reject     string
	fatal      string
	noCreated  bool
	noUpdated  bool
	stray      string
	creates    int
	mute       int
	silent     bool
	noPong     bool
	fragment   int
	late       int
	stale      int
	drop       int
	reset      int
	freeze     int
	closeAfter int
	closeDone  bool
	closeCode  int
	hostile    bool
}

func (b *misbehaviour) flags(f *flag.FlagSet) {
	f.IntVar(&b.refuse, "refuse", 0, "refuse the first `n` upgrades")
	f.IntVar(&b.status, "status", http.StatusServiceUnavailable, "HTTP `status` of -refuse")
	f.StringVar(&b.retryAfter, "retry-after", "", "Retry-After header of -refuse, in `seconds`")
	f.IntVar(&b.connects, "first", 0, "misbehave only on the first `n` connections; 0 = on all")
	f.DurationVar(&b.hold, "hold", 0, "leave the upgrade unanswered for this time")
	f.StringVar(&b.reject, "reject", "", "accept, then refuse with this error `code` and close code 3000")
	f.StringVar(&b.fatal, "error", "", "send an error with this `code` after session.created, and go on")
	f.BoolVar(&b.noCreated, "no-created", false, "send no session.created")
	f.BoolVar(&b.noUpdated, "no-updated", false, "send no session.updated")
	f.StringVar(&b.stray, "stray-error", "", "before session.updated, send an error with this `code` that names no event")
	f.IntVar(&b.creates, "refuse-creates", 0, "answer the first `n` response.create by an error that does not name them")
	f.IntVar(&b.mute, "mute", 0, "begin the first `n` responses and say nothing more of them until they are cancelled")
	f.BoolVar(&b.silent, "silent", false, "send nothing at all")
	f.BoolVar(&b.noPong, "no-pong", false, "answer no ping")
	f.IntVar(&b.fragment, "fragment", 0, "send messages in frames of so many `bytes`")
	f.IntVar(&b.late, "late", 0, "send `n` more deltas of an interrupted answer before its end")
	f.IntVar(&b.stale, "stale", 0, "send `n` more deltas of an interrupted answer after its end")
	f.IntVar(&b.drop, "drop-after", 0, "end the TCP connection after the `n`-th delta")
	f.IntVar(&b.reset, "reset-after", 0, "reset the TCP connection after the `n`-th delta")
	f.IntVar(&b.freeze, "freeze-after", 0, "stop both directions after the `n`-th delta, as a dead network does")
	f.IntVar(&b.closeAfter, "close-after", 0, "send a closing frame after the `n`-th delta")
	f.BoolVar(&b.closeDone, "close-done", false, "send a closing frame when all audio of an answer has been sent")
	f.IntVar(&b.closeCode, "close-code", 1011, "the closing frame's `code`")
	f.BoolVar(&b.hostile, "hostile", false, "after session.created, send what no client should trip over")
}

// misbehave is what goes wrong on one connection.
func (b *misbehaviour) misbehave(attempt int) *realtimetest.Misbehaviour {
	if attempt < b.refuse {
		return &realtimetest.Misbehaviour{Status: b.status, RetryAfter: b.retryAfter}
	}
	if b.connects > 0 && attempt-b.refuse >= b.connects {
		return nil
	}
	m := &realtimetest.Misbehaviour{
		NoCreated: b.noCreated, NoUpdated: b.noUpdated, StrayError: b.stray, RefuseCreates: b.creates, Mute: b.mute, Silent: b.silent,
		IgnorePings: b.noPong, Fragment: b.fragment, LateDeltas: b.late, StaleDeltas: b.stale,
	}
	if b.hold > 0 {
		release := make(chan struct{})
		time.AfterFunc(b.hold, func() { close(release) })
		m.Hold = release
	}
	if b.reject != "" {
		m.Reject = &realtimetest.Rejection{Code: b.reject, Message: "Refused by the test server.", Close: 3000}
	}
	after := func(n int, do realtimetest.Action) {
		if n > 0 {
			m.Steps = append(m.Steps, realtimetest.AfterSending("response.output_audio.delta", n, do))
		}
	}
	after(b.drop, realtimetest.Drop)
	after(b.reset, realtimetest.Reset)
	after(b.freeze, realtimetest.Freeze)
	closing := realtimetest.CloseWith(b.closeCode, "closed by the test server")
	after(b.closeAfter, closing)
	if b.closeDone {
		m.Steps = append(m.Steps, realtimetest.AfterSending("response.output_audio.done", 1, closing))
	}
	if b.fatal != "" {
		m.Steps = append(m.Steps, realtimetest.AfterSending("session.created", 1,
			realtimetest.SendError(b.fatal, "Refused by the test server.")))
	}
	if b.hostile {
		for _, h := range realtimetest.Hostile() {
			m.Steps = append(m.Steps, realtimetest.AfterSending("session.created", 1, h.Send))
		}
	}
	return m
}
