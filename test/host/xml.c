/* SPDX-License-Identifier: MIT
 *
 * The configuration: one text, handed to whoever opens a configuration file. It is not parsed; only its
 * <configuration> element is cut out, as the core returns that node.
 */
#include <errno.h>

#include "host.h"

struct switch_xml {
	char *text;
	struct switch_xml *configuration;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static char *config_text;

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t len = 0;

	if (!file) {
		return NULL;
	}
	for (;;) {
		char *grown = realloc(text, len + 4096 + 1);
		size_t n;

		switch_assert(grown);
		text = grown;
		n = fread(text + len, 1, 4096, file);
		len += n;
		text[len] = '\0';
		if (!n) {
			break;
		}
	}
	fclose(file);
	return text;
}

const char *host_xml_set_file(const char *path)
{
	char *text = NULL;

	if (path && strcmp(path, "-")) {
		text = read_file(path);
		if (!text) {
			return strerror(errno);
		}
	}
	pthread_mutex_lock(&mutex);
	free(config_text);
	config_text = text;
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static switch_xml_t new_node(const char *text, size_t len)
{
	switch_xml_t node = calloc(1, sizeof(*node));

	switch_assert(node);
	node->text = strndup(text, len);
	return node;
}

switch_xml_t switch_xml_open_cfg(const char *file_path, switch_xml_t *node, switch_event_t *params)
{
	static const char end_tag[] = "</configuration>";
	switch_xml_t root = NULL;
	const char *start, *end;

	HOST_NOTE_CALL();
	(void) file_path;
	(void) params;
	*node = NULL;
	pthread_mutex_lock(&mutex);
	start = config_text ? strstr(config_text, "<configuration") : NULL;
	end = start ? strstr(start, end_tag) : NULL;
	if (start) {
		root = new_node(config_text, strlen(config_text));
		/* An element that never ends goes through as it is: the module must cope with broken text. */
		root->configuration = new_node(start, end ? (size_t) (end - start) + sizeof(end_tag) - 1 : strlen(start));
		*node = root->configuration;
	}
	pthread_mutex_unlock(&mutex);
	return root;
}

char *switch_xml_toxml_ex(switch_xml_t xml, switch_bool_t prn_header, switch_bool_t use_utf8_encoding)
{
	char *text = NULL;

	(void) use_utf8_encoding;
	if (asprintf(&text, "%s%s", prn_header ? "<?xml version=\"1.0\"?>\n" : "", xml->text) < 0) {
		return NULL;
	}
	return text;
}

void switch_xml_free(switch_xml_t xml)
{
	if (xml) {
		switch_xml_free(xml->configuration);
		free(xml->text);
		free(xml);
	}
}
