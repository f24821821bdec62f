/* SPDX-License-Identifier: MIT
 *
 * A module with this module's command that does nothing: it adds a media bug and takes the caller's frames from it.
 * What the bench measures of it is what a stream costs before the first line of a module's own.
 *   uuid_openai_audio_stream <uuid> start ...
 */
#include <switch.h>

SWITCH_MODULE_LOAD_FUNCTION(mod_openai_audio_stream_load);
SWITCH_MODULE_DEFINITION(mod_openai_audio_stream, mod_openai_audio_stream_load, NULL, NULL);

static switch_bool_t on_media(switch_media_bug_t *bug, void *user_data, switch_abc_type_t type)
{
	uint8_t data[SWITCH_RECOMMENDED_BUFFER_SIZE];
	switch_frame_t frame = {.data = data, .buflen = sizeof(data)};

	(void) user_data;
	while (type == SWITCH_ABC_TYPE_READ &&
		   switch_core_media_bug_read(bug, &frame, SWITCH_TRUE) == SWITCH_STATUS_SUCCESS && frame.datalen > 0) {
	}
	return SWITCH_TRUE;
}

/* The bench waits for it. */
static void fire_connect(switch_core_session_t *session)
{
	switch_event_t *event;

	if (switch_event_create_subclass(&event, SWITCH_EVENT_CUSTOM, "mod_openai_audio_stream::connect") ==
		SWITCH_STATUS_SUCCESS) {
		switch_channel_event_set_data(switch_core_session_get_channel(session), event);
		switch_event_fire(&event);
	}
}

SWITCH_STANDARD_API(on_command)
{
	char uuid[256] = "";
	switch_core_session_t *located;
	switch_media_bug_t *bug;
	switch_status_t status = SWITCH_STATUS_FALSE;

	(void) session;
	switch_copy_string(uuid, cmd ? cmd : "", sizeof(uuid));
	uuid[strcspn(uuid, " ")] = '\0';
	located = switch_core_session_locate(uuid);
	if (located) {
		status = switch_core_media_bug_add(located, "empty_bug", NULL, on_media, NULL, 0,
										   SMBF_READ_STREAM | SMBF_WRITE_REPLACE, &bug);
		if (status == SWITCH_STATUS_SUCCESS) {
			fire_connect(located);
		}
		switch_core_session_rwunlock(located);
	}
	stream->write_function(stream, status == SWITCH_STATUS_SUCCESS ? "+OK\n" : "-ERR\n");
	return SWITCH_STATUS_SUCCESS;
}

SWITCH_MODULE_LOAD_FUNCTION(mod_openai_audio_stream_load)
{
	switch_api_interface_t *api_interface;

	*module_interface = switch_loadable_module_create_module_interface(pool, modname);
	SWITCH_ADD_API(api_interface, "uuid_openai_audio_stream", "Empty media bug", on_command, "<uuid> start");
	return SWITCH_STATUS_SUCCESS;
}
