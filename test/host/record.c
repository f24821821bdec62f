/* SPDX-License-Identifier: MIT
 *
 * What was said to and heard from a channel: a stereo file on the channel's clock (left said, right heard), the exact
 * samples of each side, one line per frame, and figures about the frames' rate.
 */
#include <errno.h>

#include "host.h"

/* Frames come a little early or late; only a hole longer than this is silence in the stereo file. */
#define JITTER_NS (60 * NS_PER_MS)
/* The stereo file is kept in memory until the end; what comes after this is left out of it. */
#define STEREO_MAX_S 3600
/* Louder than this is audible: above the noise of a G.711 codec's silence. */
#define AUDIBLE_PEAK 300

typedef struct recorder_side {
	FILE *raw;
	int16_t *samples; /* of the stereo file, at the recorder's rate, mono */
	size_t n_samples;
	size_t size;
	uint64_t frames;
	uint64_t n_raw;   /* samples per channel, as they came */
	int64_t first_ns; /* real time, not the channel's clock */
	int64_t last_ns;
	int64_t max_gap_ns;
	int64_t min_gap_ns;
	uint64_t late;  /* gaps longer than one and a half frames */
	uint64_t early; /* gaps shorter than half a frame */
	int64_t loud_ns;
	uint32_t peak;
	uint32_t max_peak;
} recorder_side_t;

struct host_recorder {
	uint32_t rate; /* of the stereo file */
	char *stereo_path;
	FILE *frames;

	pthread_mutex_t mutex; /* Protects following. */
	recorder_side_t sides[2];
};

static FILE *open_file(const char *path, const char **error)
{
	FILE *file = NULL;

	if (path && !*error) {
		file = fopen(path, "wb");
		if (!file) {
			*error = strerror(errno);
		}
	}
	return file;
}

/* What could not be written is noticed here, at the latest. */
static void close_file(FILE *file, const char *what)
{
	bool failed;

	if (!file) {
		return;
	}
	failed = ferror(file) != 0;
	if (fclose(file) || failed) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_ERROR, "%s could not be written\n", what);
	}
}

host_recorder_t *host_recorder_open(const host_recorder_options_t *options, uint32_t rate, const char **error)
{
	host_recorder_t *recorder = calloc(1, sizeof(*recorder));

	switch_assert(recorder);
	*error = NULL;
	pthread_mutex_init(&recorder->mutex, NULL);
	recorder->rate = rate;
	/* The stereo file is written at the end, but a bad path should be known now. */
	if (options->stereo_path) {
		close_file(open_file(options->stereo_path, error), options->stereo_path);
		recorder->stereo_path = strdup(options->stereo_path);
	}
	recorder->sides[HOST_SAID].raw = open_file(options->raw_path[HOST_SAID], error);
	recorder->sides[HOST_HEARD].raw = open_file(options->raw_path[HOST_HEARD], error);
	recorder->frames = open_file(options->frames_path, error);
	if (recorder->frames) {
		(void) fputs("side,t_ns,rate_hz,channels,samples,peak\n", recorder->frames);
	}
	if (*error) {
		free(recorder->stereo_path);
		recorder->stereo_path = NULL;
		host_recorder_close(recorder);
		return NULL;
	}
	return recorder;
}

/* Room for n more samples. */
static int16_t *reserve(recorder_side_t *side, size_t n)
{
	if (side->n_samples + n > side->size) {
		size_t size = (side->n_samples + n) * 2 + 16384;
		int16_t *grown = realloc(side->samples, size * sizeof(*grown));

		switch_assert(grown);
		side->samples = grown;
		side->size = size;
	}
	return side->samples + side->n_samples;
}

static void add_stereo(host_recorder_t *recorder, recorder_side_t *side, int64_t now_ns, uint32_t rate,
					   const int16_t *mono, size_t n)
{
	int64_t at = now_ns * recorder->rate / NS_PER_S;
	int64_t slack = JITTER_NS * recorder->rate / NS_PER_S;

	if (side->n_samples + n > (size_t) recorder->rate * STEREO_MAX_S || at > (int64_t) recorder->rate * STEREO_MAX_S) {
		return;
	}
	if (at > (int64_t) side->n_samples + (side->n_samples ? slack : 0)) {
		size_t n_silent = (size_t) (at - (int64_t) side->n_samples);

		memset(reserve(side, n_silent), 0, n_silent * sizeof(*mono));
		side->n_samples += n_silent;
	}
	if (rate == recorder->rate) {
		memcpy(reserve(side, n), mono, n * sizeof(*mono));
		side->n_samples += n;
	} else {
		size_t room = n * recorder->rate / rate + 1;

		side->n_samples += host_resample_frame(mono, n, 1, rate, recorder->rate, reserve(side, room), room);
	}
}

static void count_frame(recorder_side_t *side, int64_t now_ns, int64_t ptime_ns)
{
	if (side->frames++) {
		int64_t gap = now_ns - side->last_ns;

		if (gap > side->max_gap_ns) {
			side->max_gap_ns = gap;
		}
		if (gap < side->min_gap_ns) {
			side->min_gap_ns = gap;
		}
		side->late += gap * 2 > ptime_ns * 3;
		side->early += gap * 2 < ptime_ns;
	} else {
		side->first_ns = now_ns;
		side->min_gap_ns = INT64_MAX;
	}
	side->last_ns = now_ns;
}

void host_recorder_add(host_recorder_t *recorder, host_side_t which, int64_t now_ns, uint32_t rate, uint32_t channels,
					   const int16_t *samples, size_t n_frames, uint32_t ptime_us)
{
	recorder_side_t *side = &recorder->sides[which];
	int64_t real_ns = host_now_ns();
	int16_t mono[HOST_FRAME_MAX_BYTES / 2];
	uint32_t peak = 0;

	if (n_frames > HOST_FRAME_MAX_BYTES / 2) {
		n_frames = HOST_FRAME_MAX_BYTES / 2;
	}
	host_mux(samples, n_frames, channels, 1, mono);
	for (size_t i = 0; i < n_frames; i++) {
		uint32_t level = (uint32_t) (mono[i] < 0 ? -(int32_t) mono[i] : mono[i]);

		if (level > peak) {
			peak = level;
		}
	}
	pthread_mutex_lock(&recorder->mutex);
	count_frame(side, real_ns, (int64_t) ptime_us * 1000);
	side->n_raw += n_frames;
	side->peak = peak;
	if (peak > side->max_peak) {
		side->max_peak = peak;
	}
	if (peak >= AUDIBLE_PEAK) {
		side->loud_ns = real_ns;
	}
	if (side->raw) {
		(void) fwrite(mono, sizeof(*mono), n_frames, side->raw);
	}
	if (recorder->frames) {
		fprintf(recorder->frames, "%s,%lld,%u,%u,%zu,%u\n", which == HOST_SAID ? "said" : "heard", (long long) real_ns,
				rate, channels, n_frames, peak);
	}
	if (recorder->stereo_path) {
		add_stereo(recorder, side, now_ns, rate, mono, n_frames);
	}
	pthread_mutex_unlock(&recorder->mutex);
}

static void write_stereo(host_recorder_t *recorder)
{
	recorder_side_t *said = &recorder->sides[HOST_SAID];
	recorder_side_t *heard = &recorder->sides[HOST_HEARD];
	host_wav_t wav = {.rate = recorder->rate, .channels = 2};
	const char *error;

	wav.n_frames = said->n_samples > heard->n_samples ? said->n_samples : heard->n_samples;
	wav.samples = calloc(wav.n_frames * 2 + 1, sizeof(*wav.samples));
	switch_assert(wav.samples);
	for (size_t i = 0; i < said->n_samples; i++) {
		wav.samples[2 * i] = said->samples[i];
	}
	for (size_t i = 0; i < heard->n_samples; i++) {
		wav.samples[2 * i + 1] = heard->samples[i];
	}
	error = host_wav_write(recorder->stereo_path, &wav);
	if (error) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_ERROR, "%s: %s\n", recorder->stereo_path, error);
	}
	free(wav.samples);
}

void host_recorder_close(host_recorder_t *recorder)
{
	if (!recorder) {
		return;
	}
	if (recorder->stereo_path) {
		write_stereo(recorder);
	}
	for (int i = 0; i < 2; i++) {
		close_file(recorder->sides[i].raw, i == HOST_SAID ? "record_read" : "record_write");
		free(recorder->sides[i].samples);
	}
	close_file(recorder->frames, "frames");
	free(recorder->stereo_path);
	pthread_mutex_destroy(&recorder->mutex);
	free(recorder);
}

static void describe_side(recorder_side_t *side, host_json_t *json, const char *key)
{
	int64_t span = side->last_ns - side->first_ns;

	host_json_open(json, key, '{');
	host_json_int(json, "frames", (int64_t) side->frames);
	host_json_int(json, "samples", (int64_t) side->n_raw);
	host_json_double(json, "frames_per_s", side->frames > 1 ? (double) (side->frames - 1) * 1e9 / (double) span : 0);
	host_json_double(json, "max_gap_ms", (double) side->max_gap_ns / 1e6);
	host_json_double(json, "min_gap_ms", side->frames > 1 ? (double) side->min_gap_ns / 1e6 : 0);
	host_json_int(json, "late", (int64_t) side->late);
	host_json_int(json, "early", (int64_t) side->early);
	host_json_int(json, "peak", side->max_peak);
	host_json_int(json, "first_ns", side->first_ns);
	host_json_int(json, "last_ns", side->last_ns);
	host_json_int(json, "last_loud_ns", side->loud_ns);
	host_json_close(json, '}');
}

void host_recorder_describe(host_recorder_t *recorder, host_json_t *json)
{
	pthread_mutex_lock(&recorder->mutex);
	describe_side(&recorder->sides[HOST_SAID], json, "said");
	describe_side(&recorder->sides[HOST_HEARD], json, "heard");
	pthread_mutex_unlock(&recorder->mutex);
}

uint32_t host_recorder_peak(host_recorder_t *recorder, host_side_t side)
{
	uint32_t peak;

	pthread_mutex_lock(&recorder->mutex);
	peak = recorder->sides[side].peak;
	pthread_mutex_unlock(&recorder->mutex);
	return peak;
}

int64_t host_recorder_loud_ns(host_recorder_t *recorder, host_side_t side)
{
	int64_t loud_ns;

	pthread_mutex_lock(&recorder->mutex);
	loud_ns = recorder->sides[side].loud_ns;
	pthread_mutex_unlock(&recorder->mutex);
	return loud_ns;
}

uint64_t host_recorder_frames(host_recorder_t *recorder, host_side_t side)
{
	uint64_t frames;

	pthread_mutex_lock(&recorder->mutex);
	frames = recorder->sides[side].frames;
	pthread_mutex_unlock(&recorder->mutex);
	return frames;
}
