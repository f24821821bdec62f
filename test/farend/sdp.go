package farend

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Direction is the attribute of a session description that says who sends.
type Direction string

// The directions, from the side of the one who says them.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly" // hold, with music
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive" // hold, without
)

// sends reports whether the one who says it sends.
func (d Direction) sends() bool { return d == SendRecv || d == SendOnly || d == "" }

// answered is what the other side says to it.
func (d Direction) answered() Direction {
	switch d {
	case SendOnly:
		return RecvOnly
	case RecvOnly:
		return SendOnly
	case Inactive:
		return Inactive
	default:
		return SendRecv
	}
}

// eventType is the payload type of telephone-event (RFC 4733).
const eventType = 101

// description is the one audio stream of a session description.
type description struct {
	addr      netip.AddrPort
	formats   []Format
	direction Direction
	events    uint8 // payload type of telephone-event, 0 = none
}

func (d description) marshal(version int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=farend 1 %d IN IP4 %s\r\ns=farend\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP",
		version, d.addr.Addr(), d.addr.Addr(), d.addr.Port())
	for _, f := range d.formats {
		fmt.Fprintf(&b, " %d", f.PayloadType)
	}
	if d.events != 0 {
		fmt.Fprintf(&b, " %d", d.events)
	}
	b.WriteString("\r\n")
	for _, f := range d.formats {
		fmt.Fprintf(&b, "a=rtpmap:%d %s/%d", f.PayloadType, f.Name, f.RateHz)
		if f.Channels > 1 {
			fmt.Fprintf(&b, "/%d", f.Channels)
		}
		b.WriteString("\r\n")
		if f.Params != "" {
			fmt.Fprintf(&b, "a=fmtp:%d %s\r\n", f.PayloadType, f.Params)
		}
	}
	if d.events != 0 {
		fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-16\r\n", d.events, d.events)
	}
	fmt.Fprintf(&b, "a=ptime:%d\r\na=%s\r\n", d.formats[0].Ptime.Milliseconds(), d.direction)
	return []byte(b.String())
}

// parseSDP reads what tests' peers write: one audio stream, its address for all.
func parseSDP(text []byte) (description, error) {
	d := description{direction: SendRecv}
	ptime := 20 * time.Millisecond
	var ip netip.Addr
	var port uint16
	var types []uint8
	maps := map[uint8]Format{0: PCMU.whole(), 8: PCMA.whole(), 18: G729.whole()}
	params := map[uint8]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch key, value, _ := strings.Cut(line, "="); {
		case key == "c":
			fields := strings.Fields(value)
			if a, err := netip.ParseAddr(fields[len(fields)-1]); err == nil {
				ip = a
			}
		case strings.HasPrefix(line, "m=audio "):
			fields := strings.Fields(value)
			n, err := strconv.ParseUint(fields[1], 10, 16)
			if err != nil {
				return d, fmt.Errorf("port of %q: %w", line, err)
			}
			port = uint16(n)
			for _, field := range fields[3:] {
				if n, err := strconv.ParseUint(field, 10, 7); err == nil {
					types = append(types, uint8(n))
				}
			}
		case strings.HasPrefix(line, "a=rtpmap:"):
			number, name, _ := strings.Cut(strings.TrimPrefix(line, "a=rtpmap:"), " ")
			n, err := strconv.ParseUint(number, 10, 7)
			parts := strings.Split(name, "/")
			if err != nil || len(parts) < 2 {
				return d, fmt.Errorf("cannot read %q", line)
			}
			f := Format{Name: parts[0], PayloadType: uint8(n)}
			f.RateHz, _ = strconv.Atoi(parts[1])
			if len(parts) > 2 {
				f.Channels, _ = strconv.Atoi(parts[2])
			}
			maps[uint8(n)] = f
		case strings.HasPrefix(line, "a=fmtp:"):
			number, text, _ := strings.Cut(strings.TrimPrefix(line, "a=fmtp:"), " ")
			if n, err := strconv.ParseUint(number, 10, 7); err == nil {
				params[uint8(n)] = text
			}
		case strings.HasPrefix(line, "a=ptime:"):
			if n, err := strconv.Atoi(strings.TrimPrefix(line, "a=ptime:")); err == nil {
				ptime = time.Duration(n) * time.Millisecond
			}
		case slices.Contains([]string{"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"}, line):
			d.direction = Direction(line[2:])
		}
	}
	d.addr = netip.AddrPortFrom(ip, port)
	for _, n := range types {
		f, known := maps[n]
		switch {
		case known && strings.EqualFold(f.Name, "telephone-event"):
			d.events = n
		case known && !strings.EqualFold(f.Name, "CN"):
			f.Ptime, f.Params = ptime, params[n]
			if i := slices.IndexFunc(every, func(e Format) bool { return strings.EqualFold(e.Name, f.Name) }); i >= 0 {
				f.Name = every[i].Name
			}
			d.formats = append(d.formats, f.whole())
		}
	}
	if !ip.IsValid() || port == 0 || len(d.formats) == 0 {
		return d, fmt.Errorf("no audio stream with an address and a codec in %q", text)
	}
	return d, nil
}
