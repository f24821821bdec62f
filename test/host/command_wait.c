/* SPDX-License-Identifier: MIT
 *
 * The command that waits: for an event, or until a channel is audible, silent, as far as a number of frames, or gone.
 */
#include "command.h"

typedef bool (*condition_t)(switch_core_session_t *session, int64_t value, int64_t since_ns);

static bool is_loud(switch_core_session_t *session, int64_t value, int64_t since_ns)
{
	(void) value;
	return host_recorder_loud_ns(session->recorder, HOST_HEARD) > since_ns;
}

static bool is_quiet(switch_core_session_t *session, int64_t value, int64_t since_ns)
{
	int64_t loud_ns = host_recorder_loud_ns(session->recorder, HOST_HEARD);

	return host_now_ns() - (loud_ns > since_ns ? loud_ns : since_ns) >= value * NS_PER_MS;
}

static bool has_heard(switch_core_session_t *session, int64_t value, int64_t since_ns)
{
	(void) since_ns;
	return host_recorder_frames(session->recorder, HOST_HEARD) >= (uint64_t) value;
}

static bool has_said(switch_core_session_t *session, int64_t value, int64_t since_ns)
{
	(void) since_ns;
	return host_recorder_frames(session->recorder, HOST_SAID) >= (uint64_t) value;
}

static bool poll_channel(host_command_call_t *call, const char *uuid, condition_t condition, int64_t value,
						 int64_t timeout_ms)
{
	int64_t since_ns = host_now_ns();

	do {
		switch_core_session_t *session = switch_core_session_locate(uuid);
		bool met;

		if (!session) {
			return host_command_fail(call, "no channel %s", uuid);
		}
		met = condition(session, value, since_ns);
		switch_core_session_rwunlock(session);
		if (met) {
			return true;
		}
		switch_sleep(2000);
	} while (host_now_ns() - since_ns < timeout_ms * NS_PER_MS);
	return host_command_fail(call, "timeout");
}

static bool wait_ended(host_command_call_t *call, const char *uuid, int n_left, int64_t timeout_ms)
{
	int64_t since_ns = host_now_ns();

	while (uuid ? host_session_exists(uuid) : host_sessions_alive() > n_left) {
		if (host_now_ns() - since_ns >= timeout_ms * NS_PER_MS) {
			return host_command_fail(call, "timeout");
		}
		switch_sleep(1000);
	}
	return true;
}

bool host_command_wait(host_command_call_t *call)
{
	static const struct {
		const char *name;
		condition_t condition;
	} conditions[] = {{"loud", is_loud}, {"quiet", is_quiet}, {"heard", has_heard}, {"said", has_said}};
	const char *uuid = host_command_option(call, "uuid", NULL);
	int64_t timeout_ms = host_command_number_option(call, "timeout", 5000);
	host_event_filter_t filter = {.subclass = host_command_option(call, "event", NULL),
								  .uuid = uuid,
								  .body = host_command_option(call, "body", NULL)};

	if (filter.subclass) {
		return host_events_wait(&filter, timeout_ms) || host_command_fail(call, "timeout");
	}
	if (host_command_option(call, "ms", NULL)) {
		switch_sleep(host_command_number_option(call, "ms", 0) * 1000);
		return true;
	}
	if (host_command_option(call, "channels", NULL)) {
		return wait_ended(call, NULL, (int) host_command_number_option(call, "channels", 0), timeout_ms);
	}
	if (!uuid) {
		return host_command_fail(call, "what for? see: help");
	}
	if (host_command_option(call, "gone", NULL)) {
		return wait_ended(call, uuid, 0, timeout_ms);
	}
	for (size_t i = 0; i < switch_arraylen(conditions); i++) {
		const char *value = host_command_option(call, conditions[i].name, NULL);

		if (value) {
			return poll_channel(call, uuid, conditions[i].condition, host_command_number(call, value), timeout_ms);
		}
	}
	return host_command_fail(call, "what for? see: help");
}
