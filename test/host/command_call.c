/* SPDX-License-Identifier: MIT
 *
 * Commands about channels.
 */
#include "command.h"

static bool command_create(host_command_call_t *call)
{
	host_call_options_t options = {
		.uuid = call->words[0],
		.format = {.rate_hz = (uint32_t) host_command_number_option(call, "rate", 8000),
				   .ptime_ms = (uint32_t) host_command_number_option(call, "ptime", 20),
				   .channels = (uint32_t) host_command_number_option(call, "channels", 1),
				   .name = host_command_option(call, "codec", "")},
		.caller = host_command_option(call, "caller", "silence"),
		.writer = host_command_option(call, "writer", "none"),
		.loop = host_command_number_option(call, "loop", 0) != 0,
		.media = host_command_option(call, "media", "1"),
		.speed = strtod(host_command_option(call, "speed", "1"), NULL),
		.phase_ns = host_command_number_option(call, "phase", 0) * NS_PER_MS,
		.record = {.stereo_path = host_command_option(call, "record", NULL),
				   .raw_path = {[HOST_SAID] = host_command_option(call, "record_read", NULL),
								[HOST_HEARD] = host_command_option(call, "record_write", NULL)},
				   .frames_path = host_command_option(call, "frames", NULL)},
	};
	const char *error;

	if (*call->error) {
		return false;
	}
	error = host_session_create(&options);
	return !error || host_command_fail(call, "%s", error);
}

static bool command_set(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);
	const char *value = call->rest;

	if (!session) {
		return false;
	}
	/* The value is the rest of the line, blanks and all. */
	for (int i = 0; i < 2; i++) {
		value += strcspn(value, " \t");
		value += strspn(value, " \t");
	}
	switch_channel_set_variable(&session->channel, call->words[1], *value ? value : NULL);
	switch_core_session_rwunlock(session);
	return true;
}

static bool command_get(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);
	const char *value;

	if (!session) {
		return false;
	}
	value = switch_channel_get_variable(&session->channel, call->words[1]);
	host_json_bool(call->reply, "set", value != NULL);
	host_json_string(call->reply, "value", value ? value : "");
	switch_core_session_rwunlock(session);
	return true;
}

static bool wait_gone(const char *uuid, int64_t timeout_ms)
{
	int64_t until = host_now_ns() + timeout_ms * NS_PER_MS;

	while (host_session_exists(uuid)) {
		if (host_now_ns() > until) {
			return false;
		}
		switch_sleep(1000);
	}
	return true;
}

static bool command_hangup(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);

	if (!session) {
		return false;
	}
	switch_channel_hangup(&session->channel, switch_channel_str2cause(host_command_option(call, "cause", "")));
	switch_core_session_rwunlock(session);
	if (host_command_number_option(call, "wait", 0) && !wait_gone(call->words[0], 10000)) {
		return host_command_fail(call, "the channel does not end: somebody holds its lock");
	}
	return true;
}

static void hang_up(switch_core_session_t *session, void *arg)
{
	switch_channel_hangup(&session->channel, *(switch_call_cause_t *) arg);
}

void host_hangup_all(switch_call_cause_t cause)
{
	host_sessions_each(hang_up, &cause);
}

static bool command_hupall(host_command_call_t *call)
{
	host_hangup_all(SWITCH_CAUSE_MANAGER_REQUEST);
	if (host_command_number_option(call, "wait", 0) && !host_sessions_wait_none(10000)) {
		return host_command_fail(call, "%d channels do not end", host_sessions_alive());
	}
	return true;
}

static bool set_hold(host_command_call_t *call, bool hold)
{
	switch_core_session_t *session = host_command_channel(call, 0);

	if (!session) {
		return false;
	}
	switch_channel_set_flag_value(&session->channel, CF_HOLD, hold);
	host_event_fire_simple(hold ? SWITCH_EVENT_CHANNEL_HOLD : SWITCH_EVENT_CHANNEL_UNHOLD, session);
	switch_core_session_rwunlock(session);
	return true;
}

/* The phone's hold: what the core makes of a=sendonly or a=inactive in a re-INVITE. */
static bool command_remote_hold(host_command_call_t *call)
{
	const char *word = call->words[1];
	switch_media_flow_t flow = SWITCH_MEDIA_FLOW_SENDRECV;
	switch_core_session_t *session;
	bool held;

	if (!strcmp(word, "sendonly")) {
		flow = SWITCH_MEDIA_FLOW_RECVONLY;
	} else if (!strcmp(word, "inactive")) {
		flow = SWITCH_MEDIA_FLOW_INACTIVE;
	}
	held = flow != SWITCH_MEDIA_FLOW_SENDRECV;
	if (!held && strcmp(word, "sendrecv")) {
		return host_command_fail(call, "\"%s\": expected sendonly, inactive or sendrecv", word);
	}
	session = host_command_channel(call, 0);
	if (!session) {
		return false;
	}
	/* Between two frames: one that the bug has seen already would be lost to anybody. */
	switch_core_session_lock_codec_write(session);
	atomic_store(&session->rtp.flow, (int) flow);
	atomic_store(&session->rtp.paused, held);
	switch_core_session_unlock_codec_write(session);
	switch_channel_set_flag_value(&session->channel, CF_PROTO_HOLD, held);
	host_event_fire_simple(held ? SWITCH_EVENT_CHANNEL_HOLD : SWITCH_EVENT_CHANNEL_UNHOLD, session);
	switch_core_session_rwunlock(session);
	return true;
}

static bool command_dtls(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);

	if (!session) {
		return false;
	}
	switch_channel_set_flag(&session->channel, CF_DTLS);
	atomic_store(&session->rtp.dtls, strcmp(call->words[1], "ready") ? DS_HANDSHAKE : DS_READY);
	switch_core_session_rwunlock(session);
	return true;
}

static bool command_dtmf(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);
	bool queued = true;

	if (!session) {
		return false;
	}
	for (const char *digit = call->words[1]; *digit && queued; digit++) {
		switch_dtmf_t key = {.digit = *digit, .duration = 2000};

		queued = switch_channel_queue_dtmf(&session->channel, &key) == SWITCH_STATUS_SUCCESS;
	}
	switch_core_session_rwunlock(session);
	return queued || host_command_fail(call, "the queue is full");
}

static bool command_hold(host_command_call_t *call)
{
	return set_hold(call, true);
}

static bool command_unhold(host_command_call_t *call)
{
	return set_hold(call, false);
}

static bool command_answer(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);

	if (!session) {
		return false;
	}
	switch_channel_set_flag(&session->channel, CF_ANSWERED);
	host_event_fire_simple(SWITCH_EVENT_CHANNEL_ANSWER, session);
	switch_core_session_rwunlock(session);
	return true;
}

typedef struct app_job {
	switch_core_session_t *session;
	char *lines; /* "<name> [data]", with " ; " between them */
} app_job_t;

static void app_run(void *arg)
{
	app_job_t *job = arg;

	/* A transfer takes the channel away from the rest of its dialplan. */
	for (char *next, *name = job->lines; name && !switch_channel_test_flag(&job->session->channel, CF_TRANSFER);
		 name = next) {
		const char *error;
		char *data;

		next = strstr(name, " ; ");
		if (next) {
			*next = '\0';
			next += 3;
		}
		data = name + strcspn(name, " \t");
		if (*data) {
			*data++ = '\0';
		}
		error = host_module_app(name, data, job->session);
		if (error) {
			switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_ERROR, "%s: %s\n", name, error);
		}
		host_event_fire_simple(SWITCH_EVENT_CHANNEL_EXECUTE_COMPLETE, job->session);
	}
	free(job->lines);
	free(job);
}

/* Applications as a dialplan runs them: on the channel's own thread, and this command does not wait for their end. */
static bool command_app(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);
	app_job_t *job;
	bool posted;

	if (!session) {
		return false;
	}
	job = calloc(1, sizeof(*job));
	switch_assert(job);
	job->session = session;
	job->lines = strdup(call->rest + strlen(call->words[0]) + strspn(call->rest + strlen(call->words[0]), " \t"));
	posted = host_session_post(session, app_run, job);
	switch_core_session_rwunlock(session);
	if (!posted) {
		free(job->lines);
		free(job);
		return host_command_fail(call, "the channel is ending");
	}
	return true;
}

static bool command_codec(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);
	const char *direction = host_command_option(call, "dir", "both");
	switch_codec_implementation_t impl;
	host_format_t format;
	const char *error;

	if (!session) {
		return false;
	}
	if (!strcmp(direction, "write")) {
		switch_core_session_get_write_impl(session, &impl);
	} else {
		switch_core_session_get_read_impl(session, &impl);
	}
	format.rate_hz = impl.actual_samples_per_second;
	format.ptime_ms = (uint32_t) impl.microseconds_per_packet / 1000;
	format.channels = impl.number_of_channels;
	format.name = host_command_option(call, "name", "");
	format.rate_hz = (uint32_t) host_command_number_option(call, "rate", format.rate_hz);
	format.ptime_ms = (uint32_t) host_command_number_option(call, "ptime", format.ptime_ms);
	format.channels = (uint32_t) host_command_number_option(call, "channels", format.channels);
	error = host_session_set_format(session, &format, strcmp(direction, "write") != 0, strcmp(direction, "read") != 0);
	switch_core_session_rwunlock(session);
	return !error || host_command_fail(call, "%s", error);
}

static bool command_dtx(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);

	if (!session) {
		return false;
	}
	pthread_mutex_lock(&session->source_mutex);
	session->hold_frames_until_ns =
		atomic_load(&session->clock_ns) + host_command_number(call, call->words[1]) * NS_PER_MS;
	session->comfort_noise = call->n_words > 2 && !strcmp(call->words[2], "cng");
	pthread_mutex_unlock(&session->source_mutex);
	switch_core_session_rwunlock(session);
	return true;
}

static void stall_run(void *arg)
{
	switch_sleep((switch_interval_time_t) (intptr_t) arg);
}

/* The channel's own thread does nothing for a while, and makes up for it after. */
static bool command_stall(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);
	bool posted;

	if (!session) {
		return false;
	}
	posted =
		host_session_post(session, stall_run, (void *) (intptr_t) (host_command_number(call, call->words[1]) * 1000));
	switch_core_session_rwunlock(session);
	return posted || host_command_fail(call, "the channel is ending");
}

static bool command_bridge(host_command_call_t *call)
{
	switch_core_session_t *a = host_command_channel(call, 0);
	switch_core_session_t *b = a ? host_command_channel(call, 1) : NULL;

	if (b) {
		host_session_set_peer(a, b->uuid);
		host_session_set_peer(b, a->uuid);
		switch_core_session_rwunlock(b);
	}
	if (a) {
		switch_core_session_rwunlock(a);
	}
	return b != NULL;
}

static bool command_unbridge(host_command_call_t *call)
{
	switch_core_session_t *session = host_command_channel(call, 0);
	switch_core_session_t *peer;
	char uuid[HOST_UUID_MAX];

	if (!session) {
		return false;
	}
	pthread_mutex_lock(&session->source_mutex);
	memcpy(uuid, session->peer, sizeof(uuid));
	pthread_mutex_unlock(&session->source_mutex);
	host_session_set_peer(session, "");
	switch_core_session_rwunlock(session);
	peer = *uuid ? switch_core_session_locate(uuid) : NULL;
	if (peer) {
		host_session_set_peer(peer, "");
		switch_core_session_rwunlock(peer);
	}
	return true;
}

static bool set_source(host_command_call_t *call, bool caller)
{
	switch_core_session_t *session = host_command_channel(call, 0);
	host_source_t *source, *old;
	const char *error;
	switch_codec_implementation_t impl;
	bool loop = host_command_number_option(call, "loop", !caller) != 0;

	if (!session) {
		return false;
	}
	switch_core_session_get_read_impl(session, &impl);
	source = host_source_open(call->words[1], impl.actual_samples_per_second, loop, &error);
	if (source) {
		host_source_t **place = caller ? &session->caller : &session->writer;

		pthread_mutex_lock(&session->source_mutex);
		old = *place;
		*place = source;
		pthread_mutex_unlock(&session->source_mutex);
		host_source_close(old);
	}
	switch_core_session_rwunlock(session);
	return source || host_command_fail(call, "%s: %s", call->words[1], error);
}

static bool command_caller(host_command_call_t *call)
{
	return set_source(call, true);
}

static bool command_writer(host_command_call_t *call)
{
	return set_source(call, false);
}

static void describe_impl(host_json_t *json, const char *key, const switch_codec_implementation_t *impl)
{
	host_json_open(json, key, '{');
	host_json_int(json, "rate", impl->actual_samples_per_second);
	host_json_int(json, "ptime", impl->microseconds_per_packet / 1000);
	host_json_int(json, "channels", impl->number_of_channels);
	host_json_close(json, '}');
}

static void describe(switch_core_session_t *session, void *arg)
{
	host_json_t *json = arg;
	switch_codec_implementation_t impl;
	int bugs = 0;

	host_json_open(json, NULL, '{');
	host_json_string(json, "uuid", session->uuid);
	host_json_string(json, "state", host_channel_state_name((int) switch_channel_get_state(&session->channel)));
	switch_core_session_get_read_impl(session, &impl);
	describe_impl(json, "read", &impl);
	switch_core_session_get_write_impl(session, &impl);
	describe_impl(json, "write", &impl);
	host_json_bool(json, "answered", switch_channel_test_flag(&session->channel, CF_ANSWERED));
	host_json_bool(json, "hold", switch_channel_test_flag(&session->channel, CF_HOLD));
	host_json_bool(json, "bridged", switch_channel_test_flag(&session->channel, CF_BRIDGED));
	switch_thread_rwlock_rdlock(session->bug_rwlock);
	for (switch_media_bug_t *bug = session->bugs; bug; bug = bug->next) {
		bugs++;
	}
	switch_thread_rwlock_unlock(session->bug_rwlock);
	host_json_int(json, "bugs", bugs);
	host_json_int(json, "dtmf", (int64_t) switch_channel_has_dtmf(&session->channel));
	host_rtp_describe(session, json);
	host_recorder_describe(session->recorder, json);
	host_json_close(json, '}');
}

static bool command_channels(host_command_call_t *call)
{
	host_json_open(call->reply, "channels", '[');
	if (call->n_words) {
		switch_core_session_t *session = host_command_channel(call, 0);

		if (session) {
			describe(session, call->reply);
			switch_core_session_rwunlock(session);
		}
	} else {
		host_sessions_each(describe, call->reply);
	}
	host_json_close(call->reply, ']');
	return !*call->error;
}

const host_command_entry_t host_call_commands[] = {
	{"create",
	 "<uuid> [rate=8000] [ptime=20] [channels=1] [codec=G722|G729] "
	 "[caller=none|silence|ramp|tone:HZ[:AMPLITUDE]|FILE.wav] [loop=0] "
	 "[writer=none|...] [media=1|early|pre|0] [speed=1, 0 is unpaced] [phase=0] [record=STEREO.wav] [record_read=RAW] "
	 "[record_write=RAW] [frames=FILE.csv]",
	 command_create, 1},
	{"set", "<uuid> <variable> [value]", command_set, 2},
	{"get", "<uuid> <variable>", command_get, 2},
	{"hangup", "<uuid> [cause=NORMAL_CLEARING] [wait=1]", command_hangup, 1},
	{"hupall", "[wait=1]", command_hupall, 0},
	{"hold", "<uuid>", command_hold, 1},
	{"unhold", "<uuid>", command_unhold, 1},
	{"remote_hold", "<uuid> sendonly|inactive|sendrecv", command_remote_hold, 2},
	{"dtls", "<uuid> handshake|ready", command_dtls, 2},
	{"dtmf", "<uuid> <digits>", command_dtmf, 2},
	{"answer", "<uuid>", command_answer, 1},
	{"app", "<uuid> <name> [data] [ ; <name> [data]]...", command_app, 2},
	{"codec", "<uuid> [rate=] [ptime=] [channels=] [name=G722|G729] [dir=both|read|write]", command_codec, 1},
	{"dtx", "<uuid> <ms> [none|cng]", command_dtx, 2},
	{"stall", "<uuid> <ms>", command_stall, 2},
	{"bridge", "<uuid> <uuid>", command_bridge, 2},
	{"unbridge", "<uuid>", command_unbridge, 1},
	{"caller", "<uuid> <source> [loop=0]", command_caller, 2},
	{"writer", "<uuid> <source>", command_writer, 2},
	{"channels", "[uuid]", command_channels, 0},
	{NULL, NULL, NULL, 0},
};
