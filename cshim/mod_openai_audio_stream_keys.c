/* SPDX-License-Identifier: MIT
 *
 * The keys that the caller presses, as the core reports them: by RTP (RFC 4733), SIP INFO, or found in the audio.
 *
 * The core calls the hook from whatever thread brings the key: the read-side media thread, a SIP thread, an API thread.
 * It holds the channel's dtmf_mutex meanwhile (switch_channel_queue_dtmf), so there is one producer at a time.
 *
 * The hook stays on the channel for its life: the core's list of hooks has no lock, and whoever adds one while another
 * thread takes one out may lose his. Without a stream the hook finds that out and is done.
 */
#include "mod_openai_audio_stream.h"

#define KEYS_KEY "_openai_audio_stream_keys_"

/* Where the hook finds the channel's stream. In the session's pool.
 *
 * The one who has the pointer has a reference with it. The hook takes it out while it uses the stream, and puts it back
 * unless the place has changed hands meanwhile: then the stream was closed, and the reference is the hook's to drop. So
 * neither waits for the other. */
typedef struct place {
	oas_stream_t *_Atomic stream; /* NULL: none */
} place_t;

/* Stands in the place while the hook has the stream. */
static oas_stream_t taken;

static switch_status_t on_key(switch_core_session_t *session, const switch_dtmf_t *key,
							  switch_dtmf_direction_t direction)
{
	place_t *place = switch_channel_get_private(switch_core_session_get_channel(session), KEYS_KEY);
	oas_stream_t *stream = place ? atomic_load(&place->stream) : NULL;
	oas_stream_t *now = &taken;

	(void) direction; /* received, always */
	if (!stream || stream == &taken || !atomic_compare_exchange_strong(&place->stream, &stream, &taken)) {
		return SWITCH_STATUS_SUCCESS;
	}
	/* The core counts the duration in samples at 8 kHz, whatever the codec. */
	oas_keys_write(&stream->keys, (oas_key_t){.digit = (unsigned char) key->digit, .duration_ms = key->duration / 8});
	oas_stream_ring(stream);
	if (!atomic_compare_exchange_strong(&place->stream, &now, stream)) {
		oas_stream_unref(stream);
	}
	/* Anything else would keep the key from the dialplan. */
	return SWITCH_STATUS_SUCCESS;
}

void mod_openai_audio_stream_keys_open(switch_core_session_t *session, oas_stream_t *stream)
{
	switch_channel_t *channel = switch_core_session_get_channel(session);
	place_t *place = switch_channel_get_private(channel, KEYS_KEY);

	if (!place) {
		place = switch_core_session_alloc(session, sizeof(*place));
		switch_channel_set_private(channel, KEYS_KEY, place);
	}
	oas_stream_ref(stream);
	atomic_store(&place->stream, stream);
	switch_core_event_hook_add_recv_dtmf(session, on_key); /* once: the core knows those it has */
}

void mod_openai_audio_stream_keys_close(switch_core_session_t *session)
{
	place_t *place = switch_channel_get_private(switch_core_session_get_channel(session), KEYS_KEY);
	oas_stream_t *stream = place ? atomic_exchange(&place->stream, NULL) : NULL;

	if (stream && stream != &taken) {
		oas_stream_unref(stream);
	}
}
