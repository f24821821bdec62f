/* SPDX-License-Identifier: MIT
 *
 * The channel variables that a stream leaves behind, for the dialplan and the CDR.
 */
#include "mod_openai_audio_stream.h"

#define TOTAL_VARIABLE(NAME, name) [OAS_TOTAL_##NAME] = "openai_audio_stream_" #name,

static const char *const total_names[OAS_TOTAL_COUNT] = {OAS_TOTALS(TOTAL_VARIABLE)};

static const oas_total_t averages[] = {OAS_TOTAL_LATENCY_MS_AVG, OAS_TOTAL_RESPONSE_MS_AVG};

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
	uint64_t last[OAS_TOTAL_COUNT]; /* the stream's */
	uint64_t answered[2];

	for (size_t i = 0; i < OAS_TOTAL_COUNT; i++) {
		last[i] = atomic_load_explicit(&stream->totals[i], memory_order_relaxed);
	}
	answered[0] = totals[OAS_TOTAL_ANSWERED_TURNS];
	answered[1] = last[OAS_TOTAL_ANSWERED_TURNS];
	for (size_t i = 0; i < sizeof(averages) / sizeof(averages[0]) && answered[0] + answered[1] > 0; i++) {
		uint64_t sum = answered[0] * totals[averages[i]] + answered[1] * last[averages[i]];

		totals[averages[i]] = sum / (answered[0] + answered[1]);
		last[averages[i]] = 0;
	}
	for (size_t i = 0; i < OAS_TOTAL_COUNT; i++) {
		totals[i] += last[i];
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
