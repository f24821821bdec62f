/* SPDX-License-Identifier: MIT
 *
 * What Go does with a call: hang up, transfer, press keys, set a variable, run a command, bridge.
 */
#include "mod_openai_audio_stream.h"

oas_status_t mod_openai_audio_stream_hangup(oas_cstr_t uuid, oas_cstr_t cause)
{
	const char *name = zstr(cause) ? "NORMAL_CLEARING" : cause;
	switch_call_cause_t number = switch_channel_str2cause(name);
	switch_core_session_t *session;

	/* The core takes any word for NORMAL_CLEARING. */
	if (strcasecmp(switch_channel_cause2str(number), name)) {
		return OAS_STATUS_FAILED;
	}
	session = mod_openai_audio_stream_enter(uuid);
	if (!session) {
		return OAS_STATUS_GONE;
	}
	switch_channel_hangup(switch_core_session_get_channel(session), number);
	mod_openai_audio_stream_leave(session);
	return OAS_STATUS_OK;
}

oas_status_t mod_openai_audio_stream_transfer(oas_cstr_t uuid, oas_cstr_t extension, oas_cstr_t dialplan,
											  oas_cstr_t context)
{
	switch_core_session_t *session = mod_openai_audio_stream_enter(uuid);
	switch_status_t status;

	if (!session) {
		return OAS_STATUS_GONE;
	}
	status = switch_ivr_session_transfer(session, extension, zstr(dialplan) ? NULL : dialplan,
										 zstr(context) ? NULL : context);
	mod_openai_audio_stream_leave(session);
	return status == SWITCH_STATUS_SUCCESS ? OAS_STATUS_OK : OAS_STATUS_FAILED;
}

oas_status_t mod_openai_audio_stream_send_dtmf(oas_cstr_t uuid, oas_cstr_t digits)
{
	switch_core_session_t *session;
	switch_status_t status;

	/* The core reads more into the text, "@" and "+" for instance. */
	if (digits[strspn(digits, "0123456789*#ABCDw")]) {
		return OAS_STATUS_FAILED;
	}
	session = mod_openai_audio_stream_enter(uuid);
	if (!session) {
		return OAS_STATUS_GONE;
	}
	status = switch_core_session_send_dtmf_string(session, digits);
	mod_openai_audio_stream_leave(session);
	return status == SWITCH_STATUS_SUCCESS ? OAS_STATUS_OK : OAS_STATUS_FAILED;
}

oas_status_t mod_openai_audio_stream_set_variable(oas_cstr_t uuid, oas_cstr_t name, oas_cstr_t value)
{
	switch_core_session_t *session;
	switch_status_t status;

	if (zstr(name) || strstr(value, "${")) {
		return OAS_STATUS_FAILED;
	}
	if (!mod_openai_audio_stream_gate_enter()) {
		return OAS_STATUS_GONE;
	}
	session = mod_openai_audio_stream_locate(uuid);
	if (!session) {
		mod_openai_audio_stream_gate_leave();
		return OAS_STATUS_GONE;
	}
	status = switch_channel_set_variable(switch_core_session_get_channel(session), name, zstr(value) ? NULL : value);
	mod_openai_audio_stream_leave(session);
	return status == SWITCH_STATUS_SUCCESS ? OAS_STATUS_OK : OAS_STATUS_FAILED;
}

/* The core's own stream for replies grows without end. This one keeps what fits. */
static switch_status_t reply_raw_write(switch_stream_handle_t *reply, uint8_t *data, switch_size_t len)
{
	switch_size_t room = reply->data_size - 1 - reply->data_len;

	len = len < room ? len : room;
	memcpy((char *) reply->data + reply->data_len, data, len);
	reply->data_len += len;
	reply->end = (char *) reply->data + reply->data_len;
	*(char *) reply->end = '\0';
	return SWITCH_STATUS_SUCCESS;
}

static PRINTF_FUNCTION(2, 3) switch_status_t reply_write(switch_stream_handle_t *reply, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		return SWITCH_STATUS_MEMERR;
	}
	reply_raw_write(reply, (uint8_t *) text, (switch_size_t) len);
	free(text);
	return SWITCH_STATUS_SUCCESS;
}

oas_status_t mod_openai_audio_stream_api(oas_cstr_t uuid, oas_cstr_t command, oas_cstr_t arguments, char **reply)
{
	switch_core_session_t *session = mod_openai_audio_stream_enter(uuid);
	switch_stream_handle_t stream = {0};
	switch_status_t status;

	*reply = NULL;
	if (!session) {
		return OAS_STATUS_GONE;
	}
	switch_core_session_rwunlock(session); /* a command may last longer than the call */
	stream.data = calloc(1, OAS_REPLY_MAX + 1);
	if (!stream.data) {
		mod_openai_audio_stream_gate_leave();
		return OAS_STATUS_FAILED;
	}
	stream.end = stream.data;
	stream.data_size = OAS_REPLY_MAX + 1;
	stream.write_function = reply_write;
	stream.raw_write_function = reply_raw_write;
	if (switch_event_create(&stream.param_event, SWITCH_EVENT_API) == SWITCH_STATUS_SUCCESS) {
		switch_event_add_header_string(stream.param_event, SWITCH_STACK_BOTTOM, "Unique-ID", uuid);
	}
	status = switch_api_execute(command, arguments, NULL, &stream); /* fires the event */
	mod_openai_audio_stream_gate_leave();
	*reply = stream.data;
	return status == SWITCH_STATUS_SUCCESS ? OAS_STATUS_OK : OAS_STATUS_FAILED;
}

oas_status_t mod_openai_audio_stream_bridge(oas_cstr_t uuid, oas_cstr_t peer)
{
	switch_core_session_t *session = mod_openai_audio_stream_enter(uuid);
	switch_status_t status;

	if (!session) {
		return OAS_STATUS_GONE;
	}
	status = switch_ivr_uuid_bridge(uuid, peer);
	mod_openai_audio_stream_leave(session);
	return status == SWITCH_STATUS_SUCCESS ? OAS_STATUS_OK : OAS_STATUS_FAILED;
}
