/* SPDX-License-Identifier: MIT
 *
 * Go to C: what the host (FreeSWITCH, or the stand-in of the tests) does for Go.
 *
 * A table, not bare symbols: Go code that calls bare host symbols cannot be linked by `go test`.
 *
 * Any goroutine may call any of these from any OS thread, also from inside an oasGo* call. Strings are borrowed for the
 * call. After oasGoShutdown has returned, Go begins none of them until the next oasGoLoad.
 *
 * How long they may block: for as long as FreeSWITCH takes to find a channel or to queue an event, but
 *   refer, dial    until the far end has answered, timeout_ms has passed, or cancel is set, which they notice within
 *                  50 ms (dial: once what it waits for is being hung up; a dial string with originate_retry_sleep_ms
 *                  sleeps it out)
 *   api            as long as the command: nothing ends it
 *   sound_open,    as long as the format's module: a file at once, an http:// one as long as its server
 *   sound_read
 *   transfer       as execute_on_blind_transfer, if the channel has that
 * No session is locked while they wait for any of that but the last. An unload does not wait for ever: Go cancels refer
 * and dial, and gives the rest what oasGoShutdown's timeout leaves; then the shim's gate does (5 s).
 *
 * answer, api, transfer, dial, and bridge may have FreeSWITCH run commands and applications that call into Go.
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
	OAS_STATUS_UNANSWERED = 7,  /* the far end refused, did not answer in time, or the attempt was cancelled */
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
		"turn", "reconnect", "end", "tool", "dtmf", "idle", "silent_answer"

/* The value of oas_attempt_t.cancel that ends it: FreeSWITCH's ORIGINATOR_CANCEL, since its originate reads that very
 * word. */
#define OAS_CANCEL 487

/* An attempt to reach somebody: what refer and dial are given, and what they answer. malloc'ed and zeroed by Go, which
 * frees it when they have returned. */
typedef struct oas_attempt {
	_Atomic uint32_t cancel; /* 0, or OAS_CANCEL as soon as the op is to return. Go's word; relaxed */
	uint32_t timeout_ms;
	/* The op's words. */
	uint32_t sip_status;     /* refer, UNANSWERED: why, as a SIP status; 0 = nothing came in time */
	uint32_t lost;           /* refer, UNANSWERED: 1 = the call has no phone any more */
	char cause[64];          /* dial, UNANSWERED: FreeSWITCH's name, e.g. USER_BUSY */
	char peer[OAS_UUID_MAX]; /* dial, OK: the channel that answered */
} oas_attempt_t;

/* Something that plays; the shim's. */
typedef struct oas_sound oas_sound_t;

/* Bytes of an API command's reply; what is longer is cut. */
#define OAS_REPLY_MAX 65536

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

	/* Hang up. cause is FreeSWITCH's name, NORMAL_CLEARING if it is "". Returns OK, GONE, or FAILED for another name.
	 */
	oas_status_t (*hangup)(oas_cstr_t uuid, oas_cstr_t cause);

	/* Have the call go on at an extension. dialplan and context are the call's own where they are "". Returns OK, GONE
	 * or FAILED. */
	oas_status_t (*transfer)(oas_cstr_t uuid, oas_cstr_t extension, oas_cstr_t dialplan, oas_cstr_t context);

	/* Send the caller's phone a REFER to uri, "sip:...", and wait until it has told how that went (NOTIFY). Returns OK
	 * once the phone has reached the other; GONE, also when the phone hangs up without a word; UNANSWERED; FAILED for
	 * another uri. An endpoint that knows no REFER does nothing until the time is over.
	 * A phone that refuses the REFER leaves the call as it was. Its last NOTIFY, good or bad, has mod_sofia say BYE,
	 * and not tell the channel (sofia_handle_sip_i_notify, 10.12 and 11.2): after OK, and where lost is set, Go must
	 * hang it up. */
	oas_status_t (*refer)(oas_cstr_t uuid, oas_cstr_t uri, oas_attempt_t *attempt);

	/* Press keys for the far end: 0-9 * # A-D, and w for half a second. Queued, not waited for. Returns OK, GONE or
	 * FAILED. */
	oas_status_t (*send_dtmf)(oas_cstr_t uuid, oas_cstr_t digits);

	/* Set a channel variable, remove it where value is "". Returns OK, GONE, or FAILED for a value that the dialplan
	 * would expand. Also on a channel that is hanging up. */
	oas_status_t (*set_variable)(oas_cstr_t uuid, oas_cstr_t name, oas_cstr_t value);

	/* Run an API command for a channel, whose uuid it finds as Unique-ID in its event (Lua: env:getHeader), not on it:
	 * no session is locked meanwhile. Returns OK, GONE, or FAILED when there is no such command or it says so. reply is
	 * what it printed, malloc'ed, the caller frees; NULL if GONE. */
	oas_status_t (*api)(oas_cstr_t uuid, oas_cstr_t command, oas_cstr_t arguments, char **reply);

	/* Ring a dial string until it is answered, with the caller id and the exported variables of the channel. Rounds
	 * timeout_ms up to seconds. OK: peer is parked, and nobody's until bridge or hangup. Returns OK, GONE or
	 * UNANSWERED. */
	oas_status_t (*dial)(oas_cstr_t uuid, oas_cstr_t dial_string, oas_attempt_t *attempt);

	/* Connect two channels: both leave what they do. When peer hangs up the call goes on in its dialplan. Returns OK,
	 * GONE for uuid, FAILED for peer. */
	oas_status_t (*bridge)(oas_cstr_t uuid, oas_cstr_t peer);

	/* Open what FreeSWITCH can play, mono at rate_hz, 8000 to 48000; a relative path lies where the channel's others do
	 * (sound_prefix). Needs no channel after. Returns OK, GONE or FAILED. */
	oas_status_t (*sound_open)(oas_cstr_t uuid, oas_cstr_t path, uint32_t rate_hz, oas_sound_t **sound);

	/* Read up to n samples; 0 at the end. A stream that is read faster than it plays is silent in between. One thread
	 * at a time. */
	uint32_t (*sound_read)(oas_sound_t *sound, int16_t *pcm, uint32_t n);

	/* Close it. Once the module is shut down it stays as it is. */
	void (*sound_close)(oas_sound_t *sound);
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
