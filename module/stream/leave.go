package stream

import (
	"context"
	"errors"
	"strings"
	"time"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/tool"
)

// The model ends the call, or sends it elsewhere, when the caller has heard it say so (farewell.go).

// referWait bounds how long the caller's phone may take to get through to where it was referred.
const referWait = 60 * time.Second

// Channel variables that tell the next line of the dialplan, and the CDR, of a transfer.
const (
	varTransferDestination = "openai_audio_stream_transfer_destination"
	varTransferResult      = "openai_audio_stream_transfer_result"
	varTransferSummary     = "openai_audio_stream_transfer_summary"
)

// What a transfer has come to, as the variable says it.
const (
	transferTransferred = "transferred" // sent on
	transferAnswered    = "answered"    // and somebody has answered
	transferBusy        = "busy"
	transferRefused     = "refused"
	transferNoAnswer    = "no_answer"
	transferFailed      = "failed"
)

// transferResults are the causes with which FreeSWITCH says why nobody has answered.
var transferResults = map[string]string{
	"USER_BUSY": transferBusy, "CALL_REJECTED": transferRefused, "NO_ANSWER": transferNoAnswer,
	"NO_USER_RESPONSE": transferNoAnswer, "ALLOTTED_TIMEOUT": transferNoAnswer, "PROGRESS_TIMEOUT": transferNoAnswer,
}

// transferResult is what an error of Dial or Refer means.
func transferResult(err error) string {
	var failure *DialFailure
	var referral *ReferFailure
	switch {
	case errors.As(err, &referral) && referral.Status != 0:
		return transferRefused
	case errors.As(err, &referral):
		return transferNoAnswer
	case errors.As(err, &failure) && transferResults[failure.Cause] != "":
		return transferResults[failure.Cause]
	case errors.Is(err, context.DeadlineExceeded):
		return transferNoAnswer
	}
	return transferFailed
}

// leave ends the stream, and does something with the call.
func (s *Stream) leave(reason string, before, after func()) {
	if s.reason == "" {
		s.exitBefore, s.exitAfter, s.reason = before, after, reason
	}
}

// takeLeave has an errand's end of the call happen when the caller has heard of it.
func (s *Stream) takeLeave(e *errand, leave func(now time.Time), now time.Time) {
	if s.acting.farewell.armed() || s.transferring {
		s.endErrand(e, nil, errLeaving, now)
		return
	}
	s.acting.farewell.arm(e.call, e.tool.Reply == tool.ReplyNever, s.ledger.Totals().Interruptions, leave, now)
}

// tickFarewell looks whether it is time to go.
func (s *Stream) tickFarewell(now time.Time) {
	f := &s.acting.farewell
	if !f.armed() {
		return
	}
	e := s.acting.errands[f.callID]
	f.speaks(s.ledger.Answering())
	switch f.look(s.ledger.Spoken(f.response), s.ledger.Unheard() || s.player.busy(), s.callerSpoke(f), now) {
	case farewellAsks:
		e.answered = true
		todo, _ := s.ledger.Output(f.callID, tool.OK(nil), false, now)
		s.act(todo, now)
		_, _ = s.client("", now, realtime.ResponseFarewell())
	case farewellOff:
		s.output(e, toolCancelled, tool.Failed("the caller spoke: "+e.tool.Name+" was not carried out"), false, now)
	case farewellNow:
		leave := f.leave
		f.disarm()
		leave(now)
	}
}

// callerSpoke reports whether the caller has interrupted since the farewell was armed, or speaks into its silence.
func (s *Stream) callerSpoke(f *farewell) bool {
	return s.ledger.Totals().Interruptions > f.interruptions ||
		s.ledger.Speaking() && !s.cfg.Settings.BargeIn.Off && !s.ledger.Unheard()
}

// transfer sends the call elsewhere.
func (s *Stream) transfer(ctx context.Context, e *errand, job tool.Transfer, now time.Time) {
	host, uuid := s.host, s.cfg.UUID
	switch job.Mode {
	case tool.Blind:
		s.sendOff(e, func() {
			s.tellTransfer(job, transferTransferred)
			s.sendTo(job.To)
		}, now)
	case tool.Refer:
		result := transferTransferred
		hangUp := func() {
			s.tellTransfer(job, result)
			_ = host.Hangup(uuid, "BLIND_TRANSFER") // the phone has been told already, the channel not
		}
		s.tryTransfer(e, job, func() error {
			ctx, cancel := context.WithTimeout(ctx, referWait)
			defer cancel()
			err := host.Refer(ctx, uuid, job.To)
			if lost := new(ReferFailure); errors.As(err, &lost) && lost.Lost {
				result, err = transferFailed, nil // there is no caller to come back
			}
			return err
		}, hangUp, hangUp)
	case tool.Attended:
		s.startLoop(tool.HoldMusic)
		var peer string
		s.tryTransfer(e, job, func() (err error) {
			peer, err = host.Dial(ctx, uuid, job.To, e.tool.Timeout)
			return err
		}, func() {
			s.tellTransfer(job, transferAnswered)
			if host.Bridge(uuid, peer) != nil {
				_ = host.Hangup(peer, "")
			}
		}, func() { _ = host.Hangup(peer, "") })
	}
}

// sendOff ends the stream for a transfer, which after carries out.
func (s *Stream) sendOff(e *errand, after func(), now time.Time) {
	s.finishErrand(e, toolDone, now)
	s.leave(endTransfer, nil, after)
}

// tryTransfer tries what may fail: then the caller is back with the model. Meanwhile the model does not hear the caller.
// after is what is left to be done when it went well, and the stream has ended for it; inVain the same where the stream was over
// already.
func (s *Stream) tryTransfer(e *errand, job tool.Transfer, try func() error, after, inVain func()) {
	s.transferring = true
	s.pauseCapture()
	s.goHolding(func() {
		err := try()
		if err != nil {
			s.tellTransfer(job, transferResult(err))
		}
		there := s.own(func(now time.Time) {
			s.transferring = false
			s.pauseCapture()
			s.stopLoop(now)
			if err == nil {
				s.sendOff(e, after, now)
				return
			}
			s.endErrand(e, nil, errors.New(transferResult(err)), now)
		})
		if !there && err == nil {
			inVain()
		}
	})
}

// tellTransfer sets the variables of a transfer. It fails when the channel has gone, and then nobody asks for them.
func (s *Stream) tellTransfer(job tool.Transfer, result string) {
	_ = setVariables(s.host, s.cfg.UUID, []tool.Variable{
		{Name: varTransferDestination, Value: job.Key},
		{Name: varTransferSummary, Value: job.Summary},
		{Name: varTransferResult, Value: result},
	})
}

// hangUp ends the call. Only finish calls it.
func (s *Stream) hangUp(cause string) { s.tried("hang-up", s.host.Hangup(s.cfg.UUID, cause)) }

// sendTo has the call go on at "<extension> [dialplan [context]]". Only finish calls it.
func (s *Stream) sendTo(destination string) {
	words := append(strings.Fields(destination), "", "", "")
	s.tried("transfer to "+destination, s.host.Transfer(s.cfg.UUID, words[0], words[1], words[2]))
}
