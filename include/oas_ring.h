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
 * Windows. The memory is reserved for the worst case and paid for where it is touched. So the ring lies in a window of
 * it, as small as serves (oas_ring_fit), and positions go round in there. The window of 2^k bytes is a piece of memory
 * of its own for each k. The producer turns to another one at its write position: to the largest when a write finds no
 * room, back to the usual one when the ring is empty, to a new usual one when the rate changes. What lies before that
 * position stays in the window where it was written, so nothing is copied, and two windows at most have something in
 * them: the producer turns only when what lies before the last turn has been consumed. A ring whose consumer keeps up
 * touches a page; one that bridges a stall touches what the stall needs.
 *
 * Memory orders. Each side stores its own position with release and loads the other's with acquire: the producer's
 * release of write_pos publishes the bytes below it to the consumer's acquire; the consumer's release of read_pos
 * hands the bytes below it back to the producer's acquire. Each side keeps a plain copy of the other's position and
 * refreshes it only when the copy says "full" or "empty", which spares most of the cache-line traffic.
 *
 * turn says in one word where the last turn was, from which window and to which. It needs no order of its own. A
 * consumer that reads bytes from behind a turn has acquired a write_pos that was released after it, so it sees the turn
 * or a later one. If it sees a later one than its bytes know of, its bytes lie before that, in the window that it was
 * from: all that lay before the turn in between had been consumed. The same for starts: a window's is stored before the
 * turn to it, when nothing unread is in that window.
 */
#ifndef OAS_RING_H
#define OAS_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define OAS_CACHE_LINE 64

/* The smallest and the largest window, as powers of two: a page, and 128 KiB. */
#define OAS_RING_SMALLEST 12
#define OAS_RING_LARGEST 17

/* What all windows take: that of 2^k bytes lies behind the smaller ones. */
#define OAS_RING_MEMORY_BYTES ((UINT64_C(2) << OAS_RING_LARGEST) - (UINT64_C(1) << OAS_RING_SMALLEST))

typedef struct oas_ring {
	/* Producer's line. */
	_Alignas(OAS_CACHE_LINE) _Atomic uint64_t write_pos;
	_Atomic uint64_t turn; /* position << 8 | window before it << 4 | window from it on; see oas_ring_turn_to */
	uint64_t cached_read_pos;
	uint32_t usual; /* the window for the usual content */
	/* Consumer's line. */
	_Alignas(OAS_CACHE_LINE) _Atomic uint64_t read_pos;
	uint64_t cached_write_pos;
	/* Hardly ever changed. */
	_Alignas(OAS_CACHE_LINE) uint8_t *memory;                          /* constant after oas_ring_init */
	_Atomic uint64_t starts[OAS_RING_LARGEST - OAS_RING_SMALLEST + 1]; /* the position at each window's first byte */
} oas_ring_t;

/* Give a zeroed ring its memory, OAS_RING_MEMORY_BYTES that outlive it. Not thread-safe: call it before either side
 * knows the ring. */
static inline void oas_ring_init(oas_ring_t *ring, void *memory)
{
	ring->memory = memory;
}

/* Where a turn is, and the number of a window: 0 for the smallest. */
static inline uint64_t oas_ring_turn_pos(uint64_t turn)
{
	return turn >> 8;
}

static inline uint32_t oas_ring_before(uint64_t turn)
{
	return turn >> 4 & 0xf;
}

static inline uint32_t oas_ring_from(uint64_t turn)
{
	return turn & 0xf;
}

static inline uint64_t oas_ring_window_bytes(uint32_t window)
{
	return UINT64_C(1) << (OAS_RING_SMALLEST + window);
}

/* Where a position lies in a window. */
static inline uint64_t oas_ring_offset(const oas_ring_t *ring, uint32_t window, uint64_t pos)
{
	uint64_t start = atomic_load_explicit(&ring->starts[window], memory_order_relaxed);

	return (pos - start) & (oas_ring_window_bytes(window) - 1);
}

static inline uint8_t *oas_ring_window(const oas_ring_t *ring, uint32_t window)
{
	return ring->memory + (oas_ring_window_bytes(window) - oas_ring_window_bytes(0));
}

/* The turn as its owner, the producer, has left it. */
static inline uint64_t oas_ring_turn(const oas_ring_t *ring)
{
	return atomic_load_explicit(&ring->turn, memory_order_relaxed);
}

/* Lay what will be written from now on into a window, from its first byte on. Producer only, and only when read_pos,
 * acquired, has reached the last turn; into the present window only when the ring is empty. */
static inline void oas_ring_turn_to(oas_ring_t *ring, uint32_t window)
{
	uint64_t pos = atomic_load_explicit(&ring->write_pos, memory_order_relaxed);

	atomic_store_explicit(&ring->starts[window], pos, memory_order_relaxed);
	/* Published by the release of write_pos that publishes the first byte behind it. */
	atomic_store_explicit(&ring->turn, pos << 8 | oas_ring_from(oas_ring_turn(ring)) << 4 | window,
						  memory_order_relaxed);
}

/* Room in the present window, as far as the producer knows. Producer only. */
static inline uint64_t oas_ring_room(const oas_ring_t *ring)
{
	uint64_t turn = oas_ring_turn(ring);
	uint64_t pos = atomic_load_explicit(&ring->write_pos, memory_order_relaxed);
	uint64_t used = oas_ring_turn_pos(turn) > ring->cached_read_pos ? oas_ring_turn_pos(turn) : ring->cached_read_pos;

	return oas_ring_window_bytes(oas_ring_from(turn)) - (pos - used);
}

/* Look at how far the consumer is. Returns whether the producer may turn to another window. Producer only. */
static inline bool oas_ring_may_turn(oas_ring_t *ring)
{
	ring->cached_read_pos = atomic_load_explicit(&ring->read_pos, memory_order_acquire);
	return ring->cached_read_pos >= oas_ring_turn_pos(oas_ring_turn(ring));
}

/* Bytes that can be written now. Producer only. */
static inline uint64_t oas_ring_writable(oas_ring_t *ring)
{
	const uint32_t largest = OAS_RING_LARGEST - OAS_RING_SMALLEST;

	if (oas_ring_may_turn(ring) && oas_ring_from(oas_ring_turn(ring)) != largest) {
		return oas_ring_window_bytes(largest);
	}
	return oas_ring_room(ring);
}

/* Make the smallest window that holds so many bytes the usual one, at once if it can be. Producer only. */
static inline void oas_ring_fit(oas_ring_t *ring, uint64_t content_bytes)
{
	ring->usual = 0;
	while (oas_ring_window_bytes(ring->usual) < content_bytes && ring->usual < OAS_RING_LARGEST - OAS_RING_SMALLEST) {
		ring->usual++;
	}
	if (oas_ring_from(oas_ring_turn(ring)) != ring->usual && oas_ring_may_turn(ring)) {
		oas_ring_turn_to(ring, ring->usual);
	}
}

/* Find a window with room for a record. Returns false if there is none. Producer only. */
static inline bool oas_ring_make_room(oas_ring_t *ring, uint64_t len_bytes)
{
	const uint32_t largest = OAS_RING_LARGEST - OAS_RING_SMALLEST;
	bool may_turn = oas_ring_may_turn(ring);
	bool empty = ring->cached_read_pos == atomic_load_explicit(&ring->write_pos, memory_order_relaxed);
	uint32_t window = oas_ring_from(oas_ring_turn(ring));

	if (empty && (window != ring->usual || oas_ring_room(ring) < len_bytes)) {
		/* The largest from its beginning each time: going round in it would touch all of it. */
		oas_ring_turn_to(ring, len_bytes <= oas_ring_window_bytes(ring->usual) ? ring->usual : largest);
	} else if (may_turn && window != largest && oas_ring_room(ring) < len_bytes) {
		oas_ring_turn_to(ring, largest);
	}
	return oas_ring_room(ring) >= len_bytes;
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

/* Copy into the ring's memory at a position not before the last turn. Publishes nothing. */
static inline void oas_ring_put(oas_ring_t *ring, uint64_t pos, const void *src, uint64_t len_bytes)
{
	uint32_t window = oas_ring_from(oas_ring_turn(ring));
	uint8_t *data = oas_ring_window(ring, window);
	uint64_t at = oas_ring_offset(ring, window, pos);
	uint64_t first = oas_ring_window_bytes(window) - at;

	first = first < len_bytes ? first : len_bytes;
	memcpy(data + at, src, first);
	memcpy(data, (const uint8_t *) src + first, len_bytes - first);
}

/* Copy out of one window. */
static inline void oas_ring_get_from(const oas_ring_t *ring, uint32_t window, uint64_t pos, void *dst,
									 uint64_t len_bytes)
{
	const uint8_t *data = oas_ring_window(ring, window);
	uint64_t at = oas_ring_offset(ring, window, pos);
	uint64_t first = oas_ring_window_bytes(window) - at;

	first = first < len_bytes ? first : len_bytes;
	memcpy(dst, data + at, first);
	memcpy((uint8_t *) dst + first, data, len_bytes - first);
}

/* Copy out of the ring's memory at a position that was seen to be written. Consumes nothing. Consumer only. */
static inline void oas_ring_get(const oas_ring_t *ring, uint64_t pos, void *dst, uint64_t len_bytes)
{
	uint64_t turn = oas_ring_turn(ring);
	uint64_t n_before = oas_ring_turn_pos(turn) > pos ? oas_ring_turn_pos(turn) - pos : 0;

	n_before = n_before < len_bytes ? n_before : len_bytes;
	if (n_before > 0) {
		oas_ring_get_from(ring, oas_ring_before(turn), pos, dst, n_before);
	}
	if (len_bytes > n_before) {
		oas_ring_get_from(ring, oas_ring_from(turn), pos + n_before, (uint8_t *) dst + n_before, len_bytes - n_before);
	}
}

/* Write head (may be empty) and body as one record. Producer only. Both are borrowed for the call. Returns false,
 * with nothing written, if there is no room for all of it. */
static inline bool oas_ring_write(oas_ring_t *ring, const void *head, uint64_t head_bytes, const void *body,
								  uint64_t body_bytes)
{
	uint64_t pos = atomic_load_explicit(&ring->write_pos, memory_order_relaxed);
	uint64_t len_bytes = head_bytes + body_bytes;

	if ((oas_ring_from(oas_ring_turn(ring)) != ring->usual || oas_ring_room(ring) < len_bytes) &&
		!oas_ring_make_room(ring, len_bytes)) {
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
