/* SPDX-License-Identifier: MIT
 *
 * Rates and channels. Whole clips are converted well (they are the input of measurements); single frames, which only a
 * bridge between different rates or a writer with the wrong rate needs, by straight lines.
 */
#include <math.h>

#include "host.h"

#define SINC_LOBES 32

static int16_t to_sample(double value)
{
	if (value > 32767) {
		return 32767;
	}
	if (value < -32768) {
		return -32768;
	}
	return (int16_t) lrint(value);
}

/* A windowed sinc (Blackman), cut off below the lower of the two Nyquist frequencies. */
int16_t *host_resample_clip(const int16_t *in, size_t n_in, uint32_t channels, uint32_t from_rate, uint32_t to_rate,
							size_t *n_out)
{
	double cutoff = 0.95 * (to_rate < from_rate ? (double) to_rate / from_rate : 1.0);
	double reach = SINC_LOBES / cutoff;
	double sum[2];
	int16_t *out;

	if (channels > switch_arraylen(sum)) {
		abort(); /* mono or stereo */
	}
	*n_out = (size_t) ((uint64_t) n_in * to_rate / from_rate);
	out = calloc(*n_out * channels + 1, sizeof(*out));
	switch_assert(out);
	for (size_t i = 0; i < *n_out; i++) {
		double center = (double) i * from_rate / to_rate;
		int64_t first = (int64_t) ceil(center - reach);
		int64_t last = (int64_t) floor(center + reach);

		sum[0] = sum[1] = 0;
		for (int64_t k = first < 0 ? 0 : first; k <= last && k < (int64_t) n_in; k++) {
			double t = (double) k - center;
			double x = M_PI * cutoff * t;
			double window = 0.42 + 0.5 * cos(M_PI * t / reach) + 0.08 * cos(2 * M_PI * t / reach);
			double weight = cutoff * window * (fabs(x) < 1e-9 ? 1.0 : sin(x) / x);

			for (uint32_t c = 0; c < channels; c++) {
				sum[c] += weight * in[(size_t) k * channels + c];
			}
		}
		for (uint32_t c = 0; c < channels; c++) {
			out[i * channels + c] = to_sample(sum[c]);
		}
	}
	return out;
}

size_t host_resample_frame(const int16_t *in, size_t n_in, uint32_t channels, uint32_t from_rate, uint32_t to_rate,
						   int16_t *out, size_t max_out)
{
	size_t n_out = (size_t) ((uint64_t) n_in * to_rate / from_rate);

	if (n_out > max_out) {
		n_out = max_out;
	}
	for (size_t i = 0; i < n_out; i++) {
		uint64_t position = (uint64_t) i * from_rate;
		size_t k = (size_t) (position / to_rate);
		size_t next = k + 1 < n_in ? k + 1 : k;
		int64_t part = (int64_t) (position % to_rate);

		for (uint32_t c = 0; c < channels; c++) {
			int64_t a = in[k * channels + c];
			int64_t b = in[next * channels + c];

			out[i * channels + c] = (int16_t) (a + (b - a) * part / (int64_t) to_rate);
		}
	}
	return n_out;
}

/* in and out may be the same memory when the number of channels does not grow. Returns n_frames. */
size_t host_mux(const int16_t *in, size_t n_frames, uint32_t from_channels, uint32_t to_channels, int16_t *out)
{
	for (size_t i = 0; i < n_frames; i++) {
		if (from_channels == to_channels) {
			for (uint32_t c = 0; c < to_channels; c++) {
				out[i * to_channels + c] = in[i * from_channels + c];
			}
		} else if (from_channels == 2) {
			out[i] = (int16_t) ((in[2 * i] + in[2 * i + 1]) / 2);
		} else {
			out[2 * i] = in[i];
			out[2 * i + 1] = in[i];
		}
	}
	return n_frames;
}
