// Package realtimetest is a Realtime server for tests: a real WebSocket server on a port of its own, which detects
// speech in the audio it gets, answers it with audio, keeps a conversation, and writes down all that crosses the
// socket. It speaks the GA protocol in the event order of OpenAI's service, or the beta's names, and misbehaves in
// whatever way it is told.
//
//	srv := realtimetest.New(t, realtimetest.Config{InputRate: 8000, Speed: 5})
//	... dial srv.URL() ...
//	session, err := srv.Session(ctx, 0)
//	stopped, err := session.WaitSent(ctx, "input_audio_buffer.speech_stopped", 1)
//
// Nothing in it sleeps on a schedule of its own but the pace of an answer: waiting for the server is waiting for a
// condition, with a context.
package realtimetest
