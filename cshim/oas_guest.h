/* SPDX-License-Identifier: MIT
 *
 * Go's runtime starts in a constructor of this library, and each of its threads inherits what the thread that loads
 * the library has: under FreeSWITCH a real-time priority, and signals that FreeSWITCH's handlers wait for.
 *
 * So the library is linked in this order: oas_guest_enter.o, the Go archive, oas_guest_leave.o. The first one's
 * constructor has priority 101 and runs before all others; the last one's has none and runs after Go's, because
 * constructors without priority run in link order. In between, the loading thread blocks all signals and is an
 * ordinary one; Go's threads keep the mask (the runtime unblocks what it needs) and the policy. Verified by
 * test/cunit/test_guest.c.
 */
#ifndef OAS_GUEST_H
#define OAS_GUEST_H

#include <sched.h>
#include <signal.h>
#include <stdbool.h>

/* What oas_guest_leave.c puts back. Loading thread only. */
typedef struct oas_guest {
	bool masked;    /* the mask was changed */
	bool lowered;   /* the policy was changed */
	bool inherited; /* the policy should have been changed, and could not have been put back */
	sigset_t mask;
	int policy;
	struct sched_param param;
} oas_guest_t;

extern oas_guest_t oas_guest;

#endif
