/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static char noted[1 << 16];
static oas_status_t attach_status, answer_status;
static char during_answer[256];
static oas_stream_t *attached;

static void note(const char *what, const char *uuid, const char *text)
{
	size_t used;

	pthread_mutex_lock(&mutex);
	used = strlen(noted);
	snprintf(noted + used, sizeof(noted) - used, "%s %s %s\n", what, uuid, text);
	pthread_mutex_unlock(&mutex);
}

void hosttest_reset(int attach, int answer)
{
	pthread_mutex_lock(&mutex);
	*noted = *during_answer = '\0';
	attach_status = (oas_status_t) attach;
	answer_status = (oas_status_t) answer;
	pthread_mutex_unlock(&mutex);
}

char *hosttest_noted(void)
{
	char *copy;

	pthread_mutex_lock(&mutex);
	copy = strdup(noted);
	pthread_mutex_unlock(&mutex);
	return copy;
}

void hosttest_during_answer(const char *command)
{
	snprintf(during_answer, sizeof(during_answer), "%s", command);
}

static void host_log(oas_log_level_t level, oas_cstr_t uuid, oas_cstr_t text)
{
	char name[16];

	snprintf(name, sizeof(name), "log %d", (int) level);
	note(name, uuid, text);
}

static int host_log_level(oas_cstr_t uuid)
{
	return strcmp(uuid, "call") ? OAS_LOG_WARNING : OAS_LOG_DEBUG;
}

static void host_event(oas_cstr_t subclass, oas_cstr_t uuid, oas_cstr_t body)
{
	char name[64];

	snprintf(name, sizeof(name), "event %s", subclass);
	note(name, uuid, body);
}

static char *host_variable(oas_cstr_t uuid, oas_cstr_t name)
{
	(void) uuid;
	return strcmp(name, "a_variable") ? NULL : strdup("its value");
}

static oas_status_t host_exists(oas_cstr_t uuid)
{
	return strcmp(uuid, "call") ? OAS_STATUS_GONE : OAS_STATUS_OK;
}

static oas_status_t host_attach(oas_stream_t *stream)
{
	note("attach", stream->uuid, "");
	if (attach_status == OAS_STATUS_OK) {
		oas_stream_ref(stream);
		pthread_mutex_lock(&mutex);
		attached = stream;
		pthread_mutex_unlock(&mutex);
	}
	return attach_status;
}

/* What the core's CLOSE does. */
static void close_stream(void)
{
	oas_stream_t *stream;

	pthread_mutex_lock(&mutex);
	stream = attached;
	attached = NULL;
	pthread_mutex_unlock(&mutex);
	if (stream) {
		atomic_store_explicit(&stream->closed, 1, memory_order_release);
		oas_stream_ring(stream);
		oas_stream_unref(stream);
	}
}

static void host_detach(oas_stream_t *stream)
{
	note("detach", stream->uuid, "");
	close_stream();
}

static oas_status_t host_answer(oas_cstr_t uuid)
{
	note("answer", uuid, "");
	if (*during_answer) {
		char *reply = oasGoCommand(during_answer);

		note("reply", uuid, reply);
		free(reply);
	}
	return answer_status;
}

const oas_host_ops_t hosttest_ops = {
	.log = host_log,
	.log_level = host_log_level,
	.event = host_event,
	.variable = host_variable,
	.exists = host_exists,
	.attach = host_attach,
	.detach = host_detach,
	.answer = host_answer,
};

void hosttest_capture(const int16_t *pcm, uint32_t n, uint32_t rate_hz)
{
	oas_frame_head_t head = {.len_bytes = n * (uint32_t) sizeof(*pcm), .rate_hz = rate_hz, .n_channels = 1};

	oas_ring_write(&attached->caller, &head, sizeof(head), pcm, head.len_bytes);
	oas_stream_ring(attached);
}

static const char *const event_names[] = {OAS_EVENT_SUBCLASSES};

const char *hosttest_event_name(uint32_t i)
{
	return i < sizeof(event_names) / sizeof(event_names[0]) ? event_names[i] : NULL;
}

#define TOTAL_NAME(NAME, name) [OAS_TOTAL_##NAME] = #name,

static const char *const total_names[OAS_TOTAL_COUNT] = {OAS_TOTALS(TOTAL_NAME)};

const char *hosttest_total_name(uint32_t i)
{
	return i < OAS_TOTAL_COUNT ? total_names[i] : NULL;
}

uint64_t hosttest_total(uint32_t i)
{
	return atomic_load_explicit(&attached->totals[i], memory_order_relaxed);
}

void hosttest_hang_up(void)
{
	close_stream();
}

int hosttest_load(const char *module_path, const char *temp_dir)
{
	oas_host_info_t info = {.temp_dir = temp_dir, .module_path = module_path};

	return (int) oasGoLoad(&hosttest_ops, &info);
}
