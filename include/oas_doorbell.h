/* SPDX-License-Identifier: MIT
 *
 * The doorbell: how a media thread tells the Go side that a stream has something new. One serves a group of streams.
 * Each has a bit of its own, so that Go looks at those only that rang. It is suppressed: Go sets armed just before it
 * sleeps, and only the first producer that clears it pays for the system call.
 */
#ifndef OAS_DOORBELL_H
#define OAS_DOORBELL_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "oas_ring.h"

/* Streams that one doorbell serves at once. */
#define OAS_DOORBELL_SLOTS 4096

typedef struct oas_doorbell {
	_Alignas(OAS_CACHE_LINE) _Atomic uint32_t armed;
	int fd; /* eventfd, non-blocking */
	/* A bit for each slot: set by producers, taken by Go. */
	_Alignas(OAS_CACHE_LINE) _Atomic uint64_t rung[OAS_DOORBELL_SLOTS / 64];
} oas_doorbell_t;

/* A new doorbell; it is never freed, because a media thread may ring it at any time. NULL if there is no memory or no
 * descriptor. */
static inline oas_doorbell_t *oas_doorbell_new(void)
{
	oas_doorbell_t *bell = aligned_alloc(OAS_CACHE_LINE, sizeof(*bell));

	if (!bell) {
		return NULL;
	}
	memset(bell, 0, sizeof(*bell));
	bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (bell->fd < 0) {
		free(bell);
		return NULL;
	}
	return bell;
}

/* Tell the Go side that the stream of this slot has something new. Any thread, media threads too: two loads, a store
 * for the first ring that Go has not taken, and a write to the eventfd only for the first one after Go went to sleep.
 */
static inline void oas_doorbell_ring(oas_doorbell_t *bell, uint32_t slot)
{
	_Atomic uint64_t *word = &bell->rung[slot / 64];
	uint64_t bit = (uint64_t) 1 << slot % 64;

	/* Orders the caller's release store to its ring before the load of its bit; pairs with oas_doorbell_take. Without
	 * both, a bit that Go is just taking could be found set, and what was stored stay unseen. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!(atomic_load_explicit(word, memory_order_relaxed) & bit)) {
		/* And the bit before the load of armed; pairs with the fence in oas_doorbell_arm. */
		atomic_fetch_or_explicit(word, bit, memory_order_seq_cst);
		atomic_thread_fence(memory_order_seq_cst);
	}
	if (atomic_load_explicit(&bell->armed, memory_order_relaxed) &&
		atomic_exchange_explicit(&bell->armed, 0, memory_order_acq_rel)) {
		uint64_t one = 1;
		/* Fails only when the counter is full, and then Go is awake anyway. */
		ssize_t ignored = write(bell->fd, &one, sizeof(one));
		(void) ignored;
	}
}

/* Take the slots that rang since the last time, those below n_slots (a multiple of 64), as many as fit into slots,
 * which holds at least 64. Returns how many they are. What was stored before a ring is seen. One thread at a time. */
static inline uint32_t oas_doorbell_take(oas_doorbell_t *bell, uint32_t n_slots, uint32_t *slots, uint32_t most)
{
	uint32_t n = 0;

	for (uint32_t word = 0; word < n_slots / 64 && n + 64 <= most; word++) {
		uint64_t bits = atomic_load_explicit(&bell->rung[word], memory_order_relaxed);

		if (bits) {
			bits = atomic_exchange_explicit(&bell->rung[word], 0, memory_order_seq_cst);
			/* The other half of the first fence in oas_doorbell_ring. */
			atomic_thread_fence(memory_order_seq_cst);
		}
		for (; bits; bits &= bits - 1) {
			slots[n++] = word * 64 + (uint32_t) __builtin_ctzll(bits);
		}
	}
	return n;
}

/* Announce that the Go side is about to sleep. It must look at its rings once more after this call. */
static inline void oas_doorbell_arm(oas_doorbell_t *bell)
{
	atomic_store_explicit(&bell->armed, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

/* The Go side does not sleep after all. */
static inline void oas_doorbell_disarm(oas_doorbell_t *bell)
{
	atomic_store_explicit(&bell->armed, 0, memory_order_relaxed);
}

#endif
