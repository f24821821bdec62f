/* SPDX-License-Identifier: MIT
 *
 * The API command. Go parses it; this file only carries it over.
 */
#include "mod_openai_audio_stream.h"

#define API_NAME "uuid_openai_audio_stream"
#define API_SYNTAX \
	"<uuid> start <wss-url> <mono|mixed|stereo> [8k|16k|24k|<Hz>] [mute_user] | <uuid> send_json <base64> | " \
	"<uuid> stop [<base64 json>] | <uuid> pause | <uuid> resume | <uuid> mute [user|openai|all] | " \
	"<uuid> unmute [user|openai|all]"

static const char *const completions[] = {
	"start",       "send_json", "stop",   "pause",       "resume",        "mute",       "mute user",
	"mute openai", "mute all",  "unmute", "unmute user", "unmute openai", "unmute all",
};

SWITCH_STANDARD_API(uuid_openai_audio_stream_function)
{
	char *reply = oasGoCommand(cmd ? cmd : "");

	(void) session;
	stream->write_function(stream, "%s\n", reply ? reply : "-ERR out of memory");
	free(reply);
	return SWITCH_STATUS_SUCCESS;
}

void mod_openai_audio_stream_api_start(switch_loadable_module_interface_t **module_interface)
{
	switch_api_interface_t *api_interface;

	SWITCH_ADD_API(api_interface, API_NAME, "Connect a channel to a Realtime server", uuid_openai_audio_stream_function,
				   API_SYNTAX);
	for (size_t i = 0; i < sizeof(completions) / sizeof(completions[0]); i++) {
		char line[128];

		switch_snprintf(line, sizeof(line), "add " API_NAME " ::console::list_uuid %s", completions[i]);
		switch_console_set_complete(line);
	}
}

void mod_openai_audio_stream_api_stop(void)
{
	switch_console_set_complete("del " API_NAME);
}
