/* SPDX-License-Identifier: MIT
 *
 * Output: single lines of JSON on stdout. Text that is not UTF-8 passes through byte for byte; control characters are
 * escaped, so a line never breaks.
 */
#include "host.h"

static pthread_mutex_t output_mutex = PTHREAD_MUTEX_INITIALIZER; /* one line at a time */

static void append(host_json_t *json, const char *text, size_t len)
{
	if (json->len + len + 1 > json->size) {
		size_t size = (json->len + len + 1) * 2;
		char *grown = realloc(json->text, size);

		switch_assert(grown);
		json->text = grown;
		json->size = size;
	}
	memcpy(json->text + json->len, text, len);
	json->len += len;
	json->text[json->len] = '\0';
}

static void append_quoted(host_json_t *json, const char *value)
{
	append(json, "\"", 1);
	for (const char *p = value; *p; p++) {
		char escaped[8];

		switch (*p) {
		case '"':
			append(json, "\\\"", 2);
			break;
		case '\\':
			append(json, "\\\\", 2);
			break;
		case '\n':
			append(json, "\\n", 2);
			break;
		default:
			if ((unsigned char) *p < 0x20) {
				append(json, escaped, (size_t) snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned char) *p));
			} else {
				append(json, p, 1);
			}
		}
	}
	append(json, "\"", 1);
}

static void append_key(host_json_t *json, const char *key)
{
	if (json->comma) {
		append(json, ",", 1);
	}
	json->comma = true;
	if (key) {
		append_quoted(json, key);
		append(json, ":", 1);
	}
}

void host_json_begin(host_json_t *json)
{
	memset(json, 0, sizeof(*json));
	append(json, "{", 1);
}

void host_json_string(host_json_t *json, const char *key, const char *value)
{
	append_key(json, key);
	append_quoted(json, value);
}

void host_json_int(host_json_t *json, const char *key, int64_t value)
{
	char text[32];

	append_key(json, key);
	append(json, text, (size_t) snprintf(text, sizeof(text), "%lld", (long long) value));
}

void host_json_double(host_json_t *json, const char *key, double value)
{
	char text[64];

	append_key(json, key);
	append(json, text, (size_t) snprintf(text, sizeof(text), "%.3f", value));
}

void host_json_bool(host_json_t *json, const char *key, bool value)
{
	append_key(json, key);
	append(json, value ? "true" : "false", value ? 4 : 5);
}

void host_json_open(host_json_t *json, const char *key, char bracket)
{
	append_key(json, key);
	append(json, &bracket, 1);
	json->comma = false;
}

void host_json_close(host_json_t *json, char bracket)
{
	append(json, &bracket, 1);
	json->comma = true;
}

void host_json_print(host_json_t *json)
{
	append(json, "}\n", 2);
	pthread_mutex_lock(&output_mutex);
	/* Whoever reads us may have gone: then there is nobody to tell. */
	(void) fwrite(json->text, 1, json->len, stdout);
	fflush(stdout);
	pthread_mutex_unlock(&output_mutex);
	free(json->text);
	memset(json, 0, sizeof(*json));
}
