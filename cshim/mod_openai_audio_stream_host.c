/* SPDX-License-Identifier: MIT
 *
 * FreeSWITCH for Go: log, events, variables, answering, attaching and detaching. A session is located by its uuid for
 * each use and unlocked at once.
 */
#include "mod_openai_audio_stream.h"

#define EVENT_PREFIX "mod_openai_audio_stream::"

static const char *const subclasses[] = {OAS_EVENT_SUBCLASSES};

/* FreeSWITCH's own log level. */
static int core_log_level(void)
{
	int level = -2; /* asks. -1 would be set: it is SWITCH_LOG_DISABLE */

	switch_core_session_ctl(SCSC_LOGLEVEL, &level);
	/* There is no answer while FreeSWITCH shuts down. It limits the lines itself then. */
	return level == -2 ? OAS_LOG_DEBUG : level;
}

/* The session if a line of this level is logged only when the channel's own level, which uuid_loglevel sets, is high
 * enough: held for reading, or NULL. */
static switch_core_session_t *locate_for_level(oas_cstr_t uuid, int level)
{
	int limit = core_log_level();

	return limit >= 0 && level > limit ? mod_openai_audio_stream_locate(uuid) : NULL;
}

static void host_log(oas_log_level_t level, oas_cstr_t uuid, oas_cstr_t text)
{
	switch_core_session_t *session;

	if (!mod_openai_audio_stream_gate_enter()) {
		return;
	}
	session = locate_for_level(uuid, (int) level);
	if (session) {
		switch_log_printf(SWITCH_CHANNEL_SESSION_LOG(session), (switch_log_level_t) level, "%s\n", text);
		switch_core_session_rwunlock(session);
	} else {
		switch_log_printf(SWITCH_CHANNEL_UUID_LOG(zstr(uuid) ? NULL : uuid), (switch_log_level_t) level, "%s\n", text);
	}
	mod_openai_audio_stream_gate_leave();
}

static int host_log_level(oas_cstr_t uuid)
{
	switch_core_session_t *session;
	int level;

	if (!mod_openai_audio_stream_gate_enter()) {
		return -1;
	}
	level = core_log_level();
	session = locate_for_level(uuid, OAS_LOG_DEBUG);
	if (session) {
		int own = (int) switch_core_session_get_loglevel(session);

		level = own > level ? own : level;
		switch_core_session_rwunlock(session);
	}
	mod_openai_audio_stream_gate_leave();
	return level;
}

static void host_event(oas_cstr_t subclass, oas_cstr_t uuid, oas_cstr_t body)
{
	char name[128];
	switch_event_t *event = NULL;

	if (!mod_openai_audio_stream_gate_enter()) {
		return;
	}
	switch_snprintf(name, sizeof(name), EVENT_PREFIX "%s", subclass);
	if (switch_event_create_subclass(&event, SWITCH_EVENT_CUSTOM, name) == SWITCH_STATUS_SUCCESS) {
		switch_core_session_t *session = mod_openai_audio_stream_locate(uuid);

		if (session) {
			switch_channel_event_set_data(switch_core_session_get_channel(session), event);
			switch_core_session_rwunlock(session);
		} else {
			switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Unique-ID", uuid);
		}
		switch_event_set_body(event, body);
		switch_event_fire(&event);
	}
	mod_openai_audio_stream_gate_leave();
}

static char *host_variable(oas_cstr_t uuid, oas_cstr_t name)
{
	switch_core_session_t *session;
	char *copy = NULL;

	if (!mod_openai_audio_stream_gate_enter()) {
		return NULL;
	}
	session = mod_openai_audio_stream_locate(uuid);
	if (session) {
		/* This duplicates into the session's pool while the channel is locked; without, another thread could free
		 * the value under our strdup. */
		const char *value = switch_channel_get_variable(switch_core_session_get_channel(session), name);

		copy = value ? strdup(value) : NULL;
		switch_core_session_rwunlock(session);
	}
	mod_openai_audio_stream_gate_leave();
	return copy;
}

static oas_status_t host_exists(oas_cstr_t uuid)
{
	switch_core_session_t *session;
	oas_status_t status = OAS_STATUS_GONE;

	if (!mod_openai_audio_stream_gate_enter()) {
		return OAS_STATUS_GONE;
	}
	session = mod_openai_audio_stream_locate(uuid);
	if (session) {
		status = OAS_STATUS_OK;
		switch_core_session_rwunlock(session);
	}
	mod_openai_audio_stream_gate_leave();
	return status;
}

static oas_status_t host_attach(oas_stream_t *stream)
{
	oas_status_t status;

	if (!mod_openai_audio_stream_gate_enter()) {
		return OAS_STATUS_GONE;
	}
	status = mod_openai_audio_stream_bug_attach(stream);
	mod_openai_audio_stream_gate_leave();
	return status;
}

static void host_detach(oas_stream_t *stream)
{
	if (!mod_openai_audio_stream_gate_enter()) {
		return;
	}
	mod_openai_audio_stream_bug_detach(stream);
	mod_openai_audio_stream_gate_leave();
}

static oas_status_t host_answer(oas_cstr_t uuid)
{
	switch_core_session_t *session = mod_openai_audio_stream_enter(uuid);
	switch_status_t status;

	if (!session) {
		return OAS_STATUS_GONE;
	}
	status = switch_channel_answer(switch_core_session_get_channel(session));
	mod_openai_audio_stream_leave(session);
	return status == SWITCH_STATUS_SUCCESS ? OAS_STATUS_OK : OAS_STATUS_FAILED;
}

const oas_host_ops_t mod_openai_audio_stream_host_ops = {
	.log = host_log,
	.log_level = host_log_level,
	.event = host_event,
	.variable = host_variable,
	.exists = host_exists,
	.attach = host_attach,
	.detach = host_detach,
	.answer = host_answer,
	.hangup = mod_openai_audio_stream_hangup,
	.transfer = mod_openai_audio_stream_transfer,
	.refer = mod_openai_audio_stream_refer,
	.send_dtmf = mod_openai_audio_stream_send_dtmf,
	.set_variable = mod_openai_audio_stream_set_variable,
	.api = mod_openai_audio_stream_api,
	.dial = mod_openai_audio_stream_dial,
	.bridge = mod_openai_audio_stream_bridge,
	.sound_open = mod_openai_audio_stream_sound_open,
	.sound_read = mod_openai_audio_stream_sound_read,
	.sound_close = mod_openai_audio_stream_sound_close,
};

void mod_openai_audio_stream_host_start(void)
{
	mod_openai_audio_stream_gate_open();
	for (size_t i = 0; i < sizeof(subclasses) / sizeof(subclasses[0]); i++) {
		char name[128];

		switch_snprintf(name, sizeof(name), EVENT_PREFIX "%s", subclasses[i]);
		/* An event that another module claims is still fired. */
		if (switch_event_reserve_subclass(name) != SWITCH_STATUS_SUCCESS) {
			switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_WARNING, "Couldn't register subclass %s\n", name);
		}
	}
}

void mod_openai_audio_stream_host_stop(void)
{
	mod_openai_audio_stream_gate_close();
	for (size_t i = 0; i < sizeof(subclasses) / sizeof(subclasses[0]); i++) {
		char name[128];

		switch_snprintf(name, sizeof(name), EVENT_PREFIX "%s", subclasses[i]);
		switch_event_free_subclass(name);
	}
}
