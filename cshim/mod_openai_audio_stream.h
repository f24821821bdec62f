/* SPDX-License-Identifier: MIT
 *
 * What the files of the shim know of each other.
 */
#ifndef MOD_OPENAI_AUDIO_STREAM_H
#define MOD_OPENAI_AUDIO_STREAM_H

#include <switch.h>

#include "oas_bridge.h"

/* _host.c: FreeSWITCH for Go, and the gate before FreeSWITCH. */

extern const oas_host_ops_t mod_openai_audio_stream_host_ops;

/* Open the gate and reserve the event subclasses. Load thread. */
void mod_openai_audio_stream_host_start(void);

/* Give the subclasses back, shut the gate and wait until nobody is inside. Shutdown thread, after oasGoShutdown and
 * after the pacer has stopped. */
void mod_openai_audio_stream_host_stop(void);

/* Ask to call FreeSWITCH from a thread that FreeSWITCH did not send. False once the module has been shut down, when
 * the core may be half gone. After true, leave must follow. */
bool mod_openai_audio_stream_gate_enter(void);
void mod_openai_audio_stream_gate_leave(void);

/* _bug.c: a stream on a channel. The gate is entered by the caller. */

/* See oas_host_ops_t.attach and .detach. */
oas_status_t mod_openai_audio_stream_bug_attach(oas_stream_t *stream);
void mod_openai_audio_stream_bug_detach(oas_stream_t *stream);

/* The stream on the channel, with a reference that the caller drops, or NULL. When the stream is closed, whoever reads
 * the channel is woken. Any thread that holds the session. */
oas_stream_t *mod_openai_audio_stream_bug_await(switch_channel_t *channel);

/* Set the variables of a stream that has not started. Any thread that holds the session. */
void mod_openai_audio_stream_bug_refused(switch_channel_t *channel, const char *error);

#ifdef OAS_MEASURE
/* Log how long the callbacks took, see oas_measure.h. Shutdown thread. */
void mod_openai_audio_stream_bug_measured(void);
#endif

/* _pacer.c: silence for channels to which nothing else writes. */

/* Start the first thread. Load thread. pool lives until after pacer_stop. */
switch_status_t mod_openai_audio_stream_pacer_start(switch_memory_pool_t *pool);

/* Stop and join the threads, let all streams go. Shutdown thread. */
void mod_openai_audio_stream_pacer_stop(void);

/* Watch this stream's channel until the stream is closed. Takes a reference. Any thread; does not block. */
void mod_openai_audio_stream_pacer_add(oas_stream_t *stream);

/* _config.c: read the configuration now, and again at every reloadxml until stop. */
void mod_openai_audio_stream_config_start(void);
void mod_openai_audio_stream_config_stop(void);

/* _api.c: commands for Go, the API command and its completion. */

/* See oasGoCommand. Any thread but a media thread. */
char *mod_openai_audio_stream_command(const char *args);

void mod_openai_audio_stream_api_start(switch_loadable_module_interface_t **module_interface);
void mod_openai_audio_stream_api_stop(void);

/* _app.c: the dialplan application. */
void mod_openai_audio_stream_app_start(switch_loadable_module_interface_t **module_interface);

#endif
