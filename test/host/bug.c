/* SPDX-License-Identifier: MIT
 *
 * Media bugs: adding, removing, closing. Who holds which lock while a callback runs is the core's:
 *   INIT            nothing; the bug is not in the list yet
 *   CLOSE           nothing when one bug is removed or pruned; bug_rwlock for writing when the session drops them all
 *   READ            bug_rwlock for reading, read_mutex, codec_read_mutex
 *   WRITE_REPLACE   bug_rwlock for reading, codec_write_mutex
 * A removed bug's memory belongs to the session's pool: it lives until the session ends.
 */
#include "host.h"

static _Atomic int bugs_alive;

int host_bugs_alive(void)
{
	return atomic_load(&bugs_alive);
}

static void fire_bug_event(switch_event_types_t id, switch_media_bug_t *bug)
{
	switch_event_t *event;

	if (switch_event_create(&event, id) == SWITCH_STATUS_SUCCESS) {
		switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Media-Bug-Function", bug->function);
		switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, "Media-Bug-Target", bug->target);
		switch_channel_event_set_data(&bug->session->channel, event);
		switch_event_fire(&event);
	}
}

static void destroy_bug(switch_media_bug_t *bug)
{
	host_fifo_free(&bug->raw_read_buffer);
	host_fifo_free(&bug->raw_write_buffer);
	fire_bug_event(SWITCH_EVENT_MEDIA_BUG_STOP, bug);
	atomic_fetch_sub(&bugs_alive, 1);
}

static bool same_function(switch_core_session_t *session, const char *function)
{
	bool found = false;

	switch_thread_rwlock_rdlock(session->bug_rwlock);
	for (switch_media_bug_t *bug = session->bugs; bug && !found; bug = bug->next) {
		found = !strcasecmp(bug->function, function);
	}
	switch_thread_rwlock_unlock(session->bug_rwlock);
	return found;
}

switch_status_t switch_core_media_bug_add(switch_core_session_t *session, const char *function, const char *target,
										  switch_media_bug_callback_t callback, void *user_data, time_t stop_time,
										  switch_media_bug_flag_t flags, switch_media_bug_t **new_bug)
{
	switch_media_bug_t *bug, **link;

	HOST_NOTE_CALL();
	if (!zstr(function) && (flags & SMBF_ONE_ONLY) && same_function(session, function)) {
		switch_log_printf(SWITCH_CHANNEL_SESSION_LOG(session), SWITCH_LOG_ERROR,
						  "Only one bug of this type allowed!\n");
		return SWITCH_STATUS_GENERR;
	}
	if (!switch_channel_media_ready(&session->channel) &&
		switch_channel_pre_answer(&session->channel) != SWITCH_STATUS_SUCCESS) {
		switch_log_printf(SWITCH_CHANNEL_SESSION_LOG(session), SWITCH_LOG_ERROR,
						  "Cannot establish media. Media bug add failed.\n");
		return SWITCH_STATUS_FALSE;
	}
	*new_bug = NULL;
	bug = switch_core_session_alloc(session, sizeof(*bug));
	bug->callback = callback;
	bug->user_data = user_data;
	bug->session = session;
	bug->function = function ? switch_core_session_strdup(session, function) : "N/A";
	bug->target = target ? switch_core_session_strdup(session, target) : "N/A";
	bug->stop_time = stop_time;
	atomic_store(&bug->flags, flags ? flags : SMBF_READ_STREAM | SMBF_WRITE_STREAM);
	switch_mutex_init(&bug->read_mutex, SWITCH_MUTEX_NESTED, session->pool);
	switch_mutex_init(&bug->write_mutex, SWITCH_MUTEX_NESTED, session->pool);
	if (flags & SMBF_THREAD_LOCK) {
		bug->thread_id = pthread_self();
		atomic_store(&bug->thread_locked, true);
	}
	atomic_fetch_add(&bugs_alive, 1);
	if (callback && callback(bug, user_data, SWITCH_ABC_TYPE_INIT) == SWITCH_FALSE) {
		destroy_bug(bug);
		switch_log_printf(SWITCH_CHANNEL_SESSION_LOG(session), SWITCH_LOG_ERROR, "Error attaching BUG to %s\n",
						  session->channel.name);
		return SWITCH_STATUS_GENERR;
	}
	atomic_store(&bug->ready, true);
	switch_thread_rwlock_wrlock(session->bug_rwlock);
	link = &session->bugs;
	while (!(flags & SMBF_FIRST) && *link) {
		link = &(*link)->next;
	}
	bug->next = *link;
	*link = bug;
	switch_thread_rwlock_unlock(session->bug_rwlock);
	*new_bug = bug;
	fire_bug_event(SWITCH_EVENT_MEDIA_BUG_START, bug);
	return SWITCH_STATUS_SUCCESS;
}

static bool others_bug(switch_media_bug_t *bug)
{
	return atomic_load(&bug->thread_locked) && !pthread_equal(bug->thread_id, pthread_self());
}

switch_status_t switch_core_media_bug_close(switch_media_bug_t **bug, switch_bool_t destroy)
{
	switch_media_bug_t *bp = *bug;

	if (!bp || others_bug(bp) || switch_core_media_bug_test_flag(bp, SMBF_LOCK)) {
		return SWITCH_STATUS_FALSE;
	}
	if (bp->callback) {
		int64_t start = host_now_ns();

		bp->callback(bp, bp->user_data, SWITCH_ABC_TYPE_CLOSE);
		host_stat_add(HOST_STAT_CLOSE, host_now_ns() - start);
	}
	atomic_store(&bp->ready, false);
	if (destroy) {
		*bug = NULL;
		destroy_bug(bp);
	}
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_core_media_bug_remove(switch_core_session_t *session, switch_media_bug_t **bug)
{
	switch_media_bug_t *found = NULL;

	HOST_NOTE_CALL();
	if (switch_core_media_bug_test_flag(*bug, SMBF_LOCK)) {
		return SWITCH_STATUS_FALSE;
	}
	switch_thread_rwlock_wrlock(session->bug_rwlock);
	for (switch_media_bug_t **link = &session->bugs; *link; link = &(*link)->next) {
		if (*link == *bug && !others_bug(*link) && atomic_load(&(*link)->ready)) {
			found = *link;
			*link = found->next;
			break;
		}
	}
	switch_thread_rwlock_unlock(session->bug_rwlock);
	return found ? switch_core_media_bug_close(&found, SWITCH_TRUE) : SWITCH_STATUS_FALSE;
}

/* Unlink and close, under the lock, the bugs that match; NULL matches all. Then destroy them without it. */
static int remove_matching(switch_core_session_t *session, const char *function, switch_media_bug_callback_t callback)
{
	switch_media_bug_t *closed = NULL;
	switch_media_bug_t **link;
	int n = 0;

	switch_thread_rwlock_wrlock(session->bug_rwlock);
	link = &session->bugs;
	while (*link) {
		switch_media_bug_t *bug = *link;

		if ((function && strcmp(bug->function, function)) || (callback && bug->callback != callback) ||
			(!atomic_load(&session->destroyed) &&
			 (others_bug(bug) || switch_core_media_bug_test_flag(bug, SMBF_LOCK)))) {
			link = &bug->next;
			continue;
		}
		*link = bug->next;
		bug->next = closed;
		closed = bug;
		switch_core_media_bug_close(&bug, SWITCH_FALSE);
		n++;
	}
	switch_thread_rwlock_unlock(session->bug_rwlock);
	while (closed) {
		switch_media_bug_t *bug = closed;

		closed = bug->next;
		destroy_bug(bug);
	}
	return n;
}

switch_status_t switch_core_media_bug_remove_all_function(switch_core_session_t *session, const char *function)
{
	return remove_matching(session, zstr(function) ? NULL : function, NULL) ? SWITCH_STATUS_SUCCESS
																			: SWITCH_STATUS_FALSE;
}

switch_status_t switch_core_media_bug_remove_callback(switch_core_session_t *session,
													  switch_media_bug_callback_t callback)
{
	return remove_matching(session, NULL, callback) ? SWITCH_STATUS_SUCCESS : SWITCH_STATUS_FALSE;
}

/* Remove the bugs whose callback returned SWITCH_FALSE. */
uint32_t switch_core_media_bug_prune(switch_core_session_t *session)
{
	uint32_t n = 0;
	switch_media_bug_t *found;

	do {
		found = NULL;
		switch_thread_rwlock_wrlock(session->bug_rwlock);
		for (switch_media_bug_t **link = &session->bugs; *link; link = &(*link)->next) {
			if (switch_core_media_bug_test_flag(*link, SMBF_PRUNE)) {
				found = *link;
				*link = found->next;
				break;
			}
		}
		switch_thread_rwlock_unlock(session->bug_rwlock);
		if (found) {
			switch_core_media_bug_clear_flag(found, SMBF_LOCK);
			atomic_store(&found->thread_locked, false);
			switch_core_media_bug_close(&found, SWITCH_TRUE);
			n++;
		}
	} while (found);
	return n;
}

uint32_t switch_core_media_bug_count(switch_core_session_t *session, const char *function)
{
	uint32_t n = 0;

	switch_thread_rwlock_rdlock(session->bug_rwlock);
	for (switch_media_bug_t *bug = session->bugs; bug; bug = bug->next) {
		n += !switch_core_media_bug_test_flag(bug, SMBF_PRUNE | SMBF_LOCK) && !strcmp(bug->function, function);
	}
	switch_thread_rwlock_unlock(session->bug_rwlock);
	return n;
}

switch_core_session_t *switch_core_media_bug_get_session(switch_media_bug_t *bug)
{
	return bug->session;
}

void *switch_core_media_bug_get_user_data(switch_media_bug_t *bug)
{
	return bug->user_data;
}

switch_frame_t *switch_core_media_bug_get_write_replace_frame(switch_media_bug_t *bug)
{
	return bug->write_replace_frame_in;
}

void switch_core_media_bug_set_write_replace_frame(switch_media_bug_t *bug, switch_frame_t *frame)
{
	bug->write_replace_frame_out = frame;
}

switch_frame_t *switch_core_media_bug_get_read_replace_frame(switch_media_bug_t *bug)
{
	return bug->read_replace_frame_in;
}

void switch_core_media_bug_set_read_replace_frame(switch_media_bug_t *bug, switch_frame_t *frame)
{
	bug->read_replace_frame_out = frame;
}

uint32_t switch_core_media_bug_test_flag(switch_media_bug_t *bug, uint32_t flag)
{
	return atomic_load(&bug->flags) & flag;
}

uint32_t switch_core_media_bug_set_flag(switch_media_bug_t *bug, uint32_t flag)
{
	if (flag & SMBF_PRUNE) {
		switch_core_media_bug_clear_flag(bug, SMBF_LOCK);
	}
	return atomic_fetch_or(&bug->flags, flag) | flag;
}

uint32_t switch_core_media_bug_clear_flag(switch_media_bug_t *bug, uint32_t flag)
{
	return atomic_fetch_and(&bug->flags, ~flag) & ~flag;
}
