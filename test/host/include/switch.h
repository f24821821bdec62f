/* SPDX-License-Identifier: MIT
 *
 * The stand-in's <switch.h>: as much of the FreeSWITCH core as a module with a media bug and an API command needs, in
 * declarations of our own. Names, types, numbers and prototypes are FreeSWITCH 1.10's and 1.11's; check_real_headers.c
 * proves it where FreeSWITCH is installed. The functions are in the stand-in host (test/host).
 */
#ifndef SWITCH_H
#define SWITCH_H

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "standin_values.h"

#define SWITCH_DECLARE(type) __attribute__((visibility("default"))) type
#define SWITCH_DECLARE_NONSTD(type) __attribute__((visibility("default"))) type
#define SWITCH_DECLARE_DATA __attribute__((visibility("default")))
#define SWITCH_MOD_DECLARE(type) __attribute__((visibility("default"))) type
#define SWITCH_MOD_DECLARE_DATA __attribute__((visibility("default")))
#define SWITCH_THREAD_FUNC
#define SWITCH_BEGIN_EXTERN_C
#define SWITCH_END_EXTERN_C
#define PRINTF_FUNCTION(fmtstr, vars) __attribute__((format(printf, fmtstr, vars)))
#define __SWITCH_FUNC__ (const char *) __func__

#define SWITCH_API_VERSION 5
#define SWITCH_RECOMMENDED_BUFFER_SIZE 8192
#define SWITCH_CMD_CHUNK_LEN 1024
#define SWITCH_SENSITIVE_DTMF_VARIABLE "sensitive_dtmf"
#define SWITCH_SMAX 32767
#define SWITCH_SMIN -32768
#define SWITCH_SIZE_T_FMT "zu"
#define SWITCH_UUID_FORMATTED_LENGTH 256
#define SWITCH_MUTEX_DEFAULT 0x0
#define SWITCH_MUTEX_NESTED 0x1
#define SWITCH_MUTEX_UNNESTED 0x2
#define SWITCH_THREAD_STACKSIZE 240 * 1024

/* Enumerations: the numbers are in standin_values.h. */
#define STANDIN_ENUMERATOR(name, value) name = (value),

typedef enum { STANDIN_STATUS_VALUES(STANDIN_ENUMERATOR) } switch_status_t;
typedef enum { STANDIN_BOOL_VALUES(STANDIN_ENUMERATOR) } switch_bool_t;
typedef enum { STANDIN_LOG_VALUES(STANDIN_ENUMERATOR) } switch_log_level_t;
typedef enum { STANDIN_SESSION_CTL_VALUES(STANDIN_ENUMERATOR) } switch_session_ctl_t;
typedef enum { STANDIN_TEXT_CHANNEL_VALUES(STANDIN_ENUMERATOR) } switch_text_channel_t;
typedef enum { STANDIN_ABC_VALUES(STANDIN_ENUMERATOR) } switch_abc_type_t;
typedef enum { STANDIN_BUG_FLAG_VALUES(STANDIN_ENUMERATOR) } switch_media_bug_flag_enum_t;
typedef enum { STANDIN_FRAME_FLAG_VALUES(STANDIN_ENUMERATOR) } switch_frame_flag_enum_t;
typedef enum { STANDIN_IO_FLAG_VALUES(STANDIN_ENUMERATOR) } switch_io_flag_enum_t;
typedef enum { STANDIN_CODEC_FLAG_VALUES(STANDIN_ENUMERATOR) } switch_codec_flag_enum_t;
typedef enum { STANDIN_MEDIA_TYPE_VALUES(STANDIN_ENUMERATOR) } switch_media_type_t;
typedef enum { STANDIN_MEDIA_FLOW_VALUES(STANDIN_ENUMERATOR) } switch_media_flow_t;
typedef enum { STANDIN_RTP_FLAG_VALUES(STANDIN_ENUMERATOR) } switch_rtp_flag_t;
typedef enum { STANDIN_DTLS_TYPE_VALUES(STANDIN_ENUMERATOR) } dtls_type_t;
typedef enum { STANDIN_DTLS_STATE_VALUES(STANDIN_ENUMERATOR) } dtls_state_t;
typedef enum { STANDIN_CODEC_TYPE_VALUES(STANDIN_ENUMERATOR) } switch_codec_type_t;
typedef enum { STANDIN_STACK_VALUES(STANDIN_ENUMERATOR) } switch_stack_t;
typedef enum { STANDIN_PRIORITY_VALUES(STANDIN_ENUMERATOR) } switch_priority_t;
/* The last numbers of these two differ between FreeSWITCH's versions: no module can be built on them. */
typedef enum { STANDIN_EVENT_VALUES(STANDIN_ENUMERATOR) SWITCH_EVENT_ALL } switch_event_types_t;
typedef enum { STANDIN_CHANNEL_STATE_VALUES(STANDIN_ENUMERATOR) } switch_channel_state_t;
typedef enum { STANDIN_CHANNEL_FLAG_VALUES(STANDIN_ENUMERATOR) CF_FLAG_MAX } switch_channel_flag_t;
typedef enum { STANDIN_CAUSE_VALUES(STANDIN_ENUMERATOR) } switch_call_cause_t;
typedef enum { STANDIN_INTERFACE_VALUES(STANDIN_ENUMERATOR) } switch_module_interface_name_t;
typedef enum { STANDIN_DTMF_SOURCE_VALUES(STANDIN_ENUMERATOR) } switch_dtmf_source_t;
typedef enum { STANDIN_DTMF_DIRECTION_VALUES(STANDIN_ENUMERATOR) } switch_dtmf_direction_t;
typedef enum { STANDIN_DTMF_FLAG_VALUES(STANDIN_ENUMERATOR) } dtmf_flag_t;
typedef enum { STANDIN_SIGNAL_VALUES(STANDIN_ENUMERATOR) } switch_signal_t;
typedef enum { STANDIN_APPLICATION_FLAG_VALUES(STANDIN_ENUMERATOR) } switch_application_flag_enum_t;
typedef enum { STANDIN_MESSAGE_VALUES(STANDIN_ENUMERATOR) } switch_core_session_message_types_t;
typedef enum { STANDIN_ORIGINATE_FLAG_VALUES(STANDIN_ENUMERATOR) } switch_originate_flag_enum_t;
typedef enum { STANDIN_FILE_FLAG_VALUES(STANDIN_ENUMERATOR) } switch_file_flag_enum_t;
typedef enum { STANDIN_MODULE_FLAG_VALUES(STANDIN_ENUMERATOR) } switch_module_flag_enum_t;
typedef enum { STANDIN_THREAD_PRIORITY_VALUES(STANDIN_ENUMERATOR) } switch_thread_priority_t;

typedef uint32_t switch_media_bug_flag_t;
typedef uint32_t switch_frame_flag_t;
typedef uint32_t switch_io_flag_t;
typedef uint32_t switch_codec_flag_t;
typedef uint32_t switch_module_flag_t;
typedef uint32_t switch_originate_flag_t;
typedef uintptr_t switch_size_t;
typedef uint8_t switch_payload_t;
typedef uint8_t switch_byte_t;
typedef int64_t switch_time_t;
typedef int64_t switch_interval_time_t;
typedef pthread_t switch_thread_id_t;

/* Opaque to modules. */
typedef struct switch_core_session switch_core_session_t;
typedef struct switch_channel switch_channel_t;
typedef struct switch_media_bug switch_media_bug_t;
typedef struct fspr_pool_t switch_memory_pool_t;
typedef struct fspr_thread_mutex_t switch_mutex_t;
typedef struct fspr_thread_rwlock_t switch_thread_rwlock_t;
typedef struct fspr_thread_cond_t switch_thread_cond_t;
typedef struct fspr_thread_t switch_thread_t;
typedef struct fspr_threadattr_t switch_threadattr_t;
typedef struct switch_event_node switch_event_node_t;
typedef struct switch_codec_interface switch_codec_interface_t;
typedef struct switch_xml *switch_xml_t;
typedef union switch_codec_settings switch_codec_settings_t;
typedef struct switch_state_handler_table switch_state_handler_table_t;
typedef struct switch_caller_profile switch_caller_profile_t;
typedef struct switch_dial_handle_s switch_dial_handle_t;

typedef struct switch_frame switch_frame_t;
typedef struct switch_codec switch_codec_t;
typedef struct switch_codec_implementation switch_codec_implementation_t;
typedef struct switch_event_header switch_event_header_t;
typedef struct switch_event switch_event_t;
typedef struct switch_stream_handle switch_stream_handle_t;
typedef struct switch_core_session_message switch_core_session_message_t;
typedef struct switch_file_handle switch_file_handle_t;
typedef struct switch_api_interface switch_api_interface_t;
typedef struct switch_application_interface switch_application_interface_t;
typedef struct switch_loadable_module_interface switch_loadable_module_interface_t;
typedef struct switch_directories switch_directories;
typedef struct switch_rtp switch_rtp_t;

typedef struct {
	char digit;
	uint32_t duration;
	int32_t flags;
	switch_dtmf_source_t source;
} switch_dtmf_t;

typedef switch_bool_t (*switch_media_bug_callback_t)(switch_media_bug_t *, void *, switch_abc_type_t);
typedef void (*switch_event_callback_t)(switch_event_t *);
typedef void *(SWITCH_THREAD_FUNC *switch_thread_start_t)(switch_thread_t *, void *);
typedef switch_status_t (*switch_stream_handle_write_function_t)(switch_stream_handle_t *handle, const char *fmt, ...);
typedef switch_status_t (*switch_stream_handle_raw_write_function_t)(switch_stream_handle_t *handle, uint8_t *data,
																	 switch_size_t datalen);
typedef switch_status_t (*switch_api_function_t)(const char *cmd, switch_core_session_t *session,
												 switch_stream_handle_t *stream);
typedef void (*switch_application_function_t)(switch_core_session_t *, const char *);
typedef switch_status_t (*switch_read_frame_hook_t)(switch_core_session_t *, switch_frame_t **, switch_io_flag_t, int);
typedef switch_status_t (*switch_recv_dtmf_hook_t)(switch_core_session_t *, const switch_dtmf_t *,
												   switch_dtmf_direction_t direction);

/* Structures: standin_fields.h lists what check_real_headers.c compares. */
struct switch_frame {
	switch_codec_t *codec;
	const char *source;
	void *packet;
	uint32_t packetlen;
	void *extra_data;
	void *data;
	uint32_t datalen;
	uint32_t buflen;
	uint32_t samples;
	uint32_t rate;
	uint32_t channels;
	switch_payload_t payload;
	uint32_t timestamp;
	uint16_t seq;
	uint32_t ssrc;
	switch_bool_t m;
	switch_frame_flag_t flags;
	void *user_data;
};

struct switch_codec {
	switch_codec_interface_t *codec_interface;
	/* Changed by a re-invite while others read it, in FreeSWITCH too. Atomic here, so that a thread sanitizer shows the
	 * module's races and not the core's. */
	const switch_codec_implementation_t *_Atomic implementation;
	_Atomic uint32_t flags;
	switch_memory_pool_t *memory_pool;
	switch_mutex_t *mutex;
	switch_core_session_t *session;
};

struct switch_codec_implementation {
	switch_codec_type_t codec_type;
	switch_payload_t ianacode;
	char *iananame;
	uint32_t samples_per_second;
	uint32_t actual_samples_per_second;
	int bits_per_second;
	int microseconds_per_packet;
	uint32_t samples_per_packet;
	uint32_t decoded_bytes_per_packet;
	uint32_t encoded_bytes_per_packet;
	uint8_t number_of_channels;
	int codec_frames_per_packet;
	uint32_t codec_id;
	uint32_t impl_id;
};

struct switch_event_header {
	char *name;
	char *value;
	struct switch_event_header *next;
};

struct switch_event {
	switch_event_types_t event_id;
	switch_priority_t priority;
	char *owner;
	char *subclass_name;
	switch_event_header_t *headers;
	switch_event_header_t *last_header;
	char *body;
	void *bind_user_data;
	void *event_user_data;
	struct switch_event *next;
	int flags;
	int64_t standin_time_us; /* monotonic, when it was fired */
};

struct switch_stream_handle {
	switch_stream_handle_write_function_t write_function;
	switch_stream_handle_raw_write_function_t raw_write_function;
	void *data;
	void *end;
	switch_size_t data_size;
	switch_size_t data_len;
	switch_size_t alloc_len;
	switch_size_t alloc_chunk;
	switch_event_t *param_event;
};

struct switch_core_session_message {
	char *from;
	switch_core_session_message_types_t message_id;
	const char *string_arg;
};

struct switch_file_handle {
	uint32_t samplerate;
	uint32_t channels;
	uint32_t real_channels; /* of the file */
	void *private_info;
};

struct switch_api_interface {
	const char *interface_name;
	const char *desc;
	switch_api_function_t function;
	const char *syntax;
	struct switch_api_interface *next;
};

struct switch_application_interface {
	const char *interface_name;
	switch_application_function_t application_function;
	const char *long_desc;
	const char *short_desc;
	const char *syntax;
	uint32_t flags;
	struct switch_application_interface *next;
};

struct switch_loadable_module_interface {
	const char *module_name;
	switch_application_interface_t *application_interface;
	switch_api_interface_t *api_interface;
	switch_thread_rwlock_t *rwlock;
	switch_memory_pool_t *pool;
};

/* Microseconds, as switch_micro_time_now; 0 = not yet. */
typedef struct switch_channel_timetable {
	switch_time_t answered;
	switch_time_t progress_media;
} switch_channel_timetable_t;

struct switch_directories {
	char *base_dir;
	char *mod_dir;
	char *conf_dir;
	char *log_dir;
	char *run_dir;
	char *temp_dir;
	char *storage_dir;
	char *recordings_dir;
	char *certs_dir;
};

SWITCH_DECLARE_DATA extern switch_directories SWITCH_GLOBAL_dirs;

#include "switch_module.h"

#include "standin_prototypes.h"

/* An event that is only a list of names and values. */
static inline switch_status_t switch_event_create_plain(switch_event_t **event, switch_event_types_t event_id)
{
	switch_status_t status = switch_event_create(event, SWITCH_EVENT_CLONE);

	if (status == SWITCH_STATUS_SUCCESS) {
		(*event)->event_id = event_id;
	}
	return status;
}

#endif
