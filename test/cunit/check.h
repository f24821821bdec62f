/* SPDX-License-Identifier: MIT
 *
 * The least that a C unit test needs.
 */
#ifndef OAS_CHECK_H
#define OAS_CHECK_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic int check_failures;

/* Say what is wrong, with the values, unless ok. */
__attribute__((format(printf, 4, 5))) static inline void check_at(const char *file, int line, int ok, const char *fmt,
																  ...)
{
	va_list args;

	if (ok) {
		return;
	}
	atomic_fetch_add(&check_failures, 1);
	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

#define CHECK(ok, ...) check_at(__FILE__, __LINE__, (ok), __VA_ARGS__)

static inline int check_exit(void)
{
	return atomic_load(&check_failures) ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
