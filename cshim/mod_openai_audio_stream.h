/* SPDX-License-Identifier: MIT
 *
 * What the files of the shim know of each other. Calls run one way: module, api, app, config -> host -> actions,
 * attempts, sound, bug -> pacer, variables, keys -> flow, rtp_clock, silence, locate, gate.
 *
 * Locks are pthread_*, not switch_mutex_t: those come from a memory pool, and ours live from the first load to the end
 * of the process.
 */
#ifndef MOD_OPENAI_AUDIO_STREAM_H
#define MOD_OPENAI_AUDIO_STREAM_H

#include <switch.h>

#include "oas_bridge.h"

#define API_NAME "uuid_openai_audio_stream"
#define APP_NAME "openai_audio_stream"

/* _gate.c */

/* Load thread. */
void mod_openai_audio_stream_gate_open(void);

/* Shut the gate and wait until nobody is inside. Shutdown thread. */
void mod_openai_audio_stream_gate_close(void);

/* Ask to call FreeSWITCH from a thread that FreeSWITCH did not send. False once the module has been shut down, when
 * the core may be half gone. After true, leave must follow. */
bool mod_openai_audio_stream_gate_enter(void);
void mod_openai_audio_stream_gate_leave(void);

/* _host.c: FreeSWITCH for Go. */

extern const oas_host_ops_t mod_openai_audio_stream_host_ops;

/* Open the gate and reserve the event subclasses. Load thread. */
void mod_openai_audio_stream_host_start(void);

/* Give the subclasses back and shut the gate. Shutdown thread, after oasGoShutdown and after the pacer has stopped. */
void mod_openai_audio_stream_host_stop(void);

/* _actions.c: what Go does with a call. Each is the op of that name, see oas_host_ops_t. */
oas_status_t mod_openai_audio_stream_hangup(oas_cstr_t uuid, oas_cstr_t cause);
oas_status_t mod_openai_audio_stream_transfer(oas_cstr_t uuid, oas_cstr_t extension, oas_cstr_t dialplan,
											  oas_cstr_t context);
oas_status_t mod_openai_audio_stream_send_dtmf(oas_cstr_t uuid, oas_cstr_t digits);
oas_status_t mod_openai_audio_stream_set_variable(oas_cstr_t uuid, oas_cstr_t name, oas_cstr_t value);
oas_status_t mod_openai_audio_stream_api(oas_cstr_t uuid, oas_cstr_t command, oas_cstr_t arguments, char **reply);
oas_status_t mod_openai_audio_stream_bridge(oas_cstr_t uuid, oas_cstr_t peer);

/* _attempts.c: the same, for those that wait for somebody. */
oas_status_t mod_openai_audio_stream_refer(oas_cstr_t uuid, oas_cstr_t uri, oas_attempt_t *attempt);
oas_status_t mod_openai_audio_stream_dial(oas_cstr_t uuid, oas_cstr_t dial_string, oas_attempt_t *attempt);

/* _sound.c: the same, for what plays. */
oas_status_t mod_openai_audio_stream_sound_open(oas_cstr_t uuid, oas_cstr_t path, uint32_t rate_hz,
												oas_sound_t **sound);
uint32_t mod_openai_audio_stream_sound_read(oas_sound_t *sound, int16_t *pcm, uint32_t n);
void mod_openai_audio_stream_sound_close(oas_sound_t *sound);

/* _rtp_clock.c */

/* Where the clock stood at the pacer's last frame. Zeroed for a new stream. */
typedef struct oas_rtp_clock {
	uint32_t timestamp;
	uint32_t step;           /* ticks of a packet; 0: no frame yet */
	int64_t at_ns;           /* when that frame was due, oas_now_ns */
	uint32_t foreign_frames; /* that others had written by then; wraps */
	int64_t foreign_ns;      /* when the last of others' was seen; the pacer's word */
} oas_rtp_clock_t;

/* The RTP timestamp of a frame at a moment. It goes on from where another writer or the pacer left the clock, so that
 * whoever writes next, on a clock of his own that went on meanwhile, finds it about where he would have put it. It lies
 * half a packet beside the steps of the others: the core drops a packet that has the last one's timestamp
 * (switch_rtp.c, "ts_delta == 0"). The caller holds codec_write_mutex. Returns 0, to the core no timestamp, for a codec
 * without such a clock. */
uint32_t mod_openai_audio_stream_rtp_clock(oas_rtp_clock_t *clock, const oas_writes_t *writes,
										   switch_core_session_t *session, int64_t at_ns,
										   const switch_codec_implementation_t *impl);

/* _silence.c */

/* Codecs that a pacer thread keeps: one for each rate, length and number of channels that calls have now. */
#define OAS_SILENCE_CODECS 16

/* An L16 codec and what it was made for. */
typedef struct oas_silence_codec {
	uint32_t rate_hz, frame_ms, n_channels, n_ticks; /* rate_hz 0: free */
	bool usable;
	switch_codec_t codec;
	switch_codec_implementation_t implementation; /* if the codec's own does not serve */
} oas_silence_codec_t;

/* Zeroed at first. One thread's alone. */
typedef struct oas_silence_codecs {
	oas_silence_codec_t codecs[OAS_SILENCE_CODECS];
	uint32_t next; /* to be used again */
} oas_silence_codecs_t;

/* The L16 codec for a channel's write codec, or NULL if there is none. Stays the thread's. */
switch_codec_t *mod_openai_audio_stream_silence_codec(oas_silence_codecs_t *codecs,
													  const switch_codec_implementation_t *impl);

/* Close them all. */
void mod_openai_audio_stream_silence_close(oas_silence_codecs_t *codecs);

/* _flow.c */

/* Whether the channel sends what is written to it now. It does not while its phone holds the call (a=sendonly or
 * a=inactive), or before a WebRTC call is encrypted. Notes in the stream whether the phone holds the call. Write-side
 * or pacer thread, so at least once in two frames. No lock of ours, and one of the core's on WebRTC calls. */
bool mod_openai_audio_stream_flow_sends(switch_core_session_t *session, switch_channel_t *channel, oas_stream_t *stream,
										oas_writes_t *writes);

/* _locate.c */

/* The session in whatever state, also while it hangs up, when an event or a variable may still be in time for its CDR.
 * Held for reading: switch_core_session_rwunlock. NULL if there is none, or it has ended. Any thread. */
switch_core_session_t *mod_openai_audio_stream_locate(const char *uuid);

/* Enter the gate and find a session that is not hanging up, held for reading; NULL, and outside again, if the gate is
 * shut or there is none. Any thread. */
switch_core_session_t *mod_openai_audio_stream_enter(const char *uuid);

/* Let the session go, and leave the gate. */
void mod_openai_audio_stream_leave(switch_core_session_t *session);

/* _variables.c. Any thread that holds the session. */

/* Say how a stream ended, "" for error if it was none. */
void mod_openai_audio_stream_variables_set_end(switch_channel_t *channel, const char *reason, const char *error);

/* Add the stream's totals to those of the call, OAS_TOTAL_COUNT of them, and set all variables of its end. Go keeps its
 * words up to date, so the last moment at which the CDR can still carry them is early enough. */
void mod_openai_audio_stream_variables_set(switch_channel_t *channel, uint64_t *totals, oas_stream_t *stream);

/* _keys.c: what the caller presses. */

/* From now on the stream is given the channel's keys. It has no other stream. Takes a reference. */
void mod_openai_audio_stream_keys_open(switch_core_session_t *session, oas_stream_t *stream);

/* The stream gets no more keys. Drops the reference; where a key is just being written, its writer does. Any thread
 * that holds the session; harmless without a stream. */
void mod_openai_audio_stream_keys_close(switch_core_session_t *session);

/* _bug.c: a stream on a channel. The gate is entered by the caller. */

/* See oas_host_ops_t.attach and .detach. */
oas_status_t mod_openai_audio_stream_bug_attach(oas_stream_t *stream);
void mod_openai_audio_stream_bug_detach(oas_stream_t *stream);

/* The stream on the channel, with a reference that the caller drops, or NULL. When the stream is closed, whoever reads
 * the channel is woken. Any thread that holds the session. */
oas_stream_t *mod_openai_audio_stream_bug_await(switch_channel_t *channel);

/* _pacer.c: silence for channels to which nothing else writes. */

/* Start the threads. Load thread. pool lives until after pacer_stop. */
switch_status_t mod_openai_audio_stream_pacer_start(switch_memory_pool_t *pool);

/* Stop and join the threads, let all streams go. Shutdown thread. */
void mod_openai_audio_stream_pacer_stop(void);

/* Watch this stream's channel until the stream is closed. Takes a reference. writes is the stream's until then. Any
 * thread; does not block. */
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
