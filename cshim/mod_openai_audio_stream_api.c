/* SPDX-License-Identifier: MIT
 *
 * The API command. Go parses it; this file only carries it over.
 */
#include "mod_openai_audio_stream.h"
#include "oas_guest.h"

/* Without arguments the command prints its usage. */
#define API_SYNTAX \
	"<uuid> <start|stop|send_json|send_text|say|interrupt|pause|resume|mute|unmute|dtmf|tool_result|status> " \
	"[arguments] | prewarm <profile> [seconds] | status | drain [off]"

static const char *const completions[] = {
	"start",  "stop",       "send_json",   "send_text", "say",         "interrupt",     "pause",
	"resume", "mute user",  "mute openai", "mute all",  "unmute user", "unmute openai", "unmute all",
	"status", "dtmf model", "dtmf event",  "dtmf mask", "dtmf off",    "tool_result",
};

char *mod_openai_audio_stream_command(const char *args)
{
	oas_guest_enter();
	return oasGoCommand(args);
}

SWITCH_STANDARD_API(uuid_openai_audio_stream_function)
{
	char *reply = mod_openai_audio_stream_command(cmd ? cmd : "");

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
	switch_console_set_complete("add " API_NAME " status");
	switch_console_set_complete("add " API_NAME " drain");
	switch_console_set_complete("add " API_NAME " drain off");
	switch_console_set_complete("add " API_NAME " prewarm");
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
