/* SPDX-License-Identifier: MIT
 *
 * The keys that a caller presses: the channel's queue of them, and the hook that sees each one come.
 */
#include "host.h"

switch_status_t switch_core_event_hook_add_recv_dtmf(switch_core_session_t *session, switch_recv_dtmf_hook_t hook)
{
	switch_channel_t *channel = &session->channel;
	switch_status_t status = SWITCH_STATUS_FALSE;

	HOST_NOTE_CALL();
	pthread_mutex_lock(&channel->dtmf_mutex); /* the core's list has no lock */
	if (!channel->dtmf_hook) {
		channel->dtmf_hook = hook;
		status = SWITCH_STATUS_SUCCESS;
	}
	pthread_mutex_unlock(&channel->dtmf_mutex);
	return status;
}

static bool is_sensitive(switch_channel_t *channel)
{
	const char *value = switch_channel_get_variable_dup(channel, SWITCH_SENSITIVE_DTMF_VARIABLE, SWITCH_TRUE, -1);

	return value && !strcasecmp(value, "true");
}

/* As the core: the hook sees the key as it came, whether it is sensitive or not, and may keep it from the queue. A
 * sensitive one is in no log. */
switch_status_t switch_channel_queue_dtmf(switch_channel_t *channel, const switch_dtmf_t *dtmf)
{
	bool sensitive = is_sensitive(channel);
	switch_status_t status = SWITCH_STATUS_SUCCESS;

	pthread_mutex_lock(&channel->dtmf_mutex);
	if (channel->dtmf_hook && !(dtmf->flags & DTMF_FLAG_SKIP_PROCESS)) {
		int64_t start = host_now_ns();

		status = channel->dtmf_hook(channel->session, dtmf, SWITCH_DTMF_RECV);
		host_stat_add(HOST_STAT_DTMF, host_now_ns() - start);
	}
	if (status == SWITCH_STATUS_SUCCESS && channel->n_dtmf < HOST_DTMF_MAX) {
		switch_dtmf_t *queued = &channel->dtmf[channel->n_dtmf++];

		*queued = *dtmf;
		queued->flags |= sensitive ? DTMF_FLAG_SENSITIVE : 0;
		if (!sensitive) {
			switch_log_printf(SWITCH_CHANNEL_CHANNEL_LOG(channel), SWITCH_LOG_INFO, "RECV DTMF %c:%u\n", dtmf->digit,
							  dtmf->duration);
		}
	} else {
		status = SWITCH_STATUS_FALSE;
	}
	pthread_mutex_unlock(&channel->dtmf_mutex);
	return status;
}

switch_size_t switch_channel_has_dtmf(switch_channel_t *channel)
{
	switch_size_t n;

	pthread_mutex_lock(&channel->dtmf_mutex);
	n = channel->n_dtmf;
	pthread_mutex_unlock(&channel->dtmf_mutex);
	return n;
}

/* And a sensitive one is in no event. */
switch_status_t switch_channel_dequeue_dtmf(switch_channel_t *channel, switch_dtmf_t *dtmf)
{
	switch_status_t status = SWITCH_STATUS_FALSE;
	switch_event_t *event = NULL;

	pthread_mutex_lock(&channel->dtmf_mutex);
	if (channel->n_dtmf > 0) {
		*dtmf = channel->dtmf[0];
		memmove(channel->dtmf, channel->dtmf + 1, --channel->n_dtmf * sizeof(*channel->dtmf));
		status = SWITCH_STATUS_SUCCESS;
	}
	pthread_mutex_unlock(&channel->dtmf_mutex);
	if (status == SWITCH_STATUS_SUCCESS && !(dtmf->flags & DTMF_FLAG_SENSITIVE) &&
		switch_event_create(&event, SWITCH_EVENT_DTMF) == SWITCH_STATUS_SUCCESS) {
		switch_channel_event_set_data(channel, event);
		switch_event_add_header(event, SWITCH_STACK_BOTTOM, "DTMF-Digit", "%c", dtmf->digit);
		switch_event_add_header(event, SWITCH_STACK_BOTTOM, "DTMF-Duration", "%u", dtmf->duration);
		switch_event_fire(&event);
	}
	return status;
}
