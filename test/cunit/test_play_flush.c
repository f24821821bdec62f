/* SPDX-License-Identifier: MIT
 *
 * The playback consumer's flush (oas_play.h, rule 1), also against a producer that flushes at any moment.
 */
#include <pthread.h>

#include "play_fixture.h"

static void test_flush_fades(void)
{
	oas_stream_t *s = stream_open();
	int16_t before;

	put(s, 2000, 5 * FRAME);
	play(s);
	flush(s, 40);
	CHECK(play(s), "left the fade's frame alone");
	before = sample_at(2000 + FRAME);
	for (uint32_t i = 0; i < 40; i++) {
		CHECK(frame[i] > 0 && frame[i] < before, "the fade does not fall at sample %u: %d", i, frame[i]);
		before = frame[i];
	}
	CHECK(before < 100, "the fade ends at %d", before);
	SILENCE(40, FRAME);
	CHECK(atomic_load(&s->flush_done) == 1 && atomic_load(&s->flush_from) == (FRAME + 40) * 2, "flushed from %llu",
		  (unsigned long long) atomic_load(&s->flush_from));
	CHECK(atomic_load(&s->agent.read_pos) == 5 * FRAME * 2, "did not skip to flush_pos");
	CHECK(!play(s), "plays on after a flush");
	CHECK(atomic_load(&s->underruns) == 0, "a flush counts as an underrun");
	oas_stream_unref(s);
}

static void test_flush_is_followed_by_new_audio(void)
{
	oas_stream_t *s = stream_open();

	put(s, 2000, 2 * FRAME);
	play(s);
	flush(s, 40);
	put(s, 7000, 2 * FRAME);
	play(s);
	AUDIO(40, FRAME, 7000);
	play(s);
	AUDIO(0, FRAME, 7000 + FRAME - 40);
	oas_stream_unref(s);
}

static void test_flush_takes_what_there_is(void)
{
	oas_stream_t *s = stream_open();

	/* The fade is longer than what is left of the old audio. */
	put(s, 2000, FRAME + 10);
	play(s);
	flush(s, 40);
	CHECK(play(s), "left the fade's frame alone");
	CHECK(frame[9] < frame[0] && frame[9] > 0, "no fade over ten samples");
	SILENCE(10, FRAME);
	CHECK(atomic_load(&s->flush_from) == (FRAME + 10) * 2, "flushed from %llu",
		  (unsigned long long) atomic_load(&s->flush_from));
	/* Longer than a frame. */
	put(s, 2000, 4 * FRAME);
	play(s);
	flush(s, 3 * FRAME);
	play(s);
	CHECK(frame[FRAME - 1] > 0 && frame[FRAME - 1] < 200, "a long fade ends at %d", frame[FRAME - 1]);
	CHECK(atomic_load(&s->flush_from) == (3 * FRAME + 10) * 2, "flushed from %llu",
		  (unsigned long long) atomic_load(&s->flush_from));
	CHECK(!play(s), "plays on after a flush");
	oas_stream_unref(s);
}

static void test_flush_of_unheard_audio(void)
{
	oas_stream_t *s = stream_open();

	/* Nothing of it was heard: not a blip of it now. */
	put(s, 2000, 2 * FRAME);
	flush(s, 40);
	CHECK(!play(s), "audio that nobody heard is faded out");
	UNTOUCHED();
	CHECK(atomic_load(&s->flush_done) == 1 && atomic_load(&s->flush_from) == 0, "flushed from %llu",
		  (unsigned long long) atomic_load(&s->flush_from));
	oas_stream_unref(s);
}

static void test_flush_while_held(void)
{
	oas_stream_t *s = stream_open();

	put(s, 2000, 3 * FRAME);
	play(s);
	atomic_store(&s->hold, 1);
	play(s);
	flush(s, 40);
	play(s);
	CHECK(atomic_load(&s->flush_from) == FRAME * 2, "held audio was faded out");
	atomic_store(&s->hold, 0);
	put(s, 100, FRAME);
	play(s);
	AUDIO(0, FRAME, 100);
	oas_stream_unref(s);
}

static void test_flush_too_late(void)
{
	oas_stream_t *s = stream_open();

	put(s, 0, FRAME);
	play(s);
	flush(s, 40);
	put(s, 500, FRAME);
	CHECK(play(s), "left the frame alone");
	AUDIO(0, FRAME, 500);
	CHECK(atomic_load(&s->flush_done) == 1 && atomic_load(&s->flush_from) == FRAME * 2, "flushed from %llu",
		  (unsigned long long) atomic_load(&s->flush_from));
	oas_stream_unref(s);
}

/* The next answer is open already when the old one is flushed. */
static void test_flush_inside_an_answer(void)
{
	oas_stream_t *s = stream_open();

	atomic_store(&s->answer_open, 1);
	put(s, 0, 2 * FRAME);
	play(s);
	flush(s, 40);
	play(s);
	CHECK(atomic_load(&s->underruns) == 0, "a flush counts as an underrun");
	play(s);
	SILENCE(0, FRAME);
	CHECK(atomic_load(&s->underruns) == 1, "no underrun after a flush");
	oas_stream_unref(s);
}

/* What this thread has not seen written it must not skip. */
static void test_flush_ahead_of_the_ring(void)
{
	oas_stream_t *s = stream_open();

	put(s, 0, FRAME);
	atomic_store(&s->flush_pos, 5 * FRAME * 2);
	atomic_store(&s->flush_seq, 1);
	CHECK(!play(s), "replaced a frame with nothing to play");
	CHECK(atomic_load(&s->agent.read_pos) == FRAME * 2, "read from beyond the ring's end");
	oas_stream_unref(s);
}

/* The first of two flushes is seen with the second one's position. */
static void test_flushes_overlap(void)
{
	oas_stream_t *s = stream_open();

	put(s, 0, 2 * FRAME);
	play(s);
	flush(s, 0);
	put(s, 1000, FRAME);
	atomic_store(&s->flush_pos, atomic_load(&s->agent.write_pos));
	play(s);
	CHECK(atomic_load(&s->flush_done) == 1 && atomic_load(&s->flush_from) == FRAME * 2, "flushed from %llu",
		  (unsigned long long) atomic_load(&s->flush_from));
	put(s, 3000, FRAME);
	play(s);
	AUDIO(0, FRAME, 3000);
	atomic_store(&s->flush_seq, 2);
	play(s);
	CHECK(atomic_load(&s->flush_done) == 2 && atomic_load(&s->flush_from) == FRAME * 2, "the second flush reports %llu",
		  (unsigned long long) atomic_load(&s->flush_from));
	oas_stream_unref(s);
}

/* A producer that writes pieces of all lengths and flushes now and then, as Go does, against a consumer at full speed.
 * Every sample that was not flushed comes out once, in order; a jump is a flush, and flush_from and flush_pos say from
 * where to where. */
#define CONTENTION_SAMPLES 3000000
#define FLUSHES_MAX 100000

static struct {
	uint64_t from, to; /* samples */
} flushes[FLUSHES_MAX];
static _Atomic uint32_t n_flushes;
static _Atomic bool produced;

static void *produce(void *arg)
{
	oas_stream_t *s = arg;
	uint32_t random = 1;
	uint64_t written = 0;

	while (written < CONTENTION_SAMPLES) {
		uint32_t n;

		random = random * 1664525u + 1013904223u;
		n = 1 + (random >> 8) % 700;
		if (random >> 28 == 0) { /* the ring turns to another window */
			oas_ring_fit(&s->agent, random >> 12 & 0x1ffff);
		}
		if (!put(s, written, n)) {
			sched_yield();
			continue;
		}
		written += n;
		if ((random >> 20) % 16 == 0 && atomic_load(&n_flushes) < FLUSHES_MAX) {
			uint32_t i = atomic_load(&n_flushes);

			/* Published before the consumer can carry it out: it checks the jump. */
			flushes[i].to = written;
			atomic_store(&n_flushes, i + 1);
			flush(s, 0);
			while (atomic_load_explicit(&s->flush_done, memory_order_acquire) != atomic_load(&s->flush_seq)) {
				sched_yield();
			}
			flushes[i].from = atomic_load(&s->flush_from) / 2;
			CHECK(flushes[i].from <= flushes[i].to, "a flush goes backwards");
		}
	}
	atomic_store(&produced, true);
	return NULL;
}

static void test_contention(void)
{
	oas_stream_t *s = stream_open();
	pthread_t producer;
	uint64_t next = 0, n_played = 0, n_skipped = 0;
	uint32_t n_seen = 0;

	pthread_create(&producer, NULL, produce, s);
	for (;;) {
		bool last = atomic_load(&produced);
		uint64_t done = atomic_load(&s->flush_done), end;
		uint32_t i = 0;

		if (!play(s) && atomic_load(&s->flush_done) == done) {
			if (last) {
				break;
			}
			sched_yield();
			continue;
		}
		if (atomic_load(&s->flush_done) != done) {
			uint64_t from = atomic_load(&s->flush_from) / 2;
			uint64_t to = flushes[n_seen++].to;

			CHECK(from == next, "flushed from %llu, but %llu was next", (unsigned long long) from,
				  (unsigned long long) next);
			n_skipped += to - next;
			next = to;
		}
		end = atomic_load(&s->agent.read_pos) / 2;
		CHECK(end - next <= FRAME, "took %llu samples for one frame", (unsigned long long) (end - next));
		for (; i < FRAME && next < end; i++, next++) {
			if (frame[i] != sample_at(next)) {
				CHECK(0, "sample %llu came out as %d", (unsigned long long) next, frame[i]);
				exit(EXIT_FAILURE);
			}
		}
		n_played += i;
	}
	pthread_join(producer, NULL);
	CHECK(n_played + n_skipped == atomic_load(&s->agent.write_pos) / 2, "played %llu and skipped %llu of %llu",
		  (unsigned long long) n_played, (unsigned long long) n_skipped,
		  (unsigned long long) atomic_load(&s->agent.write_pos) / 2);
	CHECK(n_seen == atomic_load(&s->flush_done) && n_seen > 100, "saw %u flushes", n_seen);
	oas_stream_unref(s);
}

int main(void)
{
	test_flush_fades();
	test_flush_is_followed_by_new_audio();
	test_flush_takes_what_there_is();
	test_flush_of_unheard_audio();
	test_flush_while_held();
	test_flush_too_late();
	test_flush_inside_an_answer();
	test_flush_ahead_of_the_ring();
	test_flushes_overlap();
	test_contention();
	return check_exit();
}
