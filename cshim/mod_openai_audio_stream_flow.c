/* SPDX-License-Identifier: MIT
 *
 * Which way the channel's media flows now. The bug sees frames in both directions whether the phone takes part in the
 * call or holds it; the core drops what is written behind the bug (switch_core_media_write_frame in
 * switch_core_media.c, rtp_write_ready and rtp_common_write in switch_rtp.c).
 */
#include "mod_openai_audio_stream.h"

/* Whether the call needs no DTLS, or its handshake is over. A WebRTC call may begin another one in the middle. */
static bool encrypted(switch_channel_t *channel, switch_rtp_t *rtp, oas_writes_t *writes)
{
	if (atomic_load_explicit(&writes->plain, memory_order_relaxed)) {
		return true;
	}
	if (switch_channel_test_flag(channel, CF_DTLS)) {
		return switch_rtp_dtls_state(rtp, DTLS_TYPE_RTP) == DS_READY; /* takes a lock of the core's */
	}
	atomic_store_explicit(&writes->plain, true, memory_order_relaxed);
	return true;
}

static bool sends(switch_core_session_t *session, switch_channel_t *channel, oas_writes_t *writes)
{
	switch_media_flow_t flow = switch_core_session_media_flow(session, SWITCH_MEDIA_TYPE_AUDIO);
	switch_rtp_t *rtp = switch_core_media_get_rtp_session(session, SWITCH_MEDIA_TYPE_AUDIO);

	if (flow != SWITCH_MEDIA_FLOW_SENDRECV && flow != SWITCH_MEDIA_FLOW_SENDONLY) {
		return false;
	}
	return !rtp || (!switch_rtp_test_flag(rtp, SWITCH_RTP_FLAG_PAUSE) && encrypted(channel, rtp, writes));
}

bool mod_openai_audio_stream_flow_sends(switch_core_session_t *session, switch_channel_t *channel, oas_stream_t *stream,
										oas_writes_t *writes)
{
	bool sent = sends(session, channel, writes);
	/* A hold pauses the RTP as well. Not by the media flow alone: a phone that only sends from the start, as a paging
	 * system does, is heard. */
	uint32_t holds = !sent && switch_channel_test_flag(channel, CF_PROTO_HOLD);

	if (holds != atomic_load_explicit(&stream->phone_holds, memory_order_relaxed)) {
		atomic_store_explicit(&stream->phone_holds, holds, memory_order_relaxed);
	}
	return sent;
}
