/* SPDX-License-Identifier: MIT
 *
 * The codecs of the pacer's silence: L16 at the rate, length and channels of a channel's write codec.
 */
#include "mod_openai_audio_stream.h"

/* For a codec whose frames have a length that L16 does not come in: the core cuts them up. */
#define OTHER_FRAME_MS 20

static bool open_l16(switch_codec_t *codec, uint32_t rate_hz, uint32_t frame_ms, uint32_t n_channels)
{
	return switch_core_codec_init(codec, "L16", NULL, NULL, rate_hz, (int) frame_ms, (int) n_channels,
								  SWITCH_CODEC_FLAG_ENCODE | SWITCH_CODEC_FLAG_DECODE, NULL,
								  NULL) == SWITCH_STATUS_SUCCESS;
}

static oas_silence_codec_t *codec_open(oas_silence_codecs_t *codecs, uint32_t rate_hz, uint32_t frame_ms,
									   uint32_t n_channels, uint32_t n_ticks)
{
	oas_silence_codec_t *codec = &codecs->codecs[codecs->next];

	codecs->next = (codecs->next + 1) % OAS_SILENCE_CODECS;
	if (codec->usable) {
		switch_core_codec_destroy(&codec->codec);
	}
	codec->rate_hz = rate_hz;
	codec->frame_ms = frame_ms;
	codec->n_channels = n_channels;
	codec->n_ticks = n_ticks;
	codec->usable = open_l16(&codec->codec, rate_hz, frame_ms, n_channels) ||
					open_l16(&codec->codec, rate_hz, OTHER_FRAME_MS, n_channels);
	/* The core keeps a frame's timestamp only if its codec counts as many ticks of the RTP clock as the channel's
	 * (switch_core_media.c, "samples_per_packet !="). G.722's clock runs at half of its rate (RFC 3551, 4.5.2). */
	if (codec->usable && codec->codec.implementation->samples_per_packet != n_ticks) {
		codec->implementation = *codec->codec.implementation;
		codec->implementation.samples_per_packet = n_ticks;
		codec->codec.implementation = &codec->implementation;
	}
	return codec;
}

switch_codec_t *mod_openai_audio_stream_silence_codec(oas_silence_codecs_t *codecs,
													  const switch_codec_implementation_t *impl)
{
	uint32_t rate_hz = impl->actual_samples_per_second;
	uint32_t frame_ms = (uint32_t) impl->microseconds_per_packet / 1000;
	uint32_t n_channels = impl->number_of_channels ? impl->number_of_channels : 1;
	oas_silence_codec_t *codec = NULL;

	if (rate_hz == 0 || frame_ms == 0) {
		return NULL;
	}
	for (uint32_t i = 0; i < OAS_SILENCE_CODECS && !codec; i++) {
		oas_silence_codec_t *c = &codecs->codecs[i];

		if (c->rate_hz == rate_hz && c->frame_ms == frame_ms && c->n_channels == n_channels &&
			c->n_ticks == impl->samples_per_packet) {
			codec = c;
		}
	}
	if (!codec) {
		codec = codec_open(codecs, rate_hz, frame_ms, n_channels, impl->samples_per_packet);
	}
	return codec->usable ? &codec->codec : NULL;
}

void mod_openai_audio_stream_silence_close(oas_silence_codecs_t *codecs)
{
	for (uint32_t i = 0; i < OAS_SILENCE_CODECS; i++) {
		if (codecs->codecs[i].usable) {
			switch_core_codec_destroy(&codecs->codecs[i].codec);
		}
	}
}
