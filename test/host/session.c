/* SPDX-License-Identifier: MIT
 *
 * Sessions: the table of them, their locks, their making and unmaking.
 */
#include "host.h"

static pthread_mutex_t table_mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static pthread_cond_t table_changed = PTHREAD_COND_INITIALIZER;
static switch_core_session_t *table;
static int sessions_alive; /* also those that have left the table and are being freed */

static _Atomic int64_t late_lock_us; /* see host_session_lock_late */

static switch_core_session_t *find(const char *uuid)
{
	switch_core_session_t *session = table;

	while (session && strcmp(session->uuid, uuid)) {
		session = session->next;
	}
	return session;
}

switch_status_t switch_core_session_read_lock(switch_core_session_t *session)
{
	if (switch_thread_rwlock_tryrdlock(session->rwlock) != SWITCH_STATUS_SUCCESS) {
		return SWITCH_STATUS_FALSE;
	}
	if (atomic_load(&session->destroyed) || switch_channel_down_nosig(&session->channel)) {
		switch_thread_rwlock_unlock(session->rwlock);
		return SWITCH_STATUS_FALSE;
	}
	return SWITCH_STATUS_SUCCESS;
}

switch_core_session_t *switch_core_session_perform_locate(const char *uuid_str, const char *file, const char *func,
														  int line)
{
	switch_core_session_t *session = NULL;

	HOST_NOTE_CALL();
	(void) file;
	(void) func;
	(void) line;
	if (uuid_str) {
		pthread_mutex_lock(&table_mutex);
		session = find(uuid_str);
		if (session && switch_core_session_read_lock(session) != SWITCH_STATUS_SUCCESS) {
			session = NULL;
		}
		pthread_mutex_unlock(&table_mutex);
	}
	return session;
}

void host_session_lock_late(int64_t by_us)
{
	atomic_store(&late_lock_us, by_us);
}

/* Also finds a session that is hanging up, until its destruction has begun. As the core, it looks and then locks: a
 * session whose destruction begins between the two is found too. */
switch_core_session_t *switch_core_session_perform_force_locate(const char *uuid_str, const char *file,
																const char *func, int line)
{
	switch_core_session_t *session = NULL;

	HOST_NOTE_CALL();
	(void) file;
	(void) func;
	(void) line;
	if (uuid_str) {
		pthread_mutex_lock(&table_mutex);
		session = find(uuid_str);
		if (session && atomic_load(&session->destroyed)) {
			session = NULL;
		}
		if (session && atomic_load(&late_lock_us) && switch_channel_down_nosig(&session->channel)) {
			switch_sleep(atomic_load(&late_lock_us));
		}
		if (session && switch_thread_rwlock_tryrdlock(session->rwlock) != SWITCH_STATUS_SUCCESS) {
			session = NULL;
		}
		pthread_mutex_unlock(&table_mutex);
	}
	return session;
}

void switch_core_session_rwunlock(switch_core_session_t *session)
{
	switch_assert(!atomic_load(&session->destroyed)); /* its memory may be gone */
	switch_thread_rwlock_unlock(session->rwlock);
}

switch_channel_t *switch_core_session_get_channel(switch_core_session_t *session)
{
	return &session->channel;
}

char *switch_core_session_get_uuid(switch_core_session_t *session)
{
	return session->uuid;
}

switch_status_t switch_core_session_set_loglevel(switch_core_session_t *session, switch_log_level_t loglevel)
{
	atomic_store(&session->log_level, (int) loglevel);
	return SWITCH_STATUS_SUCCESS;
}

switch_log_level_t switch_core_session_get_loglevel(switch_core_session_t *session)
{
	return (switch_log_level_t) atomic_load(&session->log_level);
}

switch_memory_pool_t *switch_core_session_get_pool(switch_core_session_t *session)
{
	return session->pool;
}

static const char *open_media(switch_core_session_t *session, const host_call_options_t *options)
{
	const char *error = host_format_check(&options->format);

	if (error) {
		return error;
	}
	host_codec_open(&session->read_codec, &options->format, session->pool);
	host_codec_open(&session->write_codec, &options->format, session->pool);
	session->read_impl = *session->read_codec.implementation;
	session->write_impl = *session->write_codec.implementation;
	session->caller = host_source_open(options->caller, options->format.rate_hz, options->loop, &error);
	if (!error) {
		session->writer = host_source_open(options->writer, options->format.rate_hz, true, &error);
	}
	if (!error) {
		session->recorder = host_recorder_open(&options->record, options->format.rate_hz, &error);
	}
	return error;
}

static const char *set_media_state(switch_channel_t *channel, const char *media)
{
	if (!strcmp(media, "1")) {
		switch_channel_set_flag(channel, CF_ANSWERED);
	} else if (!strcmp(media, "early")) {
		switch_channel_set_flag(channel, CF_EARLY_MEDIA);
	} else if (!strcmp(media, "pre")) {
		atomic_store(&channel->can_pre_answer, true);
	} else if (strcmp(media, "0")) {
		return "media is 0, 1, early or pre";
	}
	return NULL;
}

static switch_core_session_t *new_session(const char *uuid)
{
	switch_memory_pool_t *pool;
	switch_core_session_t *session;
	pthread_condattr_t attr;
	char name[HOST_UUID_MAX + 16];

	switch_core_new_memory_pool(&pool);
	session = switch_core_alloc(pool, sizeof(*session));
	host_pool_set_session(pool, session);
	session->pool = pool;
	switch_copy_string(session->uuid, uuid, sizeof(session->uuid));
	snprintf(name, sizeof(name), "standin/%s", uuid);
	host_channel_init(&session->channel, session, name);
	switch_thread_rwlock_create(&session->rwlock, pool);
	switch_thread_rwlock_create(&session->bug_rwlock, pool);
	switch_mutex_init(&session->codec_read_mutex, SWITCH_MUTEX_NESTED, pool);
	switch_mutex_init(&session->codec_write_mutex, SWITCH_MUTEX_NESTED, pool);
	pthread_mutex_init(&session->impl_mutex, NULL);
	pthread_mutex_init(&session->source_mutex, NULL);
	pthread_mutex_init(&session->wake_mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&session->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_lock(&table_mutex);
	sessions_alive++;
	pthread_mutex_unlock(&table_mutex);
	return session;
}

const char *host_session_create(const host_call_options_t *options)
{
	switch_core_session_t *session = new_session(options->uuid);
	const char *error = open_media(session, options);

	if (!error) {
		error = set_media_state(&session->channel, options->media);
	}
	/* Its RTP begins with it. */
	session->channel.times.progress_media = switch_micro_time_now();
	session->speed = options->speed;
	session->next_read_ns = options->phase_ns;
	session->next_write_ns = options->phase_ns;
	pthread_mutex_lock(&table_mutex);
	if (!error && find(options->uuid)) {
		error = "a channel with this uuid exists";
	}
	if (!error && !switch_core_running()) {
		error = "shutting down";
	}
	if (!error) {
		atomic_store(&session->channel.state, CS_EXECUTE);
		session->next = table;
		table = session;
	}
	pthread_mutex_unlock(&table_mutex);
	if (error) {
		host_session_free(session);
		return error;
	}
	host_event_fire_simple(SWITCH_EVENT_CHANNEL_CREATE, session);
	host_session_start_thread(session);
	return NULL;
}

void host_session_remove(switch_core_session_t *session)
{
	pthread_mutex_lock(&table_mutex);
	for (switch_core_session_t **link = &table; *link; link = &(*link)->next) {
		if (*link == session) {
			*link = session->next;
			break;
		}
	}
	pthread_mutex_unlock(&table_mutex);
}

void host_session_free(switch_core_session_t *session)
{
	switch_memory_pool_t *pool = session->pool;

	host_recorder_close(session->recorder);
	host_source_close(session->caller);
	host_source_close(session->writer);
	host_fifo_free(&session->raw_write_buffer);
	host_channel_free(&session->channel);
	pthread_mutex_destroy(&session->impl_mutex);
	pthread_mutex_destroy(&session->source_mutex);
	pthread_mutex_destroy(&session->wake_mutex);
	pthread_cond_destroy(&session->wake);
	switch_core_destroy_memory_pool(&pool);
	pthread_mutex_lock(&table_mutex);
	sessions_alive--;
	pthread_cond_broadcast(&table_changed);
	pthread_mutex_unlock(&table_mutex);
}

bool host_session_exists(const char *uuid)
{
	bool exists;

	pthread_mutex_lock(&table_mutex);
	exists = find(uuid) != NULL;
	pthread_mutex_unlock(&table_mutex);
	return exists;
}

int host_sessions_alive(void)
{
	int n;

	pthread_mutex_lock(&table_mutex);
	n = sessions_alive;
	pthread_mutex_unlock(&table_mutex);
	return n;
}

bool host_sessions_wait_none(int64_t timeout_ms)
{
	int64_t until = host_now_ns() + timeout_ms * NS_PER_MS;
	bool none;

	pthread_mutex_lock(&table_mutex);
	while (sessions_alive && host_now_ns() < until) {
		struct timespec soon;

		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += 10 * NS_PER_MS;
		if (soon.tv_nsec >= NS_PER_S) {
			soon.tv_sec++;
			soon.tv_nsec -= NS_PER_S;
		}
		pthread_cond_timedwait(&table_changed, &table_mutex, &soon);
	}
	none = !sessions_alive;
	pthread_mutex_unlock(&table_mutex);
	return none;
}

/* visit runs for every session that can be locked, with that lock held and nothing else. */
void host_sessions_each(void (*visit)(switch_core_session_t *, void *), void *arg)
{
	switch_core_session_t **sessions = NULL;
	size_t n = 0;

	pthread_mutex_lock(&table_mutex);
	for (switch_core_session_t *session = table; session; session = session->next) {
		if (switch_core_session_read_lock(session) == SWITCH_STATUS_SUCCESS) {
			/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
			sessions = realloc(sessions, (n + 1) * sizeof(*sessions));
			switch_assert(sessions);
			sessions[n++] = session;
		}
	}
	pthread_mutex_unlock(&table_mutex);
	for (size_t i = 0; i < n; i++) {
		visit(sessions[i], arg);
		switch_core_session_rwunlock(sessions[i]);
	}
	free(sessions);
}
