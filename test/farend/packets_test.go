package farend_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/test/farend"
)

// packets is a stream of n, exact in time.
func packets(n int) farend.Packets {
	ps := make(farend.Packets, n)
	for i := range ps {
		ps[i] = farend.Packet{
			Sequence: uint16(65530 + i), Timestamp: uint32(1<<32 - 800 + i*160), Payload: make([]byte, 160),
			Format: farend.Format{Name: "PCMU", RateHz: 8000, Ptime: 20 * time.Millisecond}, Arrival: time.Duration(i) * 20 * time.Millisecond,
		}
	}
	ps[0].Marker = true
	return ps
}

func TestReport(t *testing.T) {
	r := packets(20).Report()
	if r.Packets != 20 || r.Streams != 1 || r.Lost+r.Duplicates+r.Late+len(r.Jumps) != 0 || !slices.Equal(r.Markers, []int{0}) ||
		r.LargestGap != 20*time.Millisecond || r.Burst > 1e-9 || r.Excess() > 1e-9 || r.Excess() < -1e-9 {
		t.Errorf("an exact stream: %v", r)
	}
	ps := packets(20)
	ps[4], ps[5] = ps[5], ps[4]
	ps[4].Arrival, ps[5].Arrival = ps[5].Arrival, ps[4].Arrival
	ps[10].Sequence, ps[10].Timestamp = ps[9].Sequence, ps[9].Timestamp
	if r := ps.Report(); r.Lost != 1 || r.Duplicates != 1 || r.Late != 1 || len(r.Jumps) != 0 {
		t.Errorf("two exchanged, one lost and another sent twice: %v", r)
	}
	ps = packets(20)
	for i := 10; i < 20; i++ {
		ps[i].Timestamp += 480
	}
	ps[10].Marker = true
	if r := ps.Report(); !slices.Equal(r.Jumps, []farend.Jump{{Index: 10, Samples: 480, Marked: true}}) || !slices.Equal(r.Markers, []int{0, 10}) {
		t.Errorf("a jump of 480 samples: %v", r)
	}
	if n := len(ps.Played()); n != 20*160+480 {
		t.Errorf("%d samples played, want the jump's silence too", n)
	}
	// Three packets too many, at 100 ms.
	ps = packets(20)
	for i := 5; i < 20; i++ {
		ps[i].Arrival -= 60 * time.Millisecond
		if ps[i].Arrival < ps[5].Arrival {
			ps[i].Arrival = ps[5].Arrival
		}
	}
	if r := ps.Report(); r.Burst < 2.99 || r.Burst > 3.01 || r.Excess() < 2.99 {
		t.Errorf("three packets too many: %v, %.2f in all", r, r.Excess())
	}
	// A gap is no credit.
	ps = packets(20)
	for i := 5; i < 20; i++ {
		ps[i].Arrival += time.Second
	}
	if r := ps.Report(); r.Burst > 1e-9 || r.LargestGap != 1020*time.Millisecond || r.Excess() > -49 {
		t.Errorf("a gap: %v", r)
	}
	if table := packets(3).Table(); strings.Count(table, "\n") != 5 || !strings.Contains(table, "| 1 | PCMU | 65531 | 160 |  | 20.0 |") {
		t.Errorf("%s", table)
	}
}

func TestNumbers(t *testing.T) {
	for _, n := range []int{160, 320, 480, 80} {
		sound := slices.Concat(make([]int16, 77), farend.Numbered(0, 3, n), make([]int16, 5), farend.Numbered(16380, 4, n), make([]int16, 99))
		found := farend.Numbers(sound, n)
		var numbers []int
		for _, f := range found {
			numbers = append(numbers, f.N)
		}
		if !slices.Equal(numbers, []int{0, 1, 2, 16380, 16381, 16382, 16383}) || found[0].At != 77 || found[3].At != 77+3*n+5 {
			t.Errorf("%d samples each: found %v", n, found)
		}
		broken := farend.Numbered(5, 3, n)
		broken = slices.Delete(broken, n+n/2, n+n/2+1)
		if missing := farend.Missing(farend.Numbers(broken, n), 5, 7); !slices.Equal(missing, []int{6}) {
			t.Errorf("%d samples each, one cut out of number 6: missing %v", n, missing)
		}
	}
}
