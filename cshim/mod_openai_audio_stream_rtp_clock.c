/* SPDX-License-Identifier: MIT
 *
 * The RTP clock of a channel to which the pacer and others write in turn.
 */
#include "mod_openai_audio_stream.h"
#include "oas_clock.h"

/* Where the channel's RTP clock is that its timer counts from the beginning of media: other writers whose frames have
 * no timestamp get theirs from it. */
static uint32_t media_clock(switch_core_session_t *session, int64_t clock_hz)
{
	switch_channel_timetable_t *times = switch_channel_get_timetable(switch_core_session_get_channel(session));
	switch_time_t start_us = times->progress_media ? times->progress_media : times->answered;

	return start_us ? (uint32_t) ((switch_micro_time_now() - start_us) / 1000 * clock_hz / 1000) : 0;
}

uint32_t mod_openai_audio_stream_rtp_clock(oas_rtp_clock_t *clock, const oas_writes_t *writes,
										   switch_core_session_t *session, int64_t at_ns,
										   const switch_codec_implementation_t *impl)
{
	int64_t step_ns = impl->microseconds_per_packet * 1000LL;
	uint32_t step = impl->samples_per_packet;
	uint32_t foreign_frames = atomic_load_explicit(&writes->foreign_frames, memory_order_relaxed);
	int64_t n_foreign = (uint32_t) (foreign_frames - clock->foreign_frames);
	uint32_t foreign = atomic_load_explicit(&writes->foreign_timestamp, memory_order_relaxed);
	int64_t n_steps;

	if (step == 0) {
		return 0; /* a codec without such a clock: the core finds a timestamp */
	}
	if (n_foreign > 0 && foreign) {
		clock->timestamp = foreign + step / 2;
		clock->at_ns = clock->foreign_ns;
		n_foreign = 0;
	} else if (step != clock->step) {
		/* The first frame, or the first one after a re-INVITE, which starts the channel's timer anew. A little behind
		 * rather than ahead: a receiver takes a step back for a packet that it has had. */
		uint32_t now = clock->step ? 0 : media_clock(session, impl->samples_per_second);

		clock->timestamp = now / step * step - step - step / 2;
		clock->at_ns = at_ns - step_ns;
		n_foreign = 0;
	}
	/* Without a timer the core counts packets: those of others since ours have moved the clock as well. Their frames
	 * may be shorter than a packet. */
	n_foreign =
		n_foreign * atomic_load_explicit(&writes->foreign_frame_ms, memory_order_relaxed) * OAS_NS_PER_MS / step_ns;
	n_steps = at_ns > clock->at_ns ? (at_ns - clock->at_ns + step_ns / 2) / step_ns : 0;
	if (n_steps <= n_foreign) {
		n_steps = n_foreign + 1;
	}
	clock->timestamp += (uint32_t) n_steps * step;
	clock->step = step;
	clock->at_ns = at_ns;
	clock->foreign_frames = foreign_frames;
	return clock->timestamp;
}
