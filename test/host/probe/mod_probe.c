/* SPDX-License-Identifier: MIT
 *
 * A module for testing the stand-in host itself: it gives a channel back what the channel said.
 *   probe <uuid> start [short]    short: every answer is one sample too short, to see what the core does with it
 *   probe <uuid> stop
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <switch.h>

#define ECHO_SAMPLES 16384 /* a power of two */

typedef struct probe {
	bool make_short;
	int16_t samples[ECHO_SAMPLES];
	_Atomic uint32_t head; /* stored by the reading thread */
	_Atomic uint32_t tail; /* stored by the writing thread */
} probe_t;

SWITCH_MODULE_LOAD_FUNCTION(mod_probe_load);
SWITCH_MODULE_SHUTDOWN_FUNCTION(mod_probe_shutdown);
SWITCH_MODULE_DEFINITION(mod_probe, mod_probe_load, mod_probe_shutdown, NULL);

static void on_read(switch_media_bug_t *bug, probe_t *probe)
{
	uint8_t data[SWITCH_RECOMMENDED_BUFFER_SIZE];
	switch_frame_t frame = {.data = data, .buflen = sizeof(data)};

	while (switch_core_media_bug_read(bug, &frame, SWITCH_TRUE) == SWITCH_STATUS_SUCCESS) {
		uint32_t head = atomic_load(&probe->head);
		uint32_t n = frame.datalen / 2;

		if (head - atomic_load(&probe->tail) + n <= ECHO_SAMPLES) {
			for (uint32_t i = 0; i < n; i++) {
				probe->samples[(head + i) % ECHO_SAMPLES] = ((int16_t *) frame.data)[i];
			}
			atomic_store(&probe->head, head + n);
		}
	}
}

static void on_write(switch_media_bug_t *bug, probe_t *probe)
{
	switch_frame_t *frame = switch_core_media_bug_get_write_replace_frame(bug);
	uint32_t tail = atomic_load(&probe->tail);
	uint32_t n = frame->datalen / 2;

	if (atomic_load(&probe->head) - tail >= n) {
		for (uint32_t i = 0; i < n; i++) {
			((int16_t *) frame->data)[i] = probe->samples[(tail + i) % ECHO_SAMPLES];
		}
		atomic_store(&probe->tail, tail + n);
	} else {
		memset(frame->data, 0, frame->datalen);
	}
	if (probe->make_short) {
		frame->datalen -= 2;
	}
	switch_core_media_bug_set_write_replace_frame(bug, frame);
}

static switch_bool_t on_bug(switch_media_bug_t *bug, void *user_data, switch_abc_type_t type)
{
	probe_t *probe = user_data;
	switch_channel_t *channel = switch_core_session_get_channel(switch_core_media_bug_get_session(bug));
	switch_event_t *event;

	switch (type) {
	case SWITCH_ABC_TYPE_READ:
		on_read(bug, probe);
		break;
	case SWITCH_ABC_TYPE_WRITE_REPLACE:
		on_write(bug, probe);
		break;
	case SWITCH_ABC_TYPE_CLOSE:
		switch_channel_set_private(channel, "probe", NULL);
		if (switch_event_create_subclass(&event, SWITCH_EVENT_CUSTOM, "mod_probe::closed") == SWITCH_STATUS_SUCCESS) {
			switch_channel_event_set_data(channel, event);
			switch_event_add_body(event, "{\"samples\":%u}", atomic_load(&probe->head));
			switch_event_fire(&event);
		}
		free(probe);
		break;
	default:
		break;
	}
	return SWITCH_TRUE;
}

static const char *start(switch_core_session_t *session, bool make_short)
{
	switch_channel_t *channel = switch_core_session_get_channel(session);
	switch_media_bug_t *bug;
	probe_t *probe;

	if (switch_channel_get_private(channel, "probe")) {
		return "-ERR busy";
	}
	probe = calloc(1, sizeof(*probe));
	if (!probe) {
		return "-ERR memory";
	}
	probe->make_short = make_short;
	if (switch_core_media_bug_add(session, "probe", NULL, on_bug, probe, 0,
								  SMBF_READ_STREAM | SMBF_WRITE_REPLACE | SMBF_NO_PAUSE,
								  &bug) != SWITCH_STATUS_SUCCESS) {
		free(probe);
		return "-ERR no media";
	}
	/* The bug, not the probe: its memory is there as long as the session is, so a stop that comes late is harmless. */
	switch_channel_set_private(channel, "probe", bug);
	return "+OK";
}

static const char *stop(switch_core_session_t *session)
{
	switch_media_bug_t *bug = switch_channel_get_private(switch_core_session_get_channel(session), "probe");

	return bug && switch_core_media_bug_remove(session, &bug) == SWITCH_STATUS_SUCCESS ? "+OK" : "-ERR not started";
}

SWITCH_STANDARD_API(probe_api)
{
	char *words[4] = {NULL};
	char *text = strdup(cmd ? cmd : "");
	unsigned int n = switch_separate_string(text, ' ', words, 4);
	switch_core_session_t *target = n ? switch_core_session_locate(words[0]) : NULL;
	const char *reply = "-ERR no channel";

	(void) session;
	if (target) {
		reply = "-ERR usage";
		if (n > 1 && !strcmp(words[1], "start")) {
			reply = start(target, n > 2);
		} else if (n > 1 && !strcmp(words[1], "stop")) {
			reply = stop(target);
		}
		switch_core_session_rwunlock(target);
	}
	stream->write_function(stream, "%s\n", reply);
	free(text);
	return SWITCH_STATUS_SUCCESS;
}

SWITCH_MODULE_LOAD_FUNCTION(mod_probe_load)
{
	switch_api_interface_t *api;

	if (switch_event_reserve_subclass("mod_probe::closed") != SWITCH_STATUS_SUCCESS) {
		return SWITCH_STATUS_TERM;
	}
	*module_interface = switch_loadable_module_create_module_interface(pool, modname);
	SWITCH_ADD_API(api, "probe", "Echo a channel to itself", probe_api, "<uuid> start|stop");
	switch_console_set_complete("add probe ::console::list_uuid start");
	return SWITCH_STATUS_SUCCESS;
}

SWITCH_MODULE_SHUTDOWN_FUNCTION(mod_probe_shutdown)
{
	switch_console_set_complete("del probe");
	switch_event_free_subclass("mod_probe::closed");
	return SWITCH_STATUS_SUCCESS;
}
