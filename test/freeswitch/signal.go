package freeswitch

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/audio"
)

// The parts of a test signal: silence, a chirp to find its beginning by, a sound, a chirp to find its end by, silence.
const (
	edge     = 300 * time.Millisecond // of silence, before and after
	chirp    = 200 * time.Millisecond
	gap      = 100 * time.Millisecond // of silence, between a chirp and the sound
	toneHz   = 1000
	toneFade = 10 * time.Millisecond

	loudness = 800 // what is quieter is taken for silence
)

func samples(d time.Duration, rateHz int) int {
	return int(int64(d) * int64(rateHz) / int64(time.Second))
}

// Signal is a tone of this length between two chirps.
func Signal(tone time.Duration, rateHz int) []int16 {
	pcm := make([]int16, samples(tone, rateHz))
	fade := samples(toneFade, rateHz)
	for i := range pcm {
		level := 24000 * min(1, float64(i)/float64(fade), float64(len(pcm)-i)/float64(fade))
		pcm[i] = int16(math.Round(level * math.Sin(2*math.Pi*toneHz*float64(i)/float64(rateHz))))
	}
	return Framed(pcm, rateHz)
}

// Framed is a sound between two chirps, with silence around them.
func Framed(sound []int16, rateHz int) []int16 {
	edge, gap, sweep := make([]int16, samples(edge, rateHz)), make([]int16, samples(gap, rateHz)), Chirp(rateHz)
	return slices.Concat(edge, sweep, gap, sound, gap, sweep, edge)
}

// Padded is a recording with a second of silence before and two after it.
func Padded(pcm []int16, rateHz int) []int16 {
	return slices.Concat(make([]int16, rateHz), pcm, make([]int16, 2*rateHz))
}

// Split is the stretches of sound in a recording that silence of more than a second separates, each with 150 ms of
// silence around it.
func Split(pcm []int16, rateHz int) (parts [][]int16) {
	const never = -1
	apart, around := samples(time.Second, rateHz), samples(150*time.Millisecond, rateHz)
	from, last := never, never
	end := func() {
		if from != never {
			parts = append(parts, pcm[max(from-around, 0):min(last+around, len(pcm))])
		}
		from = never
	}
	for i, v := range pcm {
		if v > -loudness && v < loudness {
			continue
		}
		if i-last > apart {
			end()
		}
		if from == never {
			from = i
		}
		last = i
	}
	end()
	return parts
}

// Chirp rises from 300 to 3,300 Hz, within what every codec carries.
func Chirp(rateHz int) []int16 {
	pcm := make([]int16, samples(chirp, rateHz))
	length := chirp.Seconds()
	for i := range pcm {
		t := float64(i) / float64(rateHz)
		window := math.Sin(math.Pi * t / length)
		pcm[i] = int16(16000 * window * math.Sin(2*math.Pi*(300*t+1500/length*t*t)))
	}
	return pcm
}

// Resample is the recording at another rate, all of it.
func Resample(pcm []int16, from, to int) []int16 {
	if from == to {
		return pcm
	}
	r, err := audio.NewResampler(from, to)
	if err != nil {
		panic(err) // rates are the tests' own
	}
	return r.Drain(r.Process(nil, pcm))
}

// ULaw is what µ-law leaves of the recording.
func ULaw(pcm []int16) []int16 { return audio.DecodeULaw(nil, audio.EncodeULaw(nil, pcm)) }

// PCMU is what FreeSWITCH's µ-law encoder leaves. It takes -x where ITU-T G.711 takes -x-1 for the size of a negative
// sample, which costs nothing but equality.
func PCMU(pcm []int16) []int16 {
	moved := make([]int16, len(pcm))
	for i, v := range pcm {
		moved[i] = v
		if v < 0 && v > math.MinInt16 {
			moved[i]--
		}
	}
	return ULaw(moved)
}

// Left is the first channel of a recording, Right the last.
func Left(pcm []int16, channels int) []int16  { return channelOf(pcm, channels, 0) }
func Right(pcm []int16, channels int) []int16 { return channelOf(pcm, channels, channels-1) }

func channelOf(pcm []int16, channels, n int) []int16 {
	if channels == 1 {
		return pcm
	}
	one := make([]int16, 0, len(pcm)/channels)
	for ; n < len(pcm); n += channels {
		one = append(one, pcm[n])
	}
	return one
}

// Match is how a recording compares to what it should hold.
type Match struct {
	Lag  int     // samples by which the reference begins later in the recording
	SNR  float64 // dB of the reference to the difference from it; +Inf if they are the same
	Tone float64 // dB of the recorded tone, fitted, to everything else there
	Slip int     // samples by which the end comes later in the recording than the beginning lets expect
}

func (m Match) String() string {
	return fmt.Sprintf("%.1f dB to the reference, tone %.1f dB, end %+d samples", m.SNR, m.Tone, m.Slip)
}

// Compare compares two recordings of a Signal at rateHz, with silence around them.
func Compare(reference, recording []int16, rateHz int) (Match, error) {
	from, to, err := find(reference, rateHz)
	if err != nil {
		return Match{}, fmt.Errorf("the reference: %w", err)
	}
	first, last, err := find(recording, rateHz)
	if err != nil {
		return Match{}, fmt.Errorf("the recording: %w", err)
	}
	m := Match{Lag: first - from, Slip: (last - first) - (to - from)}
	around := samples(gap, rateHz)
	begin, end := from-around, to+samples(chirp, rateHz)+around
	if begin < 0 || begin+m.Lag < 0 || end > len(reference) || end+m.Lag > len(recording) {
		return m, fmt.Errorf("samples %d to %d of %d should be %d to %d of %d: want %d of silence around them",
			begin, end, len(reference), begin+m.Lag, end+m.Lag, len(recording), around)
	}
	m.SNR = snr(reference[begin:end], recording[begin+m.Lag:])
	margin := samples(2*toneFade, rateHz)
	m.Tone = toneSNR(recording[first+samples(chirp+gap, rateHz)+margin:last-around-margin], rateHz)
	return m, nil
}

// find is where the chirps of a Signal begin.
func find(pcm []int16, rateHz int) (first, last int, err error) {
	loud := func(v int16) bool { return v >= loudness || v <= -loudness }
	i, j := slices.IndexFunc(pcm, loud), len(pcm)-1
	for ; j > 0 && !loud(pcm[j]); j-- {
	}
	sweep := Chirp(rateHz)
	if first, err = locate(sweep, pcm, i-len(sweep)/2, i); err != nil {
		return 0, 0, fmt.Errorf("the beginning: %w", err)
	}
	if last, err = locate(sweep, pcm, j-len(sweep), j-len(sweep)/2); err != nil {
		return 0, 0, fmt.Errorf("the end: %w", err)
	}
	return first, last, nil
}

// locate is where, between two samples of a recording, the chirp begins.
func locate(sweep, pcm []int16, from, to int) (int, error) {
	best, bestAt := 0.0, -1
	for at := max(from, 0); at < to && at+len(sweep) <= len(pcm); at++ {
		if c := correlation(sweep, pcm[at:]); c > best {
			best, bestAt = c, at
		}
	}
	if best < 0.7 {
		return 0, fmt.Errorf("no chirp from sample %d to %d of %d: the likest sound, at %d, has a correlation of %.2f",
			from, to, len(pcm), bestAt, best)
	}
	return bestAt, nil
}

// correlation is 1 for two equal waves, whatever their levels.
func correlation(a, b []int16) float64 {
	var ab, aa, bb float64
	for i, x := range a {
		y := float64(b[i])
		ab += float64(x) * y
		aa += float64(x) * float64(x)
		bb += y * y
	}
	if ab <= 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

func snr(reference, recording []int16) float64 {
	var signal, noise float64
	for i, want := range reference {
		d := float64(recording[i]) - float64(want)
		signal += float64(want) * float64(want)
		noise += d * d
	}
	return 10 * math.Log10(signal/noise)
}

// toneSNR fits a tone of toneHz and a constant and compares them to what is left.
func toneSNR(pcm []int16, rateHz int) float64 {
	// Over whole periods the three are orthogonal.
	period := rateHz / toneHz
	pcm = pcm[:len(pcm)/period*period]
	var sum, sin, cos float64
	for i, v := range pcm {
		w := 2 * math.Pi * float64(i%period) / float64(period)
		sum += float64(v)
		sin += float64(v) * math.Sin(w)
		cos += float64(v) * math.Cos(w)
	}
	n := float64(len(pcm))
	mean, a, b := sum/n, 2*sin/n, 2*cos/n
	var noise float64
	for i, v := range pcm {
		w := 2 * math.Pi * float64(i%period) / float64(period)
		d := float64(v) - mean - a*math.Sin(w) - b*math.Cos(w)
		noise += d * d
	}
	return 10 * math.Log10((a*a+b*b)/2*n/noise)
}

// WriteWAV writes a recording of one channel.
func WriteWAV(tb testing.TB, path string, pcm []int16, rateHz int) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	w, err := audio.NewWAVWriter(f, rateHz, 1)
	if err == nil {
		err = w.Write(pcm)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
}
