/* SPDX-License-Identifier: MIT
 *
 * A stream on a channel: the media bug, what it captures and what it plays.
 *
 * The core calls the bug with bug_rwlock held for reading, and unlinks a bug with it held for writing. So a bug that
 * has been unlinked is not inside a callback and will not be called again, but for CLOSE, which comes exactly once.
 */
#include "mod_openai_audio_stream.h"
#include "oas_measure.h"
#include "oas_play.h"

#define PORT_KEY "_openai_audio_stream_"

/* READ_STREAM   what the channel reads, decoded.
 * WRITE_REPLACE what it writes, decoded and resampled to the write codec.
 * FIRST         the core goes through the bugs in order and shows each the frame as the ones before it left it. A
 *               recorder that stands before us would record the call without the agent.
 * not NO_PAUSE  the core pauses bugs for a caller who waits in a queue (mod_fifo). He hears its music then: what the
 *               agent says would be lost, and the music taken for the caller. */
#define BUG_FLAGS (SMBF_READ_STREAM | SMBF_WRITE_REPLACE | SMBF_FIRST)

/* What the shim keeps for a channel. Made at the first start, in the session's pool, because the core goes on using a
 * replaced frame after its callback, when the bug may be gone; used again by later streams. */
typedef struct port {
	/* Protected by ports_mutex for changes. The bug's callbacks read it without: it is set before the bug is added
	 * and cleared by CLOSE. */
	oas_stream_t *stream;
	switch_media_bug_t *bug; /* NULL before INIT and from CLOSE on */
	bool awaited;            /* the application waits for the stream's end; protected by ports_mutex */
	uint64_t
		totals[OAS_TOTAL_COUNT]; /* of the channel's streams so far. Only CLOSE, which no two threads run at once */
	/* The frame that replaces one. Whoever writes a frame holds codec_write_mutex until the frame is on its way. */
	switch_frame_t frame;
	int16_t samples[SWITCH_RECOMMENDED_BUFFER_SIZE / sizeof(int16_t)];
} port_t;

/* Held for a few instructions, never in a media callback. */
static pthread_mutex_t ports_mutex = PTHREAD_MUTEX_INITIALIZER;

static const char *const total_names[OAS_TOTAL_COUNT] = {
	[OAS_TOTAL_TURNS] = "openai_audio_stream_turns",
	[OAS_TOTAL_INTERRUPTIONS] = "openai_audio_stream_interruptions",
	[OAS_TOTAL_INPUT_TOKENS] = "openai_audio_stream_input_tokens",
	[OAS_TOTAL_OUTPUT_TOKENS] = "openai_audio_stream_output_tokens",
	[OAS_TOTAL_CACHED_TOKENS] = "openai_audio_stream_cached_tokens",
	[OAS_TOTAL_AUDIO_IN_MS] = "openai_audio_stream_audio_in_ms",
	[OAS_TOTAL_AUDIO_OUT_MS] = "openai_audio_stream_audio_out_ms",
	[OAS_TOTAL_LATENCY_MS_AVG] = "openai_audio_stream_latency_ms_avg",
	[OAS_TOTAL_RECONNECTS] = "openai_audio_stream_reconnects",
};

static void add_relaxed(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

static void capture(oas_stream_t *stream, oas_ring_t *ring, const switch_frame_t *frame, uint32_t rate_hz,
					uint32_t n_channels)
{
	oas_frame_head_t head = {
		.time_ns = now_ns(), .len_bytes = frame->datalen, .rate_hz = rate_hz, .n_channels = n_channels};

	if (n_channels > 2 || !oas_ring_write(ring, &head, sizeof(head), frame->data, frame->datalen)) {
		add_relaxed(&stream->capture_drop_frames, 1);
		add_relaxed(&stream->capture_drop_us,
					(uint64_t) frame->datalen / sizeof(int16_t) / n_channels * 1000000 / rate_hz);
	}
}

static void on_read(switch_media_bug_t *bug, oas_stream_t *stream)
{
	switch_core_session_t *session = switch_core_media_bug_get_session(bug);
	switch_codec_implementation_t impl;
	uint8_t samples[OAS_FRAME_MAX_BYTES];
	switch_frame_t frame = {.data = samples, .buflen = sizeof(samples)};

	/* The core buffers what the endpoint's codec decoded, before the read resampler, but names the rate and the length
	 * of the codec that an application may have pushed on top. The rate is the endpoint's. */
	switch_core_session_get_real_read_impl(session, &impl);
	if (impl.actual_samples_per_second == 0) {
		return;
	}
	add_relaxed(&stream->read_frames, 1);
	/* A frame may hold more or less than the length that bug_read deals in: take what is whole now. fill, because
	 * without it an empty buffer reads as 0xff for ever. */
	while (switch_core_media_bug_read(bug, &frame, SWITCH_TRUE) == SWITCH_STATUS_SUCCESS && frame.datalen > 0) {
		capture(stream, &stream->caller, &frame, impl.actual_samples_per_second, frame.channels ? frame.channels : 1);
	}
	oas_doorbell_ring(stream->doorbell);
}

static void on_write(switch_media_bug_t *bug, port_t *port)
{
	oas_stream_t *stream = port->stream;
	switch_frame_t *frame = switch_core_media_bug_get_write_replace_frame(bug);
	switch_codec_implementation_t impl;
	uint32_t rate_hz, n_channels, n_samples, frame_ms;

	/* By now the core has brought the frame to the write codec's rate and channels, whatever its labels say. */
	switch_core_session_get_write_impl(switch_core_media_bug_get_session(bug), &impl);
	rate_hz = impl.actual_samples_per_second;
	n_channels = impl.number_of_channels ? impl.number_of_channels : 1;
	n_samples = frame->datalen / (uint32_t) sizeof(int16_t) / n_channels;
	if (rate_hz == 0 || n_samples == 0) {
		return;
	}
	frame_ms = (uint32_t) ((uint64_t) n_samples * 1000 / rate_hz);
	atomic_store_explicit(&stream->write_rate_hz, rate_hz, memory_order_relaxed);
	atomic_store_explicit(&stream->write_frame_ms, frame_ms, memory_order_relaxed);
	if (stream->paced) {
		add_relaxed(&stream->paced_frames, 1);
	} else {
		atomic_store_explicit(&stream->foreign_frame_ms, frame_ms, memory_order_relaxed);
		if (stream->mix != OAS_MIX_MONO) {
			capture(stream, &stream->callee, frame, rate_hz, n_channels);
			oas_doorbell_ring(stream->doorbell);
		}
	}
	add_relaxed(&stream->write_frames, 1);
	/* Never into the frame itself: when decoding is a no-op it is the application's own, perhaps the one silent frame
	 * that it writes again and again. */
	if (frame->datalen <= sizeof(port->samples) && oas_play(stream, port->samples, n_samples, n_channels, rate_hz)) {
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

/* Set a variable to a text that may be a server's. "${" would have the dialplan expand it, and the core refuse it. */
static void set_text(switch_channel_t *channel, const char *name, const char *text)
{
	char safe[OAS_END_ERROR_MAX];

	switch_copy_string(safe, text, sizeof(safe));
	for (char *found = strstr(safe, "${"); found; found = strstr(found, "${")) {
		*found = ' ';
	}
	switch_channel_set_variable(channel, name, safe);
}

static void set_end(switch_channel_t *channel, const char *reason, const char *error)
{
	set_text(channel, "openai_audio_stream_result", *error ? "error" : "success");
	set_text(channel, "openai_audio_stream_disconnect_reason", reason);
	set_text(channel, "openai_audio_stream_error", error);
}

/* A channel may have had streams before: its totals are those of the whole call. */
static void add_totals(port_t *port, oas_stream_t *stream)
{
	uint64_t turns[2], latency_ms[2];

	turns[0] = port->totals[OAS_TOTAL_TURNS];
	latency_ms[0] = port->totals[OAS_TOTAL_LATENCY_MS_AVG];
	for (size_t i = 0; i < OAS_TOTAL_COUNT; i++) {
		port->totals[i] += atomic_load_explicit(&stream->totals[i], memory_order_relaxed);
	}
	turns[1] = port->totals[OAS_TOTAL_TURNS] - turns[0];
	latency_ms[1] = port->totals[OAS_TOTAL_LATENCY_MS_AVG] - latency_ms[0];
	if (turns[0] + turns[1] > 0) {
		port->totals[OAS_TOTAL_LATENCY_MS_AVG] =
			(turns[0] * latency_ms[0] + turns[1] * latency_ms[1]) / (turns[0] + turns[1]);
	}
}

/* Go keeps its words up to date; the channel is told at the last moment at which its CDR can still carry them. */
static void set_variables(switch_channel_t *channel, port_t *port, oas_stream_t *stream)
{
	add_totals(port, stream);
	for (size_t i = 0; i < OAS_TOTAL_COUNT; i++) {
		char value[24];

		switch_snprintf(value, sizeof(value), "%llu", (unsigned long long) port->totals[i]);
		switch_channel_set_variable(channel, total_names[i], value);
	}
	/* Acquire: the texts were stored before. */
	if (atomic_load_explicit(&stream->ended, memory_order_acquire)) {
		set_end(channel, stream->end_reason, stream->end_error);
	} else {
		set_end(channel, "hangup", "");
	}
}

void mod_openai_audio_stream_bug_refused(switch_channel_t *channel, const char *error)
{
	set_end(channel, "refused", error);
}

static void on_close(switch_media_bug_t *bug, port_t *port)
{
	switch_core_session_t *session = switch_core_media_bug_get_session(bug);
	oas_stream_t *stream = port->stream;
	bool awaited;

	set_variables(switch_core_session_get_channel(session), port, stream);
	pthread_mutex_lock(&ports_mutex);
	port->bug = NULL;
	port->stream = NULL;
	awaited = port->awaited;
	port->awaited = false;
	pthread_mutex_unlock(&ports_mutex);
	/* Release: who sees it sees all that the callbacks stored. Pairs with Go's and the pacer's acquire. */
	atomic_store_explicit(&stream->closed, 1, memory_order_release);
	oas_doorbell_ring(stream->doorbell);
	oas_stream_unref(stream);
	if (awaited) {
		/* Out of a read that waits for a packet: without an RTP timer, and from a caller who sends nothing, it waits
		 * for seconds. The core wakes a session in the same way. */
		switch_core_session_kill_channel(session, SWITCH_SIG_BREAK);
	}
}

#ifdef OAS_MEASURE
void mod_openai_audio_stream_bug_measured(void)
{
	oas_measure_log();
}
#endif

static switch_bool_t on_media(switch_media_bug_t *bug, void *user_data, switch_abc_type_t type)
{
	port_t *port = user_data;
	OAS_MEASURE_START(now_ns());

	switch (type) {
	case SWITCH_ABC_TYPE_INIT:
		/* Here, not after bug_add: a hang-up may close the bug before bug_add returns. */
		pthread_mutex_lock(&ports_mutex);
		port->bug = bug;
		pthread_mutex_unlock(&ports_mutex);
		break;
	case SWITCH_ABC_TYPE_READ:
		on_read(bug, port->stream);
		OAS_MEASURE_END(OAS_MEASURED_READ, now_ns());
		break;
	case SWITCH_ABC_TYPE_WRITE_REPLACE:
		on_write(bug, port);
		OAS_MEASURE_END(OAS_MEASURED_WRITE_REPLACE, now_ns());
		break;
	case SWITCH_ABC_TYPE_CLOSE:
		on_close(bug, port);
		break;
	default:
		break;
	}
	return SWITCH_TRUE;
}

/* The channel's port, now holding the stream; NULL if it holds another. Of two concurrent starts one gets it. */
static port_t *claim_port(switch_core_session_t *session, oas_stream_t *stream)
{
	switch_channel_t *channel = switch_core_session_get_channel(session);
	port_t *port;

	pthread_mutex_lock(&ports_mutex);
	port = switch_channel_get_private(channel, PORT_KEY);
	if (!port) {
		port = switch_core_session_alloc(session, sizeof(*port)); /* zeroed */
		switch_channel_set_private(channel, PORT_KEY, port);
	}
	if (port->stream) {
		port = NULL;
	} else {
		port->stream = stream;
	}
	pthread_mutex_unlock(&ports_mutex);
	return port;
}

static void release_port(port_t *port)
{
	pthread_mutex_lock(&ports_mutex);
	port->bug = NULL;
	port->stream = NULL;
	pthread_mutex_unlock(&ports_mutex);
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

static oas_status_t attach(switch_core_session_t *session, oas_stream_t *stream)
{
	switch_codec_implementation_t impl;
	switch_media_bug_t *bug = NULL;
	port_t *port;

	if (!has_media(session)) {
		return OAS_STATUS_NO_MEDIA;
	}
	port = claim_port(session, stream);
	if (!port) {
		return OAS_STATUS_BUSY;
	}
	/* So that Go can fill the ring before the first frame is written. */
	if (switch_core_session_get_write_impl(session, &impl) == SWITCH_STATUS_SUCCESS) {
		atomic_store_explicit(&stream->write_rate_hz, impl.actual_samples_per_second, memory_order_relaxed);
		atomic_store_explicit(&stream->write_frame_ms, (uint32_t) impl.microseconds_per_packet / 1000,
							  memory_order_relaxed);
	}
	oas_stream_ref(stream); /* dropped by CLOSE */
	if (switch_core_media_bug_add(session, "openai_audio_stream", stream->uuid, on_media, port, 0, BUG_FLAGS, &bug) !=
		SWITCH_STATUS_SUCCESS) {
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
	/* Also while it hangs up: until its bugs are removed, callbacks may run. */
	switch_core_session_t *session = switch_core_session_force_locate(stream->uuid);
	switch_media_bug_t *bug = NULL;
	port_t *port;

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
