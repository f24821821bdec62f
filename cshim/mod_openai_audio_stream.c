/* SPDX-License-Identifier: MIT
 *
 * The module: load, shutdown, definition.
 */
#include <dlfcn.h>

#include "mod_openai_audio_stream.h"
#include "oas_guest.h"

/* What Go has not closed by then is cut off; an operator waits for this. */
#define SHUTDOWN_TIMEOUT_MS 5000

SWITCH_MODULE_LOAD_FUNCTION(mod_openai_audio_stream_load);
SWITCH_MODULE_SHUTDOWN_FUNCTION(mod_openai_audio_stream_shutdown);
SWITCH_MODULE_RUNTIME_FUNCTION(mod_openai_audio_stream_runtime);
/* No SMODF_GLOBAL_SYMBOLS: FreeSWITCH would close the library and open it again. */
SWITCH_MODULE_DEFINITION(mod_openai_audio_stream, mod_openai_audio_stream_load, mod_openai_audio_stream_shutdown,
						 mod_openai_audio_stream_runtime);

static switch_status_t load_engine(void)
{
	Dl_info image = {0};
	oas_host_info_t info = {0};

	dladdr(&mod_openai_audio_stream_module_interface, &image);
	info.temp_dir = SWITCH_GLOBAL_dirs.temp_dir;
	info.module_path = image.dli_fname;
	oas_guest_enter();
	return oasGoLoad(&mod_openai_audio_stream_host_ops, &info) == OAS_STATUS_OK ? SWITCH_STATUS_SUCCESS
																				: SWITCH_STATUS_GENERR;
}

/* FreeSWITCH and its modules may install signal handlers after us; it tells the time three times a minute. */
static void on_heartbeat(switch_event_t *event)
{
	(void) event;
	oas_guest_handlers();
}

SWITCH_MODULE_LOAD_FUNCTION(mod_openai_audio_stream_load)
{
	mod_openai_audio_stream_host_start();
	if (mod_openai_audio_stream_pacer_start(pool) != SWITCH_STATUS_SUCCESS) {
		mod_openai_audio_stream_pacer_stop(); /* one of its threads may run */
		mod_openai_audio_stream_host_stop();
		return SWITCH_STATUS_GENERR;
	}
	if (load_engine() != SWITCH_STATUS_SUCCESS) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_ERROR, "The Go engine did not start\n");
		mod_openai_audio_stream_pacer_stop();
		mod_openai_audio_stream_host_stop();
		return SWITCH_STATUS_GENERR;
	}
	oas_guest_handlers();
	if (switch_event_bind("mod_openai_audio_stream", SWITCH_EVENT_HEARTBEAT, NULL, on_heartbeat, NULL) !=
		SWITCH_STATUS_SUCCESS) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_WARNING, "Signal handlers will not be looked at again\n");
	}
	mod_openai_audio_stream_config_start();
	*module_interface = switch_loadable_module_create_module_interface(pool, modname);
	mod_openai_audio_stream_api_start(module_interface);
	mod_openai_audio_stream_app_start(module_interface);
	return SWITCH_STATUS_SUCCESS;
}

SWITCH_MODULE_SHUTDOWN_FUNCTION(mod_openai_audio_stream_shutdown)
{
	mod_openai_audio_stream_api_stop();
	switch_event_unbind_callback(on_heartbeat);
	mod_openai_audio_stream_config_stop();
	oas_guest_enter();
	oasGoShutdown(SHUTDOWN_TIMEOUT_MS);
	mod_openai_audio_stream_pacer_stop();
	mod_openai_audio_stream_host_stop();
	return SWITCH_STATUS_SUCCESS;
}

/* Once the core has registered the interfaces, or not: 1.11 has a list of those that it allows. */
SWITCH_MODULE_RUNTIME_FUNCTION(mod_openai_audio_stream_runtime)
{
	switch_api_interface_t *api = switch_loadable_module_get_api_interface(API_NAME);

	if (api) {
		UNPROTECT_INTERFACE(api);
	} else {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_ERROR,
						  "FreeSWITCH refuses the command " API_NAME
						  ". Add to <interface-allowlist> in switch.conf.xml and "
						  "restart FreeSWITCH: <allow name=\"mod_openai_audio_stream." API_NAME ".api\"/> "
						  "<allow name=\"mod_openai_audio_stream." APP_NAME ".app\"/>\n");
	}
	return SWITCH_STATUS_TERM;
}
