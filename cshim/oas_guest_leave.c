/* SPDX-License-Identifier: MIT
 *
 * After Go's runtime has started. See oas_guest.h.
 */
#include "oas_guest.h"

#include <pthread.h>

bool oas_guest_tamed(void);

bool oas_guest_tamed(void)
{
	return !oas_guest.inherited;
}

__attribute__((constructor)) static void leave(void)
{
	if (oas_guest.lowered) {
		pthread_setschedparam(pthread_self(), oas_guest.policy, &oas_guest.param);
	}
	if (oas_guest.masked) {
		pthread_sigmask(SIG_SETMASK, &oas_guest.mask, NULL);
	}
}
