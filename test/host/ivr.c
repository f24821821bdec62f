/* SPDX-License-Identifier: MIT
 *
 * What a module does with a channel: transfer, bridge, refer, keys for the far end. There is no dialplan and no phone:
 * what was asked for is left in variables of the channel and in events.
 */
#include "host.h"

static void fire(const char *subclass, switch_core_session_t *session)
{
	switch_event_t *event;

	switch_event_create_subclass(&event, SWITCH_EVENT_CUSTOM, subclass);
	switch_channel_event_set_data(&session->channel, event);
	switch_event_fire(&event);
}

static void take_away(switch_core_session_t *session)
{
	switch_channel_set_flag(&session->channel, CF_TRANSFER);
	host_session_wake(session);
}

/* The event host::transfer, with the variable host_transfer, comes when nothing runs on the channel any more. */
switch_status_t switch_ivr_session_transfer(switch_core_session_t *session, const char *extension, const char *dialplan,
											const char *context)
{
	HOST_NOTE_CALL();
	switch_channel_set_variable_printf(&session->channel, "host_transfer", "%s %s %s", extension,
									   zstr(dialplan) ? "XML" : dialplan, zstr(context) ? "default" : context);
	atomic_store(&session->channel.transferred, true);
	take_away(session);
	return SWITCH_STATUS_SUCCESS;
}

void host_ivr_route(switch_core_session_t *session)
{
	switch_channel_clear_flag(&session->channel, CF_TRANSFER);
	if (atomic_exchange(&session->channel.transferred, false)) {
		fire("host::transfer", session);
	}
}

void host_session_set_peer(switch_core_session_t *session, const char *peer)
{
	pthread_mutex_lock(&session->source_mutex);
	switch_copy_string(session->peer, peer, sizeof(session->peer));
	pthread_mutex_unlock(&session->source_mutex);
	switch_channel_set_flag_value(&session->channel, CF_BRIDGED, *peer != '\0');
	host_event_fire_simple(*peer ? SWITCH_EVENT_CHANNEL_BRIDGE : SWITCH_EVENT_CHANNEL_UNBRIDGE, session);
}

switch_status_t switch_ivr_uuid_bridge(const char *originator_uuid, const char *originatee_uuid)
{
	switch_core_session_t *a = switch_core_session_locate(originator_uuid);
	switch_core_session_t *b = a ? switch_core_session_locate(originatee_uuid) : NULL;

	HOST_NOTE_CALL();
	if (b) {
		take_away(a);
		take_away(b);
		host_session_set_peer(a, originatee_uuid);
		host_session_set_peer(b, originator_uuid);
		switch_core_session_rwunlock(b);
	}
	if (a) {
		switch_core_session_rwunlock(a);
	}
	return b ? SWITCH_STATUS_SUCCESS : SWITCH_STATUS_FALSE;
}

/* Every channel of this host is parked when nothing runs on it. */
void switch_ivr_park_session(switch_core_session_t *session)
{
	HOST_NOTE_CALL();
	take_away(session);
	host_event_fire_simple(SWITCH_EVENT_CHANNEL_PARK, session);
}

/* Only a REFER. The variable host_refer has what the phone answers, "202 200" unless it is set: to the REFER, and, if
 * there is a second number, how the call went. The event host::refer has the variable host_refer_to. */
switch_status_t switch_core_session_perform_receive_message(switch_core_session_t *session,
															switch_core_session_message_t *message, const char *file,
															const char *func, int line)
{
	switch_channel_t *channel = &session->channel;
	const char *script = switch_channel_get_variable(channel, "host_refer");
	char *numbers[2] = {0};

	HOST_NOTE_CALL();
	(void) file;
	(void) func;
	(void) line;
	if (message->message_id != SWITCH_MESSAGE_INDICATE_DEFLECT) {
		return SWITCH_STATUS_FALSE;
	}
	switch_separate_string(switch_core_session_strdup(session, script ? script : "202 200"), ' ', numbers, 2);
	switch_channel_set_variable(channel, "host_refer_to", message->string_arg);
	switch_channel_set_variable(channel, "sip_refer_status_code", numbers[0]);
	switch_channel_set_variable(channel, "sip_refer_target_status_code", numbers[1]);
	fire("host::refer", session);
	if (!switch_true(switch_channel_get_variable(channel, "sip_refer_continue_after_reply"))) {
		switch_channel_hangup(channel, SWITCH_CAUSE_BLIND_TRANSFER);
	}
	return SWITCH_STATUS_SUCCESS;
}

/* The event host::keys, with the variable host_keys. */
switch_status_t switch_core_session_send_dtmf_string(switch_core_session_t *session, const char *dtmf_string)
{
	HOST_NOTE_CALL();
	if (zstr(dtmf_string)) {
		return SWITCH_STATUS_FALSE;
	}
	switch_channel_set_variable(&session->channel, "host_keys", dtmf_string);
	fire("host::keys", session);
	return SWITCH_STATUS_SUCCESS;
}
