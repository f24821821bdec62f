/* SPDX-License-Identifier: MIT
 *
 * The ring between a FreeSWITCH media thread and Go: single producer, single consumer, bytes, lock-free.
 *
 * Positions count bytes ever written or read. They are 64-bit and never wrap in practice, so a position is also a
 * clock: the agent ring's read position divided by two is the number of samples that the caller has been given.
 *
 * Every function is wait-free: no lock, no allocation, no system call. "Producer" and "consumer" are roles; each may
 * be filled by one thread at a time. A write or a read moves all the bytes asked for, or none: a record is never
 * split.
 *
 * Memory orders. Each side stores its own position with release and loads the other's with acquire: the producer's
 * release of write_pos publishes the bytes below it to the consumer's acquire; the consumer's release of read_pos
 * hands the bytes below it back to the producer's acquire. Each side keeps a plain copy of the other's position and
 * refreshes it only when the copy says "full" or "empty", which spares most of the cache-line traffic.
 */
#ifndef OAS_RING_H
#define OAS_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OAS_CACHE_LINE 64

typedef struct oas_ring {
	/* Producer's line. */
	_Alignas(OAS_CACHE_LINE) _Atomic uint64_t write_pos;
	uint64_t cached_read_pos;
	/* Consumer's line. */
	_Alignas(OAS_CACHE_LINE) _Atomic uint64_t read_pos;
	uint64_t cached_write_pos;
	/* Constant after oas_ring_init. */
	_Alignas(OAS_CACHE_LINE) uint8_t *data;
	uint64_t size_bytes;
} oas_ring_t;

/* Give a zeroed ring its memory. size_bytes must be a power of two. Returns false if there is no memory. Not
 * thread-safe: call it before either side knows the ring. */
static inline bool oas_ring_init(oas_ring_t *ring, uint64_t size_bytes)
{
	ring->data = malloc(size_bytes);
	ring->size_bytes = size_bytes;
	return ring->data != NULL;
}

/* Free the ring's memory. Call it when neither side uses the ring any more. */
static inline void oas_ring_free(oas_ring_t *ring)
{
	free(ring->data);
	ring->data = NULL;
}

/* Bytes that can be written now. Producer only. */
static inline uint64_t oas_ring_writable(oas_ring_t *ring)
{
	ring->cached_read_pos = atomic_load_explicit(&ring->read_pos, memory_order_acquire);
	return ring->size_bytes - (atomic_load_explicit(&ring->write_pos, memory_order_relaxed) - ring->cached_read_pos);
}

/* Bytes that can be read now. Consumer only. */
static inline uint64_t oas_ring_readable(oas_ring_t *ring)
{
	ring->cached_write_pos = atomic_load_explicit(&ring->write_pos, memory_order_acquire);
	return ring->cached_write_pos - atomic_load_explicit(&ring->read_pos, memory_order_relaxed);
}

/* Any thread: is there something to read? A hint that may be old by the time it returns. */
static inline bool oas_ring_pending(oas_ring_t *ring)
{
	return atomic_load_explicit(&ring->write_pos, memory_order_acquire) !=
		   atomic_load_explicit(&ring->read_pos, memory_order_acquire);
}

/* Copy into the ring's memory at a position. Publishes nothing. */
static inline void oas_ring_put(oas_ring_t *ring, uint64_t pos, const void *src, uint64_t len_bytes)
{
	uint64_t at = pos & (ring->size_bytes - 1);
	uint64_t first = ring->size_bytes - at < len_bytes ? ring->size_bytes - at : len_bytes;

	memcpy(ring->data + at, src, first);
	memcpy(ring->data, (const uint8_t *) src + first, len_bytes - first);
}

/* Copy out of the ring's memory at a position. Consumes nothing. */
static inline void oas_ring_get(const oas_ring_t *ring, uint64_t pos, void *dst, uint64_t len_bytes)
{
	uint64_t at = pos & (ring->size_bytes - 1);
	uint64_t first = ring->size_bytes - at < len_bytes ? ring->size_bytes - at : len_bytes;

	memcpy(dst, ring->data + at, first);
	memcpy((uint8_t *) dst + first, ring->data, len_bytes - first);
}

/* Write head (may be empty) and body as one record. Producer only. Both are borrowed for the call. Returns false,
 * with nothing written, if there is no room for all of it. */
static inline bool oas_ring_write(oas_ring_t *ring, const void *head, uint64_t head_bytes, const void *body,
								  uint64_t body_bytes)
{
	uint64_t pos = atomic_load_explicit(&ring->write_pos, memory_order_relaxed);
	uint64_t len_bytes = head_bytes + body_bytes;

	if (ring->size_bytes - (pos - ring->cached_read_pos) < len_bytes && oas_ring_writable(ring) < len_bytes) {
		return false;
	}
	if (head_bytes > 0) {
		oas_ring_put(ring, pos, head, head_bytes);
	}
	oas_ring_put(ring, pos + head_bytes, body, body_bytes);
	/* Publishes the bytes to the acquire in oas_ring_readable. */
	atomic_store_explicit(&ring->write_pos, pos + len_bytes, memory_order_release);
	return true;
}

/* Copy len_bytes to dst without consuming them. Consumer only. Returns false if there are fewer. */
static inline bool oas_ring_peek(oas_ring_t *ring, void *dst, uint64_t len_bytes)
{
	uint64_t pos = atomic_load_explicit(&ring->read_pos, memory_order_relaxed);

	if (ring->cached_write_pos - pos < len_bytes && oas_ring_readable(ring) < len_bytes) {
		return false;
	}
	oas_ring_get(ring, pos, dst, len_bytes);
	return true;
}

/* Consume bytes up to the position pos, which must not be ahead of what was written. Consumer only. */
static inline void oas_ring_advance(oas_ring_t *ring, uint64_t pos)
{
	/* Hands the memory below pos back to the acquire in oas_ring_writable. */
	atomic_store_explicit(&ring->read_pos, pos, memory_order_release);
}

/* Copy len_bytes to dst and consume them. Consumer only. Returns false, with nothing consumed, if there are fewer. */
static inline bool oas_ring_read(oas_ring_t *ring, void *dst, uint64_t len_bytes)
{
	if (!oas_ring_peek(ring, dst, len_bytes)) {
		return false;
	}
	oas_ring_advance(ring, atomic_load_explicit(&ring->read_pos, memory_order_relaxed) + len_bytes);
	return true;
}

#endif
