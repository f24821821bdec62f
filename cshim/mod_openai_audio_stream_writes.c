/* SPDX-License-Identifier: MIT
 *
 * What has been written to a channel, and by whom: the bug's note to the pacer.
 */
#include "mod_openai_audio_stream.h"

oas_writes_t *mod_openai_audio_stream_writes_new(void)
{
	oas_writes_t *writes = calloc(1, sizeof(*writes));

	if (writes) {
		atomic_init(&writes->refs, 1);
	}
	return writes;
}

void mod_openai_audio_stream_writes_ref(oas_writes_t *writes)
{
	atomic_fetch_add_explicit(&writes->refs, 1, memory_order_relaxed);
}

void mod_openai_audio_stream_writes_unref(oas_writes_t *writes)
{
	/* Release: our last use comes before the free; acquire: everyone's last use comes before our free. */
	if (atomic_fetch_sub_explicit(&writes->refs, 1, memory_order_acq_rel) == 1) {
		free(writes);
	}
}
