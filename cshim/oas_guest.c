/* SPDX-License-Identifier: MIT
 *
 * Go's threads as guests. A new thread inherits what its creator has, and Go creates threads from the thread that loads
 * this library and from those that call oasGo*: under FreeSWITCH they have a real-time priority, and take the signals
 * that FreeSWITCH's handlers wait for.
 *
 * The module is linked with --wrap=pthread_create, so what the Go archive calls under that name is the function below:
 * each of Go's threads starts as an ordinary one with all signals blocked. The runtime takes the first thread's mask
 * for all (runtime/proc.go, initSigmask) and unblocks by itself what it needs. FreeSWITCH's own threads do not come by
 * here. Tested by test/cunit/test_guest.c.
 */
#include "oas_guest.h"

#include <pthread.h>
#include <signal.h>

#include "oas_bridge.h"

typedef void *(*thread_start_t)(void *);

/* The linker's names: the one that the archive's calls end up at, and the C library's. */
/* NOLINTBEGIN(bugprone-reserved-identifier) */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_start_t start, void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_start_t start, void *arg);
/* NOLINTEND(bugprone-reserved-identifier) */

/* Lowering a thread's priority needs no right, in contrast to raising it. */
static int be_ordinary(pthread_attr_t *attr)
{
	struct sched_param param = {.sched_priority = 0};
	int error = pthread_attr_setinheritsched(attr, PTHREAD_EXPLICIT_SCHED);

	if (!error) {
		error = pthread_attr_setschedpolicy(attr, SCHED_OTHER);
	}
	return error ? error : pthread_attr_setschedparam(attr, &param);
}

/* NOLINTNEXTLINE(bugprone-reserved-identifier) */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_start_t start, void *arg)
{
	pthread_attr_t own;
	sigset_t all, before;
	int error;

	if (attr) {
		own = *attr; /* what it points to stays the caller's */
		error = be_ordinary(&own);
	} else {
		error = pthread_attr_init(&own);
		if (!error) {
			error = be_ordinary(&own);
		}
	}
	if (error) {
		return error;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = __real_pthread_create(thread, &own, start, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!attr) {
		pthread_attr_destroy(&own);
	}
	return error;
}

void oas_guest_enter(void)
{
	static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&door);
	oasGoEnter();
	pthread_mutex_unlock(&door);
}

void oas_guest_handlers(void)
{
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action;

		if (sigaction(number, NULL, &action) || (action.sa_flags & SA_ONSTACK) || action.sa_handler == SIG_DFL ||
			action.sa_handler == SIG_IGN) {
			continue;
		}
		action.sa_flags |= SA_ONSTACK;
		sigaction(number, &action, NULL);
	}
}
