/* SPDX-License-Identifier: MIT
 *
 * Codecs. Audio in the stand-in is 16-bit linear throughout, but a channel's codec is not the L16 codec: as in a real
 * call, a frame in L16 has to be "encoded" for the channel, and the core treats the two cases differently.
 */
#include "host.h"

struct switch_codec_interface {
	const char *interface_name;
	uint32_t codec_id;
};

typedef struct implementation {
	switch_codec_implementation_t implementation;
	struct implementation *next;
} implementation_t;

static switch_codec_interface_t linear_interface = {"L16", 1};
static switch_codec_interface_t channel_interface = {"STANDIN", 2};
static switch_codec_interface_t g722_interface = {"G722", 3};
static switch_codec_interface_t g729_interface = {"G729", 4};

static pthread_mutex_t implementations_mutex = PTHREAD_MUTEX_INITIALIZER; /* Protects following. */
static implementation_t *implementations;

const char *host_format_check(const host_format_t *format)
{
	if (format->rate_hz < 8000 || format->rate_hz > 48000 || format->rate_hz % 1000) {
		return "rate is from 8000 to 48000, in whole thousands";
	}
	if (format->ptime_ms < 2 || format->ptime_ms > 120) {
		return "ptime is from 2 to 120 ms";
	}
	if (*format->name && strcmp(format->name, "G722") && strcmp(format->name, "G729")) {
		return "the codec is G722, G729 or none of these";
	}
	if (format->channels < 1 || format->channels > 2) {
		return "channels is 1 or 2";
	}
	if (format->rate_hz / 1000 * format->ptime_ms * format->channels * 2 > HOST_FRAME_MAX_BYTES) {
		return "such a frame has more than 8192 bytes, FreeSWITCH's limit";
	}
	return NULL;
}

static switch_codec_interface_t *interface_of(bool linear, const host_format_t *format)
{
	if (linear) {
		return &linear_interface;
	}
	if (!strcmp(format->name, "G722")) {
		return &g722_interface;
	}
	return strcmp(format->name, "G729") ? &channel_interface : &g729_interface;
}

/* One for each format, for ever: like a codec module's, implementations are compared by address. */
const switch_codec_implementation_t *host_implementation(bool linear, const host_format_t *format)
{
	switch_codec_interface_t *interface = interface_of(linear, format);
	implementation_t *found;
	switch_codec_implementation_t *i;
	static uint32_t next_id;

	pthread_mutex_lock(&implementations_mutex);
	for (found = implementations; found; found = found->next) {
		i = &found->implementation;
		if (i->codec_id == interface->codec_id && i->actual_samples_per_second == format->rate_hz &&
			i->microseconds_per_packet == (int) format->ptime_ms * 1000 && i->number_of_channels == format->channels) {
			break;
		}
	}
	if (!found) {
		found = calloc(1, sizeof(*found));
		switch_assert(found);
		i = &found->implementation;
		i->codec_type = SWITCH_CODEC_TYPE_AUDIO;
		i->iananame = (char *) (uintptr_t) interface->interface_name;
		i->ianacode = linear ? 70 : 96;
		i->samples_per_second = format->rate_hz;
		i->actual_samples_per_second = format->rate_hz;
		i->bits_per_second = (int) (format->rate_hz * 16 * format->channels);
		i->microseconds_per_packet = (int) format->ptime_ms * 1000;
		i->samples_per_packet = format->rate_hz / 1000 * format->ptime_ms;
		i->decoded_bytes_per_packet = i->samples_per_packet * 2 * format->channels;
		if (interface == &g722_interface) {
			i->samples_per_second /= 2;
			i->samples_per_packet /= 2;
		}
		i->encoded_bytes_per_packet = i->decoded_bytes_per_packet;
		i->number_of_channels = (uint8_t) format->channels;
		i->codec_frames_per_packet = 1;
		i->codec_id = interface->codec_id;
		i->impl_id = ++next_id;
		found->next = implementations;
		implementations = found;
	}
	pthread_mutex_unlock(&implementations_mutex);
	return &found->implementation;
}

void host_codec_free_all(void)
{
	while (implementations) {
		implementation_t *dead = implementations;

		implementations = dead->next;
		free(dead);
	}
}

void host_codec_open(switch_codec_t *codec, const host_format_t *format, switch_memory_pool_t *pool)
{
	codec->codec_interface = interface_of(false, format);
	codec->implementation = host_implementation(false, format);
	codec->memory_pool = pool;
	codec->session = host_pool_session(pool);
	switch_mutex_init(&codec->mutex, SWITCH_MUTEX_NESTED, pool);
	codec->flags = host_codec_flags(format);
}

uint32_t host_codec_flags(const host_format_t *format)
{
	return SWITCH_CODEC_FLAG_ENCODE | SWITCH_CODEC_FLAG_DECODE | SWITCH_CODEC_FLAG_READY |
		   (strcmp(format->name, "G729") ? 0 : SWITCH_CODEC_FLAG_PASSTHROUGH);
}

switch_status_t switch_core_codec_init_with_bitrate(switch_codec_t *codec, const char *codec_name, const char *fmtp,
													const char *modname, uint32_t rate, int ms, int channels,
													uint32_t bitrate, uint32_t flags,
													const switch_codec_settings_t *codec_settings,
													switch_memory_pool_t *pool)
{
	host_format_t format = {.rate_hz = rate ? rate : 8000,
							.ptime_ms = ms ? (uint32_t) ms : 20,
							.channels = channels ? (uint32_t) channels : 1,
							.name = ""};

	(void) fmtp;
	(void) modname;
	(void) bitrate;
	(void) codec_settings;
	memset(codec, 0, sizeof(*codec));
	if (strcasecmp(codec_name, "L16")) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_ERROR, "Invalid codec %s!\n", codec_name);
		return SWITCH_STATUS_GENERR;
	}
	if (host_format_check(&format)) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_WARNING,
						  "Codec %s Exists but not at the desired implementation. %dhz %dms %dch\n", codec_name,
						  (int) rate, ms, channels);
		return SWITCH_STATUS_NOTIMPL;
	}
	codec->codec_interface = &linear_interface;
	codec->implementation = host_implementation(true, &format);
	codec->flags = flags;
	if (pool) {
		codec->memory_pool = pool;
		codec->session = host_pool_session(pool);
	} else {
		switch_core_new_memory_pool(&codec->memory_pool);
		switch_set_flag(codec, SWITCH_CODEC_FLAG_FREE_POOL);
	}
	switch_mutex_init(&codec->mutex, SWITCH_MUTEX_NESTED, codec->memory_pool);
	switch_set_flag(codec, SWITCH_CODEC_FLAG_READY);
	return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_core_codec_destroy(switch_codec_t *codec)
{
	switch_mutex_t *mutex = codec->mutex;
	switch_memory_pool_t *pool = codec->memory_pool;
	bool free_pool = switch_test_flag(codec, SWITCH_CODEC_FLAG_FREE_POOL);

	if (!switch_core_codec_ready(codec)) {
		switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_WARNING, "Codec is not initialized!\n");
		return SWITCH_STATUS_NOT_INITALIZED;
	}
	switch_mutex_lock(mutex);
	codec->flags &= ~(uint32_t) SWITCH_CODEC_FLAG_READY;
	switch_mutex_unlock(mutex);
	if (free_pool) {
		switch_core_destroy_memory_pool(&pool);
	}
	memset(codec, 0, sizeof(*codec));
	return SWITCH_STATUS_SUCCESS;
}
