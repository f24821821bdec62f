/* SPDX-License-Identifier: MIT
 *
 * How long the media callbacks take, for `make bench` in FreeSWITCH. Nothing of it is in a module that was not
 * configured with -DOAS_MEASURE=ON.
 */
#ifndef OAS_MEASURE_H
#define OAS_MEASURE_H

typedef enum oas_measured { OAS_MEASURED_READ, OAS_MEASURED_WRITE_REPLACE, OAS_MEASURED_COUNT } oas_measured_t;

#ifdef OAS_MEASURE

#include <switch.h>

/* A step is finer than what the callbacks differ by; what takes longer than all steps counts as the last. */
#define OAS_MEASURE_STEP_NS 20
#define OAS_MEASURE_STEPS 100000

static _Atomic uint32_t oas_measured[OAS_MEASURED_COUNT][OAS_MEASURE_STEPS];

static inline void oas_measure(oas_measured_t which, uint64_t duration_ns)
{
	uint64_t step = duration_ns / OAS_MEASURE_STEP_NS;

	if (step >= OAS_MEASURE_STEPS) {
		step = OAS_MEASURE_STEPS - 1;
	}
	atomic_fetch_add_explicit(&oas_measured[which][step], 1, memory_order_relaxed);
}

static inline uint64_t oas_measure_quantile(oas_measured_t which, uint64_t n, double quantile)
{
	uint64_t seen = 0;
	uint64_t step = 0;

	for (; step < OAS_MEASURE_STEPS - 1; step++) {
		seen += atomic_load_explicit(&oas_measured[which][step], memory_order_relaxed);
		if ((double) seen >= quantile * (double) n) {
			break;
		}
	}
	return step * OAS_MEASURE_STEP_NS;
}

static inline void oas_measure_log(void)
{
	static const char *const names[] = {"READ", "WRITE_REPLACE"};

	for (int which = 0; which < OAS_MEASURED_COUNT; which++) {
		uint64_t n = 0;

		for (int step = 0; step < OAS_MEASURE_STEPS; step++) {
			n += atomic_load_explicit(&oas_measured[which][step], memory_order_relaxed);
		}
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_NOTICE,
						  "measured %s: %llu calls, median %llu ns, p99 %llu ns, p99.9 %llu ns\n", names[which],
						  (unsigned long long) n, (unsigned long long) oas_measure_quantile(which, n, 0.5),
						  (unsigned long long) oas_measure_quantile(which, n, 0.99),
						  (unsigned long long) oas_measure_quantile(which, n, 0.999));
	}
}

#define OAS_MEASURE_START(now) uint64_t oas_measure_start = (now)
#define OAS_MEASURE_END(which, now) oas_measure(which, (now) -oas_measure_start)

#else

#define OAS_MEASURE_START(now)
#define OAS_MEASURE_END(which, now)

#endif
#endif
