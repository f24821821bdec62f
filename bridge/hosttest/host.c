/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

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

/* The actions end as answering does. */
static oas_status_t action(const char *what, const char *uuid, const char *text)
{
	note(what, uuid, text);
	return answer_status;
}

static oas_status_t host_hangup(oas_cstr_t uuid, oas_cstr_t cause)
{
	return action("hangup", uuid, cause);
}

static oas_status_t host_transfer(oas_cstr_t uuid, oas_cstr_t extension, oas_cstr_t dialplan, oas_cstr_t context)
{
	char text[256];

	snprintf(text, sizeof(text), "%s/%s/%s", extension, dialplan, context);
	return action("transfer", uuid, text);
}

/* Until it is cancelled. */
static void await_cancel(oas_attempt_t *attempt)
{
	while (!atomic_load_explicit(&attempt->cancel, memory_order_relaxed)) {
		usleep(1000);
	}
}

/* To sip:wait it takes until it is cancelled; elsewhere the phone is busy, unless actions succeed. */
static oas_status_t host_refer(oas_cstr_t uuid, oas_cstr_t uri, oas_attempt_t *attempt)
{
	oas_status_t status = action("refer", uuid, uri);

	if (!strcmp(uri, "sip:wait")) {
		await_cancel(attempt);
		return OAS_STATUS_UNANSWERED;
	}
	attempt->sip_status = 486;
	attempt->lost = 1;
	return status;
}

static oas_status_t host_send_dtmf(oas_cstr_t uuid, oas_cstr_t digits)
{
	return action("dtmf", uuid, digits);
}

static oas_status_t host_set_variable(oas_cstr_t uuid, oas_cstr_t name, oas_cstr_t value)
{
	char text[256];

	snprintf(text, sizeof(text), "%s=%s", name, value);
	return action("set", uuid, text);
}

static oas_status_t host_api(oas_cstr_t uuid, oas_cstr_t command, oas_cstr_t arguments, char **reply)
{
	char text[256];
	oas_status_t status;

	snprintf(text, sizeof(text), "%s %s", command, arguments);
	status = action("api", uuid, text);
	*reply = status == OAS_STATUS_GONE ? NULL : strdup("its reply");
	return status;
}

/* "wait" rings until it is cancelled, "late" is answered just then; else the phone is busy, unless actions succeed. */
static oas_status_t host_dial(oas_cstr_t uuid, oas_cstr_t dial_string, oas_attempt_t *attempt)
{
	char text[256];
	oas_status_t status;

	snprintf(text, sizeof(text), "%s %u ms", dial_string, (unsigned) attempt->timeout_ms);
	status = action("dial", uuid, text);
	snprintf(attempt->peer, sizeof(attempt->peer), "peer");
	snprintf(attempt->cause, sizeof(attempt->cause), "USER_BUSY");
	if (!strcmp(dial_string, "wait") || !strcmp(dial_string, "late")) {
		await_cancel(attempt);
		snprintf(attempt->cause, sizeof(attempt->cause), "ORIGINATOR_CANCEL");
		return *dial_string == 'w' ? OAS_STATUS_UNANSWERED : OAS_STATUS_OK;
	}
	return status;
}

static oas_status_t host_bridge(oas_cstr_t uuid, oas_cstr_t peer)
{
	return action("bridge", uuid, peer);
}

/* A sound counts from 1 up to its rate. */
struct oas_sound {
	uint32_t next, last;
};

static oas_status_t host_sound_open(oas_cstr_t uuid, oas_cstr_t path, uint32_t rate_hz, oas_sound_t **sound)
{
	oas_status_t status = action("open", uuid, path);

	if (status == OAS_STATUS_OK) {
		*sound = calloc(1, sizeof(**sound));
		(*sound)->last = rate_hz;
	}
	return status;
}

static uint32_t host_sound_read(oas_sound_t *sound, int16_t *pcm, uint32_t n)
{
	uint32_t done = 0;

	while (done < n && sound->next < sound->last) {
		pcm[done++] = (int16_t) ++sound->next;
	}
	return done;
}

static void host_sound_close(oas_sound_t *sound)
{
	note("close", "", "");
	free(sound);
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
	.hangup = host_hangup,
	.transfer = host_transfer,
	.refer = host_refer,
	.send_dtmf = host_send_dtmf,
	.set_variable = host_set_variable,
	.api = host_api,
	.dial = host_dial,
	.bridge = host_bridge,
	.sound_open = host_sound_open,
	.sound_read = host_sound_read,
	.sound_close = host_sound_close,
};

void hosttest_capture(const int16_t *pcm, uint32_t n, uint32_t rate_hz)
{
	oas_frame_head_t head = {.len_bytes = n * (uint32_t) sizeof(*pcm), .rate_hz = rate_hz, .n_channels = 1};

	oas_ring_write(&attached->caller, &head, sizeof(head), pcm, head.len_bytes);
	oas_stream_ring(attached);
}

void hosttest_press(char digit, uint32_t duration_ms)
{
	oas_keys_write(&attached->keys, (oas_key_t){.digit = (unsigned char) digit, .duration_ms = duration_ms});
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
