/* SPDX-License-Identifier: MIT
 *
 * What can be played: WAV files, and tone_stream:// and local_stream://, which are a tone without end here.
 */
#include "host.h"

#define TONE "tone:440"
#define MUSIC "tone:300"

typedef struct sound {
	host_source_t *tone; /* or else: */
	int16_t *clip;
	size_t clip_frames, at;
} sound_t;

static const char *open_file(sound_t *sound, switch_file_handle_t *fh, const char *path)
{
	host_wav_t wav = {0};
	const char *error = host_wav_read(path, &wav);
	int16_t *resampled;

	if (error) {
		return error;
	}
	resampled =
		host_resample_clip(wav.samples, wav.n_frames, wav.channels, wav.rate, fh->samplerate, &sound->clip_frames);
	sound->clip = calloc(sound->clip_frames + 1, fh->channels * sizeof(*sound->clip));
	switch_assert(sound->clip);
	host_mux(resampled, sound->clip_frames, wav.channels, fh->channels, sound->clip);
	fh->real_channels = wav.channels;
	free(resampled);
	free(wav.samples);
	return NULL;
}

switch_status_t switch_core_perform_file_open(const char *file, const char *func, int line, switch_file_handle_t *fh,
											  const char *file_path, uint32_t channels, uint32_t rate,
											  unsigned int flags, switch_memory_pool_t *pool)
{
	sound_t *sound = switch_core_alloc(pool, sizeof(*sound));
	const char *error = NULL;

	HOST_NOTE_CALL();
	(void) flags;
	fh->private_info = sound;
	fh->samplerate = rate;
	fh->channels = fh->real_channels = channels;
	if (!strncmp(file_path, "tone_stream://", 14)) {
		sound->tone = host_source_open(TONE, rate, true, &error);
	} else if (!strncmp(file_path, "local_stream://", 15)) {
		sound->tone = host_source_open(MUSIC, rate, true, &error);
	} else {
		error = open_file(sound, fh, file_path);
	}
	if (error) {
		switch_log_printf(SWITCH_CHANNEL_ID_LOG, file, func, line, NULL, SWITCH_LOG_ERROR, "%s: %s\n", file_path,
						  error);
		return SWITCH_STATUS_GENERR;
	}
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_core_file_read(switch_file_handle_t *fh, void *data, switch_size_t *len)
{
	sound_t *sound = fh->private_info;
	size_t left = sound->clip_frames - sound->at;

	HOST_NOTE_CALL();
	if (sound->tone) {
		host_source_read(sound->tone, fh->samplerate, fh->channels, data, *len);
		return SWITCH_STATUS_SUCCESS;
	}
	*len = *len < left ? *len : left;
	memcpy(data, sound->clip + sound->at * fh->channels, *len * fh->channels * sizeof(*sound->clip));
	sound->at += *len;
	return *len ? SWITCH_STATUS_SUCCESS : SWITCH_STATUS_FALSE;
}

switch_status_t switch_core_file_close(switch_file_handle_t *fh)
{
	sound_t *sound = fh->private_info;

	HOST_NOTE_CALL();
	host_source_close(sound->tone);
	free(sound->clip);
	return SWITCH_STATUS_SUCCESS;
}
