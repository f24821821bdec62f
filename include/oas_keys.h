/* SPDX-License-Identifier: MIT
 *
 * The keys that a caller presses, on their way to Go: a small ring, one producer and one consumer, which may be any
 * threads, one at a time each. Wait-free. Zeroed memory is an empty one.
 */
#ifndef OAS_KEYS_H
#define OAS_KEYS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Keys that may wait, a power of two: more than a hand presses while Go stalls. */
#define OAS_KEYS_MAX 64

typedef struct oas_key {
	uint32_t digit; /* a character as FreeSWITCH reports it */
	uint32_t duration_ms;
} oas_key_t;

/* Positions count keys; they wrap. */
typedef struct oas_keys {
	_Atomic uint32_t written; /* the producer's; release publishes the keys before it */
	_Atomic uint32_t read;    /* the consumer's; release gives their places back */
	_Atomic uint32_t dropped; /* keys that found no room; the producer's */
	oas_key_t keys[OAS_KEYS_MAX];
} oas_keys_t;

/* Producer only. A key that finds no room is counted. */
static inline void oas_keys_write(oas_keys_t *keys, oas_key_t key)
{
	uint32_t at = atomic_load_explicit(&keys->written, memory_order_relaxed);

	if (at - atomic_load_explicit(&keys->read, memory_order_acquire) == OAS_KEYS_MAX) {
		atomic_fetch_add_explicit(&keys->dropped, 1, memory_order_relaxed);
		return;
	}
	keys->keys[at % OAS_KEYS_MAX] = key;
	atomic_store_explicit(&keys->written, at + 1, memory_order_release);
}

/* Consumer only. Returns false if there is none. */
static inline bool oas_keys_read(oas_keys_t *keys, oas_key_t *key)
{
	uint32_t at = atomic_load_explicit(&keys->read, memory_order_relaxed);

	if (at == atomic_load_explicit(&keys->written, memory_order_acquire)) {
		return false;
	}
	*key = keys->keys[at % OAS_KEYS_MAX];
	/* A card number does not stay in memory. */
	keys->keys[at % OAS_KEYS_MAX] = (oas_key_t){0};
	atomic_store_explicit(&keys->read, at + 1, memory_order_release);
	return true;
}

#endif
