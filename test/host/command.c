/* SPDX-License-Identifier: MIT
 *
 * Commands: one line each, answered by one line of JSON.
 *   #<id> in front   the reply carries "id"
 *   bg in front      runs on a thread of its own; the reply comes when it is done
 */
#include <ctype.h>
#include <errno.h>

#include "command.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int n_background;

static _Atomic int n_failed;

int host_commands_failed(void)
{
	return atomic_load(&n_failed);
}

const char *host_command_option(const host_command_call_t *call, const char *name, const char *fallback)
{
	size_t len = strlen(name);

	for (int i = 0; i < call->n_words; i++) {
		if (!strncmp(call->words[i], name, len) && call->words[i][len] == '=') {
			return call->words[i] + len + 1;
		}
	}
	return fallback;
}

bool host_parse_number(const char *text, int64_t *number_out)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || end == text || *end) {
		return false;
	}
	*number_out = number;
	return true;
}

int64_t host_command_number(host_command_call_t *call, const char *text)
{
	int64_t number = 0;

	if (!host_parse_number(text, &number)) {
		host_command_fail(call, "\"%s\": expected a number", text);
	}
	return number;
}

int64_t host_command_number_option(host_command_call_t *call, const char *name, int64_t fallback)
{
	const char *text = host_command_option(call, name, NULL);

	return text ? host_command_number(call, text) : fallback;
}

bool host_command_fail(host_command_call_t *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->error, sizeof(call->error), format, args);
	va_end(args);
	return false;
}

switch_core_session_t *host_command_channel(host_command_call_t *call, int i)
{
	switch_core_session_t *session = switch_core_session_locate(call->words[i]);

	if (!session) {
		host_command_fail(call, "no channel %s", call->words[i]);
	}
	return session;
}

static int split(char *text, char **words)
{
	int n = 0;

	while (n < COMMAND_WORDS_MAX) {
		char *out;
		bool quoted = false;

		while (isspace((unsigned char) *text)) {
			text++;
		}
		if (!*text) {
			break;
		}
		words[n++] = out = text;
		while (*text && (quoted || !isspace((unsigned char) *text))) {
			if (*text == '"') {
				quoted = !quoted;
			} else {
				*out++ = *text;
			}
			text++;
		}
		if (*text) {
			text++;
		}
		*out = '\0';
	}
	return n;
}

static const host_command_entry_t *find(const char *name, size_t len)
{
	const host_command_entry_t *tables[] = {host_call_commands, host_other_commands};

	for (size_t t = 0; t < switch_arraylen(tables); t++) {
		for (const host_command_entry_t *entry = tables[t]; entry->name; entry++) {
			if (strlen(entry->name) == len && !strncmp(entry->name, name, len)) {
				return entry;
			}
		}
	}
	return NULL;
}

static void run(const char *id, size_t id_len, const char *line)
{
	size_t len = strcspn(line, " \t");
	const host_command_entry_t *entry = find(line, len);
	host_command_call_t call = {0};
	host_json_t reply;
	char *copy, *text;
	bool ok;

	call.rest = line + len + strspn(line + len, " \t");
	copy = strdup(call.rest);
	switch_assert(copy);
	call.n_words = split(copy, call.words);
	call.reply = &reply;
	host_json_begin(&reply);
	text = strndup(line, len);
	host_json_string(&reply, "reply", text);
	free(text);
	if (id) {
		text = strndup(id, id_len);
		host_json_string(&reply, "id", text);
		free(text);
	}
	if (!entry) {
		ok = host_command_fail(&call, "no such command; try: help");
	} else if (call.n_words < entry->min_words) {
		ok = host_command_fail(&call, "usage: %s %s", entry->name, entry->usage);
	} else {
		ok = entry->run(&call) && !*call.error;
	}
	host_json_bool(&reply, "ok", ok);
	if (!ok) {
		host_json_string(&reply, "error", call.error);
		atomic_fetch_add(&n_failed, 1);
	}
	host_json_double(&reply, "t_ms", (double) (host_now_ns() - host_start_ns()) / 1e6);
	host_json_print(&reply);
	free(copy);
}

typedef struct background {
	char *line;
	const char *id;
	size_t id_len;
	const char *command;
} background_t;

static void *background_main(void *arg)
{
	background_t *background = arg;

	run(background->id, background->id_len, background->command);
	free(background->line);
	free(background);
	pthread_mutex_lock(&mutex);
	n_background--;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void run_in_background(const char *id, size_t id_len, const char *command)
{
	background_t *background = calloc(1, sizeof(*background));
	pthread_attr_t attr;
	pthread_t thread;

	switch_assert(background);
	if (asprintf(&background->line, "%.*s %s", (int) id_len, id ? id : "", command) < 0) {
		abort();
	}
	background->id = id ? background->line : NULL;
	background->id_len = id_len;
	background->command = background->line + id_len + 1;
	pthread_mutex_lock(&mutex);
	n_background++;
	pthread_mutex_unlock(&mutex);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, background_main, background)) {
		perror("oas_host: pthread_create");
		exit(1);
	}
	pthread_attr_destroy(&attr);
}

bool host_command(const char *line)
{
	const char *id = NULL;
	size_t id_len = 0;

	line += strspn(line, " \t");
	if (*line == '#' && line[1] && !isspace((unsigned char) line[1])) {
		id = line + 1;
		id_len = strcspn(id, " \t");
		line = id + id_len;
		line += strspn(line, " \t");
	}
	/* Empty lines, and comments: a "#" and a space. */
	if (!*line || *line == '#') {
		return true;
	}
	if (!strncmp(line, "bg ", 3)) {
		line += 3 + strspn(line + 3, " \t");
		run_in_background(id, id_len, line);
		return true;
	}
	if (!strncmp(line, "quit", 4) && (!line[4] || isspace((unsigned char) line[4]))) {
		host_quit_with_calls(strstr(line, "calls=1") != NULL);
		return false;
	}
	run(id, id_len, line);
	return true;
}

void host_command_stop(void)
{
	pthread_mutex_lock(&mutex);
	while (n_background) {
		pthread_cond_wait(&changed, &mutex);
	}
	pthread_mutex_unlock(&mutex);
}
