/* SPDX-License-Identifier: MIT
 *
 * The consumer of the agent ring: puts agent audio into the frames that a channel writes.
 *
 * Write-side media thread only. Wait-free: no lock, no allocation, no system call, no log. It knows nothing of
 * FreeSWITCH.
 *
 * Rules, in this order:
 *
 * 1. Flush. When flush_seq has moved, what lies before flush_pos is skipped. If the channel was just hearing agent
 *    audio, min(flush_fade, what lies before flush_pos, the frame) samples of it are played first, fading to zero.
 *    flush_from becomes the position up to which old audio was given, then flush_done becomes flush_seq. A flush_pos
 *    that is not ahead of the read position skips nothing, and flush_from is the read position. A flush_pos that was
 *    carried out already changes nothing. A flush is carried out in every state, without its fade when the agent
 *    audio's rate is not the channel's or the frame is not sent.
 * 2. Not sent. A frame that the channel will not send is left alone and nothing is consumed: what was not sent was not
 *    heard.
 * 3. Held. While hold is set nothing is consumed. Once the decay (below) is over, the frame is left alone, so that what
 *    others write is heard.
 * 4. Other rate. While agent_rate_hz is not the channel's rate nothing is consumed, and the frame is silent if
 * something is queued or an answer is open.
 * 5. Play. What is queued goes into the frame, each sample once, in order. If it does not fill the frame, the rest is
 *    silence.
 * 6. Dry. With nothing queued and an answer open, the frame is silent. The first such sample of a dry spell counts one
 *    underrun, its length counts in underrun_us; none does while a flush is carried out.
 * 7. With nothing queued and no answer open, the frame is left alone.
 *
 * Edges do not click. Where agent audio stops and silence of ours follows (rules 3 to 6), the silence begins with a
 * linear decay of OAS_PLAY_TAIL_MS from the last sample; the real samples are not altered. Where audio goes on after
 * such a pause inside an answer, or after frames that were not sent, its first OAS_PLAY_RAMP_MS fade in. An answer's
 * own first and last samples are played as they are.
 */
#ifndef OAS_PLAY_H
#define OAS_PLAY_H

#include "oas_stream.h"

#define OAS_PLAY_TAIL_MS 3
#define OAS_PLAY_RAMP_MS 2

/* What the consumer remembers from frame to frame. Zeroed for a new stream. Plain words: one write-side thread at a
 * time uses them. */
typedef struct oas_play {
	uint64_t flush_pos; /* of the last flush carried out */
	int16_t last;       /* last sample of agent audio given to the channel: where a decay starts */
	uint32_t tail;      /* samples of that decay left */
	uint32_t ramp;      /* samples of fade-in left after a pause inside an answer */
	bool live;          /* the last frame ended in agent audio */
	bool dry;           /* the ring is dry inside an answer and has been counted */
} oas_play_t;

/* Fill frame, n_samples of n_channels interleaved at rate_hz, with agent audio; mono is copied to every channel. The
 * frame's old content is not looked at. sent tells whether the channel will send the frame. Returns true if all of the
 * frame was written, false if none of it was: the channel's own audio goes out. */
bool oas_play(oas_play_t *play, oas_stream_t *stream, int16_t *frame, uint32_t n_samples, uint32_t n_channels,
			  uint32_t rate_hz, bool sent);

#endif
