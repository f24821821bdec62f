/* SPDX-License-Identifier: MIT
 *
 * Durations, as histograms of logarithmic buckets: fixed memory, no lock, within 1.6 % of the true value. Adding one
 * costs the media thread a few relaxed atomic operations, outside the time that is measured.
 */
#include "host.h"

/* Each power of two is divided into this many buckets. */
#define SUB_BITS 6
#define SUBS (1 << SUB_BITS)
#define BUCKETS (64 * SUBS)

typedef struct histogram {
	_Atomic uint64_t count;
	_Atomic uint64_t sum;
	_Atomic uint64_t max;
	_Atomic uint64_t buckets[BUCKETS];
} histogram_t;

static histogram_t histograms[HOST_STAT_COUNT];

static const char *const stat_names[HOST_STAT_COUNT] = {
	[HOST_STAT_READ] = "read",
	[HOST_STAT_WRITE_REPLACE] = "write_replace",
	[HOST_STAT_WRITE_FRAME] = "write_frame",
	[HOST_STAT_CLOSE] = "close",
	[HOST_STAT_API] = "api",
	[HOST_STAT_HANGUP] = "hangup",
	[HOST_STAT_DTMF] = "dtmf",
	[HOST_STAT_TICK_LATE] = "tick_late",
};

static unsigned int bucket_of(uint64_t ns)
{
	int shift;

	if (ns < SUBS) {
		return (unsigned int) ns;
	}
	shift = 63 - __builtin_clzll(ns) - SUB_BITS;
	return (unsigned int) (shift + 1) * SUBS + (unsigned int) ((ns >> shift) & (SUBS - 1));
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < SUBS) {
		return bucket;
	}
	shift = bucket / SUBS - 1;
	return ((uint64_t) (SUBS + bucket % SUBS) << shift) + ((1ull << shift) >> 1);
}

void host_stat_add(host_stat_t stat, int64_t ns)
{
	histogram_t *histogram = &histograms[stat];
	uint64_t value = ns > 0 ? (uint64_t) ns : 0;
	uint64_t max = atomic_load_explicit(&histogram->max, memory_order_relaxed);

	atomic_fetch_add_explicit(&histogram->count, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->buckets[bucket_of(value)], 1, memory_order_relaxed);
	while (value > max && !atomic_compare_exchange_weak_explicit(&histogram->max, &max, value, memory_order_relaxed,
																 memory_order_relaxed)) {
	}
}

void host_stats_reset(void)
{
	for (int i = 0; i < HOST_STAT_COUNT; i++) {
		atomic_store(&histograms[i].count, 0);
		atomic_store(&histograms[i].sum, 0);
		atomic_store(&histograms[i].max, 0);
		for (int b = 0; b < BUCKETS; b++) {
			atomic_store(&histograms[i].buckets[b], 0);
		}
	}
}

static uint64_t quantile(histogram_t *histogram, uint64_t count, double part)
{
	uint64_t rank = (uint64_t) ((double) count * part);
	uint64_t seen = 0;

	for (unsigned int b = 0; b < BUCKETS; b++) {
		seen += atomic_load(&histogram->buckets[b]);
		if (seen > rank) {
			return value_of(b);
		}
	}
	return atomic_load(&histogram->max);
}

void host_stats_describe(host_json_t *json)
{
	for (int i = 0; i < HOST_STAT_COUNT; i++) {
		histogram_t *histogram = &histograms[i];
		uint64_t count = atomic_load(&histogram->count);

		host_json_open(json, stat_names[i], '{');
		host_json_int(json, "count", (int64_t) count);
		host_json_int(json, "mean_ns", count ? (int64_t) (atomic_load(&histogram->sum) / count) : 0);
		host_json_int(json, "median_ns", count ? (int64_t) quantile(histogram, count, 0.5) : 0);
		host_json_int(json, "p90_ns", count ? (int64_t) quantile(histogram, count, 0.9) : 0);
		host_json_int(json, "p99_ns", count ? (int64_t) quantile(histogram, count, 0.99) : 0);
		host_json_int(json, "p999_ns", count ? (int64_t) quantile(histogram, count, 0.999) : 0);
		host_json_int(json, "max_ns", (int64_t) atomic_load(&histogram->max));
		host_json_close(json, '}');
	}
}
