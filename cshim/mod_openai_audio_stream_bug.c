/* SPDX-License-Identifier: MIT
 *
 * A stream on a channel: the media bug, what it captures and what it plays.
 *
 * The core calls the bug with bug_rwlock held for reading, and unlinks a bug with it held for writing. So a bug that
 * has been unlinked is not inside a callback and will not be called again, but for CLOSE, which comes exactly once.
 */
#include "mod_openai_audio_stream.h"
#include "oas_clock.h"
#include "oas_play.h"

#define PORT_KEY "_openai_audio_stream_"

/* READ_STREAM   what the channel reads, decoded.
 * WRITE_REPLACE what it writes, decoded and resampled to the write codec.
 * FIRST         the core goes through the bugs in order and shows each the frame as the ones before it left it. A
 *               recorder that stands before us would record the call without the agent.
 * not NO_PAUSE  the core pauses bugs for a caller who waits in a queue (mod_fifo). He hears its music then: what the
 *               agent says would be lost, and the music taken for the caller. */
#define BUG_FLAGS (SMBF_READ_STREAM | SMBF_WRITE_REPLACE | SMBF_FIRST)

/* The pacer is told when the channel is read once in so much captured audio: a quarter of a second at 8 kHz. */
#define READ_NOTED_BYTES 4096

/* What the shim keeps for a channel. Made at the first start, in the session's pool, because the core goes on using a
 * replaced frame after its callback, when the bug may be gone; used again by later streams. */
typedef struct port {
	switch_channel_t *channel; /* constant */
	/* Protected by ports_mutex for changes. The bug's callbacks read it without: it is set before the bug is added and
	 * cleared by CLOSE. */
	oas_stream_t *stream;
	switch_media_bug_t *bug; /* NULL before INIT and from CLOSE on; protected by ports_mutex */
	bool awaited;            /* the application waits for the stream's end; protected by ports_mutex */
	uint64_t
		totals[OAS_TOTAL_COUNT]; /* of the channel's streams so far. Only CLOSE, which no two threads run at once */
	/* Whoever writes a frame holds codec_write_mutex until the frame is on its way. Protects following. On a cache line
	 * that the read side does not need. */
	_Alignas(OAS_CACHE_LINE) oas_play_t play;
	switch_frame_t frame; /* that replaces one */
	int16_t samples[SWITCH_RECOMMENDED_BUFFER_SIZE / sizeof(int16_t)];
} port_t;

/* Held for a few instructions, never in a media callback. */
static pthread_mutex_t ports_mutex = PTHREAD_MUTEX_INITIALIZER;

static void add_relaxed(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void capture(oas_stream_t *stream, oas_ring_t *ring, const switch_frame_t *frame, uint32_t rate_hz,
					uint32_t n_channels)
{
	oas_frame_head_t head = {.len_bytes = frame->datalen, .rate_hz = rate_hz, .n_channels = n_channels};

	if (n_channels > 2 || !oas_ring_write(ring, &head, sizeof(head), frame->data, frame->datalen)) {
		add_relaxed(&stream->capture_drop_us,
					(uint64_t) frame->datalen / sizeof(int16_t) / n_channels * 1000000 / rate_hz);
	}
}

static void on_read(switch_media_bug_t *bug, port_t *port)
{
	oas_stream_t *stream = port->stream;
	switch_core_session_t *session = switch_core_media_bug_get_session(bug);
	switch_codec_implementation_t impl;
	uint8_t samples[SWITCH_RECOMMENDED_BUFFER_SIZE]; /* the core has no longer frames */
	switch_frame_t frame = {.data = samples, .buflen = sizeof(samples)};
	bool hears = !atomic_load_explicit(&stream->phone_holds, memory_order_relaxed);
	uint64_t pos = atomic_load_explicit(&stream->caller.write_pos, memory_order_relaxed);

	/* The core buffers what the endpoint's codec decoded, before the read resampler, but names the rate and the length
	 * of the codec that an application may have pushed on top. The rate is the endpoint's. */
	switch_core_session_get_real_read_impl(session, &impl);
	if (impl.actual_samples_per_second == 0) {
		return;
	}
	/* A frame may hold more or less than the length that bug_read deals in: take what is whole now. fill, because
	 * without it an empty buffer reads as 0xff for ever. */
	while (switch_core_media_bug_read(bug, &frame, SWITCH_TRUE) == SWITCH_STATUS_SUCCESS && frame.datalen > 0) {
		if (hears) {
			capture(stream, &stream->caller, &frame, impl.actual_samples_per_second,
					frame.channels ? frame.channels : 1);
		}
	}
	/* Its clock hardly moves: a look at it now and then is enough. */
	if (pos / READ_NOTED_BYTES !=
		atomic_load_explicit(&stream->caller.write_pos, memory_order_relaxed) / READ_NOTED_BYTES) {
		atomic_store_explicit(&stream->writes.read_ns, oas_now_ns(), memory_order_relaxed);
	}
	oas_stream_ring(stream);
}

/* One thread at a time counts. */
static void count(_Atomic uint32_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* Note a frame of another writer's. */
static void note_foreign(oas_writes_t *writes, const switch_frame_t *frame, uint32_t frame_ms)
{
	atomic_store_explicit(&writes->foreign_frame_ms, frame_ms, memory_order_relaxed);
	/* Behind a resampler the core leaves an older frame's there (switch_core_media.c, SWITCH_STATUS_RESAMPLE). Of the
	 * first frame it is not known. */
	bool known = atomic_load_explicit(&writes->foreign_frames, memory_order_relaxed) > 0 &&
				 frame->timestamp != writes->seen_timestamp;

	atomic_store_explicit(&writes->foreign_timestamp, known ? frame->timestamp : 0, memory_order_relaxed);
	writes->seen_timestamp = frame->timestamp;
	count(&writes->foreign_frames);
}

static void on_write(switch_media_bug_t *bug, port_t *port)
{
	oas_stream_t *stream = port->stream;
	switch_core_session_t *session = switch_core_media_bug_get_session(bug);
	switch_frame_t *frame = switch_core_media_bug_get_write_replace_frame(bug);
	switch_codec_implementation_t impl;
	uint32_t rate_hz, n_channels, n_samples, frame_ms;
	bool paced, sent;

	/* By now the core has brought the frame to the write codec's rate and channels, whatever its labels say. */
	switch_core_session_get_write_impl(session, &impl);
	rate_hz = impl.actual_samples_per_second;
	n_channels = impl.number_of_channels ? impl.number_of_channels : 1;
	n_samples = frame->datalen / (uint32_t) sizeof(int16_t) / n_channels;
	if (rate_hz == 0 || n_samples == 0) {
		return;
	}
	frame_ms = (uint32_t) ((uint64_t) n_samples * 1000 / rate_hz);
	paced = atomic_load_explicit(&stream->writes.pacing, memory_order_relaxed);
	/* The pacer has just asked, under this frame's lock. */
	sent = paced || mod_openai_audio_stream_flow_sends(session, port->channel, stream, &stream->writes);
	atomic_store_explicit(&stream->write_rate_hz, rate_hz, memory_order_relaxed);
	atomic_store_explicit(&stream->writes.frame_ms, frame_ms, memory_order_relaxed);
	if (paced) {
		count(&stream->writes.paced_frames);
	} else {
		note_foreign(&stream->writes, frame, frame_ms);
		if (sent && stream->mix != OAS_MIX_MONO) {
			capture(stream, &stream->callee, frame, rate_hz, n_channels);
			oas_stream_ring(stream);
		}
	}
	/* Never into the frame itself: when decoding is a no-op it is the application's own, perhaps the one silent frame
	 * that it writes again and again. */
	if (frame->datalen <= sizeof(port->samples) &&
		oas_play(&port->play, stream, port->samples, n_samples, n_channels, rate_hz, sent)) {
		port->frame = *frame;
		port->frame.data = port->samples;
		port->frame.buflen = sizeof(port->samples);
		/* An RTP packet around the old samples would be sent in place of ours. */
		port->frame.packet = NULL;
		port->frame.packetlen = 0;
		port->frame.flags = SFF_NONE;
		switch_core_media_bug_set_write_replace_frame(bug, &port->frame);
	}
}

/* Make the port free for another stream. Returns whether the application waited for this one's end. */
static bool release_port(port_t *port)
{
	bool awaited;

	pthread_mutex_lock(&ports_mutex);
	awaited = port->awaited;
	port->bug = NULL;
	port->stream = NULL;
	port->awaited = false;
	pthread_mutex_unlock(&ports_mutex);
	return awaited;
}

static void on_close(switch_media_bug_t *bug, port_t *port)
{
	switch_core_session_t *session = switch_core_media_bug_get_session(bug);
	oas_stream_t *stream = port->stream;
	bool awaited;

	pthread_mutex_lock(&ports_mutex); /* the hook may be at the same words */
	if (!*stream->close_reason) {
		switch_copy_string(stream->close_reason, "hangup", sizeof(stream->close_reason));
	}
	pthread_mutex_unlock(&ports_mutex);
	mod_openai_audio_stream_variables_set(switch_core_session_get_channel(session), port->totals, stream);
	mod_openai_audio_stream_keys_close(session);
	awaited = release_port(port);
	/* Release: who sees it sees all that the callbacks stored. Pairs with Go's and the pacer's acquire. */
	atomic_store_explicit(&stream->closed, 1, memory_order_release);
	oas_stream_ring(stream);
	oas_stream_unref(stream);
	if (awaited) {
		/* Out of a read that waits for a packet: without an RTP timer, and from a caller who sends nothing, it waits
		 * for seconds. The core wakes a session in the same way. */
		switch_core_session_kill_channel(session, SWITCH_SIG_BREAK);
	}
}

static switch_bool_t on_media(switch_media_bug_t *bug, void *user_data, switch_abc_type_t type)
{
	port_t *port = user_data;

	switch (type) {
	case SWITCH_ABC_TYPE_INIT:
		/* Here, not after bug_add: a hang-up may close the bug before bug_add returns. */
		pthread_mutex_lock(&ports_mutex);
		port->bug = bug;
		pthread_mutex_unlock(&ports_mutex);
		break;
	case SWITCH_ABC_TYPE_READ:
		on_read(bug, port);
		break;
	case SWITCH_ABC_TYPE_WRITE_REPLACE:
		on_write(bug, port);
		break;
	case SWITCH_ABC_TYPE_CLOSE:
		on_close(bug, port);
		break;
	default:
		break;
	}
	return SWITCH_TRUE;
}

/* In the session's pool, zeroed; a pool knows no cache lines. */
static port_t *new_port(switch_core_session_t *session)
{
	uintptr_t at = (uintptr_t) switch_core_session_alloc(session, sizeof(port_t) + OAS_CACHE_LINE);

	return (port_t *) ((at + OAS_CACHE_LINE - 1) / OAS_CACHE_LINE * OAS_CACHE_LINE);
}

/* The channel's port, now holding the stream; NULL if it holds another. Of two concurrent starts one gets it. */
static port_t *claim_port(switch_core_session_t *session, oas_stream_t *stream)
{
	switch_channel_t *channel = switch_core_session_get_channel(session);
	port_t *port;

	pthread_mutex_lock(&ports_mutex);
	port = switch_channel_get_private(channel, PORT_KEY);
	if (!port) {
		port = new_port(session);
		port->channel = channel;
		switch_channel_set_private(channel, PORT_KEY, port);
	}
	if (port->stream) {
		port = NULL;
	} else {
		port->stream = stream;
		port->play = (oas_play_t){0};
	}
	pthread_mutex_unlock(&ports_mutex);
	return port;
}

/* Whether audio passes through FreeSWITCH now. Not switch_channel_media_ready: that is false for a moment during a
 * transfer too. bug_add, which asks it, then calls pre_answer, which does nothing where this is true. */
static bool has_media(switch_core_session_t *session)
{
	switch_channel_t *channel = switch_core_session_get_channel(session);

	return switch_channel_test_ready(channel, SWITCH_FALSE, SWITCH_TRUE) &&
		   !switch_channel_test_flag(channel, CF_PROXY_MODE) && !switch_channel_test_flag(channel, CF_PROXY_MEDIA) &&
		   switch_core_codec_ready(switch_core_session_get_read_codec(session));
}

/* The codec, read or write, whose audio FreeSWITCH passes through as it is, or NULL. With a bug on the channel the core
 * would have to decode it, cannot, and ends the bridge (switch_core_io.c, switch_core_media.c, "decoder error"). The
 * codec itself may be exchanged at any moment; its implementation is the codec module's and stays. */
static const switch_codec_implementation_t *passthrough_codec(switch_core_session_t *session)
{
	const switch_codec_t *codecs[2] = {switch_core_session_get_read_codec(session),
									   switch_core_session_get_write_codec(session)};

	for (int i = 0; i < 2; i++) {
		const switch_codec_implementation_t *impl = codecs[i] ? codecs[i]->implementation : NULL;

		if (impl && switch_test_flag(codecs[i], SWITCH_CODEC_FLAG_PASSTHROUGH)) {
			return impl;
		}
	}
	return NULL;
}

/* Store that the channel lets go because of its codec. Before it is closed. */
static void set_passthrough(oas_stream_t *stream, const switch_codec_implementation_t *codec)
{
	switch_copy_string(stream->close_reason, "passthrough_codec", sizeof(stream->close_reason));
	switch_snprintf(
		stream->close_error, sizeof(stream->close_error),
		"codec \"%s\": FreeSWITCH passes it through without decoding it; expected a codec that it can decode, "
		"see absolute_codec_string",
		codec->iananame);
}

/* A re-INVITE may lead to a codec that cannot be decoded. This runs before the core would try to: after the endpoint's
 * read, without a lock, on the read-side media thread. */
static switch_status_t on_read_frame(switch_core_session_t *session, switch_frame_t **frame, switch_io_flag_t flags,
									 int stream_id)
{
	const switch_codec_implementation_t *codec = passthrough_codec(session);
	switch_media_bug_t *bug = NULL;
	port_t *port;

	(void) frame;
	(void) flags;
	(void) stream_id;
	if (!codec) {
		return SWITCH_STATUS_SUCCESS;
	}
	pthread_mutex_lock(&ports_mutex);
	port = switch_channel_get_private(switch_core_session_get_channel(session), PORT_KEY);
	if (port && port->stream && port->bug) {
		bug = port->bug;
		set_passthrough(port->stream, codec);
	}
	pthread_mutex_unlock(&ports_mutex);
	if (bug) {
		switch_core_media_bug_remove(session, &bug);
	}
	return SWITCH_STATUS_SUCCESS;
}

static oas_status_t attach(switch_core_session_t *session, oas_stream_t *stream)
{
	switch_codec_implementation_t impl;
	switch_media_bug_t *bug = NULL;
	const switch_codec_implementation_t *codec;
	port_t *port;

	if (!has_media(session)) {
		return OAS_STATUS_NO_MEDIA;
	}
	codec = passthrough_codec(session);
	if (codec) {
		set_passthrough(stream, codec);
		return OAS_STATUS_PASSTHROUGH;
	}
	port = claim_port(session, stream);
	if (!port) {
		return OAS_STATUS_BUSY;
	}
	/* So that Go can fill the ring before the first frame is written. */
	if (switch_core_session_get_write_impl(session, &impl) == SWITCH_STATUS_SUCCESS) {
		atomic_store_explicit(&stream->write_rate_hz, impl.actual_samples_per_second, memory_order_relaxed);
		atomic_store_explicit(&stream->writes.frame_ms, (uint32_t) impl.microseconds_per_packet / 1000,
							  memory_order_relaxed);
	}
	oas_stream_ref(stream); /* dropped by CLOSE */
	switch_core_event_hook_add_read_frame(session, on_read_frame);
	mod_openai_audio_stream_keys_open(session, stream);
	if (switch_core_media_bug_add(session, "openai_audio_stream", stream->uuid, on_media, port, 0, BUG_FLAGS, &bug) !=
		SWITCH_STATUS_SUCCESS) {
		mod_openai_audio_stream_keys_close(session);
		release_port(port);
		oas_stream_unref(stream);
		return OAS_STATUS_FAILED;
	}
	mod_openai_audio_stream_pacer_add(stream);
	return OAS_STATUS_OK;
}

oas_status_t mod_openai_audio_stream_bug_attach(oas_stream_t *stream)
{
	switch_core_session_t *session = switch_core_session_locate(stream->uuid);
	oas_status_t status;

	if (!session) {
		return OAS_STATUS_GONE;
	}
	status = attach(session, stream);
	switch_core_session_rwunlock(session);
	return status;
}

void mod_openai_audio_stream_bug_detach(oas_stream_t *stream)
{
	switch_core_session_t *session;
	switch_media_bug_t *bug = NULL;
	port_t *port;

	/* Acquire: pairs with the release in CLOSE, after which no callback runs and the port is free. */
	if (atomic_load_explicit(&stream->closed, memory_order_acquire)) {
		return;
	}
	/* Also while it hangs up: until its bugs are removed, callbacks may run. */
	session = mod_openai_audio_stream_locate(stream->uuid);
	if (!session) {
		return;
	}
	pthread_mutex_lock(&ports_mutex);
	port = switch_channel_get_private(switch_core_session_get_channel(session), PORT_KEY);
	if (port && port->stream == stream) {
		bug = port->bug;
	}
	pthread_mutex_unlock(&ports_mutex);
	/* If a hang-up closes the bug right now, bug_remove finds nothing. Not even a later stream's bug: a bug's memory is
	 * not used again while its session lives. */
	if (bug) {
		switch_core_media_bug_remove(session, &bug);
	}
	switch_core_session_rwunlock(session);
}

oas_stream_t *mod_openai_audio_stream_bug_await(switch_channel_t *channel)
{
	oas_stream_t *stream = NULL;
	port_t *port;

	pthread_mutex_lock(&ports_mutex);
	port = switch_channel_get_private(channel, PORT_KEY);
	if (port && port->stream) {
		stream = port->stream;
		oas_stream_ref(stream);
		port->awaited = true;
	}
	pthread_mutex_unlock(&ports_mutex);
	return stream;
}
