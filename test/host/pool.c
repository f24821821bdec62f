/* SPDX-License-Identifier: MIT
 *
 * Memory pools. Unlike APR's, every block is a malloc of its own, so that an address sanitizer sees each of them.
 */
#include <stddef.h>

#include "host.h"

typedef struct host_block {
	struct host_block *next;
	max_align_t data[];
} host_block_t;

typedef struct host_cleanup {
	void (*run)(void *);
	void *arg;
	struct host_cleanup *next;
} host_cleanup_t;

struct fspr_pool_t {
	switch_core_session_t *session;

	pthread_mutex_t mutex; /* Protects following. */
	host_block_t *blocks;
	host_cleanup_t *cleanups;
};

static _Atomic int pools_alive;

int host_pools_alive(void)
{
	return atomic_load(&pools_alive);
}

switch_status_t switch_core_perform_new_memory_pool(switch_memory_pool_t **pool, const char *file, const char *func,
													int line)
{
	(void) file;
	(void) func;
	(void) line;
	*pool = calloc(1, sizeof(**pool));
	if (!*pool) {
		return SWITCH_STATUS_MEMERR;
	}
	pthread_mutex_init(&(*pool)->mutex, NULL);
	atomic_fetch_add(&pools_alive, 1);
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_core_perform_destroy_memory_pool(switch_memory_pool_t **pool, const char *file, const char *func,
														int line)
{
	switch_memory_pool_t *dead = *pool;

	(void) file;
	(void) func;
	(void) line;
	*pool = NULL;
	/* Newest first, as APR does: a cleanup may use what was there before it. */
	while (dead->cleanups) {
		host_cleanup_t *cleanup = dead->cleanups;

		dead->cleanups = cleanup->next;
		cleanup->run(cleanup->arg);
		free(cleanup);
	}
	while (dead->blocks) {
		host_block_t *block = dead->blocks;

		dead->blocks = block->next;
		free(block);
	}
	pthread_mutex_destroy(&dead->mutex);
	free(dead);
	atomic_fetch_sub(&pools_alive, 1);
	return SWITCH_STATUS_SUCCESS;
}

void *switch_core_perform_alloc(switch_memory_pool_t *pool, switch_size_t memory, const char *file, const char *func,
								int line)
{
	host_block_t *block = calloc(1, sizeof(*block) + memory);

	(void) file;
	(void) func;
	(void) line;
	switch_assert(block);
	pthread_mutex_lock(&pool->mutex);
	block->next = pool->blocks;
	pool->blocks = block;
	pthread_mutex_unlock(&pool->mutex);
	return block->data;
}

char *switch_core_perform_strdup(switch_memory_pool_t *pool, const char *todup, const char *file, const char *func,
								 int line)
{
	size_t len;
	char *copy;

	if (!todup) {
		return NULL;
	}
	len = strlen(todup) + 1;
	copy = switch_core_perform_alloc(pool, len, file, func, line);
	memcpy(copy, todup, len);
	return copy;
}

void *switch_core_perform_session_alloc(switch_core_session_t *session, switch_size_t memory, const char *file,
										const char *func, int line)
{
	return switch_core_perform_alloc(session->pool, memory, file, func, line);
}

char *switch_core_perform_session_strdup(switch_core_session_t *session, const char *todup, const char *file,
										 const char *func, int line)
{
	return switch_core_perform_strdup(session->pool, todup, file, func, line);
}

char *switch_core_sprintf(switch_memory_pool_t *pool, const char *fmt, ...)
{
	va_list args, again;
	int len;
	char *text;

	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	text = switch_core_alloc(pool, (switch_size_t) len + 1);
	vsnprintf(text, (size_t) len + 1, fmt, again);
	va_end(again);
	return text;
}

void host_pool_on_destroy(switch_memory_pool_t *pool, void (*run)(void *), void *arg)
{
	host_cleanup_t *cleanup = calloc(1, sizeof(*cleanup));

	switch_assert(cleanup);
	cleanup->run = run;
	cleanup->arg = arg;
	pthread_mutex_lock(&pool->mutex);
	cleanup->next = pool->cleanups;
	pool->cleanups = cleanup;
	pthread_mutex_unlock(&pool->mutex);
}

void host_pool_set_session(switch_memory_pool_t *pool, switch_core_session_t *session)
{
	pool->session = session;
}

switch_core_session_t *host_pool_session(switch_memory_pool_t *pool)
{
	return pool->session;
}
