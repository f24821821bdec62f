package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mod_openai_audio_stream/module/ledger"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/tool"
)

// acting runs the functions of the profile that the model calls. Each call has an errand, from its beginning to its
// output. What an errand does outside the stream it does on a goroutine of its own. It is the stream's owner's.
type acting struct {
	tools    map[string]*tool.Tool
	errands  map[string]*errand // that run, by call id
	farewell farewell
	outside  int  // goroutines of errands, also of those that have timed out
	holding  bool // the hold action plays its music
	late     int  // results that came after the timeout
}

// errand is one call of a function.
type errand struct {
	call   ledger.Call
	tool   *tool.Tool
	job    tool.Job
	begun  time.Time
	by     time.Time // it has failed then; zero: it takes as long as it takes
	cancel context.CancelFunc

	keys     *collection // that it waits for, nil if for none
	answered bool        // the model has its output already, so that it says its last words
}

// What an errand has come to, as ::tool says it.
const (
	toolStarted   = "started"
	toolDone      = "done"
	toolFailed    = "failed"
	toolTimeout   = "timeout"
	toolCancelled = "cancelled"
)

// maxErrands bounds the functions of a call that run at once.
const maxErrands = 16

var (
	errTooManyErrands = fmt.Errorf("%d functions run already", maxErrands)
	errLeaving        = errors.New("a hang-up or a transfer is under way already")
	errTimeout        = errors.New("timeout")
	errCollecting     = errors.New("another function collects keys")
)

func newActing(tools []*tool.Tool) acting {
	a := acting{tools: map[string]*tool.Tool{}, errands: map[string]*errand{}}
	for _, t := range tools {
		if t.Offered() {
			a.tools[t.Name] = t
		}
	}
	return a
}

// ours reports whether the profile binds a function.
func (a *acting) ours(name string) bool { return a.tools[name] != nil }

// due is when an errand has failed, or the farewell has to be looked at; zero: nothing runs.
func (a *acting) due() time.Time {
	at := a.farewell.due()
	for _, e := range a.errands {
		at = earliest(at, e.by)
	}
	return at
}

// expired are the errands that have taken too long.
func (a *acting) expired(now time.Time) (late []*errand) {
	for _, e := range a.errands {
		if !e.by.IsZero() && !now.Before(e.by) {
			late = append(late, e)
		}
	}
	return late
}

// What the stream does for it.

// call begins what the model asks for.
func (s *Stream) call(c ledger.Call, now time.Time) {
	ctx, cancel := context.WithCancel(context.Background())
	e := &errand{call: c, tool: s.acting.tools[c.Name], begun: now, cancel: cancel}
	full := max(len(s.acting.errands), s.acting.outside) >= maxErrands
	s.acting.errands[c.ID] = e
	var err error
	if e.job, err = e.tool.Bind(c.Arguments); err == nil && full {
		err = errTooManyErrands
	}
	s.tellTool(e, toolStarted, now)
	if err != nil {
		s.failErrand(e, toolFailed, err, now)
		return
	}
	s.begin(ctx, e, now)
}

// fillTime has the caller hear the function's filler if it takes long from now on.
func (s *Stream) fillTime(e *errand, now time.Time) {
	s.filler.functionRuns(e.call.ID, e.tool.Filler, e.tool.FillerAfter, now)
}

// begin does an errand's job.
func (s *Stream) begin(ctx context.Context, e *errand, now time.Time) {
	host, uuid := s.host, s.cfg.UUID
	switch e.tool.Action {
	case tool.ActionDTMF, tool.ActionSet, tool.ActionHTTP, tool.ActionAPI, tool.ActionLua, tool.ActionEvent:
		// The others take as long as somebody speaks, plays or presses keys, and need no filler.
		e.by = now.Add(e.tool.Timeout)
		s.fillTime(e, now)
	}
	switch job := e.job.(type) {
	case tool.Hangup:
		s.takeLeave(e, func(now time.Time) {
			s.finishErrand(e, toolDone, now)
			s.leave(endHangupTool, func() { s.hangUp(job.Cause) }, nil)
		}, now)
	case tool.Transfer:
		s.takeLeave(e, func(now time.Time) { s.transfer(ctx, e, job, now) }, now)
	case tool.DTMF:
		s.outside(e, func() (any, error) { return nil, host.SendDTMF(uuid, job.Digits) })
	case tool.Play:
		s.playSound(job.File, func(err error, now time.Time) { s.endErrand(e, nil, soundError(err), now) })
	case tool.Set:
		s.outside(e, func() (any, error) { return nil, setVariables(host, uuid, job.Variables) })
	case *tool.HTTP:
		s.outside(e, func() (any, error) { return job.Do(ctx, s.about(e)) })
	case tool.API:
		s.outside(e, func() (any, error) { return runCommand(host, uuid, job) })
	case tool.Hold:
		s.acting.holding = true
		s.startLoop(job.Music)
		s.endErrand(e, nil, nil, now)
	case tool.Collect:
		s.collectKeys(ctx, e, job, now)
	case tool.Event: // tool_result ends it
	default:
		s.endErrand(e, nil, fmt.Errorf("action %q: not implemented", e.tool.Action), now)
	}
}

// toldError is an error of which the model is told less than the log.
type toldError struct {
	told  string
	cause error
}

func (e *toldError) Error() string { return e.told }
func (e *toldError) Unwrap() error { return e.cause }

// soundError is what the model is told of a file's end. It is not told the file's name.
func soundError(err error) error {
	if err == nil || errors.Is(err, errInterrupted) {
		return err
	}
	return &toldError{"the file could not be played", err}
}

// about is what a function's web service is told of the call.
func (s *Stream) about(e *errand) tool.Call {
	return tool.Call{UUID: s.cfg.UUID, CallID: e.call.ID, Caller: s.host.Variable(s.cfg.UUID, "caller_id_number")}
}

// setVariables sets all, up to the first that fails.
func setVariables(host Actions, uuid string, variables []tool.Variable) error {
	for _, v := range variables {
		if err := host.SetVariable(uuid, v.Name, v.Value); err != nil {
			return err
		}
	}
	return nil
}

// runCommand runs an API command, which says by its first word that it has failed.
func runCommand(host Actions, uuid string, job tool.API) (any, error) {
	reply, err := host.API(uuid, job.Command, job.Arguments)
	if failed, yes := strings.CutPrefix(reply, "-ERR"); yes && err == nil {
		err = errors.New(strings.TrimSpace(failed))
	}
	return tool.Result([]byte(reply)), err
}

// outside does a part of an errand that may take long, and ends the errand with what comes of it.
func (s *Stream) outside(e *errand, f func() (result any, err error)) {
	s.acting.outside++
	go guard(s.panicked, func() {
		result, err := f()
		s.own(func(now time.Time) {
			s.acting.outside--
			s.endErrand(e, result, err, now)
		})
	})
}

// endErrand ends an errand with its result, or with an error that says what was wrong.
func (s *Stream) endErrand(e *errand, result any, err error, now time.Time) {
	switch {
	case s.acting.errands[e.call.ID] != e:
		s.acting.late++ // it has timed out, or was cancelled
	case err != nil && !e.by.IsZero() && !now.Before(e.by):
		s.failErrand(e, toolTimeout, errTimeout, now)
	case err != nil:
		s.failErrand(e, toolFailed, err, now)
	default:
		s.output(e, toolDone, tool.OK(result), e.tool.Replies(true), now)
	}
}

func (s *Stream) failErrand(e *errand, status string, err error, now time.Time) {
	line := s.log.Warn().Str("tool", e.tool.Name).Str("call_id", e.call.ID)
	if cause := errors.Unwrap(err); cause != nil {
		line = line.AnErr("cause", cause)
	}
	line.Msg("function " + status + ": " + err.Error())
	s.output(e, status, tool.Failed(s.cfg.Secrets.Text(err.Error())), e.tool.Replies(false), now)
}

// output gives the model what came of an errand, which is over with it.
func (s *Stream) output(e *errand, status, output string, reply bool, now time.Time) {
	s.finishErrand(e, status, now)
	if !e.answered {
		todo, _ := s.ledger.Output(e.call.ID, output, reply, now)
		s.act(todo, now)
		return
	}
	told := [][]byte{realtime.UserText("[The result of " + e.tool.Name + ": " + output + "]")}
	if reply {
		told = append(told, realtime.ResponseCreate())
	}
	if _, err := s.client("", now, told...); err != nil {
		s.log.Warn().Err(err).Str("tool", e.tool.Name).Msg("the model is not told that nothing came of a function")
	}
}

// finishErrand forgets an errand.
func (s *Stream) finishErrand(e *errand, status string, now time.Time) {
	e.cancel()
	delete(s.acting.errands, e.call.ID)
	if s.acting.farewell.callID == e.call.ID {
		s.acting.farewell.disarm()
	}
	s.filler.functionEnds(e.call.ID)
	s.tellTool(e, status, now)
}

// stopErrands ends all with the stream. Nobody waits for their results.
func (s *Stream) stopErrands(now time.Time) {
	for _, e := range s.acting.errands {
		s.finishErrand(e, toolCancelled, now)
	}
}

// answered ends the errand of a call that the client has answered by itself.
func (s *Stream) answered(callID string, now time.Time) {
	e := s.acting.errands[callID]
	if e == nil {
		return
	}
	status := toolCancelled
	switch e.job.(type) {
	case tool.Event:
		status = toolDone
	case tool.Collect:
		s.cancelCollect(e.keys, now)
	}
	s.finishErrand(e, status, now)
}

// tellTool fires ::tool. Only who is to answer gets the arguments.
func (s *Stream) tellTool(e *errand, status string, now time.Time) {
	body := toolBody{CallID: e.call.ID, Name: e.tool.Name, Action: string(e.tool.Action), Status: status,
		MS: now.Sub(e.begun).Milliseconds()}
	if job, asked := e.job.(tool.Event); asked && status == toolStarted {
		body.Arguments = job.Arguments
	}
	s.event(eventTool, body)
}

// toolResult is what an external program answers to ::tool.
func (s *Stream) toolResult(callID, text string, now time.Time) error {
	e := s.acting.errands[callID]
	if e == nil {
		return fmt.Errorf("call %q: no function with this call_id waits for a result", callID)
	}
	if _, asked := e.job.(tool.Event); !asked {
		return fmt.Errorf("call %q: the function %q has the action %s: expected one with the action event", callID, e.tool.Name,
			e.tool.Action)
	}
	s.endErrand(e, tool.Result([]byte(text)), nil, now)
	return nil
}

// tickActing does what is due of the functions.
func (s *Stream) tickActing(now time.Time) {
	for _, e := range s.acting.expired(now) {
		s.failErrand(e, toolTimeout, errTimeout, now)
	}
	s.tickFarewell(now)
}

// collectKeys has the caller press keys, and hands them to the function behind it.
func (s *Stream) collectKeys(ctx context.Context, e *errand, job tool.Collect, now time.Time) {
	done := func(digits, endedBy string, now time.Time) {
		switch {
		case s.acting.errands[e.call.ID] != e:
		case digits == "":
			s.endErrand(e, nil, errors.New("no key was pressed: "+endedBy), now)
		default:
			s.handOver(ctx, e, job.Then, digits, now)
		}
	}
	e.keys = &collection{keyRules: keyRules{job.Max, job.Terminator, job.Timeout}, done: done}
	if !s.collect(e.keys, now) {
		s.endErrand(e, nil, errCollecting, now)
	}
}

// handOver gives keys that nobody else may see to a function.
func (s *Stream) handOver(ctx context.Context, e *errand, then *tool.Tool, digits string, now time.Time) {
	job, err := then.Collected(digits)
	if err != nil {
		s.endErrand(e, nil, err, now)
		return
	}
	e.by = now.Add(then.Timeout)
	s.fillTime(e, now)
	switch job := job.(type) {
	case *tool.HTTP:
		s.outside(e, func() (any, error) { return job.Do(ctx, s.about(e)) })
	case tool.Set:
		s.outside(e, func() (any, error) { return nil, setVariables(s.host, s.cfg.UUID, job.Variables) })
	}
}

// endHold ends the music of the action hold.
func (s *Stream) endHold(now time.Time) {
	if s.acting.holding {
		s.acting.holding = false
		s.stopLoop(now)
	}
}
