package realtime

// Kind is what a server event means, whatever name the server gives it.
type Kind int

// The kinds. KindOther is everything that is passed on without being understood.
const (
	KindOther Kind = iota

	KindError
	KindSessionCreated
	KindSessionUpdated
	KindConversationCreated
	KindRateLimits

	// The caller's side of the conversation.
	KindSpeechStarted
	KindSpeechStopped
	KindTimeoutTriggered
	KindCommitted
	KindCleared
	KindInputTranscriptionDelta
	KindInputTranscriptionCompleted
	KindInputTranscriptionFailed

	// The conversation's items.
	KindItemAdded
	KindItemDone
	KindItemDeleted
	KindItemTruncated
	KindItemRetrieved

	// The model's side.
	KindResponseCreated
	KindResponseDone
	KindOutputItemAdded
	KindOutputItemDone
	KindContentPartAdded
	KindContentPartDone
	KindAudioDelta
	KindAudioDone
	KindAudioTranscriptDelta
	KindAudioTranscriptDone
	KindTextDelta
	KindTextDone
	KindArgumentsDelta
	KindArgumentsDone

	// Calls of functions that the server runs by itself.
	KindMCPCallInProgress
	KindMCPCallCompleted
	KindMCPCallFailed
)

// eventTypes lists every type that is understood. The first name of a kind is the GA protocol's.
var eventTypes = []struct {
	name string
	kind Kind
}{
	{"error", KindError},
	{"session.created", KindSessionCreated},
	{"session.updated", KindSessionUpdated},
	{"conversation.created", KindConversationCreated},
	{"rate_limits.updated", KindRateLimits},

	{"input_audio_buffer.speech_started", KindSpeechStarted},
	{"input_audio_buffer.speech_stopped", KindSpeechStopped},
	{"input_audio_buffer.timeout_triggered", KindTimeoutTriggered},
	{"input_audio_buffer.committed", KindCommitted},
	{"input_audio_buffer.cleared", KindCleared},
	{"conversation.item.input_audio_transcription.delta", KindInputTranscriptionDelta},
	{"conversation.item.input_audio_transcription.completed", KindInputTranscriptionCompleted},
	{"conversation.item.input_audio_transcription.failed", KindInputTranscriptionFailed},

	{"conversation.item.added", KindItemAdded},
	{"conversation.item.done", KindItemDone},
	{"conversation.item.deleted", KindItemDeleted},
	{"conversation.item.truncated", KindItemTruncated},
	{"conversation.item.retrieved", KindItemRetrieved},

	{"response.created", KindResponseCreated},
	{"response.done", KindResponseDone},
	{"response.output_item.added", KindOutputItemAdded},
	{"response.output_item.done", KindOutputItemDone},
	{"response.content_part.added", KindContentPartAdded},
	{"response.content_part.done", KindContentPartDone},
	{"response.output_audio.delta", KindAudioDelta},
	{"response.output_audio.done", KindAudioDone},
	{"response.output_audio_transcript.delta", KindAudioTranscriptDelta},
	{"response.output_audio_transcript.done", KindAudioTranscriptDone},
	{"response.output_text.delta", KindTextDelta},
	{"response.output_text.done", KindTextDone},
	{"response.function_call_arguments.delta", KindArgumentsDelta},
	{"response.function_call_arguments.done", KindArgumentsDone},

	{"response.mcp_call.in_progress", KindMCPCallInProgress},
	{"response.mcp_call.completed", KindMCPCallCompleted},
	{"response.mcp_call.failed", KindMCPCallFailed},

	// The beta's names.
	{"transcription_session.created", KindSessionCreated},
	{"transcription_session.updated", KindSessionUpdated},
	{"conversation.item.created", KindItemAdded},
	{"response.audio.delta", KindAudioDelta},
	{"response.audio.done", KindAudioDone},
	{"response.audio_transcript.delta", KindAudioTranscriptDelta},
	{"response.audio_transcript.done", KindAudioTranscriptDone},
	{"response.text.delta", KindTextDelta},
	{"response.text.done", KindTextDone},
}

// knownTypes maps a type to its row in eventTypes, so that Parse need not copy the names of the types it knows.
var knownTypes = func() map[string]int {
	m := make(map[string]int, len(eventTypes))
	for i, t := range eventTypes {
		m[t.name] = i
	}
	return m
}()

// kindNames maps a kind to its GA name.
var kindNames = func() map[Kind]string {
	m := make(map[Kind]string, len(eventTypes))
	for _, t := range eventTypes {
		if m[t.kind] == "" {
			m[t.kind] = t.name
		}
	}
	return m
}()

// String is the kind's name in the GA protocol, "other" for KindOther.
func (k Kind) String() string {
	if name := kindNames[k]; name != "" {
		return name
	}
	return "other"
}
