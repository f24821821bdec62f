/* SPDX-License-Identifier: MIT
 *
 * Events: making them, their headers, who has bound to them, which subclasses are reserved.
 */
#include "host.h"

struct switch_event_node {
	char *id;
	switch_event_types_t event_id;
	char *subclass;
	switch_event_callback_t callback;
	void *user_data;
	struct switch_event_node *next;
};

typedef struct subclass {
	char *owner;
	char *name;
	struct subclass *next;
} subclass_t;

static _Atomic int events_alive;

static pthread_rwlock_t nodes_lock = PTHREAD_RWLOCK_INITIALIZER; /* Protects following; held while a callback runs. */
static switch_event_node_t *nodes;

static pthread_mutex_t subclasses_mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static subclass_t *subclasses;

int host_events_alive(void)
{
	return atomic_load(&events_alive);
}

const char *switch_event_name(switch_event_types_t event)
{
	switch (event) {
#define EVENT_NAME(name, value) \
	case name: \
		return #name + sizeof("SWITCH_EVENT_") - 1;
		STANDIN_EVENT_VALUES(EVENT_NAME)
#undef EVENT_NAME
	case SWITCH_EVENT_ALL:
		return "ALL";
	}
	return "UNKNOWN";
}

switch_status_t switch_event_create_subclass_detailed(const char *file, const char *func, int line,
													  switch_event_t **event, switch_event_types_t event_id,
													  const char *subclass_name)
{
	HOST_NOTE_CALL();
	*event = NULL;
	if (event_id != SWITCH_EVENT_CLONE && event_id != SWITCH_EVENT_CUSTOM && subclass_name) {
		return SWITCH_STATUS_GENERR;
	}
	*event = calloc(1, sizeof(**event));
	switch_assert(*event);
	atomic_fetch_add(&events_alive, 1);
	(*event)->event_id = event_id;
	if (event_id == SWITCH_EVENT_CLONE) {
		return SWITCH_STATUS_SUCCESS;
	}
	switch_event_add_header_string(*event, SWITCH_STACK_BOTTOM, "Event-Name", switch_event_name(event_id));
	switch_event_add_header_string(*event, SWITCH_STACK_BOTTOM, "Event-Calling-File", file);
	switch_event_add_header_string(*event, SWITCH_STACK_BOTTOM, "Event-Calling-Function", func);
	switch_event_add_header(*event, SWITCH_STACK_BOTTOM, "Event-Calling-Line-Number", "%d", line);
	if (subclass_name) {
		(*event)->subclass_name = strdup(subclass_name);
		switch_event_add_header_string(*event, SWITCH_STACK_BOTTOM, "Event-Subclass", subclass_name);
	}
	return SWITCH_STATUS_SUCCESS;
}

void switch_event_destroy(switch_event_t **event)
{
	switch_event_t *dead = *event;

	*event = NULL;
	if (!dead) {
		return;
	}
	while (dead->headers) {
		switch_event_header_t *header = dead->headers;

		dead->headers = header->next;
		free(header->name);
		free(header->value);
		free(header);
	}
	free(dead->subclass_name);
	free(dead->owner);
	free(dead->body);
	free(dead);
	atomic_fetch_sub(&events_alive, 1);
}

switch_status_t switch_event_add_header_string(switch_event_t *event, switch_stack_t stack, const char *header_name,
											   const char *data)
{
	switch_event_header_t *header;

	if (!data) {
		return SWITCH_STATUS_GENERR;
	}
	header = calloc(1, sizeof(*header));
	switch_assert(header);
	header->name = strdup(header_name);
	header->value = strdup(data);
	if (stack & SWITCH_STACK_TOP) {
		header->next = event->headers;
		event->headers = header;
		if (!event->last_header) {
			event->last_header = header;
		}
	} else {
		if (event->last_header) {
			event->last_header->next = header;
		} else {
			event->headers = header;
		}
		event->last_header = header;
	}
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_event_add_header(switch_event_t *event, switch_stack_t stack, const char *header_name,
										const char *fmt, ...)
{
	char *value = NULL;
	va_list args;
	switch_status_t status = SWITCH_STATUS_MEMERR;

	va_start(args, fmt);
	if (vasprintf(&value, fmt, args) >= 0) {
		status = switch_event_add_header_string(event, stack, header_name, value);
		free(value);
	}
	va_end(args);
	return status;
}

char *switch_event_get_header_idx(switch_event_t *event, const char *header_name, int idx)
{
	(void) idx;
	for (switch_event_header_t *header = event->headers; header; header = header->next) {
		if (!strcasecmp(header->name, header_name)) {
			return header->value;
		}
	}
	return !strcmp(header_name, "_body") ? event->body : NULL;
}

char *switch_event_get_body(switch_event_t *event)
{
	return event->body;
}

switch_status_t switch_event_set_body(switch_event_t *event, const char *body)
{
	free(event->body);
	event->body = body ? strdup(body) : NULL;
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_event_add_body(switch_event_t *event, const char *fmt, ...)
{
	char *body = NULL;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&body, fmt, args);
	va_end(args);
	if (len < 0) {
		return SWITCH_STATUS_MEMERR;
	}
	free(event->body);
	event->body = body;
	return SWITCH_STATUS_SUCCESS;
}

/* The callbacks run on the event thread, as in the core, so that an unbind waits for them. */
void host_event_deliver(switch_event_t *event)
{
	pthread_rwlock_rdlock(&nodes_lock);
	for (switch_event_node_t *node = nodes; node; node = node->next) {
		if ((node->event_id == event->event_id || node->event_id == SWITCH_EVENT_ALL) &&
			(!node->subclass || (event->subclass_name && !strcmp(node->subclass, event->subclass_name)))) {
			event->bind_user_data = node->user_data;
			node->callback(event);
		}
	}
	pthread_rwlock_unlock(&nodes_lock);
}

switch_status_t switch_event_bind_removable(const char *id, switch_event_types_t event, const char *subclass_name,
											switch_event_callback_t callback, void *user_data,
											switch_event_node_t **node)
{
	switch_event_node_t *new_node = calloc(1, sizeof(*new_node));

	switch_assert(new_node);
	new_node->id = strdup(id);
	new_node->event_id = event;
	new_node->subclass = subclass_name ? strdup(subclass_name) : NULL;
	new_node->callback = callback;
	new_node->user_data = user_data;
	pthread_rwlock_wrlock(&nodes_lock);
	new_node->next = nodes;
	nodes = new_node;
	pthread_rwlock_unlock(&nodes_lock);
	if (node) {
		*node = new_node;
	}
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_event_bind(const char *id, switch_event_types_t event, const char *subclass_name,
								  switch_event_callback_t callback, void *user_data)
{
	return switch_event_bind_removable(id, event, subclass_name, callback, user_data, NULL);
}

static int unbind(switch_event_node_t *node, switch_event_callback_t callback)
{
	switch_event_node_t **link = &nodes;
	int n = 0;

	pthread_rwlock_wrlock(&nodes_lock);
	while (*link) {
		switch_event_node_t *dead = *link;

		if (dead != node && (!callback || dead->callback != callback)) {
			link = &dead->next;
			continue;
		}
		*link = dead->next;
		free(dead->id);
		free(dead->subclass);
		free(dead);
		n++;
	}
	pthread_rwlock_unlock(&nodes_lock);
	return n;
}

switch_status_t switch_event_unbind(switch_event_node_t **node)
{
	int n = unbind(*node, NULL);

	*node = NULL;
	return n ? SWITCH_STATUS_SUCCESS : SWITCH_STATUS_FALSE;
}

switch_status_t switch_event_unbind_callback(switch_event_callback_t callback)
{
	return unbind(NULL, callback) ? SWITCH_STATUS_SUCCESS : SWITCH_STATUS_FALSE;
}

static subclass_t **find_subclass(const char *name)
{
	subclass_t **link = &subclasses;

	while (*link && strcmp((*link)->name, name)) {
		link = &(*link)->next;
	}
	return link;
}

switch_status_t switch_event_reserve_subclass_detailed(const char *owner, const char *subclass_name)
{
	switch_status_t status = SWITCH_STATUS_INUSE;

	pthread_mutex_lock(&subclasses_mutex);
	if (!*find_subclass(subclass_name)) {
		subclass_t *subclass = calloc(1, sizeof(*subclass));

		switch_assert(subclass);
		subclass->owner = strdup(owner);
		subclass->name = strdup(subclass_name);
		subclass->next = subclasses;
		subclasses = subclass;
		status = SWITCH_STATUS_SUCCESS;
	}
	pthread_mutex_unlock(&subclasses_mutex);
	return status;
}

switch_status_t switch_event_free_subclass_detailed(const char *owner, const char *subclass_name)
{
	switch_status_t status = SWITCH_STATUS_FALSE;
	subclass_t **link;
	subclass_t *dead;

	pthread_mutex_lock(&subclasses_mutex);
	link = find_subclass(subclass_name);
	dead = *link;
	if (dead && !strcmp(dead->owner, owner)) {
		*link = dead->next;
		free(dead->owner);
		free(dead->name);
		free(dead);
		status = SWITCH_STATUS_SUCCESS;
	}
	pthread_mutex_unlock(&subclasses_mutex);
	return status;
}
