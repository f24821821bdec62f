/* SPDX-License-Identifier: MIT
 *
 * The channel's RTP: what of the written frames leaves for the far end, and when. As in the core, a frame without a
 * timestamp waits for the write timer's next tick, with the writer's locks held; a packet with the last one's timestamp
 * is dropped; nothing leaves while the phone holds the call or before the call is encrypted.
 */
#include "host.h"

switch_media_flow_t switch_core_session_media_flow(switch_core_session_t *session, switch_media_type_t type)
{
	(void) type;
	return (switch_media_flow_t) atomic_load(&session->rtp.flow);
}

switch_rtp_t *switch_core_media_get_rtp_session(switch_core_session_t *session, switch_media_type_t type)
{
	(void) type;
	return &session->rtp;
}

uint32_t switch_rtp_test_flag(switch_rtp_t *rtp, switch_rtp_flag_t flag)
{
	return flag == SWITCH_RTP_FLAG_PAUSE && atomic_load(&rtp->paused);
}

dtls_state_t switch_rtp_dtls_state(switch_rtp_t *rtp, dtls_type_t type)
{
	(void) type;
	return (dtls_state_t) atomic_load(&rtp->dtls);
}

/* The soft timer (switch_time.c, timer_next): ticks are counted from the channel's start. */
static void wait_for_tick(switch_core_session_t *session, int64_t interval_ns)
{
	switch_rtp_t *rtp = &session->rtp;
	int64_t now = host_now_ns();
	int64_t tick, due;

	if (session->speed <= 0) {
		return;
	}
	interval_ns = (int64_t) ((double) interval_ns / session->speed);
	tick = (now - session->start_ns) / interval_ns;
	if (rtp->reference - tick < -1 || rtp->reference - tick > 1) {
		rtp->reference = tick;
	}
	rtp->reference++;
	due = session->start_ns + rtp->reference * interval_ns;
	if (due > now) {
		switch_sleep((due - now) / 1000);
		rtp->waits++;
	}
}

bool host_rtp_write(switch_core_session_t *session, const switch_codec_implementation_t *impl, uint32_t timestamp)
{
	switch_rtp_t *rtp = &session->rtp;
	int flow = atomic_load(&rtp->flow);
	bool sent = flow == SWITCH_MEDIA_FLOW_SENDRECV || flow == SWITCH_MEDIA_FLOW_SENDONLY;
	uint32_t dtls = (uint32_t) atomic_load(&rtp->dtls);

	if (!sent || (dtls != DS_OFF && dtls != DS_READY)) {
		rtp->unsent++;
		return false;
	}
	if (!timestamp) {
		wait_for_tick(session, (int64_t) impl->microseconds_per_packet * 1000);
		timestamp = (uint32_t) (rtp->reference * impl->samples_per_packet);
	}
	if (atomic_load(&rtp->paused)) {
		rtp->unsent++;
		return false;
	}
	if (rtp->any && timestamp == rtp->timestamp) {
		rtp->repeated++;
		return false;
	}
	rtp->jumps += rtp->any && timestamp - rtp->timestamp != impl->samples_per_packet;
	rtp->any = true;
	rtp->timestamp = timestamp;
	return true;
}

void host_rtp_describe(switch_core_session_t *session, host_json_t *json)
{
	switch_rtp_t *rtp = &session->rtp;

	/* Its figures change under the writer's lock. */
	switch_mutex_lock(session->codec_write_mutex);
	host_json_open(json, "rtp", '{');
	host_json_int(json, "unsent", (int64_t) rtp->unsent);
	host_json_int(json, "repeated", (int64_t) rtp->repeated);
	host_json_int(json, "jumps", (int64_t) rtp->jumps);
	host_json_int(json, "waits", (int64_t) rtp->waits);
	host_json_int(json, "lost_writes", (int64_t) atomic_load(&rtp->lost_writes));
	host_json_close(json, '}');
	switch_mutex_unlock(session->codec_write_mutex);
}
