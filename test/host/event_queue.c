/* SPDX-License-Identifier: MIT
 *
 * Fired events: a queue and a thread that prints and delivers them, so that nobody who fires an event waits for the
 * reader of our output; and a memory of what was printed, for `wait`.
 */
#include "host.h"

/* Older events than these are forgotten by `wait`. */
#define REMEMBERED_MAX 65536

typedef struct remembered {
	char *subclass;
	char *uuid;
	char *body;
	struct remembered *next;
} remembered_t;

static pthread_t thread;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static pthread_cond_t changed;
static switch_event_t *first, *last;
static bool running, stopping;
static uint64_t fired, printed;
static remembered_t *remembered, *remembered_last;
static size_t n_remembered;

static void print_event(switch_event_t *event, const char *subclass, const char *uuid)
{
	host_json_t json;

	host_json_begin(&json);
	host_json_string(&json, "event", switch_event_name(event->event_id));
	if (subclass) {
		host_json_string(&json, "subclass", subclass);
	}
	host_json_string(&json, "uuid", uuid ? uuid : "");
	host_json_double(&json, "t_ms", (double) (event->standin_time_us * 1000 - host_start_ns()) / 1e6);
	host_json_int(&json, "t_ns", event->standin_time_us * 1000);
	host_json_open(&json, "headers", '{');
	for (switch_event_header_t *header = event->headers; header; header = header->next) {
		host_json_string(&json, header->name, header->value);
	}
	host_json_close(&json, '}');
	if (event->body) {
		host_json_string(&json, "body", event->body);
	}
	host_json_print(&json);
}

static void free_remembered(remembered_t *item)
{
	free(item->subclass);
	free(item->uuid);
	free(item->body);
	free(item);
}

/* The caller holds the mutex. */
static void remember(const char *subclass, const char *uuid, const char *body)
{
	remembered_t *item = calloc(1, sizeof(*item));

	switch_assert(item);
	item->subclass = strdup(subclass);
	item->uuid = strdup(uuid ? uuid : "");
	item->body = strdup(body ? body : "");
	if (remembered) {
		remembered_last->next = item;
	} else {
		remembered = item;
	}
	remembered_last = item;
	if (++n_remembered > REMEMBERED_MAX) {
		item = remembered;
		remembered = item->next;
		n_remembered--;
		free_remembered(item);
	}
}

static void *event_main(void *arg)
{
	(void) arg;
	pthread_mutex_lock(&mutex);
	while (first || !stopping) {
		switch_event_t *event = first;
		const char *subclass, *uuid;

		if (!event) {
			pthread_cond_wait(&changed, &mutex);
			continue;
		}
		first = event->next;
		event->next = NULL;
		pthread_mutex_unlock(&mutex);

		subclass = event->subclass_name;
		uuid = switch_event_get_header(event, "Unique-ID");
		print_event(event, subclass, uuid);
		host_event_deliver(event);

		pthread_mutex_lock(&mutex);
		remember(subclass ? subclass : switch_event_name(event->event_id), uuid, event->body);
		printed++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
		switch_event_destroy(&event);
		pthread_mutex_lock(&mutex);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

void host_events_start(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attr);
	pthread_condattr_destroy(&attr);
	running = true;
	if (pthread_create(&thread, NULL, event_main, NULL)) {
		perror("oas_host: pthread_create");
		exit(1);
	}
}

void host_events_stop(void)
{
	pthread_mutex_lock(&mutex);
	stopping = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	pthread_join(thread, NULL);
	pthread_mutex_lock(&mutex);
	running = false;
	pthread_mutex_unlock(&mutex);
	host_events_forget();
}

switch_status_t switch_event_fire_detailed(const char *file, const char *func, int line, switch_event_t **event,
										   void *user_data)
{
	(void) file;
	(void) func;
	(void) line;
	HOST_NOTE_CALL();
	(*event)->standin_time_us = host_now_ns() / 1000;
	if (user_data) {
		(*event)->event_user_data = user_data;
	}
	pthread_mutex_lock(&mutex);
	if (!running || stopping) {
		pthread_mutex_unlock(&mutex);
		switch_event_destroy(event);
		return SWITCH_STATUS_SUCCESS;
	}
	if (first) {
		last->next = *event;
	} else {
		first = *event;
	}
	last = *event;
	fired++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	*event = NULL;
	return SWITCH_STATUS_SUCCESS;
}

void host_event_fire_simple(switch_event_types_t id, switch_core_session_t *session)
{
	switch_event_t *event;

	if (switch_event_create(&event, id) == SWITCH_STATUS_SUCCESS) {
		if (session) {
			switch_channel_event_set_data(&session->channel, event);
		}
		switch_event_fire(&event);
	}
}

/* "connect" stands for "mod_openai_audio_stream::connect". */
static bool name_matches(const char *name, const char *wanted)
{
	const char *colons = strstr(name, "::");

	return !strcmp(name, wanted) || (colons && !strcmp(colons + 2, wanted));
}

/* The caller holds the mutex. */
static bool consume(const host_event_filter_t *filter)
{
	remembered_t *previous = NULL;

	for (remembered_t *item = remembered; item; previous = item, item = item->next) {
		if (!name_matches(item->subclass, filter->subclass) || (filter->uuid && strcmp(item->uuid, filter->uuid)) ||
			(filter->body && !strstr(item->body, filter->body))) {
			continue;
		}
		if (previous) {
			previous->next = item->next;
		} else {
			remembered = item->next;
		}
		if (remembered_last == item) {
			remembered_last = previous;
		}
		n_remembered--;
		free_remembered(item);
		return true;
	}
	return false;
}

static bool wait_until(int64_t until)
{
	struct timespec deadline = {.tv_sec = (time_t) (until / NS_PER_S), .tv_nsec = (long) (until % NS_PER_S)};

	return pthread_cond_timedwait(&changed, &mutex, &deadline) == 0;
}

bool host_events_wait(const host_event_filter_t *filter, int64_t timeout_ms)
{
	int64_t until = host_now_ns() + timeout_ms * NS_PER_MS;
	bool found;

	pthread_mutex_lock(&mutex);
	do {
		found = consume(filter);
	} while (!found && wait_until(until));
	pthread_mutex_unlock(&mutex);
	return found;
}

void host_events_flush(void)
{
	uint64_t up_to;

	pthread_mutex_lock(&mutex);
	up_to = fired;
	while (printed < up_to && running) {
		pthread_cond_wait(&changed, &mutex);
	}
	pthread_mutex_unlock(&mutex);
}

void host_events_forget(void)
{
	pthread_mutex_lock(&mutex);
	while (remembered) {
		remembered_t *item = remembered;

		remembered = item->next;
		free_remembered(item);
	}
	remembered_last = NULL;
	n_remembered = 0;
	pthread_mutex_unlock(&mutex);
}

uint64_t host_events_fired(void)
{
	uint64_t n;

	pthread_mutex_lock(&mutex);
	n = fired;
	pthread_mutex_unlock(&mutex);
	return n;
}
