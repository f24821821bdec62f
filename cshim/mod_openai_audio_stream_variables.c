/* SPDX-License-Identifier: MIT
 *
 * The channel variables that a stream leaves behind, for the dialplan and the CDR.
 */
#include "mod_openai_audio_stream.h"

static const char *const total_names[OAS_TOTAL_COUNT] = {
	[OAS_TOTAL_TURNS] = "openai_audio_stream_turns",
	[OAS_TOTAL_INTERRUPTIONS] = "openai_audio_stream_interruptions",
	[OAS_TOTAL_INPUT_TOKENS] = "openai_audio_stream_input_tokens",
	[OAS_TOTAL_OUTPUT_TOKENS] = "openai_audio_stream_output_tokens",
	[OAS_TOTAL_CACHED_TOKENS] = "openai_audio_stream_cached_tokens",
	[OAS_TOTAL_AUDIO_IN_MS] = "openai_audio_stream_audio_in_ms",
	[OAS_TOTAL_AUDIO_OUT_MS] = "openai_audio_stream_audio_out_ms",
	[OAS_TOTAL_LATENCY_MS_AVG] = "openai_audio_stream_latency_ms_avg",
	[OAS_TOTAL_RECONNECTS] = "openai_audio_stream_reconnects",
};

/* Set a variable to a text that may be a server's. "${" would have the dialplan expand it, and the core refuse it. */
static void set_text(switch_channel_t *channel, const char *name, const char *text)
{
	char safe[OAS_END_ERROR_MAX];

	switch_copy_string(safe, text, sizeof(safe));
	for (char *found = strstr(safe, "${"); found; found = strstr(found, "${")) {
		*found = ' ';
	}
	switch_channel_set_variable(channel, name, safe);
}

void mod_openai_audio_stream_variables_set_end(switch_channel_t *channel, const char *reason, const char *error)
{
	set_text(channel, "openai_audio_stream_result", *error ? "error" : "success");
	set_text(channel, "openai_audio_stream_disconnect_reason", reason);
	set_text(channel, "openai_audio_stream_error", error);
}

/* A channel may have had streams before: its totals are those of the whole call. */
static void add_totals(uint64_t *totals, oas_stream_t *stream)
{
	uint64_t turns[2], latency_ms[2];

	turns[0] = totals[OAS_TOTAL_TURNS];
	latency_ms[0] = totals[OAS_TOTAL_LATENCY_MS_AVG];
	for (size_t i = 0; i < OAS_TOTAL_COUNT; i++) {
		totals[i] += atomic_load_explicit(&stream->totals[i], memory_order_relaxed);
	}
	turns[1] = totals[OAS_TOTAL_TURNS] - turns[0];
	latency_ms[1] = totals[OAS_TOTAL_LATENCY_MS_AVG] - latency_ms[0];
	if (turns[0] + turns[1] > 0) {
		totals[OAS_TOTAL_LATENCY_MS_AVG] =
			(turns[0] * latency_ms[0] + turns[1] * latency_ms[1]) / (turns[0] + turns[1]);
	}
}

void mod_openai_audio_stream_variables_set(switch_channel_t *channel, uint64_t *totals, oas_stream_t *stream)
{
	add_totals(totals, stream);
	for (size_t i = 0; i < OAS_TOTAL_COUNT; i++) {
		char value[24];

		switch_snprintf(value, sizeof(value), "%llu", (unsigned long long) totals[i]);
		switch_channel_set_variable(channel, total_names[i], value);
	}
	/* Acquire: the texts were stored before. */
	if (atomic_load_explicit(&stream->ended, memory_order_acquire)) {
		mod_openai_audio_stream_variables_set_end(channel, stream->end_reason, stream->end_error);
	} else {
		mod_openai_audio_stream_variables_set_end(channel, stream->close_reason, stream->close_error);
	}
}
