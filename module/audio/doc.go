// Package audio is the arithmetic between a call and a realtime server:
// sample-rate conversion, G.711, PCM bytes, two-party mixing, voice detection and
// WAV files.
//
// Audio is linear PCM in int16, native endian once decoded. Rates are in Hz.
// A sample is one value of one channel; a frame of stereo is two samples, left
// first. Every conversion appends to a slice that the caller owns and allocates
// only when that slice is too short, so one buffer per call serves for the whole
// call.
//
// The package starts no goroutine, holds no lock on the audio path and does no
// I/O except through the io.WriteSeeker that is given to a WAVWriter. Functions
// may be called concurrently; a value of a type with state (Resampler,
// PCM16Decoder, Voice, WAVWriter) belongs to one goroutine at a time.
//
// # Where to look
//
//	resample.go           the streaming resampler: state, chunks, drain
//	resample_filter.go    its low-pass filter: design, fixed-point form, cache
//	resample_kernel_*     its inner loop: portable Go, SSE2 and AVX2, NEON
//	resample_fours_*      four outputs at a time: AVX2, AVX-512 VNNI
//	g711.go               µ-law and A-law
//	pcm.go                little-endian bytes, odd-byte carry
//	mix.go                mix, interleave, downmix
//	voice.go              where there is voice
//	wav.go                WAV files
package audio
