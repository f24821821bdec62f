/* SPDX-License-Identifier: MIT
 *
 * The pacer. FreeSWITCH asks a WRITE_REPLACE bug for audio only while something writes to the channel, and to a parked
 * or sleeping channel nothing does. The pacer writes silence there, one frame of the channel's length at a time, and
 * stays away as soon as anything else writes.
 *
 * A few threads serve all calls from one queue, ordered by time. The pool grows when a call was served late, which
 * happens when a write blocks.
 *
 * Before each write the pacer takes the session's codec_write_mutex, which switch_core_session_write_frame holds while
 * it writes. Under it, it sees for certain that nobody has written since the last time, that the frame which the bug
 * sees next is the pacer's, and that the channel has a write codec: the core hangs up a channel that is written to
 * without one (switch_core_media.c, "has no write codec").
 *
 * While that lock is held every other writer's frame is lost: the core only tries it, and throws the frame away. So it
 * is held for one write of some ten microseconds and never while waiting. A frame without a timestamp would have the
 * core wait inside the write for the RTP timer's next tick (switch_rtp.c, get_next_write_ts); the pacer's frames have
 * one. Where the core drops it (a packet time that L16 does not have, rtp_rewrite_timestamps), a write that waited
 * moves the following ones to just behind the tick.
 */
#include "oas_clock.h"
#include "mod_openai_audio_stream.h"

/* A write later than this makes the pool grow, at most once in GROW_EVERY_NS. */
#define LATE_NS (10 * OAS_NS_PER_MS)
#define GROW_EVERY_NS (1 * OAS_NS_PER_S)
/* Two from the start: a re-INVITE holds its channel's lock for longer than a packet, and the other calls go on. */
#define THREADS_MIN 2
#define THREADS_PER_CPU 2
#define THREADS_MAX 32

/* Nobody has written for so many frames: the pacer begins. */
#define QUIET_FRAMES 2
/* The moments at which calls are looked at beside which others write: the multiples of this. */
#define LOOK_NS (10 * OAS_NS_PER_MS)
/* How far a frame is moved to keep clear of other writers, and for how long after its last read a channel is read. */
#define NUDGE_NS (1 * OAS_NS_PER_MS)
#define RECENT_NS (1 * OAS_NS_PER_S)
/* Whoever had codec_write_mutex for longer than this did not write a frame under it, but changed the codec. */
#define HELD_NS (2 * OAS_NS_PER_MS)
/* Pauses before the pacer looks again at a channel that cannot be written to, each twice as long as the last. */
#define BACKOFF_MIN_NS (40 * OAS_NS_PER_MS)
#define BACKOFF_MAX_NS (200 * OAS_NS_PER_MS)
#define DEFAULT_FRAME_MS 20

typedef struct paced {
	oas_stream_t *stream; /* holds a reference */
	int64_t due_ns;
	int64_t backoff_ns;      /* 0 while writes succeed */
	uint32_t foreign_frames; /* at the last look */
	bool writing;            /* the last frame was ours */
	oas_rtp_clock_t clock;
} paced_t;

typedef struct worker {
	oas_silence_codecs_t codecs;
	uint8_t silence[SWITCH_RECOMMENDED_BUFFER_SIZE];
} worker_t;

static struct {
	pthread_once_t once;
	pthread_mutex_t mutex;
	/* Protected by mutex: */
	pthread_cond_t timer; /* the one thread that waits for the first due time */
	pthread_cond_t work;  /* the others */
	bool timer_watched;
	bool running;
	uint32_t n_idle;
	paced_t **heap; /* the soonest first */
	uint32_t n_heap, heap_size;
	uint32_t n_entries; /* those in the heap and those being served; heap_size is never below */
	switch_memory_pool_t *pool;
	switch_thread_t *threads[THREADS_MAX];
	uint32_t n_threads, max_threads;
	int64_t grown_ns;
} pacer = {.once = PTHREAD_ONCE_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

/* The heap. The caller holds the mutex. */

static void heap_swap(uint32_t a, uint32_t b)
{
	paced_t *entry = pacer.heap[a];

	pacer.heap[a] = pacer.heap[b];
	pacer.heap[b] = entry;
}

/* Make room for n_entries in all. */
static bool heap_reserve(uint32_t n_entries)
{
	uint32_t size = pacer.heap_size ? 2 * pacer.heap_size : 64;
	paced_t **heap;

	if (n_entries <= pacer.heap_size) {
		return true;
	}
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	heap = realloc(pacer.heap, size * sizeof(*heap));
	if (!heap) {
		return false;
	}
	pacer.heap = heap;
	pacer.heap_size = size;
	return true;
}

static void heap_push(paced_t *entry)
{
	uint32_t i = pacer.n_heap;

	pacer.heap[pacer.n_heap++] = entry;
	for (; i > 0 && pacer.heap[i]->due_ns < pacer.heap[(i - 1) / 2]->due_ns; i = (i - 1) / 2) {
		heap_swap(i, (i - 1) / 2);
	}
}

static paced_t *heap_pop(void)
{
	paced_t *first = pacer.heap[0];
	uint32_t i = 0, child;

	pacer.heap[0] = pacer.heap[--pacer.n_heap];
	for (; (child = 2 * i + 1) < pacer.n_heap; i = child) {
		if (child + 1 < pacer.n_heap && pacer.heap[child + 1]->due_ns < pacer.heap[child]->due_ns) {
			child++;
		}
		if (pacer.heap[i]->due_ns <= pacer.heap[child]->due_ns) {
			break;
		}
		heap_swap(i, child);
	}
	return first;
}

/* One call. */

static void paced_free(paced_t *entry)
{
	oas_stream_unref(entry->stream);
	free(entry);
}

static uint32_t foreign_frames(const paced_t *entry)
{
	return atomic_load_explicit(&entry->stream->writes.foreign_frames, memory_order_relaxed);
}

/* How long a frame on the channel is. A writer's may be longer than the codec's: the core cuts them up. */
static int64_t channel_frame_ns(const paced_t *entry)
{
	uint32_t frame_ms = atomic_load_explicit(&entry->stream->writes.frame_ms, memory_order_relaxed);
	uint32_t foreign_ms = atomic_load_explicit(&entry->stream->writes.foreign_frame_ms, memory_order_relaxed);

	frame_ms = foreign_ms > frame_ms ? foreign_ms : frame_ms;
	return OAS_NS_PER_MS * (frame_ms ? frame_ms : DEFAULT_FRAME_MS);
}

/* Whether the model has something to say: audio is queued, or more of an answer is to come, and it is not held. */
static bool has_agent_audio(oas_stream_t *stream)
{
	return !atomic_load_explicit(&stream->hold, memory_order_relaxed) &&
		   (atomic_load_explicit(&stream->answer_open, memory_order_relaxed) || oas_ring_pending(&stream->agent));
}

/* Write one frame of silence to a channel that is fit for it, as the one of the moment at_ns. Returns the frame's
 * length in nanoseconds, or 0 if the bug did not see it: then the pacer cannot tell either whether others write. The
 * caller holds codec_write_mutex. */
static int64_t write_silence(worker_t *worker, switch_core_session_t *session, paced_t *entry, int64_t at_ns)
{
	oas_writes_t *writes = &entry->stream->writes;
	uint32_t seen = atomic_load_explicit(&writes->paced_frames, memory_order_relaxed);
	switch_codec_t *write_codec = switch_core_session_get_effective_write_codec(session);
	switch_codec_implementation_t impl;
	switch_codec_t *codec;
	switch_frame_t frame = {0};

	if (!switch_core_codec_ready(write_codec) || switch_test_flag(write_codec, SWITCH_CODEC_FLAG_PASSTHROUGH) ||
		switch_core_session_get_write_impl(session, &impl) != SWITCH_STATUS_SUCCESS) {
		return 0;
	}
	codec = mod_openai_audio_stream_silence_codec(&worker->codecs, &impl);
	if (!codec || codec->implementation->decoded_bytes_per_packet > sizeof(worker->silence)) {
		return 0;
	}
	frame.codec = codec;
	frame.data = worker->silence;
	frame.buflen = sizeof(worker->silence);
	frame.datalen = codec->implementation->decoded_bytes_per_packet;
	frame.samples = codec->implementation->samples_per_packet;
	frame.rate = codec->implementation->actual_samples_per_second;
	frame.channels = codec->implementation->number_of_channels;
	frame.timestamp = mod_openai_audio_stream_rtp_clock(&entry->clock, writes, session, at_ns, &impl);
	/* Another module's bug may have written into it. */
	memset(worker->silence, 0, frame.datalen);
	atomic_store_explicit(&writes->pacing, true, memory_order_relaxed);
	switch_core_session_write_frame(session, &frame, SWITCH_IO_FLAG_NONE, 0);
	atomic_store_explicit(&writes->pacing, false, memory_order_relaxed);
	return atomic_load_explicit(&writes->paced_frames, memory_order_relaxed) != seen
			 ? codec->implementation->microseconds_per_packet * 1000LL
			 : 0;
}

/* The states in which a write would not reach our bug, or would be thrown away. */
static bool can_write(switch_core_session_t *session)
{
	switch_channel_t *channel = switch_core_session_get_channel(session);

	return switch_channel_test_ready(channel, SWITCH_TRUE, SWITCH_TRUE) &&
		   !switch_channel_test_flag(channel, CF_HOLD) && !switch_channel_test_flag(channel, CF_PAUSE_BUGS) &&
		   !switch_channel_test_flag(channel, CF_AUDIO_PAUSE_WRITE) &&
		   !switch_channel_test_flag(channel, CF_PROXY_MEDIA);
}

/* What a visit to a channel came to. */
typedef struct visit {
	int64_t written_ns; /* length of the frame written; 0 if none was or the bug did not see it */
	int64_t waited_ns;  /* in the write */
	int64_t due_ns;     /* when to look at a channel again that is well and needs no frame now; 0 if it is not */
} visit_t;

/* A bridged channel gets the other leg's packets, late ones too: what is written into its pauses comes on top of them.
 * It gets frames only for what the model has to say. What a channel would not send is not written at all. */
static bool needs_frames(switch_core_session_t *session, paced_t *entry)
{
	switch_channel_t *channel = switch_core_session_get_channel(session);

	return mod_openai_audio_stream_flow_sends(session, channel, entry->stream, &entry->stream->writes) &&
		   (!switch_channel_test_flag(channel, CF_BRIDGED) || has_agent_audio(entry->stream));
}

/* A moment at which another writer will hardly begin. Applications that play something keep time by reading the
 * channel, and write right after: the second and third quarter of the time between two reads are free. Step by step, so
 * that a read that came late once moves little. */
static int64_t beside_reads(const paced_t *entry, int64_t due_ns, int64_t frame_ns)
{
	int64_t read_ns = atomic_load_explicit(&entry->stream->writes.read_ns, memory_order_relaxed);
	int64_t phase = (due_ns - read_ns) % frame_ns;

	if (read_ns == 0 || due_ns < read_ns || due_ns - read_ns > RECENT_NS) {
		return due_ns;
	}
	if (phase < frame_ns / 4) {
		return due_ns + NUDGE_NS;
	}
	return phase > frame_ns * 3 / 4 ? due_ns - NUDGE_NS : due_ns;
}

/* When the frame after one of written_ns is due. A stall is not made up for: the channel would get packets in excess,
 * and the caller has heard the pause already. */
static int64_t next_due_ns(const paced_t *entry, const visit_t *visit)
{
	int64_t now = oas_now_ns();
	int64_t frame_ns = visit->written_ns;

	if (!entry->writing || now - entry->due_ns > frame_ns || visit->waited_ns > frame_ns / 4) {
		return now + frame_ns;
	}
	return beside_reads(entry, entry->due_ns + frame_ns, frame_ns);
}

/* Write the frame that is due, unless somebody else writes by now. The caller holds the session, and the stream is not
 * closed.
 */
static visit_t attend(worker_t *worker, switch_core_session_t *session, paced_t *entry)
{
	int64_t now = oas_now_ns();
	/* A frame that is late by less than its length is still the one of its own time. */
	bool in_time = entry->writing && now - entry->due_ns < channel_frame_ns(entry);
	uint32_t foreign = entry->foreign_frames;
	int64_t locked_ns;
	visit_t visit = {0};

	if (!can_write(session)) {
		return visit;
	}
	if (!needs_frames(session, entry)) {
		visit.due_ns = now + channel_frame_ns(entry);
		return visit;
	}
	switch_core_session_lock_codec_write(session);
	locked_ns = oas_now_ns();
	if (locked_ns - now > HELD_NS) {
		/* A re-INVITE, or the reader's change of codec, held the lock. The writer that waited for it writes now. */
		switch_core_session_unlock_codec_write(session);
		visit.due_ns = locked_ns + channel_frame_ns(entry);
		return visit;
	}
	/* Both may have changed meanwhile. */
	if (foreign_frames(entry) == foreign && needs_frames(session, entry)) {
		visit.written_ns = write_silence(worker, session, entry, in_time ? entry->due_ns : now);
		visit.waited_ns = oas_now_ns() - locked_ns;
	}
	switch_core_session_unlock_codec_write(session);
	if (visit.written_ns > 0) {
		visit.due_ns = next_due_ns(entry, &visit);
	}
	return visit;
}

static visit_t visit(worker_t *worker, paced_t *entry)
{
	switch_core_session_t *session = switch_core_session_locate(entry->stream->uuid);
	visit_t visit = {0};

	if (!session) {
		return visit;
	}
	/* Not closed after the session was found: it is the stream's, not another one that was given the same uuid. */
	if (!atomic_load_explicit(&entry->stream->closed, memory_order_acquire)) {
		visit = attend(worker, session, entry);
	}
	switch_core_session_rwunlock(session);
	return visit;
}

/* Whether others have written since the last look. If so, set when to look again. It needs nothing of FreeSWITCH, and
 * many calls are looked at in the same moment: a wake-up for each look would cost more than all the looks. */
static bool others_write(paced_t *entry, int64_t now)
{
	uint32_t foreign = foreign_frames(entry);
	int64_t due_ns = now + QUIET_FRAMES * channel_frame_ns(entry);

	if (foreign == entry->foreign_frames) {
		return false;
	}
	entry->foreign_frames = foreign;
	entry->clock.foreign_ns = now;
	entry->writing = false;
	entry->backoff_ns = 0;
	entry->due_ns = (due_ns + LOOK_NS - 1) / LOOK_NS * LOOK_NS;
	return true;
}

/* Do what is due, and set the next due time. Returns false when the stream has closed. */
static bool serve(worker_t *worker, paced_t *entry)
{
	visit_t done = {0};

	/* Acquire: pairs with the release in the bug's CLOSE. */
	if (atomic_load_explicit(&entry->stream->closed, memory_order_acquire)) {
		return false;
	}
	if (mod_openai_audio_stream_gate_enter()) {
		done = visit(worker, entry);
		mod_openai_audio_stream_gate_leave();
	}
	entry->writing = done.written_ns > 0;
	if (done.due_ns > 0) {
		entry->due_ns = done.due_ns;
		entry->backoff_ns = 0;
		return true;
	}
	/* It cannot be written to, or the bug did not see the frame. */
	entry->backoff_ns = entry->backoff_ns ? 2 * entry->backoff_ns : BACKOFF_MIN_NS;
	if (entry->backoff_ns > BACKOFF_MAX_NS) {
		entry->backoff_ns = BACKOFF_MAX_NS;
	}
	entry->due_ns = oas_now_ns() + entry->backoff_ns;
	return true;
}

/* The threads. */

static void *SWITCH_THREAD_FUNC work(switch_thread_t *thread, void *obj);

/* The caller holds the mutex. */
static switch_status_t start_thread(void)
{
	switch_threadattr_t *attr = NULL;
	switch_status_t status;

	switch_threadattr_create(&attr, pacer.pool);
	switch_threadattr_stacksize_set(attr, SWITCH_THREAD_STACKSIZE); /* as all threads of FreeSWITCH's */
	switch_threadattr_priority_set(attr, SWITCH_PRI_REALTIME);
	status = switch_thread_create(&pacer.threads[pacer.n_threads], attr, work, NULL, pacer.pool);
	if (status == SWITCH_STATUS_SUCCESS) {
		pacer.n_threads++;
	}
	return status;
}

/* The caller holds the mutex. */
static void grow_if_late(int64_t now, int64_t due_ns)
{
	if (now - due_ns > LATE_NS && pacer.n_idle == 0 && pacer.n_threads < pacer.max_threads &&
		now - pacer.grown_ns > GROW_EVERY_NS) {
		pacer.grown_ns = now;
		start_thread();
	}
}

/* Wait for the next call that is due, and take it out of the queue. NULL when the pacer stops. The caller holds the
 * mutex. */
static paced_t *next_due(void)
{
	while (pacer.running) {
		int64_t now, due_ns;
		paced_t *entry;

		if (pacer.n_heap == 0 || pacer.timer_watched) {
			pacer.n_idle++;
			pthread_cond_wait(&pacer.work, &pacer.mutex);
			pacer.n_idle--;
			continue;
		}
		now = oas_now_ns();
		due_ns = pacer.heap[0]->due_ns;
		if (due_ns > now) {
			struct timespec until = {.tv_sec = due_ns / OAS_NS_PER_S, .tv_nsec = due_ns % OAS_NS_PER_S};

			pacer.timer_watched = true;
			pthread_cond_timedwait(&pacer.timer, &pacer.mutex, &until);
			pacer.timer_watched = false;
			continue;
		}
		grow_if_late(now, due_ns);
		entry = heap_pop();
		if (!others_write(entry, now)) {
			return entry;
		}
		heap_push(entry);
	}
	return NULL;
}

/* Wake whoever must look at the queue because its first entry is another one. The caller holds the mutex. */
static void heap_changed(void)
{
	if (pacer.timer_watched) {
		pthread_cond_signal(&pacer.timer);
	} else if (pacer.n_idle > 0) {
		pthread_cond_signal(&pacer.work);
	}
}

static void *SWITCH_THREAD_FUNC work(switch_thread_t *thread, void *obj)
{
	worker_t worker = {0};
	paced_t *entry;

	(void) thread;
	(void) obj;
	pthread_mutex_lock(&pacer.mutex);
	while ((entry = next_due())) {
		bool keep;

		if (pacer.n_heap > 0) {
			heap_changed();
		}
		pthread_mutex_unlock(&pacer.mutex);
		keep = serve(&worker, entry);
		pthread_mutex_lock(&pacer.mutex);
		if (!keep) {
			pacer.n_entries--;
			paced_free(entry);
		} else {
			heap_push(entry);
			if (pacer.heap[0] == entry && pacer.timer_watched) {
				pthread_cond_signal(&pacer.timer);
			}
		}
	}
	pthread_mutex_unlock(&pacer.mutex);
	mod_openai_audio_stream_silence_close(&worker.codecs);
	return NULL;
}

static void init_once(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pacer.timer, &attr);
	pthread_condattr_destroy(&attr);
}

switch_status_t mod_openai_audio_stream_pacer_start(switch_memory_pool_t *pool)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	switch_status_t status = SWITCH_STATUS_SUCCESS;

	pthread_once(&pacer.once, init_once);
	pthread_mutex_lock(&pacer.mutex);
	pacer.pool = pool;
	pacer.running = true;
	pacer.max_threads = (uint32_t) (cpus < 2 ? 2 : cpus > THREADS_MAX ? THREADS_MAX : cpus) * THREADS_PER_CPU;
	if (pacer.max_threads > THREADS_MAX) {
		pacer.max_threads = THREADS_MAX;
	}
	for (uint32_t i = 0; i < THREADS_MIN && status == SWITCH_STATUS_SUCCESS; i++) {
		status = start_thread();
	}
	pthread_mutex_unlock(&pacer.mutex);
	return status;
}

void mod_openai_audio_stream_pacer_stop(void)
{
	uint32_t n_threads;

	pthread_mutex_lock(&pacer.mutex);
	pacer.running = false;
	n_threads = pacer.n_threads; /* no thread is started any more */
	pthread_cond_broadcast(&pacer.timer);
	pthread_cond_broadcast(&pacer.work);
	pthread_mutex_unlock(&pacer.mutex);
	for (uint32_t i = 0; i < n_threads; i++) {
		switch_status_t status;

		switch_thread_join(&status, pacer.threads[i]);
	}
	pthread_mutex_lock(&pacer.mutex);
	while (pacer.n_heap > 0) {
		paced_free(heap_pop());
	}
	free(pacer.heap);
	pacer.heap = NULL;
	pacer.heap_size = 0;
	pacer.n_entries = 0;
	pacer.n_threads = 0;
	pthread_mutex_unlock(&pacer.mutex);
}

void mod_openai_audio_stream_pacer_add(oas_stream_t *stream)
{
	paced_t *entry = calloc(1, sizeof(*entry));

	if (!entry) {
		switch_log_printf(SWITCH_CHANNEL_UUID_LOG(stream->uuid), SWITCH_LOG_ERROR,
						  "No memory to pace this channel: it is silent while nothing else writes to it\n");
		return;
	}
	oas_stream_ref(stream);
	entry->stream = stream;
	entry->due_ns = oas_now_ns() + QUIET_FRAMES * channel_frame_ns(entry);
	pthread_mutex_lock(&pacer.mutex);
	if (pacer.running && heap_reserve(pacer.n_entries + 1)) {
		pacer.n_entries++;
		heap_push(entry);
		if (pacer.heap[0] == entry) {
			heap_changed();
		}
		entry = NULL;
	}
	pthread_mutex_unlock(&pacer.mutex);
	if (entry) {
		paced_free(entry);
	}
}
