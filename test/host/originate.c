/* SPDX-License-Identifier: MIT
 *
 * Outgoing calls. The dial string says how the other end behaves: [{name=value,...}]<how>/<uuid>
 *   answer   answers at once
 *   ring     rings until the command "answer <uuid>", or "hangup <uuid> cause=NAME"
 *   busy, refuse, and anything else: USER_BUSY, CALL_REJECTED, DESTINATION_OUT_OF_ORDER
 */
#include "host.h"

#define RING_STEP_US 5000

static void set_caller_id(switch_event_t *variables, const char *name, const char *number)
{
	switch_event_add_header_string(variables, SWITCH_STACK_BOTTOM, "caller_id_name", name);
	switch_event_add_header_string(variables, SWITCH_STACK_BOTTOM, "caller_id_number", number);
}

/* Take the variables in braces off a dial string. */
static char *take_variables(char *text, switch_event_t *variables)
{
	char *end = *text == '{' ? strchr(text, '}') : NULL;
	char *pairs[32];
	unsigned int n;

	if (!end) {
		return text;
	}
	*end = '\0';
	n = switch_separate_string(text + 1, ',', pairs, switch_arraylen(pairs));
	for (unsigned int i = 0; i < n; i++) {
		char *value = strchr(pairs[i], '=');

		if (value) {
			*value++ = '\0';
			switch_event_add_header_string(variables, SWITCH_STACK_BOTTOM, pairs[i], value);
		}
	}
	return end + 1;
}

/* The new channel, locked; or NULL. */
static switch_core_session_t *ring(const char *uuid, bool answers, const switch_event_t *variables)
{
	host_call_options_t options = {
		.uuid = uuid,
		.format = {.rate_hz = 8000, .ptime_ms = 20, .channels = 1, .name = ""},
		.caller = "silence",
		.writer = "none",
		.media = answers ? "1" : "0",
		.speed = 1,
	};
	switch_core_session_t *session = host_session_create(&options) ? NULL : switch_core_session_locate(uuid);

	if (session) {
		for (switch_event_header_t *header = variables->headers; header; header = header->next) {
			switch_channel_set_variable(&session->channel, header->name, header->value);
		}
		host_event_fire_simple(SWITCH_EVENT_CHANNEL_ORIGINATE, session);
	}
	return session;
}

/* Wait until it is answered. */
static switch_call_cause_t await(switch_channel_t *channel, uint32_t timelimit_sec,
								 const switch_call_cause_t *cancel_cause)
{
	int64_t until = host_now_ns() + timelimit_sec * NS_PER_S;

	while (!switch_channel_test_flag(channel, CF_ANSWERED)) {
		if (switch_channel_down_nosig(channel)) {
			return (switch_call_cause_t) atomic_load(&channel->cause);
		}
		if (cancel_cause && __atomic_load_n(cancel_cause, __ATOMIC_RELAXED)) {
			return SWITCH_CAUSE_ORIGINATOR_CANCEL;
		}
		if (host_now_ns() >= until) {
			return SWITCH_CAUSE_NO_ANSWER;
		}
		switch_sleep(RING_STEP_US);
	}
	return SWITCH_CAUSE_SUCCESS;
}

/* Returns the cause; *bleg is locked if that is SUCCESS. */
static switch_call_cause_t call(char *how, uint32_t timelimit_sec, const switch_event_t *variables,
								const switch_call_cause_t *cancel_cause, switch_core_session_t **bleg)
{
	char *uuid = strchr(how, '/');
	switch_call_cause_t cause;
	bool answers;

	if (uuid) {
		*uuid++ = '\0';
	}
	answers = !strcmp(how, "answer");
	if (!strcmp(how, "busy")) {
		return SWITCH_CAUSE_USER_BUSY;
	}
	if (!strcmp(how, "refuse")) {
		return SWITCH_CAUSE_CALL_REJECTED;
	}
	if (!uuid || (!answers && strcmp(how, "ring") != 0)) {
		return SWITCH_CAUSE_DESTINATION_OUT_OF_ORDER;
	}
	*bleg = ring(uuid, answers, variables);
	if (!*bleg) {
		return SWITCH_CAUSE_DESTINATION_OUT_OF_ORDER;
	}
	cause = await(&(*bleg)->channel, timelimit_sec, cancel_cause);
	if (cause != SWITCH_CAUSE_SUCCESS) {
		switch_channel_hangup(&(*bleg)->channel, cause);
		switch_core_session_rwunlock(*bleg);
		*bleg = NULL;
	}
	return cause;
}

switch_status_t switch_ivr_originate(switch_core_session_t *session, switch_core_session_t **bleg,
									 switch_call_cause_t *cause, const char *bridgeto, uint32_t timelimit_sec,
									 const switch_state_handler_table_t *table, const char *cid_name_override,
									 const char *cid_num_override, switch_caller_profile_t *caller_profile_override,
									 switch_event_t *ovars, switch_originate_flag_t flags,
									 switch_call_cause_t *cancel_cause, switch_dial_handle_t *dh)
{
	char *dial_string = strdup(bridgeto);

	HOST_NOTE_CALL();
	(void) session;
	(void) table;
	(void) caller_profile_override;
	(void) flags;
	(void) dh;
	switch_assert(dial_string);
	set_caller_id(ovars, cid_name_override, cid_num_override);
	*bleg = NULL;
	*cause = call(take_variables(dial_string, ovars), timelimit_sec, ovars, cancel_cause, bleg);
	free(dial_string);
	return *bleg ? SWITCH_STATUS_SUCCESS : SWITCH_STATUS_FALSE;
}
