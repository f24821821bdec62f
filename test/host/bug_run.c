/* SPDX-License-Identifier: MIT
 *
 * Media bugs on the media threads: running the callbacks over a frame, and reading what a bug has buffered.
 */
#include "host.h"

/* What the core lets a bug buffer. A full buffer refuses the frame. */
#define BUG_BUFFER_MAX_BYTES (512 * 1024)

/* Should this bug see frames now? */
static bool skip_bug(switch_core_session_t *session, switch_media_bug_t *bug, bool *prune)
{
	uint32_t flags = atomic_load(&bug->flags);
	switch_channel_t *channel = &session->channel;

	if ((flags & SMBF_PAUSE) || (switch_channel_test_flag(channel, CF_PAUSE_BUGS) && !(flags & SMBF_NO_PAUSE)) ||
		((flags & SMBF_ANSWER_REQ) && !switch_channel_test_flag(channel, CF_ANSWERED)) ||
		((flags & SMBF_BRIDGE_REQ) && !switch_channel_test_flag(channel, CF_BRIDGED))) {
		return true;
	}
	if (flags & SMBF_PRUNE) {
		*prune = true;
		return true;
	}
	return !atomic_load(&bug->ready);
}

static switch_bool_t call(switch_media_bug_t *bug, switch_abc_type_t type, host_stat_t stat)
{
	switch_bool_t ok = SWITCH_TRUE;

	if (bug->callback) {
		int64_t start = host_now_ns();

		ok = bug->callback(bug, bug->user_data, type);
		if (stat != HOST_STAT_COUNT) {
			host_stat_add(stat, host_now_ns() - start);
		}
	}
	return ok;
}

static void after_call(switch_media_bug_t *bug, switch_bool_t ok, bool *prune)
{
	if (ok == SWITCH_FALSE || (bug->stop_time && bug->stop_time <= switch_epoch_time_now(NULL))) {
		switch_core_media_bug_set_flag(bug, SMBF_PRUNE);
		*prune = true;
	}
}

bool host_session_has_bugs(switch_core_session_t *session)
{
	bool any;

	switch_thread_rwlock_rdlock(session->bug_rwlock);
	any = session->bugs != NULL;
	switch_thread_rwlock_unlock(session->bug_rwlock);
	return any;
}

/* The caller holds codec_read_mutex. Returns the frame as READ_REPLACE bugs left it. */
switch_frame_t *host_bugs_read(switch_core_session_t *session, switch_frame_t *frame)
{
	bool prune = false;

	switch_thread_rwlock_rdlock(session->bug_rwlock);
	for (switch_media_bug_t *bug = session->bugs; bug; bug = bug->next) {
		if (!skip_bug(session, bug, &prune) && switch_core_media_bug_test_flag(bug, SMBF_READ_REPLACE)) {
			switch_bool_t ok;

			bug->read_replace_frame_in = frame;
			bug->read_replace_frame_out = frame;
			ok = call(bug, SWITCH_ABC_TYPE_READ_REPLACE, HOST_STAT_COUNT);
			if (ok == SWITCH_TRUE) {
				frame = bug->read_replace_frame_out;
			}
			after_call(bug, ok, &prune);
		}
	}
	for (switch_media_bug_t *bug = session->bugs; bug; bug = bug->next) {
		if (!skip_bug(session, bug, &prune) && switch_core_media_bug_test_flag(bug, SMBF_READ_STREAM)) {
			switch_bool_t ok;

			switch_mutex_lock(bug->read_mutex);
			host_fifo_write(&bug->raw_read_buffer, frame->data, frame->datalen, BUG_BUFFER_MAX_BYTES);
			ok = call(bug, SWITCH_ABC_TYPE_READ, HOST_STAT_READ);
			switch_mutex_unlock(bug->read_mutex);
			after_call(bug, ok, &prune);
		}
	}
	for (switch_media_bug_t *bug = session->bugs; bug; bug = bug->next) {
		if (!skip_bug(session, bug, &prune) && switch_core_media_bug_test_flag(bug, SMBF_READ_PING)) {
			switch_bool_t ok;

			switch_mutex_lock(bug->read_mutex);
			ok = call(bug, SWITCH_ABC_TYPE_READ_PING, HOST_STAT_COUNT);
			switch_mutex_unlock(bug->read_mutex);
			after_call(bug, ok, &prune);
		}
	}
	switch_thread_rwlock_unlock(session->bug_rwlock);
	if (prune) {
		switch_core_media_bug_prune(session);
	}
	return frame;
}

/* The caller holds codec_write_mutex. Returns the frame as WRITE_REPLACE bugs left it. */
switch_frame_t *host_bugs_write(switch_core_session_t *session, switch_frame_t *frame, bool *replaced)
{
	bool prune = false;

	*replaced = false;
	switch_thread_rwlock_rdlock(session->bug_rwlock);
	for (switch_media_bug_t *bug = session->bugs; bug; bug = bug->next) {
		switch_bool_t ok = SWITCH_TRUE;

		if (skip_bug(session, bug, &prune)) {
			continue;
		}
		if (switch_core_media_bug_test_flag(bug, SMBF_WRITE_STREAM)) {
			switch_mutex_lock(bug->write_mutex);
			host_fifo_write(&bug->raw_write_buffer, frame->data, frame->datalen, BUG_BUFFER_MAX_BYTES);
			switch_mutex_unlock(bug->write_mutex);
			ok = call(bug, SWITCH_ABC_TYPE_WRITE, HOST_STAT_COUNT);
		}
		if (switch_core_media_bug_test_flag(bug, SMBF_WRITE_REPLACE)) {
			*replaced = true;
			bug->write_replace_frame_in = frame;
			bug->write_replace_frame_out = frame;
			ok = call(bug, SWITCH_ABC_TYPE_WRITE_REPLACE, HOST_STAT_WRITE_REPLACE);
			if (ok == SWITCH_TRUE) {
				frame = bug->write_replace_frame_out;
			}
		}
		after_call(bug, ok, &prune);
	}
	switch_thread_rwlock_unlock(session->bug_rwlock);
	if (prune) {
		switch_core_media_bug_prune(session);
	}
	return frame;
}

void switch_core_media_bug_flush(switch_media_bug_t *bug)
{
	switch_mutex_lock(bug->read_mutex);
	host_fifo_clear(&bug->raw_read_buffer);
	switch_mutex_unlock(bug->read_mutex);
	switch_mutex_lock(bug->write_mutex);
	host_fifo_clear(&bug->raw_write_buffer);
	switch_mutex_unlock(bug->write_mutex);
	bug->record_frame_size = 0;
}

void switch_core_media_bug_inuse(switch_media_bug_t *bug, switch_size_t *readp, switch_size_t *writep)
{
	*readp = 0;
	*writep = 0;
	if (switch_core_media_bug_test_flag(bug, SMBF_READ_STREAM)) {
		switch_mutex_lock(bug->read_mutex);
		*readp = bug->raw_read_buffer.len;
		switch_mutex_unlock(bug->read_mutex);
	}
	if (switch_core_media_bug_test_flag(bug, SMBF_WRITE_STREAM)) {
		switch_mutex_lock(bug->write_mutex);
		*writep = bug->raw_write_buffer.len;
		switch_mutex_unlock(bug->write_mutex);
	}
}

static int16_t clamp(int32_t value)
{
	return (int16_t) (value > SWITCH_SMAX ? SWITCH_SMAX : value < SWITCH_SMIN ? SWITCH_SMIN : value);
}

/* As in the core, warts and all: a side with nothing is filled with 0xff, a frame of another size than the read
 * codec's is held back, and more than the buffer's limit is cut to 1280 bytes. */
switch_status_t switch_core_media_bug_read(switch_media_bug_t *bug, switch_frame_t *frame, switch_bool_t fill)
{
	switch_codec_implementation_t impl;
	size_t bytes, do_read, do_write, datalen = 0;
	bool has_read = switch_core_media_bug_test_flag(bug, SMBF_READ_STREAM);
	bool has_write = switch_core_media_bug_test_flag(bug, SMBF_WRITE_STREAM);
	bool fill_read, fill_write;
	int16_t *in = frame->data;
	const int16_t *out = (const int16_t *) (const void *) bug->data;

	switch_core_session_get_read_impl(bug->session, &impl);
	bytes = impl.decoded_bytes_per_packet;
	if (frame->buflen < bytes || (!has_read && !has_write)) {
		switch_log_printf(SWITCH_CHANNEL_SESSION_LOG(bug->session), SWITCH_LOG_ERROR, "%s frame buffer too small!\n",
						  bug->session->channel.name);
		return SWITCH_STATUS_FALSE;
	}
	frame->flags = 0;
	frame->datalen = 0;
	switch_core_media_bug_inuse(bug, &do_read, &do_write);
	bug->record_frame_size = (uint32_t) bytes;
	if (do_write > do_read && do_write > bytes * 2) {
		switch_mutex_lock(bug->write_mutex);
		host_fifo_read(&bug->raw_write_buffer, NULL, bytes);
		do_write = bug->raw_write_buffer.len;
		switch_mutex_unlock(bug->write_mutex);
	}
	fill_read = has_read && !do_read;
	fill_write = has_write && !do_write;
	if ((do_read && do_read < bytes) || (do_write && do_write < bytes)) {
		return SWITCH_STATUS_FALSE;
	}
	do_read = do_read > bytes ? bytes : do_read;
	do_write = do_write > bytes ? bytes : do_write;
	if ((fill_read && fill_write) || (fill && (fill_read || fill_write)) || (!do_read && !do_write)) {
		return SWITCH_STATUS_FALSE;
	}
	if (do_read) {
		switch_mutex_lock(bug->read_mutex);
		frame->datalen = (uint32_t) host_fifo_read(&bug->raw_read_buffer, frame->data, do_read);
		switch_mutex_unlock(bug->read_mutex);
	} else if (fill_read) {
		frame->datalen = (uint32_t) bytes;
		memset(frame->data, 255, frame->datalen);
	}
	if (do_write) {
		switch_mutex_lock(bug->write_mutex);
		datalen = host_fifo_read(&bug->raw_write_buffer, bug->data, do_write);
		switch_mutex_unlock(bug->write_mutex);
	} else if (fill_write) {
		datalen = bytes;
		memset(bug->data, 255, datalen);
	}
	if (switch_core_media_bug_test_flag(bug, SMBF_STEREO)) {
		bool swap = switch_core_media_bug_test_flag(bug, SMBF_STEREO_SWAP);

		for (size_t i = 0; i < bytes / 2; i++) {
			int16_t said = (int16_t) (i < frame->datalen / 2 ? in[i] : 0);
			int16_t heard = (int16_t) (i < datalen / 2 ? out[i] : 0);

			bug->tmp[2 * i] = (int16_t) (swap ? heard : said);
			bug->tmp[2 * i + 1] = (int16_t) (swap ? said : heard);
		}
		memcpy(frame->data, bug->tmp, bytes * 2);
	} else {
		for (size_t i = 0; i < bytes / 2; i++) {
			int32_t said = i < frame->datalen / 2 ? in[i] : 0;
			int32_t heard = i < datalen / 2 ? out[i] : 0;

			in[i] = clamp(said + heard);
		}
	}
	frame->samples = (uint32_t) (bytes / 2 / impl.number_of_channels);
	frame->rate = impl.actual_samples_per_second;
	frame->codec = NULL;
	frame->datalen = (uint32_t) bytes;
	frame->channels = impl.number_of_channels;
	if (switch_core_media_bug_test_flag(bug, SMBF_STEREO)) {
		frame->datalen *= 2;
		frame->channels = 2;
	}
	return SWITCH_STATUS_SUCCESS;
}
