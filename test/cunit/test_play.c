/* SPDX-License-Identifier: MIT
 *
 * The playback consumer, rule by rule (oas_play.h), and against a producer that flushes at any moment.
 */
#include <pthread.h>

#include "check.h"
#include "oas_play.h"

#define RATE 8000
#define FRAME 160
#define TAIL (RATE * OAS_PLAY_TAIL_MS / 1000)
#define RAMP (RATE * OAS_PLAY_RAMP_MS / 1000)
#define MICROSECONDS(n_samples) ((n_samples) * UINT64_C(1000000) / RATE)
#define MARK 12345 /* what the channel would have sent without us */

static oas_doorbell_t bell = {.fd = -1};
static int16_t frame[FRAME * 2];
static oas_play_t state; /* of the one stream that a test has */

static oas_stream_t *stream_open(void)
{
	oas_stream_t *s = oas_stream_new(&bell, "test", OAS_MIX_MONO);

	if (!s) {
		abort();
	}
	atomic_store(&s->agent_rate_hz, RATE);
	state = (oas_play_t){0};
	return s;
}

/* The sample at a position of the agent audio: never 0, never MARK, and told from its neighbours. */
static int16_t sample_at(uint64_t i)
{
	return (int16_t) (i % 12000 + 1);
}

static bool put(oas_stream_t *s, uint64_t first, uint32_t n)
{
	int16_t pcm[4096];

	for (uint32_t i = 0; i < n; i++) {
		pcm[i] = sample_at(first + i);
	}
	return oas_ring_write(&s->agent, NULL, 0, pcm, n * sizeof(int16_t));
}

static void flush(oas_stream_t *s, uint32_t fade)
{
	atomic_store(&s->flush_fade, fade);
	atomic_store(&s->flush_pos, atomic_load(&s->agent.write_pos));
	atomic_store(&s->flush_seq, atomic_load(&s->flush_seq) + 1);
}

static void mark(void)
{
	for (uint32_t i = 0; i < FRAME * 2; i++) {
		frame[i] = MARK;
	}
}

static bool play_at(oas_stream_t *s, uint32_t n_channels, uint32_t rate_hz)
{
	mark();
	return oas_play(&state, s, frame, FRAME, n_channels, rate_hz, true);
}

/* A frame that the channel will not send. */
static bool play_unsent(oas_stream_t *s)
{
	mark();
	return oas_play(&state, s, frame, FRAME, 1, RATE, false);
}

static bool play(oas_stream_t *s)
{
	return play_at(s, 1, RATE);
}

static void expect_audio(int line, uint32_t from, uint32_t to, uint64_t first)
{
	for (uint32_t i = from; i < to; i++) {
		if (frame[i] != sample_at(first + i - from)) {
			check_at(__FILE__, line, 0, "sample %u is %d, not %d", i, frame[i], sample_at(first + i - from));
			return;
		}
	}
}

static void expect_silence(int line, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		if (frame[i] != 0) {
			check_at(__FILE__, line, 0, "sample %u is %d, not silence", i, frame[i]);
			return;
		}
	}
}

static void expect_untouched(int line)
{
	for (uint32_t i = 0; i < FRAME; i++) {
		if (frame[i] != MARK) {
			check_at(__FILE__, line, 0, "sample %u was touched: %d", i, frame[i]);
			return;
		}
	}
}

/* From last, down to nothing, in equal steps, within TAIL samples. */
static void expect_decay(int line, uint32_t from, int16_t last)
{
	int16_t before = last;

	for (uint32_t i = from; i < from + TAIL && i < FRAME; i++) {
		check_at(__FILE__, line, frame[i] <= before && before - frame[i] <= last / TAIL + 1,
				 "the decay steps from %d to %d at sample %u", before, frame[i], i);
		before = frame[i];
	}
	check_at(__FILE__, line, before <= last / TAIL + 1, "the decay ends at %d", before);
}

#define AUDIO(from, to, first) expect_audio(__LINE__, from, to, first)
#define SILENCE(from, to) expect_silence(__LINE__, from, to)
#define UNTOUCHED() expect_untouched(__LINE__)
#define DECAY(from, last) expect_decay(__LINE__, from, last)

static void test_nothing(void)
{
	oas_stream_t *s = stream_open();

	CHECK(!play(s), "replaced a frame with nothing to play");
	UNTOUCHED();
	atomic_store(&s->hold, 1);
	CHECK(!play(s), "replaced a frame while holding nothing");
	atomic_store(&s->agent_rate_hz, 0);
	CHECK(!play(s), "replaced a frame without a rate");
	UNTOUCHED();
	CHECK(!oas_play(&state, s, frame, 0, 1, RATE, true), "replaced an empty frame");
	oas_stream_unref(s);
}

static void test_whole_frames(void)
{
	oas_stream_t *s = stream_open();

	put(s, 0, 3 * FRAME);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK(play(s), "left a frame alone");
		AUDIO(0, FRAME, i * FRAME);
	}
	CHECK(!play(s), "played more than there was");
	UNTOUCHED();
	CHECK(atomic_load(&s->agent.read_pos) == 3 * FRAME * 2, "the position is wrong");
	CHECK(atomic_load(&s->underruns) == 0, "an answer's end counts as an underrun");
	oas_stream_unref(s);
}

static void test_answer_ends_inside_a_frame(void)
{
	oas_stream_t *s = stream_open();

	put(s, 0, FRAME + 50);
	play(s);
	CHECK(play(s), "left the last piece alone");
	AUDIO(0, 50, FRAME);
	DECAY(50, sample_at(FRAME + 49));
	SILENCE(50 + TAIL, FRAME);
	CHECK(!play(s), "a decay outlived its frame");
	CHECK(atomic_load(&s->underruns) == 0 && atomic_load(&s->underrun_us) == 0, "counted an underrun");
	/* The next answer is not faded in, whether its first frame is the next one or a later one. */
	put(s, 1000, FRAME + 50);
	play(s);
	AUDIO(0, FRAME, 1000);
	play(s);
	put(s, 1000, FRAME);
	play(s);
	AUDIO(0, FRAME, 1000);
	oas_stream_unref(s);
}

static void test_underrun(void)
{
	oas_stream_t *s = stream_open();

	atomic_store(&s->answer_open, 1);
	put(s, 5000, 100);
	CHECK(play(s), "left the frame alone");
	AUDIO(0, 100, 5000);
	DECAY(100, sample_at(5099));
	SILENCE(100 + TAIL, FRAME);
	CHECK(atomic_load(&s->underruns) == 1 && atomic_load(&s->underrun_us) == MICROSECONDS(60), "counted %llu of %llu us",
		  (unsigned long long) atomic_load(&s->underruns), (unsigned long long) atomic_load(&s->underrun_us));
	CHECK(play(s), "left a frame alone inside an answer");
	SILENCE(0, FRAME);
	CHECK(atomic_load(&s->underruns) == 1 && atomic_load(&s->underrun_us) == MICROSECONDS(60 + FRAME),
		  "a dry spell counts once, and all of its samples");
	put(s, 5100, 2 * FRAME);
	play(s);
	for (uint32_t i = 0; i < RAMP; i++) {
		CHECK(frame[i] > 0 && frame[i] < sample_at(5100 + i), "sample %u is not faded in: %d", i, frame[i]);
		CHECK(i == 0 || frame[i] > frame[i - 1], "the fade-in does not rise at sample %u", i);
	}
	AUDIO(RAMP, FRAME, 5100 + RAMP);
	play(s);
	AUDIO(0, FRAME, 5100 + FRAME);
	CHECK(atomic_load(&s->underruns) == 1, "counted an underrun while there was audio");
	/* Dry again at a frame's edge: a second spell, and its silence begins with the decay. */
	CHECK(play(s), "left a frame alone inside an answer");
	DECAY(0, sample_at(5100 + 2 * FRAME - 1));
	CHECK(atomic_load(&s->underruns) == 2, "missed a dry spell");
	/* The answer closes while dry. */
	atomic_store(&s->answer_open, 0);
	CHECK(!play(s), "goes on after the answer");
	put(s, 0, FRAME);
	play(s);
	AUDIO(0, FRAME, 0);
	oas_stream_unref(s);
}

/* Two samples before a frame's end the decay has no room: it goes on in the next frame's silence. */
static void test_decay_over_the_edge(void)
{
	oas_stream_t *s = stream_open();

	atomic_store(&s->answer_open, 1);
	put(s, 9000, FRAME - 2);
	play(s);
	CHECK(frame[FRAME - 1] > 0 && frame[FRAME - 1] < frame[FRAME - 2] && frame[FRAME - 2] < sample_at(9000 + FRAME - 3),
		  "no decay");
	play(s);
	CHECK(frame[0] > 0 && frame[TAIL - 3] > 0, "the decay stops at the frame's edge");
	SILENCE(TAIL - 2, FRAME);
	oas_stream_unref(s);
}

static void test_hold(void)
{
	oas_stream_t *s = stream_open();

	put(s, 3000, 3 * FRAME);
	play(s);
	atomic_store(&s->hold, 1);
	CHECK(play(s), "held audio leaves the frame alone");
	DECAY(0, sample_at(3000 + FRAME - 1));
	SILENCE(TAIL, FRAME);
	CHECK(!play(s), "silences others while holding");
	UNTOUCHED();
	CHECK(atomic_load(&s->agent.read_pos) == FRAME * 2, "consumed while holding");
	atomic_store(&s->hold, 0);
	play(s);
	CHECK(frame[0] < sample_at(3000 + FRAME), "not faded in after hold");
	AUDIO(RAMP, FRAME, 3000 + FRAME + RAMP);
	play(s);
	atomic_store(&s->answer_open, 1);
	atomic_store(&s->hold, 1);
	CHECK(play(s), "no decay in an open answer");
	SILENCE(TAIL, FRAME);
	CHECK(!play(s), "silences others in an open answer");
	UNTOUCHED();
	CHECK(atomic_load(&s->underruns) == 0, "hold counts as an underrun");
	oas_stream_unref(s);
}

/* What the channel does not send was not heard: it is kept, and goes on afterwards where it was. */
static void test_not_sent(void)
{
	oas_stream_t *s = stream_open();

	put(s, 3000, 3 * FRAME);
	play(s);
	for (int i = 0; i < 3; i++) {
		CHECK(!play_unsent(s), "wrote a frame that is not sent");
		UNTOUCHED();
	}
	CHECK(atomic_load(&s->agent.read_pos) == FRAME * 2, "consumed what was not sent");
	CHECK(play(s), "does not go on");
	CHECK(frame[0] > 0 && frame[0] < sample_at(3000 + FRAME), "not faded in");
	AUDIO(RAMP, FRAME, 3000 + FRAME + RAMP);
	play(s);
	AUDIO(0, FRAME, 3000 + 2 * FRAME);
	/* Nor is an empty ring an underrun while nothing is sent. */
	atomic_store(&s->answer_open, 1);
	CHECK(!play_unsent(s) && atomic_load(&s->underruns) == 0, "an underrun that nobody hears");
	atomic_store(&s->answer_open, 0);
	/* A flush is carried out, without a sample played. */
	put(s, 100, 2 * FRAME);
	flush(s, 40);
	CHECK(!play_unsent(s), "faded what is not sent");
	CHECK(atomic_load(&s->flush_done) == 1 && atomic_load(&s->flush_from) == 3 * FRAME * 2, "flushed from %llu",
		  (unsigned long long) atomic_load(&s->flush_from));
	CHECK(!oas_ring_pending(&s->agent), "something survived the flush");
	oas_stream_unref(s);
}

/* An answer of which nothing was sent yet begins as it is. */
static void test_not_sent_before_the_start(void)
{
	oas_stream_t *s = stream_open();

	put(s, 3000, FRAME);
	CHECK(!play_unsent(s), "wrote a frame that is not sent");
	play(s);
	AUDIO(0, FRAME, 3000);
	oas_stream_unref(s);
}

static void test_rate_mismatch(void)
{
	oas_stream_t *s = stream_open();

	put(s, 0, 2 * FRAME);
	CHECK(play_at(s, 1, 16000), "queued audio of another rate leaves the frame alone");
	SILENCE(0, FRAME);
	CHECK(atomic_load(&s->agent.read_pos) == 0, "consumed audio of another rate");
	play(s);
	flush(s, 40);
	CHECK(!play_at(s, 1, 16000), "faded audio of another rate");
	CHECK(atomic_load(&s->flush_done) == 1 && atomic_load(&s->flush_from) == FRAME * 2,
		  "the flush was not carried out");
	CHECK(!oas_ring_pending(&s->agent), "something survived the flush");
	oas_stream_unref(s);
}

static void test_stereo(void)
{
	oas_stream_t *s = stream_open();

	put(s, 0, FRAME + 10);
	play_at(s, 2, RATE);
	for (uint32_t i = 0; i < FRAME; i++) {
		CHECK(frame[2 * i] == sample_at(i) && frame[2 * i + 1] == sample_at(i), "sample %u is %d|%d", i, frame[2 * i],
			  frame[2 * i + 1]);
	}
	play_at(s, 2, RATE);
	CHECK(frame[18] == sample_at(FRAME + 9) && frame[19] == frame[18], "the last sample is %d|%d", frame[18],
		  frame[19]);
	CHECK(frame[2 * FRAME - 2] == 0 && frame[2 * FRAME - 1] == 0, "the rest is not silent");
	oas_stream_unref(s);
}

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

/* Whatever the lengths of pieces and frames: what goes in comes out, once and in order. */
static void test_lengths(void)
{
	static const uint32_t rates[] = {8000, 16000, 24000, 44100, 48000};
	static const uint32_t lengths_ms[] = {10, 20, 30, 40, 60};
	static int16_t out[48 * 60];

	for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		for (size_t l = 0; l < sizeof(lengths_ms) / sizeof(lengths_ms[0]); l++) {
			oas_stream_t *s = stream_open();
			uint32_t n_frame = rates[r] * lengths_ms[l] / 1000;
			uint64_t written = 0, next = 0;

			atomic_store(&s->agent_rate_hz, rates[r]);
			for (uint32_t piece = 1; written < 20000; piece = (piece * 7 + 3) % 3000 + 1) {
				put(s, written, piece);
				written += piece;
				while (oas_ring_readable(&s->agent) >= n_frame * 2) {
					CHECK(oas_play(&state, s, out, n_frame, 1, rates[r], true), "left a frame alone");
					for (uint32_t i = 0; i < n_frame; i++, next++) {
						CHECK(out[i] == sample_at(next), "%u Hz, %u ms: sample %llu is %d", rates[r], lengths_ms[l],
							  (unsigned long long) next, out[i]);
					}
				}
			}
			oas_stream_unref(s);
		}
	}
}

int main(void)
{
	test_nothing();
	test_whole_frames();
	test_answer_ends_inside_a_frame();
	test_underrun();
	test_decay_over_the_edge();
	test_hold();
	test_not_sent();
	test_not_sent_before_the_start();
	test_rate_mismatch();
	test_stereo();
	test_flush_fades();
	test_flush_is_followed_by_new_audio();
	test_flush_takes_what_there_is();
	test_flush_of_unheard_audio();
	test_flush_while_held();
	test_flush_too_late();
	test_flush_inside_an_answer();
	test_flush_ahead_of_the_ring();
	test_flushes_overlap();
	test_lengths();
	test_contention();
	return check_exit();
}
