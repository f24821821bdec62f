/* SPDX-License-Identifier: MIT
 *
 * The dialplan application: a conversation that lasts until the stream ends or the channel goes elsewhere.
 */
#include "mod_openai_audio_stream.h"
#include "oas_clock.h"
#include "oas_guest.h"

/* How long a stream that ended for a transfer keeps its channel from the dialplan's next line. */
#define TRANSFER_WAIT_NS (5 * OAS_NS_PER_S)

#define APP_SYNTAX "<url|profile:name> [mono|mixed|stereo] [8k|16k|24k|<Hz>] [mute_user]"

/* What the caller presses during the conversation is not meant for the next menu. */
static void take_keys(switch_channel_t *channel)
{
	switch_dtmf_t key;

	while (switch_channel_dequeue_dtmf(channel, &key) == SWITCH_STATUS_SUCCESS) {
	}
}

/* Read the channel, as an application must: the caller's audio comes by what the channel reads. */
static void converse(switch_core_session_t *session, switch_channel_t *channel, oas_stream_t *stream)
{
	while (switch_channel_ready(channel) && !atomic_load_explicit(&stream->closed, memory_order_acquire)) {
		switch_frame_t *frame;

		switch_ivr_parse_all_events(session);
		take_keys(channel);
		if (switch_channel_test_flag(channel, CF_BREAK)) { /* uuid_break */
			switch_channel_clear_flag(channel, CF_BREAK);
			return;
		}
		if (!SWITCH_READ_ACCEPTABLE(switch_core_session_read_frame(session, &frame, SWITCH_IO_FLAG_NONE, 0))) {
			return;
		}
	}
}

/* Stay until the transfer, or the bridge, that the stream ended for has taken the channel: the dialplan's next line,
 * often a hang-up, is not for a call that goes elsewhere. */
static void await_transfer(switch_core_session_t *session, switch_channel_t *channel)
{
	int64_t until_ns = oas_now_ns() + TRANSFER_WAIT_NS;
	switch_frame_t *frame;

	while (switch_channel_ready(channel) && oas_now_ns() < until_ns) {
		switch_ivr_parse_all_events(session);
		if (!SWITCH_READ_ACCEPTABLE(switch_core_session_read_frame(session, &frame, SWITCH_IO_FLAG_NONE, 0))) {
			return;
		}
	}
}

static void stop(switch_core_session_t *session)
{
	char *line = switch_mprintf("%s stop", switch_core_session_get_uuid(session));

	free(mod_openai_audio_stream_command(line));
	free(line);
}

SWITCH_STANDARD_APP(openai_audio_stream_function)
{
	switch_channel_t *channel = switch_core_session_get_channel(session);
	oas_stream_t *stream;
	char *reply;

	oas_guest_enter();
	/* It answers the call, unless it refuses before. */
	reply = oasGoApplication(switch_core_session_get_uuid(session), data ? data : "");
	if (!reply || strncmp(reply, "+OK", 3)) {
		mod_openai_audio_stream_variables_set_end(channel, "refused",
												  reply && !strncmp(reply, "-ERR ", 5) ? reply + 5 : "out of memory");
		free(reply);
		return;
	}
	free(reply);
	stream = mod_openai_audio_stream_bug_await(channel);
	if (!stream) {
		return; /* it has ended already, and has set the variables */
	}
	converse(session, channel, stream);
	take_keys(channel);
	/* At a hang-up the core closes the stream, which then knows that it was one. */
	if (switch_channel_up(channel) && !atomic_load_explicit(&stream->closed, memory_order_acquire)) {
		stop(session);
	}
	if (atomic_load_explicit(&stream->ended, memory_order_relaxed) == OAS_ENDED_MOVES) {
		await_transfer(session, channel);
	}
	oas_stream_unref(stream);
}

void mod_openai_audio_stream_app_start(switch_loadable_module_interface_t **module_interface)
{
	switch_application_interface_t *app_interface;

	SWITCH_ADD_APP(app_interface, APP_NAME, "Converse with a Realtime server",
				   "Answers, connects the channel to a Realtime server, and returns when the stream ends",
				   openai_audio_stream_function, APP_SYNTAX, SAF_NONE);
}
