/* SPDX-License-Identifier: MIT
 *
 * The doorbell: how a media thread wakes the Go side. One serves a group of streams. It is suppressed: Go sets armed
 * just before it sleeps, and only the first producer that clears it pays for the system call.
 */
#ifndef OAS_DOORBELL_H
#define OAS_DOORBELL_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "oas_ring.h"

typedef struct oas_doorbell {
	_Alignas(OAS_CACHE_LINE) _Atomic uint32_t armed;
	int fd; /* eventfd, non-blocking */
} oas_doorbell_t;

/* A new doorbell; it is never freed, because a media thread may ring it at any time. NULL if there is no memory or no
 * descriptor. */
static inline oas_doorbell_t *oas_doorbell_new(void)
{
	oas_doorbell_t *bell = aligned_alloc(OAS_CACHE_LINE, sizeof(*bell));

	if (!bell) {
		return NULL;
	}
	atomic_init(&bell->armed, 0);
	bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (bell->fd < 0) {
		free(bell);
		return NULL;
	}
	return bell;
}

/* Tell the Go side that there is something new. Any thread, media threads too: one load, and a write to the eventfd
 * only for the first ring after Go went to sleep. */
static inline void oas_doorbell_ring(oas_doorbell_t *bell)
{
	/* Orders the caller's release store to its ring before the load of armed; pairs with the fence in
	 * oas_doorbell_arm. Without both, Go could sleep on a frame that it has not seen. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&bell->armed, memory_order_relaxed) &&
		atomic_exchange_explicit(&bell->armed, 0, memory_order_acq_rel)) {
		uint64_t one = 1;
		/* Fails only when the counter is full, and then Go is awake anyway. */
		ssize_t ignored = write(bell->fd, &one, sizeof(one));
		(void) ignored;
	}
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
