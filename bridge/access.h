/* SPDX-License-Identifier: MIT
 *
 * How Go reaches the shared block: one call of these for each look, because cgo knows no atomic fields. They run on
 * the session's or a doorbell's goroutine and never block. Positions and lengths of agent audio are in samples here.
 */
#ifndef OAS_ACCESS_H
#define OAS_ACCESS_H

#include <errno.h>
#include <sys/eventfd.h>

#include "oas_bridge.h"

/* A new doorbell; it is never freed. NULL if there is no memory or no descriptor. */
static inline oas_doorbell_t *oas_doorbell_new(void)
{
	oas_doorbell_t *bell = aligned_alloc(OAS_CACHE_LINE, sizeof(*bell));

	if (bell) {
		memset(bell, 0, sizeof(*bell));
		bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (bell->fd < 0) {
			free(bell);
			return NULL;
		}
	}
	return bell;
}

static inline int oas_doorbell_fd(const oas_doorbell_t *bell) { return bell->fd; }

static inline void oas_doorbell_disarm(oas_doorbell_t *bell)
{
	atomic_store_explicit(&bell->armed, 0, memory_order_relaxed);
}

/* A number that changes when there is new capture or the stream closes. */
static inline uint64_t oas_stream_mark(oas_stream_t *s)
{
	return atomic_load_explicit(&s->caller.write_pos, memory_order_acquire) +
		   atomic_load_explicit(&s->callee.write_pos, memory_order_acquire) +
		   atomic_load_explicit(&s->closed, memory_order_acquire);
}

static inline int oas_stream_closed(oas_stream_t *s) { return (int) atomic_load_explicit(&s->closed, memory_order_acquire); }

/* Take the oldest frame of a capture ring; buf holds OAS_FRAME_MAX_BYTES. Returns 0 if there is none. */
static inline int oas_capture_read(oas_ring_t *ring, oas_frame_head_t *head, void *buf)
{
	return ring->data && oas_ring_read(ring, head, sizeof(*head)) && oas_ring_read(ring, buf, head->len_bytes);
}

static inline oas_ring_t *oas_stream_caller(oas_stream_t *s) { return &s->caller; }
static inline oas_ring_t *oas_stream_callee(oas_stream_t *s) { return &s->callee; }

static inline uint64_t oas_stream_capture_drop_us(oas_stream_t *s)
{
	return atomic_load_explicit(&s->capture_drop_us, memory_order_relaxed);
}

static inline uint64_t oas_stream_underruns(oas_stream_t *s)
{
	return atomic_load_explicit(&s->underruns, memory_order_relaxed);
}

static inline uint32_t oas_stream_write_rate(oas_stream_t *s)
{
	return atomic_load_explicit(&s->write_rate_hz, memory_order_relaxed);
}

/* Release: what the consumer finds in the ring at this rate was written after it. */
static inline void oas_stream_set_agent_rate(oas_stream_t *s, uint32_t rate_hz)
{
	atomic_store_explicit(&s->agent_rate_hz, rate_hz, memory_order_release);
}

static inline uint64_t oas_agent_free(oas_stream_t *s) { return oas_ring_writable(&s->agent) / 2; }

/* Write as many of n samples as there is room for. */
static inline uint64_t oas_agent_write(oas_stream_t *s, const int16_t *pcm, uint64_t n)
{
	uint64_t room = oas_agent_free(s);

	if (n > room) {
		n = room;
	}
	return oas_ring_write(&s->agent, NULL, 0, pcm, n * 2) ? n : 0;
}

static inline uint64_t oas_agent_written(oas_stream_t *s)
{
	return atomic_load_explicit(&s->agent.write_pos, memory_order_relaxed) / 2;
}

static inline uint64_t oas_agent_position(oas_stream_t *s)
{
	return atomic_load_explicit(&s->agent.read_pos, memory_order_acquire) / 2;
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

/* Whether the flush seq has been carried out, and if so up to which sample audio was played before it. */
static inline int oas_agent_flushed(oas_stream_t *s, uint64_t seq, uint64_t *from_out)
{
	/* Pairs with the consumer's release: flush_from belongs to this flush. */
	if (atomic_load_explicit(&s->flush_done, memory_order_acquire) < seq) {
		return 0;
	}
	*from_out = atomic_load_explicit(&s->flush_from, memory_order_relaxed) / 2;
	return 1;
}

static inline void oas_agent_hold(oas_stream_t *s, uint32_t on)
{
	atomic_store_explicit(&s->hold, on, memory_order_relaxed);
}

/* Release: whoever sees the answer closed sees all of its audio in the ring; pairs with oas_play's acquire. */
static inline void oas_agent_answer_open(oas_stream_t *s, uint32_t on)
{
	atomic_store_explicit(&s->answer_open, on, memory_order_release);
}

static inline void oas_stream_set_total(oas_stream_t *s, uint32_t i, uint64_t value)
{
	atomic_store_explicit(&s->totals[i], value, memory_order_relaxed);
}

/* Say why the stream ends, once, before it is detached. Longer texts are cut. */
static inline void oas_stream_set_end(oas_stream_t *s, oas_cstr_t reason, oas_cstr_t error)
{
	strncpy(s->end_reason, reason, sizeof(s->end_reason) - 1);
	strncpy(s->end_error, error, sizeof(s->end_error) - 1);
	atomic_store_explicit(&s->ended, 1, memory_order_release);
}

/* The host's table, called from Go. */
static inline void oas_host_log(oas_host_ops_ref_t ops, int level, oas_cstr_t uuid, oas_cstr_t text)
{
	ops->log((oas_log_level_t) level, uuid, text);
}

static inline void oas_host_event(oas_host_ops_ref_t ops, oas_cstr_t subclass, oas_cstr_t uuid, oas_cstr_t body)
{
	ops->event(subclass, uuid, body);
}

static inline char *oas_host_variable(oas_host_ops_ref_t ops, oas_cstr_t uuid, oas_cstr_t name)
{
	return ops->variable(uuid, name);
}

static inline oas_status_t oas_host_exists(oas_host_ops_ref_t ops, oas_cstr_t uuid) { return ops->exists(uuid); }

static inline oas_status_t oas_host_attach(oas_host_ops_ref_t ops, oas_stream_t *stream) { return ops->attach(stream); }

static inline oas_status_t oas_host_answer(oas_host_ops_ref_t ops, oas_cstr_t uuid) { return ops->answer(uuid); }

static inline void oas_host_detach(oas_host_ops_ref_t ops, oas_stream_t *stream) { ops->detach(stream); }

#endif
