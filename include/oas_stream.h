/* SPDX-License-Identifier: MIT
 *
 * The block that C and Go share for one stream: the audio rings, the control words, the counters.
 *
 * It is malloc'ed and mapped, never taken from a session's pool, and holds one reference for each side, so it outlives
 * the channel: whichever side lets go last frees it. The fields are grouped by who stores to them; the other side only
 * loads. Every field that both sides touch is atomic. Where no order is named, relaxed is enough: the word carries no
 * other data with it.
 */
#ifndef OAS_STREAM_H
#define OAS_STREAM_H

#include <sys/mman.h>

#include "oas_doorbell.h"
#include "oas_keys.h"
#include "oas_ring.h"

/* A FreeSWITCH uuid has 36 characters; a user may set a longer one (origination_uuid). */
#define OAS_UUID_MAX 256

/* What stands before each frame's samples in a caller or callee ring. */
typedef struct oas_frame_head {
	uint32_t len_bytes; /* of the samples that follow */
	uint32_t rate_hz;
	uint32_t n_channels; /* 1, or 2 interleaved */
} oas_frame_head_t;

/* Which audio of the channel is captured. */
typedef enum oas_mix {
	OAS_MIX_MONO = 0,   /* the caller */
	OAS_MIX_MIXED = 1,  /* caller and callee, added up */
	OAS_MIX_STEREO = 2, /* caller left, callee right */
} oas_mix_t;

/* What a call's record (CDR) is told when it ends; Go stores (stream.Totals), the shim adds up the streams of a channel
 * and sets each as the variable openai_audio_stream_<name>. V(NAME, name); those in _AVG are averages over the answered
 * turns. */
#define OAS_TOTALS(V) \
	V(TURNS, turns) \
	V(ANSWERED_TURNS, answered_turns) \
	V(INTERRUPTIONS, interruptions) \
	V(INPUT_TOKENS, input_tokens) \
	V(OUTPUT_TOKENS, output_tokens) \
	V(CACHED_TOKENS, cached_tokens) \
	V(AUDIO_IN_MS, audio_in_ms) \
	V(AUDIO_OUT_MS, audio_out_ms) \
	V(LATENCY_MS_AVG, latency_ms_avg) \
	V(RESPONSE_MS_AVG, response_ms_avg) \
	V(RECONNECTS, reconnects)

#define OAS_TOTAL_NUMBER(NAME, name) OAS_TOTAL_##NAME,

typedef enum oas_total { OAS_TOTALS(OAS_TOTAL_NUMBER) OAS_TOTAL_COUNT } oas_total_t;

/* Bytes of the texts that tell how a stream ended, with their NUL. */
#define OAS_END_REASON_MAX 32
#define OAS_END_ERROR_MAX 256

/* Whether Go has ended the stream. */
typedef enum oas_ended {
	OAS_ENDED_NOT = 0,
	OAS_ENDED_STAYS = 1, /* and the call goes on where it is */
	OAS_ENDED_MOVES = 2, /* and the call is about to go elsewhere: the dialplan's next line is not for it */
} oas_ended_t;

/* What has been written to a channel: the bug notes it under the session's codec_write_mutex, the pacer decides by it.
 * The shim's alone. */
typedef struct oas_writes {
	_Atomic uint32_t frame_ms;          /* length of a frame of the channel's write codec */
	_Atomic uint32_t foreign_frame_ms;  /* of the last frame of others; 0 = none seen */
	_Atomic uint32_t foreign_timestamp; /* its RTP timestamp, 0 = it had none */
	_Atomic uint32_t foreign_frames;    /* frames of others so far; wraps */
	_Atomic uint32_t paced_frames;      /* frames of the pacer's that the bug has seen; wraps */
	_Atomic bool pacing;                /* the frame being written is the pacer's */
	_Atomic bool plain;                 /* the call is not WebRTC */
	uint32_t seen_timestamp;            /* as the bug saw it on that frame; the write side's alone */
	_Atomic int64_t read_ns; /* when the channel was read, of late, oas_now_ns; 0 = not yet. Read-side thread */
} oas_writes_t;

typedef struct oas_stream {
	/* Constant after oas_stream_new, except uuid and mix, which Go sets before attach. */
	oas_doorbell_t *doorbell;
	uint32_t slot;                /* the stream's, at the doorbell */
	_Atomic uint32_t phone_holds; /* 1: the phone holds the call, and what the channel reads is not the caller. Hardly
								   * ever changed by the write side, so it shares the read side's line */
	char uuid[OAS_UUID_MAX];
	uint32_t mix; /* oas_mix_t */

	_Atomic uint32_t refs;

	/* The shim's words.
	 *
	 * 1: the bug is gone, no callback after it; stored last, with release. */
	_Alignas(OAS_CACHE_LINE) _Atomic uint32_t closed;
	_Atomic uint32_t write_rate_hz;   /* of the frames that the channel writes now; at attach, that it will write */
	_Atomic uint64_t capture_drop_us; /* length of the frames that found a capture ring full, microseconds */
	_Atomic uint64_t underruns;       /* times the agent ring ran dry inside an answer */
	_Atomic uint64_t underrun_us;     /* length of the silence put in there, microseconds */
	_Atomic uint64_t flush_from;      /* agent ring position, bytes, up to which audio was played when flush_pos took
									   * effect; valid once flush_done == flush_seq */
	_Atomic uint64_t flush_done;      /* the last flush_seq carried out; release, pairs with Go's acquire */

	/* On a cache line that the read side hardly ever needs. */
	_Alignas(OAS_CACHE_LINE) oas_writes_t writes;

	oas_keys_t keys; /* producer: whichever thread reports a key */

	char close_reason[OAS_END_REASON_MAX]; /* why the channel let go, valid once closed: hangup, passthrough_codec */
	char close_error[OAS_END_ERROR_MAX];   /* "" if that is no error; after attach said PASSTHROUGH, what it found */

	/* Go's words.
	 *
	 * Rate of the audio in the agent ring. While it is not write_rate_hz the consumer plays silence and consumes
	 * nothing. */
	_Alignas(OAS_CACHE_LINE) _Atomic uint32_t agent_rate_hz;
	_Atomic uint32_t hold;        /* 1: play silence, consume nothing (pause) */
	_Atomic uint32_t answer_open; /* 1: more audio of this answer is to come, so an empty ring is an underrun */
	_Atomic uint32_t flush_fade;  /* samples of the old audio to fade out before the flush; 0 = none */
	_Atomic uint64_t flush_pos;   /* agent ring position, bytes: what lies before it is skipped */
	_Atomic uint64_t flush_seq;   /* counts flushes; stored last, with release */
	_Atomic uint64_t totals[OAS_TOTAL_COUNT];
	_Atomic uint32_t ended; /* oas_ended_t; the two texts say why. Stored last, with release */
	char end_reason[OAS_END_REASON_MAX];
	char end_error[OAS_END_ERROR_MAX]; /* "" if it was no error */

	/* Caller and callee hold a frame or two at a time, and what comes in a stall of the Go side, not of the network: Go
	 * has its own buffer for that. The largest window holds 8 s of 8 kHz mono, 0.68 s of 48 kHz stereo. Agent holds
	 * half a second at any rate, and the largest window takes what follows a flush at once. */
	oas_ring_t caller; /* producer: read-side media thread */
	oas_ring_t callee; /* producer: write-side media thread; no memory unless mix asks for it */
	oas_ring_t agent;  /* consumer: write-side media thread; mono samples at agent_rate_hz */

	void *memory; /* of the rings */
	size_t memory_bytes;
} oas_stream_t;

static inline void oas_stream_unref(oas_stream_t *stream);

/* Reserve the rings' memory. It is mapped for itself, because malloc's may have been touched by somebody else already,
 * and of pages of the usual size: the kernel would give two megabytes for the first byte. */
static inline bool oas_stream_map(oas_stream_t *stream, bool with_callee)
{
	uint8_t *at;

	stream->memory_bytes = (with_callee ? 3 : 2) * OAS_RING_MEMORY_BYTES;
	at = mmap(NULL, stream->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED) {
		return false;
	}
	(void) madvise(at, stream->memory_bytes, MADV_NOHUGEPAGE); /* fails where there are no huge ones */
	stream->memory = at;
	oas_ring_init(&stream->caller, at);
	oas_ring_init(&stream->agent, at + OAS_RING_MEMORY_BYTES);
	if (with_callee) {
		oas_ring_init(&stream->callee, at + 2 * OAS_RING_MEMORY_BYTES);
	}
	return true;
}

/* A new block with one reference, or NULL if there is no memory. The doorbell must outlive it (doorbells are never
 * freed), and slot is the stream's alone until Go gives it up: a later ring has another stream
 * called in vain. */
static inline oas_stream_t *oas_stream_new(oas_doorbell_t *doorbell, uint32_t slot, const char *uuid, oas_mix_t mix)
{
	oas_stream_t *stream = aligned_alloc(OAS_CACHE_LINE, sizeof(*stream));

	if (!stream) {
		return NULL;
	}
	memset(stream, 0, sizeof(*stream));
	stream->doorbell = doorbell;
	stream->slot = slot;
	stream->mix = (uint32_t) mix;
	strncpy(stream->uuid, uuid, sizeof(stream->uuid) - 1);
	atomic_init(&stream->refs, 1);
	if (!oas_stream_map(stream, mix != OAS_MIX_MONO)) {
		oas_stream_unref(stream);
		return NULL;
	}
	return stream;
}

/* Tell Go that there is something new: after frames were put into a ring, or closed was set. Media threads. */
static inline void oas_stream_ring(const oas_stream_t *stream)
{
	oas_doorbell_ring(stream->doorbell, stream->slot);
}

/* Take a reference. Any thread that holds one already. */
static inline void oas_stream_ref(oas_stream_t *stream)
{
	atomic_fetch_add_explicit(&stream->refs, 1, memory_order_relaxed);
}

/* Drop a reference; the last one frees the block. Any thread. */
static inline void oas_stream_unref(oas_stream_t *stream)
{
	/* Release: our last use comes before the free; acquire: everyone's last use comes before our free. */
	if (atomic_fetch_sub_explicit(&stream->refs, 1, memory_order_acq_rel) == 1) {
		if (stream->memory) {
			(void) munmap(stream->memory, stream->memory_bytes);
		}
		free(stream);
	}
}

#endif
