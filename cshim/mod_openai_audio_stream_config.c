/* SPDX-License-Identifier: MIT
 *
 * The configuration file, as FreeSWITCH expanded it, on its way to Go.
 */
#include "mod_openai_audio_stream.h"
#include "oas_guest.h"

#define CONFIG_NAME "openai_audio_stream.conf"

static void configure(void)
{
	switch_xml_t node = NULL, root = switch_xml_open_cfg(CONFIG_NAME, &node, NULL);
	char *text = root && node ? switch_xml_toxml(node, SWITCH_FALSE) : NULL;
	char *error;

	oas_guest_enter();
	error = oasGoConfigure(text);
	if (!text) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_NOTICE, "No " CONFIG_NAME ", using the defaults\n");
	}
	if (error) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_ERROR, CONFIG_NAME ": %s; nothing was changed\n", error);
	}
	free(error);
	free(text);
	if (root) {
		switch_xml_free(root);
	}
}

static void on_reloadxml(switch_event_t *event)
{
	(void) event;
	configure();
}

void mod_openai_audio_stream_config_start(void)
{
	configure();
	if (switch_event_bind("mod_openai_audio_stream", SWITCH_EVENT_RELOADXML, NULL, on_reloadxml, NULL) !=
		SWITCH_STATUS_SUCCESS) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_WARNING, "reloadxml will not reload " CONFIG_NAME "\n");
	}
}

void mod_openai_audio_stream_config_stop(void)
{
	/* Waits for a callback under way: the core holds its lock while it runs one. */
	switch_event_unbind_callback(on_reloadxml);
}
