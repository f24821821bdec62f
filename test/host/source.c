/* SPDX-License-Identifier: MIT
 *
 * Where a channel's frames come from: nothing, silence, a tone, a ramp whose samples count, or a WAV file.
 */
#include <math.h>

#include "host.h"

typedef enum { SOURCE_NONE, SOURCE_SILENCE, SOURCE_TONE, SOURCE_RAMP, SOURCE_WAV } source_kind_t;

struct host_source {
	source_kind_t kind;
	bool loop;
	bool ended; /* reported once */

	/* Tone. */
	double hz;
	double amplitude;
	double phase; /* in turns */

	/* Ramp. */
	uint16_t count;

	/* WAV: as read, and at the rate of the channel. */
	host_wav_t wav;
	uint32_t clip_rate;
	int16_t *clip;
	size_t clip_frames;
	size_t position; /* in clip, samples per channel */
};

static void set_clip_rate(host_source_t *source, uint32_t rate);

host_source_t *host_source_open(const char *spec, uint32_t rate, bool loop, const char **error)
{
	host_source_t *source = calloc(1, sizeof(*source));

	switch_assert(source);
	*error = NULL;
	source->loop = loop;
	if (!strcmp(spec, "none")) {
		source->kind = SOURCE_NONE;
	} else if (!strcmp(spec, "silence")) {
		source->kind = SOURCE_SILENCE;
	} else if (!strcmp(spec, "ramp")) {
		source->kind = SOURCE_RAMP;
	} else if (!strncmp(spec, "tone:", 5)) {
		char *end;

		source->kind = SOURCE_TONE;
		source->hz = strtod(spec + 5, &end);
		source->amplitude = *end == ':' ? strtod(end + 1, &end) : 0.5;
		if (*end || source->hz <= 0 || source->amplitude < 0 || source->amplitude > 1) {
			*error = "a tone is tone:HZ or tone:HZ:AMPLITUDE with an amplitude from 0 to 1";
		}
	} else {
		source->kind = SOURCE_WAV;
		*error = host_wav_read(spec, &source->wav);
		if (!*error) {
			set_clip_rate(source, rate); /* takes its time: not on the channel's thread */
		}
	}
	if (*error) {
		host_source_close(source);
		return NULL;
	}
	return source;
}

void host_source_close(host_source_t *source)
{
	if (source) {
		if (source->clip != source->wav.samples) {
			free(source->clip);
		}
		free(source->wav.samples);
		free(source);
	}
}

bool host_source_is_none(const host_source_t *source)
{
	return !source || source->kind == SOURCE_NONE;
}

static void read_tone(host_source_t *source, uint32_t rate, uint32_t channels, int16_t *out, size_t n_frames)
{
	for (size_t i = 0; i < n_frames; i++) {
		int16_t sample = (int16_t) lrint(source->amplitude * 32767 * sin(2 * M_PI * source->phase));

		source->phase += source->hz / rate;
		source->phase -= floor(source->phase);
		for (uint32_t c = 0; c < channels; c++) {
			out[i * channels + c] = sample;
		}
	}
}

/* Keep the place in the clip when the channel's rate changes. */
static void set_clip_rate(host_source_t *source, uint32_t rate)
{
	double at = source->clip_rate ? (double) source->position / source->clip_rate : 0;

	if (source->clip_rate == rate) {
		return;
	}
	if (source->clip != source->wav.samples) {
		free(source->clip);
	}
	if (rate == source->wav.rate) {
		source->clip = source->wav.samples;
		source->clip_frames = source->wav.n_frames;
	} else {
		source->clip = host_resample_clip(source->wav.samples, source->wav.n_frames, source->wav.channels,
										  source->wav.rate, rate, &source->clip_frames);
	}
	source->clip_rate = rate;
	source->position = (size_t) (at * rate);
}

static bool read_wav(host_source_t *source, uint32_t rate, uint32_t channels, int16_t *out, size_t n_frames)
{
	set_clip_rate(source, rate);
	while (n_frames) {
		size_t left = source->position < source->clip_frames ? source->clip_frames - source->position : 0;
		size_t n = left < n_frames ? left : n_frames;

		host_mux(source->clip + source->position * source->wav.channels, n, source->wav.channels, channels, out);
		source->position += n;
		out += n * channels;
		n_frames -= n;
		if (n_frames && (!source->loop || !source->clip_frames)) {
			memset(out, 0, n_frames * channels * sizeof(*out));
			return false;
		}
		if (n_frames) {
			source->position = 0;
		}
	}
	return true;
}

bool host_source_read(host_source_t *source, uint32_t rate, uint32_t channels, int16_t *out, size_t n_frames)
{
	bool ended = source->ended;

	switch (source->kind) {
	case SOURCE_NONE:
	case SOURCE_SILENCE:
		memset(out, 0, n_frames * channels * sizeof(*out));
		break;
	case SOURCE_TONE:
		read_tone(source, rate, channels, out, n_frames);
		break;
	case SOURCE_RAMP:
		for (size_t i = 0; i < n_frames; i++, source->count++) {
			for (uint32_t c = 0; c < channels; c++) {
				out[i * channels + c] = (int16_t) source->count;
			}
		}
		break;
	case SOURCE_WAV:
		source->ended = !read_wav(source, rate, channels, out, n_frames);
		break;
	}
	return ended || !source->ended;
}
