/* SPDX-License-Identifier: MIT
 *
 * Mutexes, locks, conditions and threads: pthreads under the core's names. Each belongs to a pool and is destroyed with
 * it, as in the core.
 */
#include <errno.h>

#include "host.h"

struct fspr_thread_mutex_t {
	pthread_mutex_t mutex;
};

struct fspr_thread_rwlock_t {
	pthread_rwlock_t lock;
};

struct fspr_thread_cond_t {
	pthread_cond_t cond;
};

struct fspr_threadattr_t {
	size_t stack_size;
	switch_thread_priority_t priority;
	bool detached;
};

struct fspr_thread_t {
	pthread_t thread;
	switch_thread_start_t func;
	void *data;
	switch_thread_priority_t priority;
	switch_status_t status;
};

static switch_status_t status_of(int error)
{
	switch (error) {
	case 0:
		return SWITCH_STATUS_SUCCESS;
	case EBUSY:
		return SWITCH_STATUS_INUSE;
	case ETIMEDOUT:
		return SWITCH_STATUS_TIMEOUT;
	default:
		return SWITCH_STATUS_GENERR;
	}
}

static void mutex_cleanup(void *arg)
{
	pthread_mutex_destroy(&((switch_mutex_t *) arg)->mutex);
}

switch_status_t switch_mutex_init(switch_mutex_t **lock, unsigned int flags, switch_memory_pool_t *pool)
{
	pthread_mutexattr_t attr;

	*lock = switch_core_alloc(pool, sizeof(**lock));
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, flags & SWITCH_MUTEX_NESTED ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
	pthread_mutex_init(&(*lock)->mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	host_pool_on_destroy(pool, mutex_cleanup, *lock);
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_mutex_destroy(switch_mutex_t *lock)
{
	(void) lock; /* its pool does it */
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_mutex_lock(switch_mutex_t *lock)
{
	return status_of(pthread_mutex_lock(&lock->mutex));
}

switch_status_t switch_mutex_unlock(switch_mutex_t *lock)
{
	return status_of(pthread_mutex_unlock(&lock->mutex));
}

switch_status_t switch_mutex_trylock(switch_mutex_t *lock)
{
	return status_of(pthread_mutex_trylock(&lock->mutex));
}

static void rwlock_cleanup(void *arg)
{
	pthread_rwlock_destroy(&((switch_thread_rwlock_t *) arg)->lock);
}

switch_status_t switch_thread_rwlock_create(switch_thread_rwlock_t **rwlock, switch_memory_pool_t *pool)
{
	*rwlock = switch_core_alloc(pool, sizeof(**rwlock));
	pthread_rwlock_init(&(*rwlock)->lock, NULL);
	host_pool_on_destroy(pool, rwlock_cleanup, *rwlock);
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_thread_rwlock_destroy(switch_thread_rwlock_t *rwlock)
{
	(void) rwlock; /* its pool does it */
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_thread_rwlock_rdlock(switch_thread_rwlock_t *rwlock)
{
	return status_of(pthread_rwlock_rdlock(&rwlock->lock));
}

switch_status_t switch_thread_rwlock_tryrdlock(switch_thread_rwlock_t *rwlock)
{
	return status_of(pthread_rwlock_tryrdlock(&rwlock->lock));
}

switch_status_t switch_thread_rwlock_wrlock(switch_thread_rwlock_t *rwlock)
{
	return status_of(pthread_rwlock_wrlock(&rwlock->lock));
}

switch_status_t switch_thread_rwlock_trywrlock(switch_thread_rwlock_t *rwlock)
{
	return status_of(pthread_rwlock_trywrlock(&rwlock->lock));
}

switch_status_t switch_thread_rwlock_unlock(switch_thread_rwlock_t *rwlock)
{
	return status_of(pthread_rwlock_unlock(&rwlock->lock));
}

static void cond_cleanup(void *arg)
{
	pthread_cond_destroy(&((switch_thread_cond_t *) arg)->cond);
}

switch_status_t switch_thread_cond_create(switch_thread_cond_t **cond, switch_memory_pool_t *pool)
{
	pthread_condattr_t attr;

	*cond = switch_core_alloc(pool, sizeof(**cond));
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&(*cond)->cond, &attr);
	pthread_condattr_destroy(&attr);
	host_pool_on_destroy(pool, cond_cleanup, *cond);
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_thread_cond_wait(switch_thread_cond_t *cond, switch_mutex_t *mutex)
{
	return status_of(pthread_cond_wait(&cond->cond, &mutex->mutex));
}

switch_status_t switch_thread_cond_timedwait(switch_thread_cond_t *cond, switch_mutex_t *mutex,
											 switch_interval_time_t timeout)
{
	int64_t until = host_now_ns() + timeout * 1000;
	struct timespec deadline = {.tv_sec = (time_t) (until / NS_PER_S), .tv_nsec = (long) (until % NS_PER_S)};

	return status_of(pthread_cond_timedwait(&cond->cond, &mutex->mutex, &deadline));
}

switch_status_t switch_thread_cond_signal(switch_thread_cond_t *cond)
{
	return status_of(pthread_cond_signal(&cond->cond));
}

switch_status_t switch_thread_cond_broadcast(switch_thread_cond_t *cond)
{
	return status_of(pthread_cond_broadcast(&cond->cond));
}

switch_status_t switch_thread_cond_destroy(switch_thread_cond_t *cond)
{
	(void) cond; /* its pool does it */
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_threadattr_create(switch_threadattr_t **new_attr, switch_memory_pool_t *pool)
{
	*new_attr = switch_core_alloc(pool, sizeof(**new_attr));
	(*new_attr)->priority = SWITCH_PRI_LOW;
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_threadattr_stacksize_set(switch_threadattr_t *attr, switch_size_t stacksize)
{
	attr->stack_size = stacksize;
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_threadattr_priority_set(switch_threadattr_t *attr, switch_thread_priority_t priority)
{
	attr->priority = priority;
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_threadattr_detach_set(switch_threadattr_t *attr, int32_t on)
{
	attr->detached = on != 0;
	return SWITCH_STATUS_SUCCESS;
}

/* As APR in FreeSWITCH: the policy is the creator's, and within it the thread's own priority, if it may have it. */
static void *thread_main(void *arg)
{
	switch_thread_t *thread = arg;
	struct sched_param param;
	int policy;

	if (thread->priority && !pthread_getschedparam(pthread_self(), &policy, &param)) {
		param.sched_priority = (int) thread->priority;
		pthread_setschedparam(pthread_self(), policy, &param);
	}
	return thread->func(thread, thread->data);
}

/* A sanitizer's frames do not fit the small stacks that modules ask for. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_MIN (1024 * 1024)
#else
#define STACK_MIN (64 * 1024)
#endif

switch_status_t switch_thread_create(switch_thread_t **new_thread, switch_threadattr_t *attr,
									 switch_thread_start_t func, void *data, switch_memory_pool_t *cont)
{
	switch_thread_t *thread = switch_core_alloc(cont, sizeof(*thread));
	pthread_attr_t pattr;
	int error;

	thread->func = func;
	thread->data = data;
	pthread_attr_init(&pattr);
	if (attr) {
		thread->priority = attr->priority;
		if (attr->stack_size) {
			pthread_attr_setstacksize(&pattr, attr->stack_size > STACK_MIN ? attr->stack_size : STACK_MIN);
		}
		if (attr->detached) {
			pthread_attr_setdetachstate(&pattr, PTHREAD_CREATE_DETACHED);
		}
	}
	*new_thread = thread;
	error = pthread_create(&thread->thread, &pattr, thread_main, thread);
	pthread_attr_destroy(&pattr);
	return status_of(error);
}

switch_status_t switch_thread_join(switch_status_t *retval, switch_thread_t *thd)
{
	int error = pthread_join(thd->thread, NULL);

	if (retval) {
		*retval = thd->status;
	}
	return status_of(error);
}

switch_status_t switch_thread_exit(switch_thread_t *thd, switch_status_t retval)
{
	thd->status = retval;
	pthread_exit(NULL);
}

switch_thread_id_t switch_thread_self(void)
{
	return pthread_self();
}
