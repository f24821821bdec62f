/* SPDX-License-Identifier: MIT
 *
 * Time: the host's clock and the core's time functions.
 */
#include <errno.h>

#include "host.h"

int64_t host_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t host_start_ns(void)
{
	static _Atomic int64_t start;
	int64_t zero = 0;

	if (!atomic_load(&start)) {
		atomic_compare_exchange_strong(&start, &zero, host_now_ns());
	}
	return atomic_load(&start);
}

static int64_t wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

switch_time_t switch_time_now(void)
{
	return wall_us();
}

switch_time_t switch_micro_time_now(void)
{
	return wall_us();
}

switch_time_t switch_mono_micro_time_now(void)
{
	return host_now_ns() / 1000;
}

time_t switch_epoch_time_now(time_t *t)
{
	time_t now = (time_t) (wall_us() / 1000000);

	if (t) {
		*t = now;
	}
	return now;
}

void switch_sleep(switch_interval_time_t t)
{
	struct timespec left = {.tv_sec = (time_t) (t / 1000000), .tv_nsec = (long) (t % 1000000) * 1000};

	while (nanosleep(&left, &left) && errno == EINTR) {
	}
}

void switch_cond_next(void)
{
	switch_sleep(1000);
}
