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
static uint32_t flush(oas_play_t *p, oas_stream_t *s, uint64_t seq, int16_t *mono, uint32_t n_samples, bool may_fade)
{
	uint64_t pos = atomic_load_explicit(&s->agent.read_pos, memory_order_relaxed);
	uint64_t flush_pos = atomic_load_explicit(&s->flush_pos, memory_order_relaxed);
	uint32_t n_fade = 0;

	/* Two flushes close together: the first one's flush_seq may come with the second one's flush_pos. Then both are
	 * carried out at once, and the second one's own turn must not report a later position. */
	if (flush_pos != p->flush_pos) {
		/* For the same reason flush_pos may be ahead of what this thread sees written. */
		uint64_t skip_to = min_u64(flush_pos, pos + oas_ring_readable(&s->agent));

		if (skip_to > pos) {
			if (may_fade && p->live) {
				n_fade = (uint32_t) min_u64(atomic_load_explicit(&s->flush_fade, memory_order_relaxed),
											min_u64((skip_to - pos) / sizeof(int16_t), n_samples));
			}
			oas_ring_get(&s->agent, pos, mono, BYTES(n_fade));
			for (uint32_t i = 0; i < n_fade; i++) {
				mono[i] = scale(mono[i], n_fade - i, n_fade + 1);
			}
			oas_ring_advance(&s->agent, skip_to);
			p->live = false;
			p->ramp = 0;
			p->dry = false;
		}
		p->flush_pos = flush_pos;
		atomic_store_explicit(&s->flush_from, pos + BYTES(n_fade), memory_order_relaxed);
	}
	/* Publishes flush_from to Go's acquire load of flush_done. */
	atomic_store_explicit(&s->flush_done, seq, memory_order_release);
	return n_fade;
}

/* Move n samples from the ring to mono, fading in after a pause. */
static void take(oas_play_t *p, oas_stream_t *s, int16_t *mono, uint32_t n, uint32_t rate_hz)
{
	uint64_t pos = atomic_load_explicit(&s->agent.read_pos, memory_order_relaxed);
	uint32_t whole = rate_hz * OAS_PLAY_RAMP_MS / 1000 + 1;

	oas_ring_get(&s->agent, pos, mono, BYTES(n));
	oas_ring_advance(&s->agent, pos + BYTES(n));
	for (uint32_t i = 0; i < n && p->ramp > 0; i++, p->ramp--) {
		mono[i] = scale(mono[i], p->ramp < whole ? whole - p->ramp : 1, whole);
	}
	p->last = mono[n - 1];
	p->live = true;
	p->dry = false;
	p->tail = 0; /* if a decay had not ended, it is too late for it */
}

/* Put what is left of the decay into silence. */
static void add_tail(oas_play_t *p, int16_t *mono, uint32_t n_samples, uint32_t rate_hz)
{
	uint32_t whole = rate_hz * OAS_PLAY_TAIL_MS / 1000 + 1;

	for (uint32_t i = 0; i < n_samples && p->tail > 0; i++, p->tail--) {
		mono[i] = scale(p->last, p->tail < whole ? p->tail : whole, whole);
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

/* Silence into mono, beginning with the decay if agent audio was heard until now. */
static void fall_silent(oas_play_t *p, int16_t *mono, uint32_t n_samples, uint32_t rate_hz, bool goes_on)
{
	memset(mono, 0, BYTES(n_samples));
	if (p->live) {
		p->live = false;
		p->tail = rate_hz * OAS_PLAY_TAIL_MS / 1000;
		p->ramp = goes_on ? rate_hz * OAS_PLAY_RAMP_MS / 1000 : 0;
	}
	add_tail(p, mono, n_samples, rate_hz);
}

bool oas_play(oas_play_t *p, oas_stream_t *s, int16_t *frame, uint32_t n_samples, uint32_t n_channels, uint32_t rate_hz,
			  bool sent)
{
	/* Acquire, each, pairs with Go's stores of these words: the ring is looked at after them, so that an answer which
	 * has just closed is not found closed and its end missing. */
	uint32_t agent_rate_hz = atomic_load_explicit(&s->agent_rate_hz, memory_order_acquire);
	bool open = atomic_load_explicit(&s->answer_open, memory_order_acquire) != 0;
	bool held = atomic_load_explicit(&s->hold, memory_order_acquire) != 0;
	bool fits = agent_rate_hz == rate_hz;
	/* Pairs with Go's release: flush_pos and flush_fade belong to this flush_seq or to a later one. */
	uint64_t seq = atomic_load_explicit(&s->flush_seq, memory_order_acquire);
	bool flushed = seq != atomic_load_explicit(&s->flush_done, memory_order_relaxed);
	uint32_t at = flushed ? flush(p, s, seq, frame, n_samples, fits && sent) : 0;
	uint64_t queued = oas_ring_readable(&s->agent) / sizeof(int16_t);
	uint32_t n, n_silent;

	if (n_samples == 0) {
		return false;
	}
	if (!sent) {
		p->ramp = p->live ? rate_hz * OAS_PLAY_RAMP_MS / 1000 : p->ramp;
		p->live = false;
		p->tail = 0;
		return false;
	}
	if (at == 0 && queued == 0 && !open) {
		*p = (oas_play_t){.flush_pos = p->flush_pos};
		return false;
	}
	if (held && at == 0 && !p->live && p->tail == 0) {
		return false;
	}
	n = held || !fits ? 0 : (uint32_t) min_u64(queued, n_samples - at);
	n_silent = n_samples - at - n;
	if (n > 0) {
		take(p, s, frame + at, n, rate_hz);
	}
	if (n_silent > 0) {
		fall_silent(p, frame + at + n, n_silent, rate_hz, open || held || !fits);
	}
	if (n_silent > 0 && open && !held && fits && !flushed) {
		if (!p->dry) {
			p->dry = true;
			atomic_fetch_add_explicit(&s->underruns, 1, memory_order_relaxed);
		}
		atomic_fetch_add_explicit(&s->underrun_us, (uint64_t) n_silent * 1000000 / rate_hz, memory_order_relaxed);
	}
	spread(frame, n_samples, n_channels);
	return true;
}
