package farend

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pion/opus"
)

// Packet is a packet that the call received.
type Packet struct {
	Sequence    uint16
	Timestamp   uint32
	Marker      bool
	SSRC        uint32
	PayloadType uint8
	Payload     []byte
	Format      Format        // by the payload type; the zero value if the session never named it
	Arrival     time.Duration // at this machine's kernel, on the clock of Now
}

// Samples is what the packet decodes to; nil for an opaque codec, an event, and Opus, of which no packet stands alone.
func (p Packet) Samples() []int16 { return p.Format.decode(p.Payload) }

// Packets is what left on the wire, in order of arrival.
type Packets []Packet

// Between is the packets that arrived from one time until before another, on the clock of Now.
func (ps Packets) Between(from, until time.Duration) Packets {
	var some Packets
	for _, p := range ps {
		if p.Arrival >= from && p.Arrival < until {
			some = append(some, p)
		}
	}
	return some
}

// Of is the packets of one codec.
func (ps Packets) Of(name string) Packets {
	var some Packets
	for _, p := range ps {
		if p.Format.Name == name {
			some = append(some, p)
		}
	}
	return some
}

// Jump is a packet whose timestamp is not where the one before it ended.
type Jump struct {
	Index   int // of the packet, in order of sequence numbers
	Samples int // too far, or, negative, not far enough
	Marked  bool
}

// Report is what the numbers of packets say. Lost and Jumps are counted within a stream, not from one SSRC to the next.
type Report struct {
	Packets    int
	Streams    int // SSRCs, one after the other
	Lost       int // sequence numbers that never came
	Duplicates int
	Late       int // packets that came after one with a higher sequence number
	Markers    []int
	Jumps      []Jump
	LargestGap time.Duration // between two arrivals
	// Burst is how many more packets than the packet rate allows came in any stretch of time; a stream of exact times has 0.
	Burst float64
	// Span is the time from the first arrival to the last, Sound the length of all packets.
	Span, Sound time.Duration
}

// Excess is how many packets more than the packet rate came from the first to the last; lost time is negative.
func (r Report) Excess() float64 {
	if r.Packets < 2 {
		return 0
	}
	perPacket := r.Sound / time.Duration(r.Packets)
	return float64(r.Packets) - 1 - float64(r.Span)/float64(perPacket)
}

func (r Report) String() string {
	return fmt.Sprintf("%d packets, %d lost, %d twice, %d late, markers %v, timestamp jumps %v, gap %v at most, burst %.1f packets",
		r.Packets, r.Lost, r.Duplicates, r.Late, r.Markers, r.Jumps, r.LargestGap.Round(100*time.Microsecond), r.Burst)
}

// length is the time that a packet stands for, by its payload where the codec allows it.
func (p Packet) length() time.Duration {
	f := p.Format.whole()
	if pcm := p.Samples(); pcm != nil {
		return time.Duration(len(pcm)) * time.Second / time.Duration(f.RateHz)
	}
	return f.Ptime
}

// Ordered is the packets in order of their sequence numbers, duplicates left out, one SSRC after the other.
func (ps Packets) Ordered() Packets {
	type numbered struct {
		Packet
		stream int
		n      int64 // sequence number, counted on where it wraps
	}
	all := make([]numbered, len(ps))
	streams := map[uint32]int{}
	highest := map[uint32]int64{}
	for i, p := range ps {
		high, known := highest[p.SSRC]
		if !known {
			streams[p.SSRC], high = len(streams), int64(p.Sequence)
		}
		n := high + int64(int16(p.Sequence-uint16(high)))
		highest[p.SSRC] = max(high, n)
		all[i] = numbered{p, streams[p.SSRC], n}
	}
	slices.SortStableFunc(all, func(a, b numbered) int { return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.n, b.n)) })
	all = slices.CompactFunc(all, func(a, b numbered) bool { return a.stream == b.stream && a.n == b.n })
	ordered := make(Packets, len(all))
	for i, p := range all {
		ordered[i] = p.Packet
	}
	return ordered
}

// Report counts.
func (ps Packets) Report() Report {
	r := Report{Packets: len(ps)}
	if len(ps) == 0 {
		return r
	}
	ordered := ps.Ordered()
	r.Duplicates = len(ps) - len(ordered)
	r.Streams = 1
	for i, p := range ordered {
		if p.Marker {
			r.Markers = append(r.Markers, i)
		}
		if i == 0 {
			continue
		}
		before := ordered[i-1]
		if p.SSRC != before.SSRC {
			r.Streams++
			continue
		}
		missing := int(p.Sequence-before.Sequence) - 1
		r.Lost += missing
		if missing == 0 && p.PayloadType == before.PayloadType && before.Samples() != nil {
			want := before.Timestamp + uint32(len(before.Samples()))
			if p.Timestamp != want {
				r.Jumps = append(r.Jumps, Jump{Index: i, Samples: int(int32(p.Timestamp - want)), Marked: p.Marker})
			}
		}
	}
	byArrival := slices.Clone(ps)
	slices.SortStableFunc(byArrival, func(a, b Packet) int { return cmp.Compare(a.Arrival, b.Arrival) })
	var ahead, behind float64 // of the packet rate, in packets
	for i, p := range byArrival {
		r.Sound += p.length()
		if i == 0 {
			continue
		}
		before := byArrival[i-1]
		gap := p.Arrival - before.Arrival
		r.LargestGap = max(r.LargestGap, gap)
		ahead += 1 - float64(gap)/float64(before.length())
		r.Burst = max(r.Burst, ahead-behind)
		behind = min(behind, ahead)
		if before.SSRC == p.SSRC && int16(p.Sequence-before.Sequence) < 0 {
			r.Late++
		}
	}
	r.Span = byArrival[len(ps)-1].Arrival - byArrival[0].Arrival
	return r
}

// PCM is the sound of the packets, one after the other by their sequence numbers: what left, whatever the timestamps say.
// Opus is decoded to one channel; what does not decode is silence. Opaque codecs and events have none.
func (ps Packets) PCM() (pcm []int16) {
	decoder := opus.NewDecoder() // one channel, 48 kHz
	for _, p := range ps.Ordered() {
		if p.Format.Name != Opus.Name {
			pcm = append(pcm, p.Samples()...)
			continue
		}
		out := make([]int16, maxOpusSamples)
		n, err := decoder.DecodeToInt16(p.Payload, out)
		if err != nil {
			n = p.Format.Samples()
			clear(out)
		}
		pcm = append(pcm, out[:n]...)
	}
	return pcm
}

// maxOpusSamples is how many samples a packet of Opus holds at most, 120 ms.
const maxOpusSamples = 5760

// Played is the sound as a phone with an ideal jitter buffer plays it: each packet where its timestamp puts it, silence
// where there is none. A stream with another SSRC or rate follows the one before.
func (ps Packets) Played() (pcm []int16) {
	begin, first, rateHz := 0, uint32(0), 0
	var ssrc uint32
	for _, p := range ps.Ordered() {
		samples := p.Samples()
		if samples == nil {
			continue
		}
		if rateHz != p.Format.RateHz || ssrc != p.SSRC {
			begin, first, rateHz, ssrc = len(pcm), p.Timestamp, p.Format.RateHz, p.SSRC
		}
		at := begin + int(int32(p.Timestamp-first))
		if at < begin || at > len(pcm)+60*rateHz { // a clock that was set anew
			begin, first, at = len(pcm), p.Timestamp, len(pcm)
		}
		for len(pcm) < at+len(samples) {
			pcm = append(pcm, 0)
		}
		copy(pcm[at:], samples)
	}
	return pcm
}

// Table is the packets as a table in Markdown, one each, with what differs from the one before: the timestamp's step in
// samples and the time since the last arrival.
func (ps Packets) Table() string {
	var b strings.Builder
	b.WriteString("| packet | codec | sequence | timestamp step | marker | ms since the last | loudest |\n" +
		"| ---: | --- | ---: | ---: | --- | ---: | ---: |\n")
	for i, p := range ps {
		step, gap := "", ""
		if i > 0 && ps[i-1].SSRC == p.SSRC {
			step = fmt.Sprint(int32(p.Timestamp - ps[i-1].Timestamp))
			gap = fmt.Sprintf("%.1f", float64(p.Arrival-ps[i-1].Arrival)/1e6)
		}
		marker := ""
		if p.Marker {
			marker = "M"
		}
		fmt.Fprintf(&b, "| %d | %s | %d | %s | %s | %s | %d |\n", i, p.Format.Name, p.Sequence, step, marker, gap, Loudest(p.Samples()))
	}
	return b.String()
}

// Loudest is the greatest size of a sample.
func Loudest(pcm []int16) (most int) {
	for _, v := range pcm {
		most = max(most, int(v), -int(v))
	}
	return most
}
