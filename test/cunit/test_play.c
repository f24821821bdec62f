/* SPDX-License-Identifier: MIT
 *
 * The playback consumer, rule by rule (oas_play.h). Its flush: test_play_flush.c.
 */
#include "play_fixture.h"

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
	CHECK(atomic_load(&s->underruns) == 1 && atomic_load(&s->underrun_us) == MICROSECONDS(60),
		  "counted %llu of %llu us", (unsigned long long) atomic_load(&s->underruns),
		  (unsigned long long) atomic_load(&s->underrun_us));
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
	test_lengths();
	return check_exit();
}
