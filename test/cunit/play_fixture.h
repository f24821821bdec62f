/* SPDX-License-Identifier: MIT
 *
 * What the tests of the playback consumer share: a stream with known audio, a frame, and what is expected of it.
 */
#ifndef PLAY_FIXTURE_H
#define PLAY_FIXTURE_H

#include "check.h"
#include "oas_play.h"

#define RATE 8000
#define FRAME 160
#define TAIL (RATE * OAS_PLAY_TAIL_MS / 1000)
#define RAMP (RATE * OAS_PLAY_RAMP_MS / 1000)
#define MICROSECONDS(n_samples) ((n_samples) *UINT64_C(1000000) / RATE)
#define MARK 12345 /* what the channel would have sent without us */

static oas_doorbell_t bell = {.fd = -1};
static int16_t frame[FRAME * 2];
static oas_play_t state; /* of the one stream that a test has */

static inline oas_stream_t *stream_open(void)
{
	oas_stream_t *s = oas_stream_new(&bell, 0, "test", OAS_MIX_MONO);

	if (!s) {
		abort();
	}
	atomic_store(&s->agent_rate_hz, RATE);
	state = (oas_play_t){0};
	return s;
}

/* The sample at a position of the agent audio: never 0, never MARK, and told from its neighbours. */
static inline int16_t sample_at(uint64_t i)
{
	return (int16_t) (i % 12000 + 1);
}

static inline bool put(oas_stream_t *s, uint64_t first, uint32_t n)
{
	int16_t pcm[4096];

	for (uint32_t i = 0; i < n; i++) {
		pcm[i] = sample_at(first + i);
	}
	return oas_ring_write(&s->agent, NULL, 0, pcm, n * sizeof(int16_t));
}

static inline void flush(oas_stream_t *s, uint32_t fade)
{
	atomic_store(&s->flush_fade, fade);
	atomic_store(&s->flush_pos, atomic_load(&s->agent.write_pos));
	atomic_store(&s->flush_seq, atomic_load(&s->flush_seq) + 1);
}

static inline void mark(void)
{
	for (uint32_t i = 0; i < FRAME * 2; i++) {
		frame[i] = MARK;
	}
}

static inline bool play_at(oas_stream_t *s, uint32_t n_channels, uint32_t rate_hz)
{
	mark();
	return oas_play(&state, s, frame, FRAME, n_channels, rate_hz, true);
}

/* A frame that the channel will not send. */
static inline bool play_unsent(oas_stream_t *s)
{
	mark();
	return oas_play(&state, s, frame, FRAME, 1, RATE, false);
}

static inline bool play(oas_stream_t *s)
{
	return play_at(s, 1, RATE);
}

static inline void expect_audio(int line, uint32_t from, uint32_t to, uint64_t first)
{
	for (uint32_t i = from; i < to; i++) {
		if (frame[i] != sample_at(first + i - from)) {
			check_at(__FILE__, line, 0, "sample %u is %d, not %d", i, frame[i], sample_at(first + i - from));
			return;
		}
	}
}

static inline void expect_silence(int line, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		if (frame[i] != 0) {
			check_at(__FILE__, line, 0, "sample %u is %d, not silence", i, frame[i]);
			return;
		}
	}
}

static inline void expect_untouched(int line)
{
	for (uint32_t i = 0; i < FRAME; i++) {
		if (frame[i] != MARK) {
			check_at(__FILE__, line, 0, "sample %u was touched: %d", i, frame[i]);
			return;
		}
	}
}

/* From last, down to nothing, in equal steps, within TAIL samples. */
static inline void expect_decay(int line, uint32_t from, int16_t last)
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

#endif
