/* SPDX-License-Identifier: MIT
 *
 * Go to C: what the host (FreeSWITCH, or the stand-in of the tests) does for Go.
 *
 * A table, not bare symbols: Go code that calls bare host symbols cannot be linked by `go test`.
 *
 * Any goroutine may call any of these from any OS thread, also from inside an oasGo* call. They may block for as long
 * as FreeSWITCH takes to find a channel or to queue an event, never for the network. Strings are borrowed for the
 * call. None of them but answer calls back into Go. After oasGoShutdown has returned, Go calls none of them until the
 * next oasGoLoad.
 */
#ifndef OAS_HOST_H
#define OAS_HOST_H

#include <stddef.h>

#include "oas_stream.h"

typedef enum oas_status {
	OAS_STATUS_OK = 0,
	OAS_STATUS_GONE = 1,        /* no channel with that uuid, or no stream */
	OAS_STATUS_NO_MEDIA = 2,    /* the channel has no media yet, or its media does not pass through FreeSWITCH */
	OAS_STATUS_BUSY = 3,        /* the channel has a stream already */
	OAS_STATUS_FAILED = 4,      /* FreeSWITCH refused */
	OAS_STATUS_PANIC = 5,       /* a bug in Go was caught at the boundary */
	OAS_STATUS_PASSTHROUGH = 6, /* the channel's codec is not decoded; stream->close_error names it */
} oas_status_t;

/* Log levels, with FreeSWITCH's numbers. */
typedef enum oas_log_level {
	OAS_LOG_CRIT = 2,
	OAS_LOG_ERROR = 3,
	OAS_LOG_WARNING = 4,
	OAS_LOG_NOTICE = 5,
	OAS_LOG_INFO = 6,
	OAS_LOG_DEBUG = 7,
} oas_log_level_t;

typedef const char *oas_cstr_t;

/* The subclasses of the events that are fired, as strings: those of Go's stream.EventNames. */
#define OAS_EVENT_SUBCLASSES \
	"connect", "disconnect", "error", "json", "play", "openai_speech_start", "openai_speech_stop", "truncated", \
		"turn", "reconnect", "end"

/* Shim and engine are linked from one source into one file, so the table needs no size or version. */
typedef struct oas_host_ops {
	/* Write one line to the log. uuid is the channel it belongs to, or "". */
	void (*log)(oas_log_level_t level, oas_cstr_t uuid, oas_cstr_t text);

	/* The highest number whose lines FreeSWITCH logs for the channel uuid, or for none if that is "": its own log level
	 * or the channel's (uuid_loglevel), whichever is higher. -1: no line at all. */
	int (*log_level)(oas_cstr_t uuid);

	/* Fire a CUSTOM event "mod_openai_audio_stream::<subclass>" with the channel's data, or with Unique-ID alone when
	 * the channel has gone, and body. */
	void (*event)(oas_cstr_t subclass, oas_cstr_t uuid, oas_cstr_t body);

	/* The value of a channel variable as malloc'ed memory that the caller frees; NULL if unset or no channel. */
	char *(*variable)(oas_cstr_t uuid, oas_cstr_t name);

	/* Whether there is such a channel, be it one that is hanging up: OK or GONE. */
	oas_status_t (*exists)(oas_cstr_t uuid);

	/* Put the stream on the channel stream->uuid: add the media bug, take the shim's reference, start pacing. From
	 * then on the media threads fill and drain the rings until stream->closed. Returns OK, GONE, NO_MEDIA, BUSY,
	 * PASSTHROUGH or FAILED; only OK took a reference. */
	oas_status_t (*attach)(oas_stream_t *stream);

	/* Take the stream off its channel. After it returned, no callback uses the stream and the shim's reference is
	 * dropped. Harmless when the channel has gone or the stream was detached already. */
	void (*detach)(oas_stream_t *stream);

	/* Answer the call, unless it is answered. Only from oasGoApplication, on its thread, which is the channel's own;
	 * for as long as the endpoint takes. FreeSWITCH may run commands meanwhile (api_on_answer) that call oasGoCommand.
	 * Returns OK, GONE or FAILED. */
	oas_status_t (*answer)(oas_cstr_t uuid);
} oas_host_ops_t;

/* Go's //export cannot write const: these names can, so that one prototype serves both compilers. */
typedef const oas_host_ops_t *oas_host_ops_ref_t;

/* Facts about the host that do not change while it runs. Borrowed for the oasGoLoad call. */
typedef struct oas_host_info {
	oas_cstr_t temp_dir;    /* FreeSWITCH's temp directory, no trailing slash */
	oas_cstr_t module_path; /* the file this module was loaded from */
} oas_host_info_t;

typedef const oas_host_info_t *oas_host_info_ref_t;

#endif
