/* SPDX-License-Identifier: MIT
 *
 * How Go reaches the shared block: one call of these for each look, because cgo knows no atomic fields. They run on
 * the goroutine of the stream's owner and never block. Positions and lengths of agent audio are in samples here.
 */
#ifndef OAS_ACCESS_H
#define OAS_ACCESS_H

#include "oas_bridge.h"

/* What is true of a stream now, seen at once. */
typedef struct oas_look {
	uint64_t written;     /* samples of agent audio put into the ring since the start */
	uint64_t read;        /* those among them that the channel was given, or that were skipped */
	uint64_t free;        /* samples that the ring would take now */
	uint64_t underruns;   /* times that the ring ran dry inside an answer */
	uint64_t underrun_us; /* length of the silence put in there, microseconds */
	uint64_t drop_us;     /* length of the caller's and callee's frames that found their ring full, microseconds */
	uint64_t flushed;     /* the last flush carried out: its number */
	uint64_t flush_from;  /* and up to which sample audio was played before it */
	uint32_t rate_hz;     /* of the frames that the channel writes; 0 before the first */
	uint32_t closed;      /* 1: the channel has let go */
	uint32_t held;        /* 1: the phone holds the call */
	uint32_t keys_lost;   /* keys that found no room */
} oas_look_t;

static inline void oas_stream_look(oas_stream_t *s, oas_look_t *look)
{
	/* Acquire: flush_from belongs to this flush or to a later one; the close's texts were stored before closed. */
	look->closed = atomic_load_explicit(&s->closed, memory_order_acquire);
	look->flushed = atomic_load_explicit(&s->flush_done, memory_order_acquire);
	look->flush_from = atomic_load_explicit(&s->flush_from, memory_order_relaxed) / 2;
	look->free = oas_ring_writable(&s->agent) / 2;
	look->written = atomic_load_explicit(&s->agent.write_pos, memory_order_relaxed) / 2;
	look->read = s->agent.cached_read_pos / 2; /* just refreshed */
	look->underruns = atomic_load_explicit(&s->underruns, memory_order_relaxed);
	look->underrun_us = atomic_load_explicit(&s->underrun_us, memory_order_relaxed);
	look->drop_us = atomic_load_explicit(&s->capture_drop_us, memory_order_relaxed);
	look->held = atomic_load_explicit(&s->phone_holds, memory_order_relaxed);
	look->keys_lost = atomic_load_explicit(&s->keys.dropped, memory_order_relaxed);
	look->rate_hz = atomic_load_explicit(&s->write_rate_hz, memory_order_relaxed);
}

/* Take the oldest frame of a capture ring into buf. Returns 1; 0 if there is none; -1, and leaves it there, if it is
 * longer than buf, which head tells then. */
static inline int oas_capture_read(oas_ring_t *ring, oas_frame_head_t *head, void *buf, uint64_t buf_bytes)
{
	if (!ring->memory || !oas_ring_peek(ring, head, sizeof(*head))) {
		return 0;
	}
	if (head->len_bytes > buf_bytes) {
		return -1;
	}
	return oas_ring_read(ring, head, sizeof(*head)) && oas_ring_read(ring, buf, head->len_bytes);
}

/* Take the oldest key of the caller's. Returns 0 if there is none. */
static inline int oas_stream_key(oas_stream_t *s, oas_key_t *key)
{
	return oas_keys_read(&s->keys, key);
}

/* Where the number of keys so far stands. Go looks at it without a call into C: there is hardly ever a new one. */
static inline uint32_t *oas_stream_keys_written(oas_stream_t *s)
{
	return (uint32_t *) &s->keys.written;
}

static inline oas_ring_t *oas_stream_caller(oas_stream_t *s)
{
	return &s->caller;
}

static inline oas_ring_t *oas_stream_callee(oas_stream_t *s)
{
	return &s->callee;
}

/* Release: what the consumer finds in the ring at this rate was written after it. From now on the ring lies in a window
 * for half a second. */
static inline void oas_stream_set_agent_rate(oas_stream_t *s, uint32_t rate_hz)
{
	oas_ring_fit(&s->agent, (uint64_t) rate_hz * sizeof(int16_t) / 2);
	atomic_store_explicit(&s->agent_rate_hz, rate_hz, memory_order_release);
}

/* Write as many of n samples as there is room for. */
static inline uint64_t oas_agent_write(oas_stream_t *s, const int16_t *pcm, uint64_t n)
{
	uint64_t room = oas_ring_writable(&s->agent) / 2;

	if (n > room) {
		n = room;
	}
	return oas_ring_write(&s->agent, NULL, 0, pcm, n * 2) ? n : 0;
}

/* Skip what was written so far. Returns the flush's number. */
static inline uint64_t oas_agent_flush(oas_stream_t *s, uint32_t fade)
{
	uint64_t seq = atomic_load_explicit(&s->flush_seq, memory_order_relaxed) + 1;

	atomic_store_explicit(&s->flush_fade, fade, memory_order_relaxed);
	atomic_store_explicit(&s->flush_pos, atomic_load_explicit(&s->agent.write_pos, memory_order_relaxed),
						  memory_order_relaxed);
	/* Publishes flush_fade and flush_pos to the consumer's acquire. */
	atomic_store_explicit(&s->flush_seq, seq, memory_order_release);
	return seq;
}

/* Release: whoever sees the hold end sees the flush before it; pairs with oas_play's acquire. */
static inline void oas_agent_hold(oas_stream_t *s, uint32_t on)
{
	atomic_store_explicit(&s->hold, on, memory_order_release);
}

/* Release: whoever sees the answer closed sees all of its audio in the ring; pairs with oas_play's acquire. */
static inline void oas_agent_answer_open(oas_stream_t *s, uint32_t on)
{
	atomic_store_explicit(&s->answer_open, on, memory_order_release);
}

static inline void oas_stream_set_total(oas_stream_t *s, oas_total_t which, uint64_t value)
{
	atomic_store_explicit(&s->totals[which], value, memory_order_relaxed);
}

/* Say why the stream ends, once, before it is detached. Longer texts are cut. */
static inline void oas_stream_set_end(oas_stream_t *s, oas_cstr_t reason, oas_cstr_t error, oas_ended_t ended)
{
	strncpy(s->end_reason, reason, sizeof(s->end_reason) - 1);
	strncpy(s->end_error, error, sizeof(s->end_error) - 1);
	atomic_store_explicit(&s->ended, ended, memory_order_release);
}

/* The host's table, called from Go. */
static inline void oas_host_log(oas_host_ops_ref_t ops, int level, oas_cstr_t uuid, oas_cstr_t text)
{
	ops->log((oas_log_level_t) level, uuid, text);
}

static inline int oas_host_log_level(oas_host_ops_ref_t ops, oas_cstr_t uuid)
{
	return ops->log_level(uuid);
}

static inline void oas_host_event(oas_host_ops_ref_t ops, oas_cstr_t subclass, oas_cstr_t uuid, oas_cstr_t body)
{
	ops->event(subclass, uuid, body);
}

static inline char *oas_host_variable(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t name)
{
	return ops->variable(uuid, name);
}

static inline oas_status_t oas_host_exists(oas_host_ops_ref_t ops, oas_cstr_t uuid)
{
	return ops->exists(uuid);
}

static inline oas_status_t oas_host_attach(oas_host_ops_ref_t ops, oas_stream_t *stream)
{
	return ops->attach(stream);
}

static inline oas_status_t oas_host_answer(oas_host_ops_ref_t ops, oas_cstr_t uuid)
{
	return ops->answer(uuid);
}

static inline oas_status_t oas_host_hangup(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t cause)
{
	return ops->hangup(uuid, cause);
}

static inline oas_status_t oas_host_transfer(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t extension,
											 oas_cstr_t dialplan, oas_cstr_t context)
{
	return ops->transfer(uuid, extension, dialplan, context);
}

static inline oas_status_t oas_host_refer(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t uri,
										  oas_attempt_t *attempt)
{
	return ops->refer(uuid, uri, attempt);
}

static inline oas_status_t oas_host_send_dtmf(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t digits)
{
	return ops->send_dtmf(uuid, digits);
}

static inline oas_status_t oas_host_set_variable(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t name,
												 oas_cstr_t value)
{
	return ops->set_variable(uuid, name, value);
}

static inline oas_status_t oas_host_api(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t command,
										oas_cstr_t arguments, char **reply)
{
	return ops->api(uuid, command, arguments, reply);
}

static inline oas_status_t oas_host_dial(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t dial_string,
										 oas_attempt_t *attempt)
{
	return ops->dial(uuid, dial_string, attempt);
}

static inline oas_status_t oas_host_bridge(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t peer)
{
	return ops->bridge(uuid, peer);
}

static inline oas_status_t oas_host_sound_open(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t path,
											   uint32_t rate_hz, oas_sound_t **sound)
{
	return ops->sound_open(uuid, path, rate_hz, sound);
}

static inline uint32_t oas_host_sound_read(oas_host_ops_ref_t ops, oas_sound_t *sound, int16_t *pcm, uint32_t n)
{
	return ops->sound_read(sound, pcm, n);
}

static inline void oas_host_sound_close(oas_host_ops_ref_t ops, oas_sound_t *sound)
{
	ops->sound_close(sound);
}

/* Have the op that waits with this attempt return. */
static inline void oas_attempt_cancel(oas_attempt_t *attempt)
{
	atomic_store_explicit(&attempt->cancel, OAS_CANCEL, memory_order_relaxed);
}

static inline void oas_host_detach(oas_host_ops_ref_t ops, oas_stream_t *stream)
{
	ops->detach(stream);
}

#endif
