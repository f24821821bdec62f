/* SPDX-License-Identifier: MIT
 *
 * The ring of keys, and the hook that fills it: with a stream, without one, and while streams come and go. The core is
 * played by the functions below, which do what it does for one channel.
 */
#include <pthread.h>

#include "check.h"
#include "mod_openai_audio_stream.h"

#define STREAMS 2000

static void *place;
static switch_recv_dtmf_hook_t hook;

switch_channel_t *switch_core_session_get_channel(switch_core_session_t *session)
{
	return (switch_channel_t *) (void *) session;
}

void *switch_channel_get_private(switch_channel_t *channel, const char *key)
{
	(void) channel;
	(void) key;
	return place;
}

switch_status_t switch_channel_set_private(switch_channel_t *channel, const char *key, const void *private_info)
{
	(void) channel;
	(void) key;
	place = (void *) (uintptr_t) private_info;
	return SWITCH_STATUS_SUCCESS;
}

void *switch_core_perform_session_alloc(switch_core_session_t *session, switch_size_t memory, const char *file,
										const char *func, int line)
{
	static _Alignas(max_align_t) char pool[64];

	(void) session;
	(void) file;
	(void) func;
	(void) line;
	CHECK(memory <= sizeof(pool), "%zu bytes of a session's memory", (size_t) memory);
	return pool;
}

switch_status_t switch_core_event_hook_add_recv_dtmf(switch_core_session_t *session, switch_recv_dtmf_hook_t added)
{
	(void) session;
	if (hook) {
		return SWITCH_STATUS_FALSE; /* it is there */
	}
	hook = added;
	return SWITCH_STATUS_SUCCESS;
}

static switch_core_session_t *const session = (void *) &place; /* any address */
static oas_doorbell_t *bell;

static void press(char digit)
{
	switch_dtmf_t key = {.digit = digit, .duration = 2000};

	CHECK(hook(session, &key, SWITCH_DTMF_RECV) == SWITCH_STATUS_SUCCESS, "the hook keeps the key from the dialplan");
}

static uint32_t refs(oas_stream_t *stream)
{
	return atomic_load(&stream->refs);
}

static void test_ring(void)
{
	oas_keys_t keys = {0};
	oas_key_t key;

	CHECK(!oas_keys_read(&keys, &key), "a key in an empty ring");
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < OAS_KEYS_MAX + 5; i++) {
			oas_keys_write(&keys, (oas_key_t){.digit = '0' + i, .duration_ms = round});
		}
		CHECK(atomic_load(&keys.dropped) == 5 * (round + 1), "%u dropped in round %u", atomic_load(&keys.dropped),
			  round);
		for (uint32_t i = 0; i < OAS_KEYS_MAX; i++) {
			CHECK(oas_keys_read(&keys, &key) && key.digit == '0' + i && key.duration_ms == round,
				  "key %u of round %u is %u, %u ms", i, round, key.digit, key.duration_ms);
		}
		CHECK(!oas_keys_read(&keys, &key), "more keys than were kept");
	}
	for (uint32_t i = 0; i < OAS_KEYS_MAX; i++) {
		CHECK(keys.keys[i].digit == 0, "a digit stays in memory");
	}
}

static void test_hook(void)
{
	oas_stream_t *stream = oas_stream_new(bell, 3, "call", OAS_MIX_MONO);
	uint32_t slots[64];
	oas_key_t key = {0};

	mod_openai_audio_stream_keys_open(session, stream);
	CHECK(refs(stream) == 2, "%u references while it is open", refs(stream));
	press('5');
	CHECK(oas_keys_read(&stream->keys, &key) && key.digit == '5' && key.duration_ms == 250, "the key is %u, %u ms",
		  key.digit, key.duration_ms);
	CHECK(oas_doorbell_take(bell, 64, slots, 64) == 1 && slots[0] == 3, "the doorbell was not rung");
	for (int i = 0; i < 2 * OAS_KEYS_MAX; i++) {
		press('6'); /* nobody reads */
	}
	CHECK(atomic_load(&stream->keys.dropped) == OAS_KEYS_MAX, "%u dropped", atomic_load(&stream->keys.dropped));
	mod_openai_audio_stream_keys_close(session);
	CHECK(refs(stream) == 1, "%u references after", refs(stream));
	press('7');
	mod_openai_audio_stream_keys_close(session);
	CHECK(refs(stream) == 1, "%u references after another close", refs(stream));
	oas_stream_unref(stream);
}

static _Atomic bool over;

static void *press_on(void *arg)
{
	(void) arg;
	while (!atomic_load(&over)) {
		press('1');
	}
	return NULL;
}

/* Streams come and go while somebody presses keys without end. The last reference frees a stream, so a key that is
 * written to one that is gone is found by a sanitizer; a reference too many is found here. */
static void test_streams_come_and_go(void)
{
	pthread_t presser;
	oas_stream_t *streams[STREAMS];
	uint64_t seen = 0;

	CHECK(pthread_create(&presser, NULL, press_on, NULL) == 0, "no thread");
	for (int i = 0; i < STREAMS; i++) {
		bool kept = i % 2;

		streams[i] = oas_stream_new(bell, 0, "call", OAS_MIX_MONO);
		mod_openai_audio_stream_keys_open(session, streams[i]);
		if (i % 3) {
			while (atomic_load(&streams[i]->keys.written) < 3) {
			}
		}
		seen += atomic_load(&streams[i]->keys.written);
		if (!kept) {
			oas_stream_unref(streams[i]);
			streams[i] = NULL;
		}
		mod_openai_audio_stream_keys_close(session);
	}
	atomic_store(&over, true);
	pthread_join(presser, NULL);
	for (int i = 0; i < STREAMS; i++) {
		if (streams[i]) {
			CHECK(refs(streams[i]) == 1, "stream %d has %u references", i, refs(streams[i]));
			oas_stream_unref(streams[i]);
		}
	}
	CHECK(seen >= STREAMS, "%llu keys in %d streams", (unsigned long long) seen, STREAMS);
}

int main(void)
{
	bell = oas_doorbell_new();
	CHECK(bell != NULL, "no doorbell");
	test_ring();
	test_hook();
	test_streams_come_and_go();
	close(bell->fd);
	free(bell);
	return check_exit();
}
