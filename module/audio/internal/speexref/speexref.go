//go:build speexdsp && cgo

// Package speexref is libspeexdsp's resampler at quality 5, the yardstick of
// package audio's tests and benchmarks. It is built with -tags speexdsp only and
// never becomes part of the module; it is a package of its own because a test
// file cannot use cgo.
package speexref

/*
#cgo LDFLAGS: -lspeexdsp
#include <speex/speex_resampler.h>

// speexref_run resamples in chunks of chunk input samples without leaving C, so
// that a benchmark measures the library and not the calls to it. It returns the
// number of output samples.
static spx_uint32_t speexref_run(SpeexResamplerState *st, const spx_int16_t *in, spx_uint32_t n_in,
		spx_int16_t *out, spx_uint32_t n_out, spx_uint32_t chunk)
{
	spx_uint32_t done = 0;
	while (n_in > 0) {
		spx_uint32_t used = n_in < chunk ? n_in : chunk, made = n_out - done;
		speex_resampler_process_int(st, 0, in, &used, out + done, &made);
		if (used == 0) break;
		in += used;
		n_in -= used;
		done += made;
	}
	return done;
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Quality is the quality that package audio is measured against.
const Quality = 5

// A Resampler is a SpeexResamplerState. It is not safe for concurrent use.
type Resampler struct {
	state   *C.SpeexResamplerState
	in, out int
}

// New returns a resampler from in to out Hz. Close must be called.
func New(in, out int) (*Resampler, error) {
	var status C.int
	state := C.speex_resampler_init(1, C.spx_uint32_t(in), C.spx_uint32_t(out), Quality, &status)
	if state == nil {
		return nil, fmt.Errorf("speex_resampler_init: status %d", int(status))
	}
	return &Resampler{state: state, in: in, out: out}, nil
}

// Close frees the state.
func (r *Resampler) Close() { C.speex_resampler_destroy(r.state) }

// SkipZeros drops the leading silence of the filter's delay. To be called before
// the first samples.
func (r *Resampler) SkipZeros() { C.speex_resampler_skip_zeros(r.state) }

// InputLatency is the filter's delay in input samples.
func (r *Resampler) InputLatency() int { return int(C.speex_resampler_get_input_latency(r.state)) }

// Process appends the output for src, in chunks of chunk samples.
func (r *Resampler) Process(dst, src []int16, chunk int) []int16 {
	room := len(src)*r.out/r.in + 16
	at := len(dst)
	if need := at + room; cap(dst) < need {
		dst = append(make([]int16, 0, need), dst...)
	}
	out := dst[at : at+room]
	n := C.speexref_run(r.state,
		(*C.spx_int16_t)(unsafe.Pointer(unsafe.SliceData(src))), C.spx_uint32_t(len(src)),
		(*C.spx_int16_t)(unsafe.Pointer(unsafe.SliceData(out))), C.spx_uint32_t(room),
		C.spx_uint32_t(chunk))
	return dst[:at+int(n)]
}

// ProcessFloat returns the output for src before rounding to int16.
func (r *Resampler) ProcessFloat(src []float32) []float32 {
	out := make([]float32, len(src)*r.out/r.in+16)
	used, made := C.spx_uint32_t(len(src)), C.spx_uint32_t(len(out))
	C.speex_resampler_process_float(r.state, 0,
		(*C.float)(unsafe.SliceData(src)), &used, (*C.float)(unsafe.SliceData(out)), &made)
	if int(used) != len(src) {
		panic(fmt.Sprintf("speex took %d of %d samples", int(used), len(src)))
	}
	return out[:made]
}
