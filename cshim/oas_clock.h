/* SPDX-License-Identifier: MIT
 *
 * The shim's clock.
 */
#ifndef OAS_CLOCK_H
#define OAS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define OAS_NS_PER_MS INT64_C(1000000)
#define OAS_NS_PER_S INT64_C(1000000000)

/* CLOCK_MONOTONIC, nanoseconds. Any thread; no system call where the kernel has a vDSO. */
static inline int64_t oas_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * OAS_NS_PER_S + now.tv_nsec;
}

#endif
