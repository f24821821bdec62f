/* SPDX-License-Identifier: MIT
 *
 * A session's own thread: its clock, the work that is handed to it, and its end.
 */
#include "host.h"

static int64_t ptime_ns(switch_core_session_t *session, bool read)
{
	switch_codec_implementation_t impl;

	if (read) {
		switch_core_session_get_read_impl(session, &impl);
	} else {
		switch_core_session_get_write_impl(session, &impl);
	}
	return (int64_t) impl.microseconds_per_packet * 1000;
}

/* Change the format as a re-invite does: from another thread, under the codecs' locks. */
const char *host_session_set_format(switch_core_session_t *session, const host_format_t *format, bool read, bool write)
{
	const char *error = host_format_check(format);
	const switch_codec_implementation_t *impl;

	if (error) {
		return error;
	}
	impl = host_implementation(false, format);
	if (read) {
		switch_mutex_lock(session->codec_read_mutex);
		switch_mutex_lock(session->read_codec.mutex);
		pthread_mutex_lock(&session->impl_mutex);
		session->read_codec.implementation = impl;
		session->read_codec.flags = host_codec_flags(format);
		session->read_impl = *impl;
		pthread_mutex_unlock(&session->impl_mutex);
		switch_mutex_unlock(session->read_codec.mutex);
		switch_mutex_unlock(session->codec_read_mutex);
	}
	if (write) {
		switch_mutex_lock(session->codec_write_mutex);
		switch_mutex_lock(session->write_codec.mutex);
		pthread_mutex_lock(&session->impl_mutex);
		session->write_codec.implementation = impl;
		session->write_codec.flags = host_codec_flags(format);
		session->write_impl = *impl;
		pthread_mutex_unlock(&session->impl_mutex);
		host_fifo_clear(&session->raw_write_buffer);
		/* The core sleeps for a packet, and its timers start anew. */
		switch_sleep(session->speed > 0 ? (int64_t) ((double) impl->microseconds_per_packet / session->speed) : 0);
		session->rtp.reference = 0;
		switch_mutex_unlock(session->write_codec.mutex);
		switch_mutex_unlock(session->codec_write_mutex);
	}
	host_event_fire_simple(SWITCH_EVENT_CODEC, session);
	return NULL;
}

bool host_session_post(switch_core_session_t *session, void (*run)(void *), void *arg)
{
	host_job_t *job;
	host_job_t **link;

	if (switch_channel_down_nosig(&session->channel)) {
		return false;
	}
	job = calloc(1, sizeof(*job));
	switch_assert(job);
	job->run = run;
	job->arg = arg;
	pthread_mutex_lock(&session->wake_mutex);
	for (link = &session->jobs; *link; link = &(*link)->next) {
	}
	*link = job;
	pthread_cond_signal(&session->wake);
	pthread_mutex_unlock(&session->wake_mutex);
	return true;
}

void host_session_wake(switch_core_session_t *session)
{
	pthread_mutex_lock(&session->wake_mutex);
	pthread_cond_signal(&session->wake);
	pthread_mutex_unlock(&session->wake_mutex);
}

static void run_jobs(switch_core_session_t *session)
{
	host_job_t *job;

	do {
		pthread_mutex_lock(&session->wake_mutex);
		job = session->jobs;
		if (job) {
			session->jobs = job->next;
		}
		pthread_mutex_unlock(&session->wake_mutex);
		if (job) {
			job->run(job->arg);
			free(job);
		}
	} while (job);
}

static bool session_has_work(switch_core_session_t *session)
{
	bool has;

	pthread_mutex_lock(&session->wake_mutex);
	has = session->jobs || switch_channel_down_nosig(&session->channel);
	pthread_mutex_unlock(&session->wake_mutex);
	return has;
}

/* Sleep until the channel's clock shows next, or something else is to be done. Returns whether it is time. */
static bool sleep_until(switch_core_session_t *session, int64_t real_ns)
{
	struct timespec deadline = {.tv_sec = (time_t) (real_ns / NS_PER_S), .tv_nsec = (long) (real_ns % NS_PER_S)};
	bool woken;

	pthread_mutex_lock(&session->wake_mutex);
	woken = session->jobs || switch_channel_down_nosig(&session->channel);
	if (!woken && real_ns > host_now_ns()) {
		woken = pthread_cond_timedwait(&session->wake, &session->wake_mutex, &deadline) == 0;
	}
	pthread_mutex_unlock(&session->wake_mutex);
	return !woken;
}

/* Wait for the channel's next tick and do it. False if there was something else to do before.
 * An absolute clock: a tick that came late does not move the ones after it. */
static bool media_step(switch_core_session_t *session)
{
	int64_t next = session->next_read_ns < session->next_write_ns ? session->next_read_ns : session->next_write_ns;

	if (session->speed > 0) {
		int64_t real_ns = session->start_ns + (int64_t) ((double) next / session->speed);

		if (!sleep_until(session, real_ns)) {
			return false;
		}
		host_stat_add(HOST_STAT_TICK_LATE, host_now_ns() - real_ns);
	} else if (session_has_work(session)) {
		return false;
	}
	atomic_store(&session->clock_ns, next);
	if (next >= session->next_read_ns) {
		host_media_read_tick(session);
		session->next_read_ns += ptime_ns(session, true);
	}
	if (next >= session->next_write_ns) {
		host_media_write_tick(session);
		session->next_write_ns += ptime_ns(session, false);
	}
	return true;
}

static void run_media(switch_core_session_t *session)
{
	session->start_ns = host_now_ns();
	while (switch_channel_up_nosig(&session->channel)) {
		if (!media_step(session)) {
			run_jobs(session);
		}
		host_ivr_route(session);
	}
}

/* For an application on the channel's thread, which keeps the clock going by reading. Not noted as late, like the other
 * calls of this kind: the core shuts modules down while the threads of ending channels are still in their
 * applications. */
switch_status_t switch_core_session_read_frame(switch_core_session_t *session, switch_frame_t **frame,
											   switch_io_flag_t flags, int stream_id)
{
	(void) flags;
	(void) stream_id;
	*frame = &session->raw_read_frame;
	if (media_step(session)) {
		return SWITCH_STATUS_SUCCESS;
	}
	return switch_channel_down_nosig(&session->channel) ? SWITCH_STATUS_FALSE : SWITCH_STATUS_BREAK;
}

/* Out of a read. */
switch_status_t switch_core_session_perform_kill_channel(switch_core_session_t *session, const char *file,
														 const char *func, int line, switch_signal_t sig)
{
	HOST_NOTE_CALL();
	(void) file;
	(void) func;
	(void) line;
	(void) sig;
	host_session_wake(session);
	return SWITCH_STATUS_SUCCESS;
}

/* What the core hands to a channel as events, this host hands to it as jobs. */
switch_status_t switch_ivr_parse_all_events(switch_core_session_t *session)
{
	run_jobs(session);
	return SWITCH_STATUS_SUCCESS;
}

/* The states after CS_HANGUP, in the core's order. */
static void end(switch_core_session_t *session)
{
	int64_t start = host_now_ns();

	switch_core_media_bug_remove_all(session);
	host_stat_add(HOST_STAT_HANGUP, host_now_ns() - start);
	atomic_store(&session->channel.state, CS_REPORTING);
	host_event_fire_simple(SWITCH_EVENT_CHANNEL_HANGUP_COMPLETE, session);
	atomic_store(&session->channel.state, CS_DESTROY);
	switch_core_media_bug_remove_all(session);
	/* Wait for whoever has located the session; from here on nobody can. */
	switch_thread_rwlock_wrlock(session->rwlock);
	atomic_store(&session->destroyed, true);
	switch_thread_rwlock_unlock(session->rwlock);
	/* Work is handed over with the session located, so this is the last of it. */
	run_jobs(session);
	switch_core_media_bug_remove_all(session);
	/* Before the channel is gone for `hangup wait=1`: who waited for that reads the recordings. */
	host_recorder_close(session->recorder);
	session->recorder = NULL;
	host_session_remove(session);
	host_event_fire_simple(SWITCH_EVENT_CHANNEL_DESTROY, session);
}

/* Threads that have nothing left to do but return, to be joined by whoever looks at the process next. */
typedef struct ended_thread {
	pthread_t thread;
	struct ended_thread *next;
} ended_thread_t;

static pthread_mutex_t ended_mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static ended_thread_t *ended;

void host_session_threads_join(void)
{
	ended_thread_t *list;

	pthread_mutex_lock(&ended_mutex);
	list = ended;
	ended = NULL;
	pthread_mutex_unlock(&ended_mutex);
	while (list) {
		ended_thread_t *next = list->next;

		pthread_join(list->thread, NULL);
		free(list);
		list = next;
	}
}

static void *session_main(void *arg)
{
	switch_core_session_t *session = arg;
	ended_thread_t *self = calloc(1, sizeof(*self));

	switch_assert(self);
	self->thread = pthread_self();
	run_media(session);
	end(session);
	pthread_mutex_lock(&ended_mutex);
	self->next = ended;
	ended = self;
	pthread_mutex_unlock(&ended_mutex);
	/* Only now is the session counted out: who waits for that finds its thread among the ended ones. */
	host_session_free(session);
	return NULL;
}

void host_session_start_thread(switch_core_session_t *session)
{
	pthread_attr_t attr;
	pthread_t thread;

	host_session_threads_join();
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1024 * 1024);
	if (pthread_create(&thread, &attr, session_main, session)) {
		perror("oas_host: pthread_create");
		exit(1);
	}
	pthread_attr_destroy(&attr);
}
