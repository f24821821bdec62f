/* SPDX-License-Identifier: MIT
 *
 * The way of a frame: from the caller's source through the READ callbacks, and through the WRITE callbacks to the
 * recorder, which is the far end.
 */
#include "host.h"

switch_status_t switch_core_session_get_read_impl(switch_core_session_t *session, switch_codec_implementation_t *impp)
{
	pthread_mutex_lock(&session->impl_mutex);
	*impp = session->read_impl;
	pthread_mutex_unlock(&session->impl_mutex);
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_core_session_get_real_read_impl(switch_core_session_t *session,
													   switch_codec_implementation_t *impp)
{
	return switch_core_session_get_read_impl(session, impp);
}

switch_status_t switch_core_session_get_write_impl(switch_core_session_t *session, switch_codec_implementation_t *impp)
{
	pthread_mutex_lock(&session->impl_mutex);
	*impp = session->write_impl;
	pthread_mutex_unlock(&session->impl_mutex);
	return SWITCH_STATUS_SUCCESS;
}

switch_codec_t *switch_core_session_get_read_codec(switch_core_session_t *session)
{
	return &session->read_codec;
}

switch_codec_t *switch_core_session_get_write_codec(switch_core_session_t *session)
{
	return &session->write_codec;
}

switch_codec_t *switch_core_session_get_effective_read_codec(switch_core_session_t *session)
{
	return &session->read_codec;
}

switch_codec_t *switch_core_session_get_effective_write_codec(switch_core_session_t *session)
{
	return &session->write_codec;
}

void switch_core_session_lock_codec_read(switch_core_session_t *session)
{
	switch_mutex_lock(session->codec_read_mutex);
}

void switch_core_session_unlock_codec_read(switch_core_session_t *session)
{
	switch_mutex_unlock(session->codec_read_mutex);
}

void switch_core_session_lock_codec_write(switch_core_session_t *session)
{
	switch_mutex_lock(session->codec_write_mutex);
}

void switch_core_session_unlock_codec_write(switch_core_session_t *session)
{
	switch_mutex_unlock(session->codec_write_mutex);
}

/* Samples per channel of a frame; samples_per_packet counts the RTP clock. */
static size_t frames_of(const switch_codec_implementation_t *impl)
{
	return impl->decoded_bytes_per_packet / 2 / impl->number_of_channels;
}

/* The endpoint: the frame is on its way to the far end. The caller holds codec_write_mutex. */
static switch_status_t perform_write(switch_core_session_t *session, const switch_codec_implementation_t *impl,
									 switch_frame_t *frame, uint32_t timestamp)
{
	if (!host_rtp_write(session, impl, timestamp)) {
		return SWITCH_STATUS_SUCCESS;
	}
	host_recorder_add(session->recorder, HOST_HEARD, atomic_load(&session->clock_ns), impl->actual_samples_per_second,
					  impl->number_of_channels, frame->data, frame->datalen / 2 / impl->number_of_channels,
					  (uint32_t) impl->microseconds_per_packet);
	return SWITCH_STATUS_SUCCESS;
}

/* "Decode" the frame into raw_write_frame, with the channels and the rate of the channel. */
static void decode(switch_core_session_t *session, const switch_codec_implementation_t *impl, switch_frame_t *frame)
{
	const switch_codec_implementation_t *from = frame->codec->implementation;
	switch_frame_t *raw = &session->raw_write_frame;
	int16_t muxed[HOST_FRAME_MAX_BYTES];
	size_t n = frame->datalen / 2 / from->number_of_channels;
	size_t room = HOST_FRAME_MAX_BYTES / 2 / impl->number_of_channels;

	if (n > HOST_FRAME_MAX_BYTES / 2) {
		n = HOST_FRAME_MAX_BYTES / 2;
	}
	host_mux(frame->data, n, from->number_of_channels, impl->number_of_channels, muxed);
	if (from->actual_samples_per_second != impl->actual_samples_per_second) {
		n = host_resample_frame(muxed, n, impl->number_of_channels, from->actual_samples_per_second,
								impl->actual_samples_per_second, (int16_t *) (void *) session->raw_write_buf, room);
	} else {
		n = n < room ? n : room;
		memcpy(session->raw_write_buf, muxed, n * 2 * impl->number_of_channels);
	}
	raw->data = session->raw_write_buf;
	raw->buflen = HOST_FRAME_MAX_BYTES;
	raw->datalen = (uint32_t) (n * 2 * impl->number_of_channels);
	raw->samples = (uint32_t) (n * impl->number_of_channels);
	raw->channels = impl->number_of_channels;
	raw->rate = impl->actual_samples_per_second;
	raw->timestamp = frame->timestamp;
	raw->flags = 0;
	/* The core's raw write frame carries the read codec. */
	raw->codec = &session->read_codec;
}

/* The read codec may be changing right now, under locks that a writer does not hold. */
static uint32_t codec_frame_bytes(switch_core_session_t *session, switch_codec_t *codec)
{
	switch_codec_implementation_t impl;

	if (codec == &session->read_codec) {
		switch_core_session_get_read_impl(session, &impl);
		return impl.decoded_bytes_per_packet;
	}
	return codec && codec->implementation ? codec->implementation->decoded_bytes_per_packet : 0;
}

/* What the core does with a frame after the bugs: pass a whole one on, and collect what has another length. */
static switch_status_t encode(switch_core_session_t *session, const switch_codec_implementation_t *impl,
							  switch_frame_t *frame, const switch_frame_t *written, bool ptime_mismatch)
{
	uint32_t whole = impl->decoded_bytes_per_packet;
	switch_frame_t packet = {0};

	if (!ptime_mismatch && codec_frame_bytes(session, frame->codec) == whole) {
		if (frame->datalen < whole) {
			/* The core's own damage: the missing bytes are written over the frame's beginning. */
			memset(frame->data, 255, whole - frame->datalen);
			frame->datalen = whole;
		}
		/* A frame that counts other ticks of the RTP clock loses its timestamp. */
		if (written->codec->implementation->samples_per_packet == impl->samples_per_packet) {
			return perform_write(session, impl, frame, written->timestamp);
		}
		return perform_write(session, impl, frame, 0);
	}
	host_fifo_write(&session->raw_write_buffer, frame->data, frame->datalen, SIZE_MAX);
	packet.data = session->raw_write_buf;
	while (session->raw_write_buffer.len >= whole) {
		packet.datalen = (uint32_t) host_fifo_read(&session->raw_write_buffer, packet.data, whole);
		perform_write(session, impl, &packet, 0);
	}
	return SWITCH_STATUS_SUCCESS;
}

static switch_status_t write_locked(switch_core_session_t *session, switch_frame_t *frame)
{
	switch_codec_implementation_t impl;
	const switch_codec_implementation_t *from = frame->codec->implementation;
	switch_frame_t *write_frame;
	bool ptime_mismatch, same_codec, replaced;

	if (!switch_core_codec_ready(frame->codec) || !from) {
		return SWITCH_STATUS_FALSE;
	}
	switch_core_session_get_write_impl(session, &impl);
	same_codec = from->impl_id == impl.impl_id;
	if (frame->codec->flags & SWITCH_CODEC_FLAG_PASSTHROUGH) {
		bool bugs = host_session_has_bugs(session);

		if (same_codec && !bugs) {
			return perform_write(session, &impl, frame, frame->timestamp);
		}
		switch_log_printf(SWITCH_CHANNEL_SESSION_LOG(session), SWITCH_LOG_ERROR, "Codec %s decoder error!\n",
						  from->iananame);
		return SWITCH_STATUS_FALSE;
	}
	ptime_mismatch = !same_codec &&
					 (from->codec_id == impl.codec_id || from->microseconds_per_packet != impl.microseconds_per_packet);
	decode(session, &impl, frame);
	write_frame = host_bugs_write(session, &session->raw_write_frame, &replaced);
	/* In the channel's own codec and with no bug that may have changed it, the frame goes out as it came. */
	if (same_codec && !replaced) {
		return perform_write(session, &impl, frame, frame->timestamp);
	}
	return encode(session, &impl, write_frame, frame, ptime_mismatch);
}

switch_status_t switch_core_session_write_frame(switch_core_session_t *session, switch_frame_t *frame,
												switch_io_flag_t flags, int stream_id)
{
	switch_channel_t *channel = &session->channel;
	switch_status_t status = SWITCH_STATUS_FALSE;
	int64_t start = host_now_ns();

	HOST_NOTE_CALL();
	(void) flags;
	(void) stream_id;
	if (!switch_channel_up_nosig(channel)) {
		return SWITCH_STATUS_FALSE;
	}
	/* A writer that finds another one at work drops its frame. */
	if (switch_mutex_trylock(session->codec_write_mutex) != SWITCH_STATUS_SUCCESS) {
		atomic_fetch_add(&session->rtp.lost_writes, 1);
		return SWITCH_STATUS_SUCCESS;
	}
	switch_mutex_unlock(session->codec_write_mutex);
	if ((frame->flags & SFF_CNG) || switch_channel_test_flag(channel, CF_AUDIO_PAUSE_WRITE) ||
		switch_channel_test_flag(channel, CF_HOLD)) {
		return SWITCH_STATUS_SUCCESS;
	}
	switch_mutex_lock(session->codec_write_mutex);
	if (!frame->codec || !frame->codec->mutex) {
		switch_log_printf(SWITCH_CHANNEL_SESSION_LOG(session), SWITCH_LOG_ERROR,
						  "%s has received a bad frame with no codec!\n", channel->name);
		switch_channel_hangup(channel, SWITCH_CAUSE_DESTINATION_OUT_OF_ORDER);
	} else if (switch_channel_ready(channel) && switch_channel_media_ready(channel)) {
		switch_mutex_lock(session->write_codec.mutex);
		switch_mutex_lock(frame->codec->mutex);
		status = write_locked(session, frame);
		switch_mutex_unlock(frame->codec->mutex);
		switch_mutex_unlock(session->write_codec.mutex);
	}
	switch_mutex_unlock(session->codec_write_mutex);
	host_stat_add(HOST_STAT_WRITE_FRAME, host_now_ns() - start);
	return status;
}

switch_status_t switch_core_event_hook_add_read_frame(switch_core_session_t *session, switch_read_frame_hook_t hook)
{
	switch_read_frame_hook_t none = NULL;

	return atomic_compare_exchange_strong(&session->read_hook, &none, hook) ? SWITCH_STATUS_SUCCESS
																			: SWITCH_STATUS_FALSE;
}

/* The RTP timestamp of a frame at the channel's clock; never 0. */
static uint32_t clock_timestamp(switch_core_session_t *session, const switch_codec_implementation_t *impl)
{
	return (uint32_t) (atomic_load(&session->clock_ns) / NS_PER_MS * (int64_t) impl->samples_per_second / 1000) +
		   impl->samples_per_packet;
}

/* The next frame of the caller, or false when there is none now. */
static bool next_caller_frame(switch_core_session_t *session, const switch_codec_implementation_t *impl)
{
	bool have = false;
	bool ended = false;

	pthread_mutex_lock(&session->source_mutex);
	if (session->hold_frames_until_ns > atomic_load(&session->clock_ns)) {
		/* A frame of comfort noise reaches the bugs as 0xff bytes. */
		have = session->comfort_noise;
		memset(session->raw_read_buf, 255, impl->decoded_bytes_per_packet);
	} else if (!host_source_is_none(session->caller) && atomic_load(&session->rtp.flow) != SWITCH_MEDIA_FLOW_INACTIVE) {
		have = true;
		ended = !host_source_read(session->caller, impl->actual_samples_per_second, impl->number_of_channels,
								  (int16_t *) (void *) session->raw_read_buf, frames_of(impl));
	}
	pthread_mutex_unlock(&session->source_mutex);
	if (ended) {
		switch_event_t *event;

		switch_event_create_subclass(&event, SWITCH_EVENT_CUSTOM, "host::caller_end");
		switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Unique-ID", session->uuid);
		switch_event_fire(&event);
	}
	return have;
}

/* A bridge writes to each channel what the other one reads. */
static void write_to_peer(switch_core_session_t *session, switch_frame_t *frame)
{
	char peer[HOST_UUID_MAX];
	switch_core_session_t *other;
	bool goes_on = false;

	pthread_mutex_lock(&session->source_mutex);
	memcpy(peer, session->peer, sizeof(peer));
	pthread_mutex_unlock(&session->source_mutex);
	if (!*peer) {
		return;
	}
	other = switch_core_session_locate(peer);
	if (other) {
		frame->codec = &session->read_codec;
		goes_on = switch_core_session_write_frame(other, frame, SWITCH_IO_FLAG_NONE, 0) == SWITCH_STATUS_SUCCESS;
		switch_core_session_rwunlock(other);
	}
	if (!goes_on) {
		pthread_mutex_lock(&session->source_mutex);
		session->peer[0] = '\0';
		pthread_mutex_unlock(&session->source_mutex);
		switch_channel_clear_flag(&session->channel, CF_BRIDGED);
		host_event_fire_simple(SWITCH_EVENT_CHANNEL_UNBRIDGE, session);
	}
}

void host_media_read_tick(switch_core_session_t *session)
{
	switch_codec_implementation_t impl;
	switch_frame_t *frame = &session->raw_read_frame;
	switch_read_frame_hook_t hook = atomic_load(&session->read_hook);
	bool have, decoded = true;

	if (!switch_channel_media_up(&session->channel) || switch_channel_test_flag(&session->channel, CF_HOLD) ||
		switch_channel_test_flag(&session->channel, CF_AUDIO_PAUSE_READ)) {
		return;
	}
	if (hook) {
		hook(session, &frame, SWITCH_IO_FLAG_NONE, 0);
	}
	switch_mutex_lock(session->codec_read_mutex);
	switch_mutex_lock(session->read_codec.mutex);
	switch_core_session_get_read_impl(session, &impl);
	have = next_caller_frame(session, &impl);
	if (have) {
		memset(frame, 0, sizeof(*frame));
		frame->codec = &session->read_codec;
		frame->data = session->raw_read_buf;
		frame->buflen = sizeof(session->raw_read_buf);
		frame->datalen = impl.decoded_bytes_per_packet;
		frame->samples = impl.samples_per_packet;
		frame->rate = impl.actual_samples_per_second;
		frame->channels = impl.number_of_channels;
		frame->timestamp = clock_timestamp(session, &impl);
		host_recorder_add(session->recorder, HOST_SAID, atomic_load(&session->clock_ns), frame->rate, frame->channels,
						  frame->data, frames_of(&impl), (uint32_t) impl.microseconds_per_packet);
		if (!(session->read_codec.flags & SWITCH_CODEC_FLAG_PASSTHROUGH)) {
			frame = host_bugs_read(session, frame);
		} else {
			decoded = !host_session_has_bugs(session);
		}
	}
	switch_mutex_unlock(session->read_codec.mutex);
	switch_mutex_unlock(session->codec_read_mutex);
	if (!decoded) {
		/* The application's read has failed, and it ends. */
		switch_log_printf(SWITCH_CHANNEL_SESSION_LOG(session), SWITCH_LOG_ERROR, "Codec %s decoder error!\n",
						  impl.iananame);
		switch_channel_hangup(&session->channel, SWITCH_CAUSE_DESTINATION_OUT_OF_ORDER);
	} else if (have) {
		write_to_peer(session, frame);
	}
}

void host_media_write_tick(switch_core_session_t *session)
{
	switch_codec_implementation_t impl;
	switch_frame_t frame = {0};
	bool have;

	switch_core_session_get_write_impl(session, &impl);
	pthread_mutex_lock(&session->source_mutex);
	have = !host_source_is_none(session->writer);
	if (have) {
		host_source_read(session->writer, impl.actual_samples_per_second, impl.number_of_channels,
						 (int16_t *) (void *) session->writer_buf, frames_of(&impl));
	}
	pthread_mutex_unlock(&session->source_mutex);
	if (have) {
		frame.codec = &session->write_codec;
		frame.data = session->writer_buf;
		frame.buflen = sizeof(session->writer_buf);
		frame.datalen = impl.decoded_bytes_per_packet;
		frame.samples = impl.samples_per_packet;
		frame.rate = impl.actual_samples_per_second;
		frame.channels = impl.number_of_channels;
		frame.timestamp = clock_timestamp(session, &impl);
		switch_core_session_write_frame(session, &frame, SWITCH_IO_FLAG_NONE, 0);
	}
}
