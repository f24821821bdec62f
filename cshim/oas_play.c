/* SPDX-License-Identifier: MIT */
#include "oas_play.h"

#define BYTES(n_samples) ((uint64_t) (n_samples) * sizeof(int16_t))

/* sample * part / whole, for a part not above whole. */
static int16_t scale(int16_t sample, uint32_t part, uint32_t whole)
{
	return (int16_t) ((int64_t) sample * part / whole);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Carry out a flush: play the fade into mono, skip the rest. Returns the samples played. */
static uint32_t flush(oas_stream_t *s, uint64_t seq, int16_t *mono, uint32_t n_samples, bool may_fade)
{
	uint64_t pos = atomic_load_explicit(&s->agent.read_pos, memory_order_relaxed);
	uint64_t flush_pos = atomic_load_explicit(&s->flush_pos, memory_order_relaxed);
	uint32_t n_fade = 0;

	/* Two flushes close together: the first one's flush_seq may come with the second one's flush_pos. Then both are
	 * carried out at once, and the second one's own turn must not report a later position. */
	if (flush_pos != s->play_flush_pos) {
		/* For the same reason flush_pos may be ahead of what this thread sees written. */
		uint64_t skip_to = min_u64(flush_pos, pos + oas_ring_readable(&s->agent));

		if (skip_to > pos) {
			if (may_fade && s->play_live) {
				n_fade = (uint32_t) min_u64(atomic_load_explicit(&s->flush_fade, memory_order_relaxed),
											min_u64((skip_to - pos) / sizeof(int16_t), n_samples));
			}
			oas_ring_get(&s->agent, pos, mono, BYTES(n_fade));
			for (uint32_t i = 0; i < n_fade; i++) {
				mono[i] = scale(mono[i], n_fade - i, n_fade + 1);
			}
			oas_ring_advance(&s->agent, skip_to);
			s->play_live = 0;
			s->play_ramp = 0;
			s->play_dry = 0;
		}
		s->play_flush_pos = flush_pos;
		atomic_store_explicit(&s->flush_from, pos + BYTES(n_fade), memory_order_relaxed);
	}
	/* Publishes flush_from to Go's acquire load of flush_done. */
	atomic_store_explicit(&s->flush_done, seq, memory_order_release);
	return n_fade;
}

/* Move n samples from the ring to mono, fading in after a pause. */
static void take(oas_stream_t *s, int16_t *mono, uint32_t n, uint32_t rate_hz)
{
	uint64_t pos = atomic_load_explicit(&s->agent.read_pos, memory_order_relaxed);
	uint32_t whole = rate_hz * OAS_PLAY_RAMP_MS / 1000 + 1;

	oas_ring_get(&s->agent, pos, mono, BYTES(n));
	oas_ring_advance(&s->agent, pos + BYTES(n));
	for (uint32_t i = 0; i < n && s->play_ramp > 0; i++, s->play_ramp--) {
		mono[i] = scale(mono[i], s->play_ramp < whole ? whole - s->play_ramp : 1, whole);
	}
	s->play_last = mono[n - 1];
	s->play_live = 1;
	s->play_dry = 0;
	s->play_tail = 0; /* if a decay had not ended, it is too late for it */
}

/* Put what is left of the decay into silence. */
static void add_tail(oas_stream_t *s, int16_t *mono, uint32_t n_samples, uint32_t rate_hz)
{
	uint32_t whole = rate_hz * OAS_PLAY_TAIL_MS / 1000 + 1;

	for (uint32_t i = 0; i < n_samples && s->play_tail > 0; i++, s->play_tail--) {
		mono[i] = scale(s->play_last, s->play_tail < whole ? s->play_tail : whole, whole);
	}
}

/* Copy mono, which fills the frame's first samples, to every channel. */
static void spread(int16_t *frame, uint32_t n_samples, uint32_t n_channels)
{
	/* From the end, so that no sample is overwritten before it was copied. */
	for (uint32_t i = n_samples; n_channels > 1 && i-- > 0;) {
		for (uint32_t c = n_channels; c-- > 0;) {
			frame[(size_t) i * n_channels + c] = frame[i];
		}
	}
}

bool oas_play(oas_stream_t *s, int16_t *frame, uint32_t n_samples, uint32_t n_channels, uint32_t rate_hz)
{
	/* Acquire, each, pairs with Go's stores of these words: the ring is looked at after them, so that an answer which
	 * has just closed is not found closed and its end missing. */
	uint32_t agent_rate_hz = atomic_load_explicit(&s->agent_rate_hz, memory_order_acquire);
	bool open = atomic_load_explicit(&s->answer_open, memory_order_acquire) != 0;
	bool still = agent_rate_hz != rate_hz || atomic_load_explicit(&s->hold, memory_order_acquire) != 0;
	/* Pairs with Go's release: flush_pos and flush_fade belong to this flush_seq or to a later one. */
	uint64_t seq = atomic_load_explicit(&s->flush_seq, memory_order_acquire);
	bool flushed = seq != atomic_load_explicit(&s->flush_done, memory_order_relaxed);
	uint32_t at = flushed ? flush(s, seq, frame, n_samples, agent_rate_hz == rate_hz) : 0;
	uint64_t queued = oas_ring_readable(&s->agent) / sizeof(int16_t);
	uint32_t n, n_silent;

	if (n_samples == 0) {
		return false;
	}
	if (at == 0 && queued == 0 && !open) {
		s->play_live = 0;
		s->play_tail = 0;
		s->play_ramp = 0;
		s->play_dry = 0;
		return false;
	}
	n = still ? 0 : (uint32_t) min_u64(queued, n_samples - at);
	n_silent = n_samples - at - n;
	if (n > 0) {
		take(s, frame + at, n, rate_hz);
	}
	if (n_silent > 0) {
		memset(frame + at + n, 0, BYTES(n_silent));
		if (s->play_live) {
			s->play_live = 0;
			s->play_tail = rate_hz * OAS_PLAY_TAIL_MS / 1000;
			s->play_ramp = open || still ? rate_hz * OAS_PLAY_RAMP_MS / 1000 : 0;
		}
		add_tail(s, frame + at + n, n_silent, rate_hz);
	}
	if (n_silent > 0 && open && !still && !flushed) {
		if (!s->play_dry) {
			s->play_dry = 1;
			atomic_fetch_add_explicit(&s->underruns, 1, memory_order_relaxed);
		}
		atomic_fetch_add_explicit(&s->underrun_samples, n_silent, memory_order_relaxed);
	}
	spread(frame, n_samples, n_channels);
	return true;
}
