/* SPDX-License-Identifier: MIT
 *
 * Attempts to reach somebody: those actions that wait until a phone has answered, has been let ring for long enough, or
 * Go does not want it any more.
 */
#include "mod_openai_audio_stream.h"
#include "oas_clock.h"

/* mod_sofia's: the answer to a REFER, and how the call went that it asked for. */
#define REFER_ANSWER "sip_refer_status_code"
#define REFER_OUTCOME "sip_refer_target_status_code"
#define REFER_REPLY "sip_refer_reply"
/* Without it mod_sofia waits for ten seconds in the message itself, the session locked, and hangs up, however the REFER
 * went. */
#define REFER_STAYS "sip_refer_continue_after_reply"

#define REFER_LOOK_US 50000
#define REFER_URI_MAX 1000 /* mod_sofia has room for 1023 */

_Static_assert(SWITCH_CAUSE_ORIGINATOR_CANCEL == OAS_CANCEL, "FreeSWITCH's originate reads another number");
_Static_assert(sizeof(switch_call_cause_t) == sizeof(uint32_t), "FreeSWITCH's originate reads another word");

static bool cancelled(oas_attempt_t *attempt)
{
	return atomic_load_explicit(&attempt->cancel, memory_order_relaxed) != 0;
}

static bool is_sip_uri(const char *uri)
{
	size_t len = strlen(uri);

	if (strncmp(uri, "sip:", 4) || len > REFER_URI_MAX) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (uri[i] <= ' ' || uri[i] > '~' || strchr("<>\"", uri[i])) {
			return false;
		}
	}
	return true;
}

/* Send the REFER. Returns whether FreeSWITCH took it. */
static bool refer_send(switch_core_session_t *session, const char *uri)
{
	switch_channel_t *channel = switch_core_session_get_channel(session);
	switch_core_session_message_t message = {0};

	switch_channel_set_variable(channel, REFER_ANSWER, NULL);
	switch_channel_set_variable(channel, REFER_OUTCOME, NULL);
	switch_channel_set_variable(channel, REFER_REPLY, NULL);
	switch_channel_set_variable(channel, REFER_STAYS, "true");
	message.message_id = SWITCH_MESSAGE_INDICATE_DEFLECT;
	message.from = __FILE__;
	message.string_arg = uri;
	return switch_core_session_receive_message(session, &message) == SWITCH_STATUS_SUCCESS;
}

static uint32_t sip_status(switch_channel_t *channel, const char *variable)
{
	const char *value = switch_channel_get_variable(channel, variable);

	return value ? (uint32_t) strtoul(value, NULL, 10) : 0;
}

/* See how the REFER went. Returns whether it is over, and *outcome then. */
static bool refer_over(const char *uuid, oas_attempt_t *attempt, oas_status_t *outcome)
{
	switch_core_session_t *session = mod_openai_audio_stream_locate(uuid);
	switch_channel_t *channel;
	uint32_t answer, target;
	bool gone;

	*outcome = OAS_STATUS_GONE;
	if (!session) {
		return true;
	}
	channel = switch_core_session_get_channel(session);
	gone = switch_channel_down_nosig(channel); /* before its last words are read */
	answer = sip_status(channel, REFER_ANSWER);
	target = sip_status(channel, REFER_OUTCOME);
	switch_core_session_rwunlock(session);
	if (target >= 200 && target < 300) {
		*outcome = OAS_STATUS_OK;
		return true;
	}
	attempt->lost = target >= 300;
	attempt->sip_status = target >= 300 ? target : answer >= 300 ? answer : 0;
	/* The REFER comes again with a password after 401 and 407, if FreeSWITCH has one. */
	if (target >= 300 || (answer >= 300 && answer != 401 && answer != 407)) {
		*outcome = OAS_STATUS_UNANSWERED;
		return true;
	}
	return gone;
}

static oas_status_t refer_await(const char *uuid, oas_attempt_t *attempt)
{
	int64_t until_ns = oas_now_ns() + attempt->timeout_ms * OAS_NS_PER_MS;
	oas_status_t outcome;

	while (!refer_over(uuid, attempt, &outcome)) {
		if (cancelled(attempt) || oas_now_ns() >= until_ns) {
			return OAS_STATUS_UNANSWERED;
		}
		switch_sleep(REFER_LOOK_US);
	}
	return outcome;
}

/* A NOTIFY that comes later finds mod_sofia as it was, and hangs up the call that the phone does not need any more. */
static void refer_restore(const char *uuid, const char *stays)
{
	switch_core_session_t *session = mod_openai_audio_stream_locate(uuid);

	if (session) {
		switch_channel_set_variable(switch_core_session_get_channel(session), REFER_STAYS, stays);
		switch_core_session_rwunlock(session);
	}
}

oas_status_t mod_openai_audio_stream_refer(oas_cstr_t uuid, oas_cstr_t uri, oas_attempt_t *attempt)
{
	switch_core_session_t *session;
	const char *value;
	char *stays;
	oas_status_t status;
	bool sent;

	if (!is_sip_uri(uri)) {
		return OAS_STATUS_FAILED;
	}
	session = mod_openai_audio_stream_enter(uuid);
	if (!session) {
		return OAS_STATUS_GONE;
	}
	value = switch_channel_get_variable(switch_core_session_get_channel(session), REFER_STAYS);
	stays = value ? strdup(value) : NULL;
	sent = refer_send(session, uri);
	switch_core_session_rwunlock(session);
	status = sent ? refer_await(uuid, attempt) : OAS_STATUS_FAILED;
	refer_restore(uuid, stays);
	free(stays);
	mod_openai_audio_stream_gate_leave();
	return status;
}

/* What the new leg takes over from the call. */
typedef struct heritage {
	switch_event_t *variables;
	char *name, *number; /* the caller's; NULL: FreeSWITCH's own */
} heritage_t;

/* The value of a channel variable, or else of another; NULL if it has neither. */
static char *copy_variable(switch_channel_t *channel, const char *variable, const char *otherwise)
{
	const char *value = switch_channel_get_variable(channel, variable);

	if (zstr(value)) {
		value = switch_channel_get_variable(channel, otherwise);
	}
	return zstr(value) ? NULL : strdup(value);
}

/* As a bridge in the dialplan has it, which would lock the session until somebody answers. */
static bool inherit(switch_channel_t *channel, heritage_t *from)
{
	if (switch_event_create_plain(&from->variables, SWITCH_EVENT_CHANNEL_DATA) != SWITCH_STATUS_SUCCESS) {
		return false;
	}
	switch_channel_process_export(channel, NULL, from->variables, "export_vars");
	/* A tone of the network's is no answer. */
	switch_event_add_header_string(from->variables, SWITCH_STACK_BOTTOM, "ignore_early_media", "true");
	from->name = copy_variable(channel, "effective_caller_id_name", "caller_id_name");
	from->number = copy_variable(channel, "effective_caller_id_number", "caller_id_number");
	return true;
}

static oas_status_t originate(const char *dial_string, heritage_t *from, oas_attempt_t *attempt)
{
	switch_call_cause_t *cancel = (switch_call_cause_t *) (void *) &attempt->cancel;
	switch_call_cause_t cause = SWITCH_CAUSE_NONE;
	switch_core_session_t *peer = NULL;

	if (switch_ivr_originate(NULL, &peer, &cause, dial_string, (attempt->timeout_ms + 999) / 1000, NULL, from->name,
							 from->number, NULL, from->variables, SOF_NONE, cancel, NULL) != SWITCH_STATUS_SUCCESS ||
		!peer) {
		switch_copy_string(attempt->cause, switch_channel_cause2str(cause), sizeof(attempt->cause));
		return OAS_STATUS_UNANSWERED;
	}
	switch_copy_string(attempt->peer, switch_core_session_get_uuid(peer), sizeof(attempt->peer));
	/* It is in limbo, and nobody reads it. */
	switch_ivr_park_session(peer);
	switch_core_session_rwunlock(peer);
	return OAS_STATUS_OK;
}

oas_status_t mod_openai_audio_stream_dial(oas_cstr_t uuid, oas_cstr_t dial_string, oas_attempt_t *attempt)
{
	switch_core_session_t *session = mod_openai_audio_stream_enter(uuid);
	heritage_t from = {0};
	oas_status_t status = OAS_STATUS_FAILED;
	bool inherited;

	if (!session) {
		return OAS_STATUS_GONE;
	}
	inherited = inherit(switch_core_session_get_channel(session), &from);
	switch_core_session_rwunlock(session);
	if (inherited) {
		status = originate(dial_string, &from, attempt);
		switch_event_destroy(&from.variables);
	}
	free(from.name);
	free(from.number);
	mod_openai_audio_stream_gate_leave();
	return status;
}
