/* SPDX-License-Identifier: MIT
 *
 * Holds the stand-in's declarations against the real <switch.h>. Compiled only by the tests, where FreeSWITCH is
 * installed, and only compiled: prototypes that differ are "conflicting types", numbers and field types are assertions.
 */
#include <switch.h>

/* Where the stand-in's <switch.h> was found instead, this file would compare it with itself. */
#if defined(STANDIN_VALUES_H)
#error "the stand-in's <switch.h> shadows the real one: put FreeSWITCH's include directory first"
#endif

#include "include/standin_fields.h"
#include "include/standin_prototypes.h"
#include "include/standin_values.h"

#define SAME_VALUE(name, value) _Static_assert((long) name == (long) (value), #name " has another value");
#define SAME_TYPE(structure, field, type) \
	_Static_assert(_Generic(&((structure *) 0)->field, type * : 1, default : 0), #structure "." #field);

STANDIN_STATUS_VALUES(SAME_VALUE)
STANDIN_BOOL_VALUES(SAME_VALUE)
STANDIN_LOG_VALUES(SAME_VALUE)
STANDIN_SESSION_CTL_VALUES(SAME_VALUE)
STANDIN_TEXT_CHANNEL_VALUES(SAME_VALUE)
STANDIN_ABC_VALUES(SAME_VALUE)
STANDIN_BUG_FLAG_VALUES(SAME_VALUE)
STANDIN_FRAME_FLAG_VALUES(SAME_VALUE)
STANDIN_IO_FLAG_VALUES(SAME_VALUE)
STANDIN_CODEC_FLAG_VALUES(SAME_VALUE)
STANDIN_CODEC_TYPE_VALUES(SAME_VALUE)
STANDIN_STACK_VALUES(SAME_VALUE)
STANDIN_PRIORITY_VALUES(SAME_VALUE)
STANDIN_EVENT_VALUES(SAME_VALUE)
STANDIN_CHANNEL_STATE_VALUES(SAME_VALUE)
STANDIN_CHANNEL_FLAG_VALUES(SAME_VALUE)
STANDIN_MEDIA_TYPE_VALUES(SAME_VALUE)
STANDIN_MEDIA_FLOW_VALUES(SAME_VALUE)
STANDIN_RTP_FLAG_VALUES(SAME_VALUE)
STANDIN_DTLS_TYPE_VALUES(SAME_VALUE)
STANDIN_DTLS_STATE_VALUES(SAME_VALUE)
STANDIN_CAUSE_VALUES(SAME_VALUE)
STANDIN_INTERFACE_VALUES(SAME_VALUE)
STANDIN_MODULE_FLAG_VALUES(SAME_VALUE)
STANDIN_APPLICATION_FLAG_VALUES(SAME_VALUE)
STANDIN_SIGNAL_VALUES(SAME_VALUE)
STANDIN_THREAD_PRIORITY_VALUES(SAME_VALUE)

STANDIN_FIELDS(SAME_TYPE)

_Static_assert(SWITCH_API_VERSION == 5, "SWITCH_API_VERSION");
_Static_assert(SWITCH_RECOMMENDED_BUFFER_SIZE == 8192, "SWITCH_RECOMMENDED_BUFFER_SIZE");
_Static_assert(SWITCH_CMD_CHUNK_LEN == 1024, "SWITCH_CMD_CHUNK_LEN");
_Static_assert(SWITCH_MUTEX_NESTED == 1, "SWITCH_MUTEX_NESTED");
_Static_assert(SWITCH_THREAD_STACKSIZE == 240 * 1024, "SWITCH_THREAD_STACKSIZE");
_Static_assert(SWITCH_SMAX == 32767 && SWITCH_SMIN == -32768, "SWITCH_SMAX");
