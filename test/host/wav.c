/* SPDX-License-Identifier: MIT
 *
 * WAV files, 16-bit PCM.
 */
#include <errno.h>

#include "host.h"

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static uint32_t le16(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8;
}

static void put_le32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++) {
		p[i] = (uint8_t) (value >> (8 * i));
	}
}

static void put_le16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t) value;
	p[1] = (uint8_t) (value >> 8);
}

static const char *read_chunks(FILE *file, host_wav_t *wav)
{
	uint8_t head[12];
	bool have_format = false;

	if (fread(head, 1, 12, file) != 12 || memcmp(head, "RIFF", 4) || memcmp(head + 8, "WAVE", 4)) {
		return "not a WAV file";
	}
	while (fread(head, 1, 8, file) == 8) {
		uint32_t len = le32(head + 4);

		if (!memcmp(head, "fmt ", 4)) {
			uint8_t format[16];

			if (len < 16 || fread(format, 1, 16, file) != 16) {
				return "broken fmt chunk";
			}
			if (le16(format + 14) != 16 || (le16(format) != 1 && le16(format) != 0xfffe)) {
				return "not 16-bit PCM";
			}
			wav->channels = le16(format + 2);
			wav->rate = le32(format + 4);
			have_format = true;
			len -= 16;
		} else if (!memcmp(head, "data", 4)) {
			uint8_t *bytes;
			size_t got;

			if (!have_format || wav->channels < 1 || wav->channels > 2 || wav->rate < 4000) {
				return "not 16-bit PCM, mono or stereo";
			}
			/* A length of 0 or all ones: the writer could not seek back; the rest of the file is audio. */
			bytes = NULL;
			got = 0;
			for (size_t want = len && len != UINT32_MAX ? len : SIZE_MAX; want;) {
				size_t step = want < 65536 ? want : 65536;
				uint8_t *grown = realloc(bytes, got + step);
				size_t n;

				switch_assert(grown);
				bytes = grown;
				n = fread(bytes + got, 1, step, file);
				got += n;
				if (n < step) {
					break;
				}
				want -= step;
			}
			wav->n_frames = got / 2 / wav->channels;
			wav->samples = malloc(wav->n_frames * wav->channels * 2 + 1);
			switch_assert(wav->samples);
			for (size_t i = 0; i < wav->n_frames * wav->channels; i++) {
				wav->samples[i] = (int16_t) le16(bytes + 2 * i);
			}
			free(bytes);
			return NULL;
		}
		if (fseek(file, (long) len + (len & 1), SEEK_CUR)) {
			break;
		}
	}
	return "no audio in it";
}

const char *host_wav_read(const char *path, host_wav_t *wav)
{
	FILE *file = fopen(path, "rb");
	const char *error;

	memset(wav, 0, sizeof(*wav));
	if (!file) {
		return strerror(errno);
	}
	error = read_chunks(file, wav);
	fclose(file);
	return error;
}

const char *host_wav_write(const char *path, const host_wav_t *wav)
{
	FILE *file = fopen(path, "wb");
	size_t n_samples = wav->n_frames * wav->channels;
	uint8_t head[44] = "RIFF....WAVEfmt ....................data";
	bool ok;

	if (!file) {
		return strerror(errno);
	}
	put_le32(head + 4, (uint32_t) (36 + 2 * n_samples));
	put_le32(head + 16, 16);
	put_le16(head + 20, 1);
	put_le16(head + 22, wav->channels);
	put_le32(head + 24, wav->rate);
	put_le32(head + 28, wav->rate * wav->channels * 2);
	put_le16(head + 32, wav->channels * 2);
	put_le16(head + 34, 16);
	put_le32(head + 40, (uint32_t) (2 * n_samples));
	ok = fwrite(head, 1, sizeof(head), file) == sizeof(head);
	for (size_t done = 0; ok && done < n_samples;) {
		uint8_t bytes[8192];
		size_t n = n_samples - done < sizeof(bytes) / 2 ? n_samples - done : sizeof(bytes) / 2;

		for (size_t i = 0; i < n; i++) {
			put_le16(bytes + 2 * i, (uint16_t) wav->samples[done + i]);
		}
		ok = fwrite(bytes, 2, n, file) == n;
		done += n;
	}
	if (fclose(file)) {
		ok = false;
	}
	return ok ? NULL : strerror(errno);
}
