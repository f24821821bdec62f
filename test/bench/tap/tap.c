/* SPDX-License-Identifier: MIT
 *
 * Measures the media callbacks of whatever module FreeSWITCH loads, from outside: preloaded into FreeSWITCH
 * (LD_PRELOAD), it stands between the module and the core where the module adds its media bug. When each callback
 * began, how long it took, and how loud the frame is that it left goes to a file for each channel: $OAS_TAP_DIR/<uuid>.
 * The bench reads it (test/bench/calls/tap.go); what is written is taken from no lock and waits for nothing.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <switch.h>

#define RECORDS 16384 /* of a channel, then again from the first: 160 s of both directions; a power of two */
#define BUGS 65536    /* in the life of the process; a power of two */

typedef enum kind { KIND_READ = 1, KIND_WRITE_REPLACE } kind_t;

/* A callback. */
typedef struct record {
	uint64_t began_ns; /* CLOCK_MONOTONIC; stored last, 0 = nothing yet */
	uint32_t took_ns;
	uint16_t kind; /* kind_t */
	uint16_t peak; /* of the frame that is written */
} record_t;

/* The file. */
typedef struct tape {
	_Atomic uint64_t count; /* records so far */
	record_t records[RECORDS];
} tape_t;

/* Which tape is a bug's. A bug's address may come again: then its entry has another tape. Nothing is ever removed. */
typedef struct entry {
	_Atomic(switch_media_bug_t *) bug;
	_Atomic(tape_t *) tape;
} entry_t;

static entry_t entries[BUGS];
static pthread_mutex_t entries_mutex = PTHREAD_MUTEX_INITIALIZER; /* for writers */
static _Atomic(switch_media_bug_callback_t) module_callback;
static _Thread_local switch_frame_t *replaced; /* what the callback that runs has set as the frame */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000000000U + (uint64_t) now.tv_nsec;
}

/* The core's own function of that name. */
static void *core(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function) {
		abort(); /* not FreeSWITCH */
	}
	return function;
}

/* A bug's entry, or the free one where it belongs; NULL if the table is full. */
static entry_t *find(switch_media_bug_t *bug)
{
	uintptr_t at = ((uintptr_t) bug >> 4) * 0x9e3779b97f4a7c15U >> 32;

	for (uintptr_t i = 0; i < BUGS; i++) {
		entry_t *entry = &entries[(at + i) % BUGS];
		switch_media_bug_t *here = atomic_load_explicit(&entry->bug, memory_order_acquire);

		if (!here || here == bug) {
			return entry;
		}
	}
	return NULL;
}

static tape_t *new_tape(const char *uuid)
{
	const char *dir = getenv("OAS_TAP_DIR");
	tape_t *tape = MAP_FAILED;
	char path[512];
	int fd;

	if (!dir || snprintf(path, sizeof(path), "%s/%s", dir, uuid) >= (int) sizeof(path)) {
		return NULL;
	}
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && !ftruncate(fd, sizeof(tape_t))) {
		tape = mmap(NULL, sizeof(tape_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	if (fd >= 0) {
		close(fd);
	}
	return tape == MAP_FAILED ? NULL : tape;
}

static void add(switch_media_bug_t *bug)
{
	tape_t *tape = new_tape(switch_core_session_get_uuid(switch_core_media_bug_get_session(bug)));
	entry_t *entry;

	pthread_mutex_lock(&entries_mutex);
	entry = find(bug);
	if (entry) {
		atomic_store_explicit(&entry->tape, tape, memory_order_relaxed);
		atomic_store_explicit(&entry->bug, bug, memory_order_release);
	}
	pthread_mutex_unlock(&entries_mutex);
}

static uint16_t peak(const switch_frame_t *frame)
{
	const int16_t *samples = frame->data;
	int most = 0;

	for (uint32_t i = 0; i < frame->datalen / sizeof(int16_t); i++) {
		int level = abs(samples[i]);

		most = level > most ? level : most;
	}
	return (uint16_t) most;
}

static void note(switch_media_bug_t *bug, kind_t kind, uint64_t began_ns, uint64_t took_ns)
{
	entry_t *entry = find(bug);
	tape_t *tape = entry ? atomic_load_explicit(&entry->tape, memory_order_relaxed) : NULL;
	record_t *record;

	if (!tape) {
		return;
	}
	record = &tape->records[atomic_fetch_add_explicit(&tape->count, 1, memory_order_relaxed) % RECORDS];
	record->took_ns = took_ns > UINT32_MAX ? UINT32_MAX : (uint32_t) took_ns;
	record->kind = (uint16_t) kind;
	record->peak = kind == KIND_WRITE_REPLACE && replaced ? peak(replaced) : 0;
	record->began_ns = began_ns;
}

static switch_bool_t tapped(switch_media_bug_t *bug, void *user_data, switch_abc_type_t type)
{
	switch_media_bug_callback_t callback = atomic_load_explicit(&module_callback, memory_order_relaxed);
	uint64_t began_ns;
	switch_bool_t go_on;

	if (type == SWITCH_ABC_TYPE_INIT) {
		add(bug);
	}
	replaced = NULL;
	began_ns = now_ns();
	go_on = callback(bug, user_data, type);
	if (type == SWITCH_ABC_TYPE_READ || type == SWITCH_ABC_TYPE_WRITE_REPLACE) {
		note(bug, type == SWITCH_ABC_TYPE_READ ? KIND_READ : KIND_WRITE_REPLACE, began_ns, now_ns() - began_ns);
	}
	return go_on;
}

/* The first callback that ever comes is the module's; whoever else adds bugs is not measured. */
__attribute__((visibility("default"))) switch_status_t
switch_core_media_bug_add(switch_core_session_t *session, const char *function, const char *target,
						  switch_media_bug_callback_t callback, void *user_data, time_t stop_time,
						  switch_media_bug_flag_t flags, switch_media_bug_t **new_bug)
{
	typeof(switch_core_media_bug_add) *real = core("switch_core_media_bug_add");
	switch_media_bug_callback_t first = NULL;

	if (atomic_compare_exchange_strong(&module_callback, &first, callback) || first == callback) {
		callback = tapped;
	}
	return real(session, function, target, callback, user_data, stop_time, flags, new_bug);
}

__attribute__((visibility("default"))) void switch_core_media_bug_set_write_replace_frame(switch_media_bug_t *bug,
																						  switch_frame_t *frame)
{
	static _Atomic(typeof(&switch_core_media_bug_set_write_replace_frame)) real;
	typeof(&switch_core_media_bug_set_write_replace_frame) function = atomic_load_explicit(&real, memory_order_relaxed);

	if (!function) {
		function = core("switch_core_media_bug_set_write_replace_frame");
		atomic_store_explicit(&real, function, memory_order_relaxed);
	}
	replaced = frame;
	function(bug, frame);
}
