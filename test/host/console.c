/* SPDX-License-Identifier: MIT
 *
 * The console: the stream that an API function writes its reply to, and the completions that a module registers.
 */
#include "host.h"

typedef struct completion {
	char *text;
	struct completion *next;
} completion_t;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static completion_t *completions;

switch_status_t switch_console_stream_raw_write(switch_stream_handle_t *handle, uint8_t *data, switch_size_t datalen)
{
	if (handle->data_len + datalen + 1 > handle->data_size) {
		size_t size = handle->data_len + datalen + 1 + handle->alloc_chunk;
		void *grown = realloc(handle->data, size);

		if (!grown) {
			return SWITCH_STATUS_MEMERR;
		}
		handle->data = grown;
		handle->data_size = size;
	}
	memcpy((uint8_t *) handle->data + handle->data_len, data, datalen);
	handle->data_len += datalen;
	handle->end = (uint8_t *) handle->data + handle->data_len;
	*(uint8_t *) handle->end = '\0';
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_console_stream_write(switch_stream_handle_t *handle, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	switch_status_t status = SWITCH_STATUS_MEMERR;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len >= 0) {
		status = switch_console_stream_raw_write(handle, (uint8_t *) text, (switch_size_t) len);
		free(text);
	}
	return status;
}

/* "add <words>" and "del <words>"; a star at the end of the deleted text stands for the rest. */
switch_status_t switch_console_set_complete(const char *string)
{
	const char *text = strlen(string) > 4 ? string + 4 : "";
	size_t len = strlen(text);
	completion_t **link = &completions;

	pthread_mutex_lock(&mutex);
	if (!strncmp(string, "add ", 4)) {
		completion_t *completion = calloc(1, sizeof(*completion));

		switch_assert(completion);
		completion->text = strdup(text);
		while (*link) {
			link = &(*link)->next;
		}
		*link = completion;
	}
	while (!strncmp(string, "del ", 4) && *link) {
		completion_t *completion = *link;

		/* The core matches the words that are given: "del x" removes every "x ..." too. */
		if (strncmp(completion->text, text, len) || (completion->text[len] && completion->text[len] != ' ')) {
			link = &completion->next;
			continue;
		}
		*link = completion->next;
		free(completion->text);
		free(completion);
	}
	pthread_mutex_unlock(&mutex);
	return SWITCH_STATUS_SUCCESS;
}

void host_completions_describe(host_json_t *json)
{
	pthread_mutex_lock(&mutex);
	host_json_open(json, "completions", '[');
	for (completion_t *completion = completions; completion; completion = completion->next) {
		host_json_string(json, NULL, completion->text);
	}
	host_json_close(json, ']');
	pthread_mutex_unlock(&mutex);
}

void host_completions_free(void)
{
	while (completions) {
		completion_t *completion = completions;

		completions = completion->next;
		free(completion->text);
		free(completion);
	}
}
