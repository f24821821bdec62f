/* SPDX-License-Identifier: MIT
 *
 * What FreeSWITCH can play, read by Go: files, tone_stream://, local_stream://.
 */
#include "mod_openai_audio_stream.h"

/* Every read has this length: the core makes its resampler for that of the first. */
#define BLOCKS_PER_S 50

#define RATE_MIN_HZ 8000
#define RATE_MAX_HZ 48000 /* mod_local_stream aborts the process for more */

struct oas_sound {
	switch_memory_pool_t *pool; /* its own: the channel may end before it */
	switch_file_handle_t file;
	uint32_t block_samples;
	int16_t *block;    /* as many of them, in as many channels as the file has */
	uint32_t at, have; /* samples of the block */
};

/* Where a path that is not absolute lies; the caller frees. */
static char *complete_path(switch_channel_t *channel, const char *path)
{
	const char *prefix;

	if (*path == '/' || *path == '{' || strstr(path, "://")) {
		return strdup(path);
	}
	prefix = switch_channel_get_variable(channel, "sound_prefix");
	return switch_mprintf("%s/%s", zstr(prefix) ? SWITCH_GLOBAL_dirs.base_dir : prefix, path);
}

static oas_sound_t *sound_new(const char *path, uint32_t rate_hz)
{
	switch_memory_pool_t *pool = NULL;
	oas_sound_t *sound;
	uint32_t channels;

	if (switch_core_new_memory_pool(&pool) != SWITCH_STATUS_SUCCESS) {
		return NULL;
	}
	sound = switch_core_alloc(pool, sizeof(*sound));
	sound->pool = pool;
	if (switch_core_file_open(&sound->file, path, 1, rate_hz, SWITCH_FILE_FLAG_READ | SWITCH_FILE_DATA_SHORT, pool) !=
		SWITCH_STATUS_SUCCESS) {
		switch_core_destroy_memory_pool(&pool);
		return NULL;
	}
	/* Before the core mixes it down, it has all channels there. */
	channels = sound->file.real_channels > 1 ? sound->file.real_channels : 1;
	sound->block_samples = rate_hz / BLOCKS_PER_S;
	sound->block = switch_core_alloc(pool, sound->block_samples * channels * sizeof(int16_t));
	return sound;
}

oas_status_t mod_openai_audio_stream_sound_open(oas_cstr_t uuid, oas_cstr_t path, uint32_t rate_hz, oas_sound_t **sound)
{
	switch_core_session_t *session;
	char *complete;

	*sound = NULL;
	if (zstr(path) || rate_hz < RATE_MIN_HZ || rate_hz > RATE_MAX_HZ) {
		return OAS_STATUS_FAILED;
	}
	session = mod_openai_audio_stream_enter(uuid);
	if (!session) {
		return OAS_STATUS_GONE;
	}
	complete = complete_path(switch_core_session_get_channel(session), path);
	switch_core_session_rwunlock(session); /* to open it may take its time */
	if (complete) {
		*sound = sound_new(complete, rate_hz);
		free(complete);
	}
	mod_openai_audio_stream_gate_leave();
	return *sound ? OAS_STATUS_OK : OAS_STATUS_FAILED;
}

/* Read the next block; false at the end. */
static bool fill(oas_sound_t *sound)
{
	switch_size_t n = sound->block_samples;

	sound->at = sound->have = 0;
	if (switch_core_file_read(&sound->file, sound->block, &n) != SWITCH_STATUS_SUCCESS) {
		return false;
	}
	sound->have = (uint32_t) (n < sound->block_samples ? n : sound->block_samples);
	return sound->have > 0;
}

uint32_t mod_openai_audio_stream_sound_read(oas_sound_t *sound, int16_t *pcm, uint32_t n)
{
	uint32_t done = 0;

	if (!mod_openai_audio_stream_gate_enter()) {
		return 0;
	}
	while (done < n && (sound->at < sound->have || fill(sound))) {
		uint32_t some = sound->have - sound->at;

		some = some < n - done ? some : n - done;
		memcpy(pcm + done, sound->block + sound->at, some * sizeof(*pcm));
		sound->at += some;
		done += some;
	}
	mod_openai_audio_stream_gate_leave();
	return done;
}

void mod_openai_audio_stream_sound_close(oas_sound_t *sound)
{
	switch_memory_pool_t *pool = sound->pool;

	if (!mod_openai_audio_stream_gate_enter()) {
		return;
	}
	switch_core_file_close(&sound->file);
	switch_core_destroy_memory_pool(&pool);
	mod_openai_audio_stream_gate_leave();
}
