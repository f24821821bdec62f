/* SPDX-License-Identifier: MIT
 *
 * Before Go's runtime starts. See oas_guest.h.
 */
#include "oas_guest.h"

#include <pthread.h>
#include <stdint.h>

oas_guest_t oas_guest;

static bool set_policy(int policy, const struct sched_param *param)
{
	return pthread_setschedparam(pthread_self(), policy, param) == 0;
}

/* Lowering one's priority is always allowed, raising it again needs a right: try both on a thread that ends. */
static void *rehearse(void *unused)
{
	struct sched_param ordinary = {.sched_priority = 0};
	bool ok = set_policy(SCHED_OTHER, &ordinary) && set_policy(oas_guest.policy, &oas_guest.param);

	(void) unused;
	return (void *) (uintptr_t) ok;
}

static bool may_come_back(void)
{
	pthread_t thread;
	void *ok = NULL;

	return pthread_create(&thread, NULL, rehearse, NULL) == 0 && pthread_join(thread, &ok) == 0 && ok;
}

__attribute__((constructor(101))) static void enter(void)
{
	struct sched_param ordinary = {.sched_priority = 0};
	sigset_t all;

	sigfillset(&all);
	oas_guest.masked = pthread_sigmask(SIG_SETMASK, &all, &oas_guest.mask) == 0;
	if (pthread_getschedparam(pthread_self(), &oas_guest.policy, &oas_guest.param) == 0 &&
		oas_guest.policy != SCHED_OTHER) {
		oas_guest.inherited = !may_come_back();
		oas_guest.lowered = !oas_guest.inherited && set_policy(SCHED_OTHER, &ordinary);
	}
}
