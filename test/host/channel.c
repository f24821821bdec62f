/* SPDX-License-Identifier: MIT
 *
 * Channels: state, flags, variables, private data, hang-up.
 */
#include "host.h"

void host_channel_init(switch_channel_t *channel, switch_core_session_t *session, const char *name)
{
	channel->session = session;
	switch_copy_string(channel->name, name, sizeof(channel->name));
	atomic_store(&channel->state, CS_NEW);
	atomic_flag_clear(&channel->hung_up);
	pthread_mutex_init(&channel->profile_mutex, NULL);
	pthread_mutex_init(&channel->dtmf_mutex, NULL);
}

static void free_pairs(host_pair_t *pair)
{
	while (pair) {
		host_pair_t *next = pair->next;

		free(pair->name);
		free(pair->value);
		free(pair);
		pair = next;
	}
}

void host_channel_free(switch_channel_t *channel)
{
	free_pairs(channel->variables);
	free_pairs(channel->privates);
	pthread_mutex_destroy(&channel->profile_mutex);
	pthread_mutex_destroy(&channel->dtmf_mutex);
}

const char *host_channel_state_name(int state)
{
#define STATE_NAME(name, value) #name,
	static const char *const names[] = {STANDIN_CHANNEL_STATE_VALUES(STATE_NAME)};
#undef STATE_NAME

	return names[state];
}

#define CAUSE_NAME(name, value) {(name), #name + sizeof("SWITCH_CAUSE_") - 1},

static const struct {
	switch_call_cause_t cause;
	const char *name;
} causes[] = {STANDIN_CAUSE_VALUES(CAUSE_NAME)};

const char *switch_channel_cause2str(switch_call_cause_t cause)
{
	for (size_t i = 0; i < switch_arraylen(causes); i++) {
		if (causes[i].cause == cause) {
			return causes[i].name;
		}
	}
	return "UNKNOWN";
}

/* As in the core: any word is a cause. */
switch_call_cause_t switch_channel_str2cause(const char *str)
{
	for (size_t i = 0; i < switch_arraylen(causes); i++) {
		if (!zstr(str) && !strcasecmp(causes[i].name, str)) {
			return causes[i].cause;
		}
	}
	return SWITCH_CAUSE_NORMAL_CLEARING;
}

char *switch_channel_get_name(switch_channel_t *channel)
{
	return channel->name;
}

char *switch_channel_get_uuid(switch_channel_t *channel)
{
	return channel->session->uuid;
}

switch_core_session_t *switch_channel_get_session(switch_channel_t *channel)
{
	return channel->session;
}

switch_channel_state_t switch_channel_get_state(switch_channel_t *channel)
{
	return (switch_channel_state_t) atomic_load(&channel->state);
}

int switch_channel_check_signal(switch_channel_t *channel, switch_bool_t in_thread_only)
{
	(void) channel;
	(void) in_thread_only;
	return 0;
}

int switch_channel_test_ready(switch_channel_t *channel, switch_bool_t check_ready, switch_bool_t check_media)
{
	int state;

	if (check_media && (!switch_channel_media_up(channel) || switch_channel_test_flag(channel, CF_PROXY_MODE))) {
		return 0;
	}
	if (!check_ready) {
		return check_media ? 1 : 0;
	}
	state = atomic_load(&channel->state);
	return !atomic_load(&channel->cause) && state > CS_ROUTING && state < CS_HANGUP && state != CS_RESET &&
		   !switch_channel_test_flag(channel, CF_TRANSFER) && !switch_channel_test_flag(channel, CF_NOT_READY);
}

uint32_t switch_channel_test_flag(switch_channel_t *channel, switch_channel_flag_t flag)
{
	return atomic_load(&channel->flags[flag]);
}

void switch_channel_set_flag_value(switch_channel_t *channel, switch_channel_flag_t flag, uint32_t value)
{
	atomic_store(&channel->flags[flag], value);
}

void switch_channel_clear_flag(switch_channel_t *channel, switch_channel_flag_t flag)
{
	atomic_store(&channel->flags[flag], 0);
}

switch_status_t switch_channel_perform_answer(switch_channel_t *channel, const char *file, const char *func, int line)
{
	(void) file;
	(void) func;
	(void) line;
	if (switch_channel_down_nosig(channel)) {
		return SWITCH_STATUS_FALSE;
	}
	if (!switch_channel_test_flag(channel, CF_ANSWERED)) {
		switch_channel_set_flag(channel, CF_ANSWERED);
		host_event_fire_simple(SWITCH_EVENT_CHANNEL_ANSWER, channel->session);
	}
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_channel_perform_pre_answer(switch_channel_t *channel, const char *file, const char *func,
												  int line)
{
	(void) file;
	(void) func;
	(void) line;
	if (!atomic_load(&channel->can_pre_answer)) {
		return SWITCH_STATUS_FALSE;
	}
	switch_channel_set_flag(channel, CF_EARLY_MEDIA);
	return SWITCH_STATUS_SUCCESS;
}

/* The caller holds profile_mutex. */
static host_pair_t **find_pair(host_pair_t **link, const char *name)
{
	while (*link && strcasecmp((*link)->name, name)) {
		link = &(*link)->next;
	}
	return link;
}

static host_pair_t *new_pair(host_pair_t **list, const char *name)
{
	host_pair_t **link = find_pair(list, name);

	if (!*link) {
		*link = calloc(1, sizeof(**link));
		switch_assert(*link);
		(*link)->name = strdup(name);
	}
	return *link;
}

static void delete_pair(host_pair_t **list, const char *name)
{
	host_pair_t **link = find_pair(list, name);
	host_pair_t *dead = *link;

	if (dead) {
		*link = dead->next;
		dead->next = NULL;
		free_pairs(dead);
	}
}

const char *switch_channel_get_variable_dup(switch_channel_t *channel, const char *varname, switch_bool_t dup, int idx)
{
	host_pair_t *pair;
	const char *value = NULL;

	HOST_NOTE_CALL();
	(void) idx;
	pthread_mutex_lock(&channel->profile_mutex);
	pair = *find_pair(&channel->variables, varname);
	if (pair) {
		value = dup ? switch_core_session_strdup(channel->session, pair->value) : pair->value;
	}
	pthread_mutex_unlock(&channel->profile_mutex);
	return value;
}

switch_status_t switch_channel_set_variable_var_check(switch_channel_t *channel, const char *varname, const char *value,
													  switch_bool_t var_check)
{
	HOST_NOTE_CALL();
	/* The core refuses a value that expands to itself. */
	if (zstr(varname) || (var_check && value && (strstr(value, "${") || strstr(value, "$${")))) {
		switch_log_printf(SWITCH_CHANNEL_CHANNEL_LOG(channel), SWITCH_LOG_CRIT,
						  "Invalid data (${%s} contains a variable)\n", varname ? varname : "");
		return SWITCH_STATUS_FALSE;
	}
	pthread_mutex_lock(&channel->profile_mutex);
	if (zstr(value)) {
		delete_pair(&channel->variables, varname);
	} else {
		host_pair_t *pair = new_pair(&channel->variables, varname);

		free(pair->value);
		pair->value = strdup(value);
	}
	pthread_mutex_unlock(&channel->profile_mutex);
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_channel_set_variable_printf(switch_channel_t *channel, const char *varname, const char *fmt, ...)
{
	char value[4096];
	va_list args;

	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	return switch_channel_set_variable(channel, varname, value);
}

void switch_channel_process_export(switch_channel_t *channel, switch_channel_t *peer_channel, switch_event_t *var_event,
								   const char *export_varname)
{
	const char *names = switch_channel_get_variable(channel, export_varname);
	char *copy = switch_core_session_strdup(channel->session, names ? names : "");
	char *argv[32];
	unsigned int argc = switch_separate_string(copy, ',', argv, switch_arraylen(argv));

	for (unsigned int i = 0; i < argc; i++) {
		const char *value = switch_channel_get_variable(channel, argv[i]);

		if (value && var_event) {
			switch_event_add_header_string(var_event, SWITCH_STACK_BOTTOM, argv[i], value);
		}
		if (value && peer_channel) {
			switch_channel_set_variable(peer_channel, argv[i], value);
		}
	}
}

switch_status_t switch_channel_set_private(switch_channel_t *channel, const char *key, const void *private_info)
{
	pthread_mutex_lock(&channel->profile_mutex);
	/* The core keeps a NULL as a value; reading it back gives the same as no value. */
	if (private_info) {
		new_pair(&channel->privates, key)->private_info = (void *) (uintptr_t) private_info;
	} else {
		delete_pair(&channel->privates, key);
	}
	pthread_mutex_unlock(&channel->profile_mutex);
	return SWITCH_STATUS_SUCCESS;
}

void *switch_channel_get_private(switch_channel_t *channel, const char *key)
{
	host_pair_t *pair;
	void *private_info;

	pthread_mutex_lock(&channel->profile_mutex);
	pair = *find_pair(&channel->privates, key);
	private_info = pair ? pair->private_info : NULL;
	pthread_mutex_unlock(&channel->profile_mutex);
	return private_info;
}

switch_channel_timetable_t *switch_channel_get_timetable(switch_channel_t *channel)
{
	return &channel->times;
}

void switch_channel_event_set_data(switch_channel_t *channel, switch_event_t *event)
{
	int state = atomic_load(&channel->state);
	char number[16];

	snprintf(number, sizeof(number), "%d", state);
	switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Channel-State", host_channel_state_name(state));
	switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Channel-State-Number", number);
	switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Channel-Name", channel->name);
	switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Unique-ID", channel->session->uuid);
	switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Call-Direction", "inbound");
	switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Answer-State",
								   switch_channel_test_flag(channel, CF_ANSWERED) ? "answered" : "early");
	if (atomic_load(&channel->cause)) {
		switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Hangup-Cause",
									   switch_channel_cause2str((switch_call_cause_t) atomic_load(&channel->cause)));
	}
	pthread_mutex_lock(&channel->profile_mutex);
	for (host_pair_t *pair = channel->variables; pair; pair = pair->next) {
		char name[512];

		snprintf(name, sizeof(name), "variable_%s", pair->name);
		switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, name, pair->value);
	}
	pthread_mutex_unlock(&channel->profile_mutex);
}

/* Only marks the channel and wakes its thread, which does the rest: whoever hangs up does not wait. */
switch_channel_state_t switch_channel_perform_hangup(switch_channel_t *channel, const char *file, const char *func,
													 int line, switch_call_cause_t hangup_cause)
{
	if (atomic_flag_test_and_set(&channel->hung_up)) {
		return switch_channel_get_state(channel);
	}
	switch_log_printf(SWITCH_CHANNEL_ID_LOG, file, func, line, channel->session->uuid, SWITCH_LOG_NOTICE,
					  "Hangup %s [%s] [%d]\n", channel->name, host_channel_state_name(atomic_load(&channel->state)),
					  hangup_cause);
	/* Before the state: the channel's thread may end it as soon as it sees the state. */
	atomic_store(&channel->cause, hangup_cause);
	host_event_fire_simple(SWITCH_EVENT_CHANNEL_HANGUP, channel->session);
	atomic_store(&channel->state, CS_HANGUP);
	host_session_wake(channel->session);
	return CS_HANGUP;
}
