/* SPDX-License-Identifier: MIT
 *
 * Inside the stand-in host: what its files share. Modules see include/switch.h only.
 *
 * Lock order, outer to inner, as in the core:
 *   session table
 *   session->rwlock (under the table only tried, never waited for)
 *   codec_write_mutex or codec_read_mutex
 *   codec->mutex
 *   bug_rwlock
 *   bug->read_mutex or bug->write_mutex
 *   channel->dtmf_mutex
 *   the leaves, never held across a callback: variables, recorder, pool, event queue, output
 */
#ifndef OAS_STANDIN_HOST_H
#define OAS_STANDIN_HOST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <switch.h>

#define HOST_UUID_MAX 256
#define HOST_FRAME_MAX_BYTES SWITCH_RECOMMENDED_BUFFER_SIZE
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* clock.c: CLOCK_MONOTONIC. */
int64_t host_now_ns(void);
int64_t host_start_ns(void); /* when the host started; t_ms in the output counts from here */

/* pool.c: memory that lives as long as its owner. */
void host_pool_on_destroy(switch_memory_pool_t *pool, void (*cleanup)(void *), void *arg);
void host_pool_set_session(switch_memory_pool_t *pool, switch_core_session_t *session);
switch_core_session_t *host_pool_session(switch_memory_pool_t *pool);
int host_pools_alive(void);

/* json.c: one line of output, built up and then written at once. */
typedef struct host_json {
	char *text;
	size_t len;
	size_t size;
	bool comma; /* the next member needs a comma before it */
} host_json_t;

void host_json_begin(host_json_t *json);
void host_json_string(host_json_t *json, const char *key, const char *value);
void host_json_int(host_json_t *json, const char *key, int64_t value);
void host_json_double(host_json_t *json, const char *key, double value);
void host_json_bool(host_json_t *json, const char *key, bool value);
void host_json_open(host_json_t *json, const char *key, char bracket); /* '{' or '['; key NULL inside an array */
void host_json_close(host_json_t *json, char bracket);                 /* '}' or ']' */
void host_json_print(host_json_t *json); /* closes the line, writes it to stdout in one piece, frees it */

/* log.c */
void host_log_set_level(int level); /* -1: no line at all */
int host_log_get_level(void);

/* wav.c: 16-bit PCM files. */
typedef struct host_wav {
	uint32_t rate;
	uint32_t channels;
	size_t n_frames;  /* samples per channel */
	int16_t *samples; /* interleaved; the caller frees */
} host_wav_t;

const char *host_wav_read(const char *path, host_wav_t *wav); /* NULL, or what is wrong */
const char *host_wav_write(const char *path, const host_wav_t *wav);

/* resample.c */
int16_t *host_resample_clip(const int16_t *in, size_t n_in, uint32_t channels, uint32_t from_rate, uint32_t to_rate,
							size_t *n_out);
size_t host_resample_frame(const int16_t *in, size_t n_in, uint32_t channels, uint32_t from_rate, uint32_t to_rate,
						   int16_t *out, size_t max_out);
size_t host_mux(const int16_t *in, size_t n_frames, uint32_t from_channels, uint32_t to_channels, int16_t *out);

/* source.c: where frames come from. One thread at a time; the session's source_mutex sees to it. */
typedef struct host_source host_source_t;

/* rate, Hz, is what it is expected to be read at. */
host_source_t *host_source_open(const char *spec, uint32_t rate, bool loop, const char **error);
void host_source_close(host_source_t *source);
bool host_source_is_none(const host_source_t *source); /* gives no frames at all */
/* Fill n_frames samples per channel; returns false once, when a file that does not loop has come to its end. */
bool host_source_read(host_source_t *source, uint32_t rate, uint32_t channels, int16_t *out, size_t n_frames);

/* record.c: what was said to and heard from a channel. */
typedef struct host_recorder host_recorder_t;
typedef enum { HOST_SAID = 0, HOST_HEARD = 1 } host_side_t;

typedef struct host_recorder_options {
	const char *stereo_path;
	const char *raw_path[2]; /* by host_side_t */
	const char *frames_path; /* one line of CSV for each frame */
} host_recorder_options_t;

host_recorder_t *host_recorder_open(const host_recorder_options_t *options, uint32_t rate, const char **error);
void host_recorder_add(host_recorder_t *recorder, host_side_t side, int64_t now_ns, uint32_t rate, uint32_t channels,
					   const int16_t *samples, size_t n_frames, uint32_t ptime_us);
void host_recorder_close(host_recorder_t *recorder);
void host_recorder_describe(host_recorder_t *recorder, host_json_t *json);
uint32_t host_recorder_peak(host_recorder_t *recorder, host_side_t side);   /* of the last frame */
int64_t host_recorder_loud_ns(host_recorder_t *recorder, host_side_t side); /* when a frame was last audible; 0 never */
uint64_t host_recorder_frames(host_recorder_t *recorder, host_side_t side);

/* codec.c */
typedef struct host_format {
	uint32_t rate_hz;
	uint32_t ptime_ms;
	uint32_t channels;
	/* "" = a codec like most. "G729": passed through, nothing can decode it. "G722": its RTP clock has half its
	 * rate. */
	const char *name;
} host_format_t;

const char *host_format_check(const host_format_t *format); /* NULL, or what is wrong */
const switch_codec_implementation_t *host_implementation(bool linear, const host_format_t *format);
uint32_t host_codec_flags(const host_format_t *format);
void host_codec_open(switch_codec_t *codec, const host_format_t *format, switch_memory_pool_t *pool);
void host_codec_free_all(void);

/* fifo.c: bytes in, bytes out; what the core's switch_buffer is to a media bug. The caller locks. */
typedef struct host_fifo {
	uint8_t *data;
	size_t start;
	size_t len;
	size_t size;
} host_fifo_t;

bool host_fifo_write(host_fifo_t *fifo, const void *data, size_t len, size_t max_len); /* all of it or none */
size_t host_fifo_read(host_fifo_t *fifo, void *out, size_t len);
void host_fifo_clear(host_fifo_t *fifo);
void host_fifo_free(host_fifo_t *fifo);

/* rtp.c */
struct switch_rtp {
	_Atomic int flow; /* switch_media_flow_t */
	_Atomic bool paused;
	_Atomic int dtls;             /* dtls_state_t */
	_Atomic uint64_t lost_writes; /* frames of writers that found another one at work */
	/* Protected by the session's codec_write_mutex: */
	int64_t reference; /* the tick that the last frame without a timestamp had */
	bool any;
	uint32_t timestamp; /* of the last packet */
	uint64_t unsent;    /* frames dropped behind the bugs */
	uint64_t repeated;  /* dropped for the last one's timestamp */
	uint64_t jumps;     /* packets whose timestamp is not one packet after the last one's */
	uint64_t waits;     /* writes that waited for the timer */
};

/* Whether the frame leaves. The caller holds codec_write_mutex. */
bool host_rtp_write(switch_core_session_t *session, const switch_codec_implementation_t *impl, uint32_t timestamp);
void host_rtp_describe(switch_core_session_t *session, host_json_t *json);

/* channel.c, dtmf.c */
#define HOST_DTMF_MAX 64

typedef struct host_pair {
	char *name;
	char *value;
	void *private_info;
	struct host_pair *next;
} host_pair_t;

struct switch_channel {
	switch_core_session_t *session;
	char name[HOST_UUID_MAX + 16];
	_Atomic int state; /* switch_channel_state_t */
	_Atomic int cause; /* switch_call_cause_t */
	_Atomic uint32_t flags[CF_FLAG_MAX];
	_Atomic bool can_pre_answer;
	_Atomic bool transferred; /* and not there yet */
	atomic_flag hung_up;      /* one hang-up per customer */
	switch_channel_timetable_t times;

	pthread_mutex_t profile_mutex; /* Protects following. */
	host_pair_t *variables;
	host_pair_t *privates;

	pthread_mutex_t dtmf_mutex; /* Protects following; held while a hook is told of a key. */
	switch_dtmf_t dtmf[HOST_DTMF_MAX];
	size_t n_dtmf;
	switch_recv_dtmf_hook_t dtmf_hook; /* a module's; the core has a list */
};

void host_channel_init(switch_channel_t *channel, switch_core_session_t *session, const char *name);
void host_channel_free(switch_channel_t *channel);
const char *host_channel_state_name(int state);

/* bug.c, bug_run.c */
struct switch_media_bug {
	switch_core_session_t *session;
	switch_media_bug_callback_t callback;
	void *user_data;
	const char *function;
	const char *target;
	time_t stop_time;
	_Atomic uint32_t flags;
	_Atomic bool ready;
	pthread_t thread_id; /* of the one who added it, with SMBF_THREAD_LOCK */
	_Atomic bool thread_locked;
	struct switch_media_bug *next; /* protected by the session's bug_rwlock */

	switch_mutex_t *read_mutex; /* Protects following. */
	host_fifo_t raw_read_buffer;

	switch_mutex_t *write_mutex; /* Protects following. */
	host_fifo_t raw_write_buffer;

	/* Only the thread that runs the callback touches these. */
	switch_frame_t *read_replace_frame_in;
	switch_frame_t *read_replace_frame_out;
	switch_frame_t *write_replace_frame_in;
	switch_frame_t *write_replace_frame_out;
	uint32_t record_frame_size;
	uint8_t data[HOST_FRAME_MAX_BYTES];
	int16_t tmp[HOST_FRAME_MAX_BYTES];
};

switch_frame_t *host_bugs_read(switch_core_session_t *session, switch_frame_t *frame);
switch_frame_t *host_bugs_write(switch_core_session_t *session, switch_frame_t *frame, bool *replaced);
int host_bugs_alive(void);
bool host_session_has_bugs(switch_core_session_t *session);

/* session.c, session_thread.c, media.c */
typedef struct host_job {
	void (*run)(void *arg);
	void *arg;
	struct host_job *next;
} host_job_t;

struct switch_core_session {
	struct switch_channel channel;
	char uuid[HOST_UUID_MAX];
	switch_memory_pool_t *pool;
	switch_thread_rwlock_t *rwlock; /* held for reading by whoever located the session; destruction writes */
	_Atomic bool destroyed;
	_Atomic int log_level;            /* its own; see switch_log_printf */
	struct switch_core_session *next; /* protected by the session table's lock */

	/* Media. */
	struct switch_rtp rtp;
	switch_read_frame_hook_t _Atomic read_hook; /* a module's; the core has a list */
	switch_thread_rwlock_t *bug_rwlock;         /* protects bugs */
	switch_media_bug_t *bugs;
	switch_mutex_t *codec_read_mutex;
	switch_mutex_t *codec_write_mutex; /* also protects raw_write_* */
	switch_codec_t read_codec;
	switch_codec_t write_codec;
	pthread_mutex_t impl_mutex; /* Protects following. */
	switch_codec_implementation_t read_impl;
	switch_codec_implementation_t write_impl;
	int64_t hold_frames_until_ns; /* DTX: no frames are read until then, by clock_ns */
	bool comfort_noise;           /* DTX as the core shows it to a bug: frames of 0xff bytes */

	switch_frame_t raw_read_frame;
	switch_frame_t raw_write_frame;
	host_fifo_t raw_write_buffer;
	uint8_t raw_read_buf[HOST_FRAME_MAX_BYTES];
	uint8_t raw_write_buf[HOST_FRAME_MAX_BYTES];
	uint8_t writer_buf[HOST_FRAME_MAX_BYTES];
	host_recorder_t *recorder;

	pthread_mutex_t source_mutex; /* Protects following. */
	host_source_t *caller;
	host_source_t *writer;
	char peer[HOST_UUID_MAX]; /* the channel that this one is bridged to, or "" */

	/* The session's own thread. */
	double speed;             /* 1 = real time, 0 = as fast as it goes */
	_Atomic int64_t clock_ns; /* the channel's clock, from its start; what the recorder aligns to */
	int64_t start_ns;         /* when the channel's clock began */
	int64_t next_read_ns;
	int64_t next_write_ns;
	pthread_mutex_t wake_mutex; /* Protects following. */
	pthread_cond_t wake;
	host_job_t *jobs;
};

typedef struct host_call_options {
	const char *uuid;
	host_format_t format;
	const char *caller;
	const char *writer;
	bool loop;
	const char *media; /* "1" answered, "early", "0" none, "pre" none but pre-answer works */
	double speed;
	int64_t phase_ns; /* from the start of the channel to its first tick */
	host_recorder_options_t record;
} host_call_options_t;

const char *host_session_create(const host_call_options_t *options); /* NULL, or what is wrong */
void host_session_start_thread(switch_core_session_t *session);
void host_session_threads_join(void); /* those of sessions that have ended */
/* force_locate waits so long between looking at a session that hangs up and locking it. */
void host_session_lock_late(int64_t by_us);
void host_session_remove(switch_core_session_t *session); /* from the table; then nobody can locate it */
void host_session_free(switch_core_session_t *session);
bool host_session_post(switch_core_session_t *session, void (*run)(void *), void *arg); /* false: it is ending */
void host_session_wake(switch_core_session_t *session);
bool host_session_exists(const char *uuid); /* even one that is ending */
int host_sessions_alive(void);
bool host_sessions_wait_none(int64_t timeout_ms);
void host_sessions_each(void (*visit)(switch_core_session_t *session, void *arg), void *arg);
const char *host_session_set_format(switch_core_session_t *session, const host_format_t *format, bool read, bool write);
void host_media_read_tick(switch_core_session_t *session);
void host_media_write_tick(switch_core_session_t *session);

/* ivr.c */
void host_session_set_peer(switch_core_session_t *session, const char *peer); /* what a bridge writes to; "": nothing */
/* The end of a transfer: nothing runs on the channel any more. Its own thread. */
void host_ivr_route(switch_core_session_t *session);

/* event.c, event_queue.c */
typedef struct host_event_filter {
	const char *subclass; /* a CUSTOM event's subclass, or another event's name */
	const char *uuid;     /* NULL: any */
	const char *body;     /* a part of the body, NULL: any */
} host_event_filter_t;

void host_events_start(void);
void host_events_stop(void);                                                  /* delivers what is queued */
bool host_events_wait(const host_event_filter_t *filter, int64_t timeout_ms); /* and consumes the event */
void host_events_forget(void);
void host_events_flush(void); /* returns when what was fired before has been printed */
uint64_t host_events_fired(void);
void host_event_deliver(switch_event_t *event); /* calls the bound callbacks */
void host_event_fire_simple(switch_event_types_t id, switch_core_session_t *session);
int host_events_alive(void);

/* module.c */
void host_module_name(const char *path); /* what load loads when it is not told */
const char *host_module_load(const char *path);
const char *host_module_unload(bool force);
void host_module_refuse_apis(bool refuse); /* from the next load on, as by a list of allowed interfaces */
bool host_module_loaded(void);
void host_module_shutdown(void); /* as the core does it at its end: whether it is in use or not */
void host_module_free(void);
/* session: the channel on whose thread the API runs, or NULL. Returns NULL, or what is wrong; the caller frees the
 * reply. */
/* Runs an application of the module on the channel's thread, which calls this. */
const char *host_module_app(const char *name, const char *data, switch_core_session_t *session);
const char *host_module_api(const char *args, switch_core_session_t *session, char **reply);
void host_module_describe(host_json_t *json);
/* Is the module, which has been shut down, still calling us? caller is the return address of the core function. */
void host_note_call(void *caller, const char *function);
uint64_t host_late_calls(void);
#define HOST_NOTE_CALL() host_note_call(__builtin_return_address(0), __func__)

/* console.c */
void host_completions_describe(host_json_t *json);
void host_completions_free(void);

/* xml.c */
const char *host_xml_set_file(const char *path); /* "-" or NULL: no configuration */

/* core.c */
void host_core_set_running(bool running);
void host_core_set_temp_dir(const char *temp_dir);
void host_core_set_module_dir(const char *module_path);
void host_core_free(void);

/* stats.c: durations of what runs on media threads. */
typedef enum {
	HOST_STAT_READ = 0,
	HOST_STAT_WRITE_REPLACE,
	HOST_STAT_WRITE_FRAME,
	HOST_STAT_CLOSE,
	HOST_STAT_API,
	HOST_STAT_HANGUP,
	HOST_STAT_DTMF,
	HOST_STAT_TICK_LATE,
	HOST_STAT_COUNT
} host_stat_t;

void host_stat_add(host_stat_t stat, int64_t ns);
void host_stats_reset(void);
void host_stats_describe(host_json_t *json);

/* process.c: this process, from /proc/self. */
void host_process_describe(host_json_t *json);
void host_threads_describe(host_json_t *json);
void host_signals_prepare(void);
void host_signals_describe(host_json_t *json);
bool host_process_go_realtime(void);

/* command.c, command_call.c */
bool host_command(const char *line);                           /* false: quit */
bool host_parse_number(const char *text, int64_t *number_out); /* false: it is not one, or has more behind it */
void host_command_stop(void);                                  /* waits for the commands that run in the background */
int host_commands_failed(void);
void host_hangup_all(switch_call_cause_t cause);

/* main.c */
void host_quit_with_calls(bool with_calls); /* shut the module down while the calls are up */

#endif
