package farend

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/pion/rtp"
	"golang.org/x/sys/unix"
)

// Sent is a packet that the call sent.
type Sent struct {
	Sequence  uint16
	Timestamp uint32
	Due       time.Duration // when it was to leave, on the clock of Now
	Late      time.Duration // by how much its thread came late
	Sound     bool          // it is not the silence that fills the time
}

// Playing is audio on its way out. Its methods may be called from any goroutine.
type Playing struct {
	done chan struct{}

	pcm    []int16
	rateHz int
	rest   time.Duration // instead of sound, nothing for so long
	err    error         // valid when done
}

// Done is closed when the last packet of it has left, or it never will; see Err.
func (p *Playing) Done() <-chan struct{} { return p.done }

// Err is why the audio did not leave whole, nil if it did. To be called when Done is closed.
func (p *Playing) Err() error { return p.err }

// key is a digit being pressed (RFC 4733).
type key struct {
	code     byte
	length   int // of the event, samples of the audio clock
	started  bool
	at       uint32 // timestamp of its beginning
	duration int
	ends     int // packets with the end bit that were sent; three are
	done     chan struct{}
}

// media is a call's RTP. Its two goroutines end with the socket.
type media struct {
	conn    *net.UDPConn
	control *net.UDPConn // RTCP: read by nobody
	running sync.WaitGroup
	closed  chan struct{}

	mu      sync.Mutex // Protects following.
	changed chan struct{}
	packets []Packet
	formats map[uint8]Format // by the payload types that the session has named so far

	remote    netip.AddrPort
	format    Format
	events    uint8
	direction Direction // ours
	quiet     bool      // silence suppression
	started   bool
	sent      []Sent
	queue     []*Playing
	keys      []*key
	pausedTo  time.Duration
	due       time.Duration // of the next packet
	sequence  uint16
	timestamp uint32
	ssrc      uint32
	marker    bool // of the next packet
}

// Now is the monotonic clock of every time in this package.
func Now() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail
	return time.Duration(t.Nano())
}

func openMedia(quiet bool) (*media, error) {
	m := &media{
		closed: make(chan struct{}), changed: make(chan struct{}),
		formats: map[uint8]Format{}, quiet: quiet, ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()),
		timestamp: rand.Uint32(), marker: true,
	}
	for range 100 {
		var err error
		if m.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			return nil, fmt.Errorf("RTP socket: %w", err)
		}
		port := m.conn.LocalAddr().(*net.UDPAddr).Port
		if port%2 == 0 {
			m.control, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1})
			if err == nil {
				break
			}
		}
		_ = m.conn.Close()
		m.conn = nil
	}
	if m.conn == nil {
		return nil, errors.New("RTP socket: no even port with a free one above it in 100 attempts")
	}
	if err := m.configure(); err != nil {
		m.close()
		return nil, err
	}
	m.running.Go(m.receive)
	return m, nil
}

// configure has the kernel stamp what arrives, and keep it while this process does not run.
func (m *media) configure() error {
	raw, err := m.conn.SyscallConn()
	if err != nil {
		return err
	}
	var stamp error
	if err := raw.Control(func(fd uintptr) {
		stamp = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}); err != nil || stamp != nil {
		return fmt.Errorf("time stamps of packets: %w", errors.Join(err, stamp))
	}
	return m.conn.SetReadBuffer(1 << 20)
}

func (m *media) addr() netip.AddrPort { return m.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// close ends the media and waits for its goroutines.
func (m *media) close() {
	close(m.closed)
	_ = m.conn.Close()
	_ = m.control.Close()
	m.running.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.queue {
		p.err = errors.New("the call ended")
		close(p.done)
	}
	m.queue = nil
	for _, k := range m.keys {
		close(k.done)
	}
	m.keys = nil
	m.notify()
}

// notify wakes those who wait. The caller holds mu.
func (m *media) notify() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// agree makes what was negotiated true: where to, and in which format.
func (m *media) agree(remote netip.AddrPort, f Format, events uint8, ours Direction) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.format.RateHz != f.RateHz || m.format.Name != f.Name || m.format.Ptime != f.Ptime {
		m.marker = true
	}
	if offered := m.formats[f.PayloadType]; offered.Name == f.Name {
		f.LittleEndian = offered.LittleEndian // no description says it
	}
	m.remote, m.format, m.events, m.direction = remote, f, events, ours
	m.formats[f.PayloadType] = f
	if !m.started {
		m.started = true
		m.due = Now()
		m.running.Go(m.send)
	}
}

// send sends a packet each packet time, until the media is closed. The times are absolute: what is late once is late
// alone. It sleeps in the kernel, at a real-time priority where it may have one, as a telephone's clock does: a test that
// computes must not make the telephone late.
func (m *media) send() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 1}, 0)
	// The thread lives on, an ordinary one: a process that it has started may end with it (Pdeathsig).
	defer func() { _ = unix.SchedSetAttr(0, &unix.SchedAttr{Policy: unix.SCHED_NORMAL}, 0) }()
	for {
		m.mu.Lock()
		due := unix.NsecToTimespec(int64(m.due))
		m.mu.Unlock()
		for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &due, nil) == unix.EINTR {
		}
		select {
		case <-m.closed:
			return
		default:
		}
		m.sendOne()
	}
}

// sendOne sends what is due, if it is anything, and advances the clocks.
func (m *media) sendOne() {
	m.mu.Lock()
	defer m.mu.Unlock()
	due := m.due
	f := m.format
	m.due += f.Ptime
	at := m.timestamp
	m.timestamp += uint32(f.Samples())
	if due < m.pausedTo || !m.direction.sends() {
		m.marker = true
		return
	}
	packet := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: f.PayloadType, Timestamp: at, SSRC: m.ssrc}}
	sound, let := true, false
	switch {
	case len(m.keys) > 0 && m.events != 0:
		let = m.press(&packet, at, f)
	case len(m.queue) > 0 && m.queue[0].rest > 0:
		m.rest(f)
		return
	case len(m.queue) > 0:
		packet.Payload = m.next(f)
	case m.quiet:
		m.marker = true
		return
	default:
		packet.Payload, sound = f.silence(), false
	}
	m.write(&packet)
	m.marker = let // the voice comes back
	m.sent = append(m.sent, Sent{Sequence: packet.SequenceNumber, Timestamp: packet.Timestamp, Due: due, Late: Now() - due, Sound: sound})
	m.notify()
}

// write sends one packet under the next sequence number. The caller holds mu.
func (m *media) write(p *rtp.Packet) {
	p.SequenceNumber = m.sequence
	m.sequence++
	p.Marker = p.Marker || m.marker
	m.marker = false
	b, err := p.Marshal()
	if err != nil {
		panic("farend: " + err.Error()) // plain headers only
	}
	// A closed socket ends the sender; a port that nobody has is FreeSWITCH's affair.
	_, _ = m.conn.WriteToUDPAddrPort(b, m.remote)
}

// rest lets the time of a packet pass. The caller holds mu.
func (m *media) rest(f Format) {
	m.marker = true
	p := m.queue[0]
	if p.rest -= f.Ptime; p.rest <= 0 {
		close(p.done)
		m.queue = m.queue[1:]
	}
}

// next is the payload of the next packet of what is being played. The caller holds mu.
func (m *media) next(f Format) []byte {
	p := m.queue[0]
	if p.rateHz != f.RateHz {
		p.err = fmt.Errorf("%d samples at %d Hz have not left: the call has %v now", len(p.pcm), p.rateHz, f)
		p.pcm = nil
	}
	samples := make([]int16, f.Samples())
	p.pcm = p.pcm[copy(samples, p.pcm):]
	if len(p.pcm) == 0 {
		close(p.done)
		m.queue = m.queue[1:]
	}
	return f.encode(samples)
}

// press makes a packet of the key that is being pressed (RFC 4733, 2.3 and 2.5), and reports whether it is the key's last.
// The caller holds mu.
func (m *media) press(p *rtp.Packet, at uint32, f Format) (last bool) {
	const end, volume = 0x80, 10
	k := m.keys[0]
	if !k.started {
		k.started, k.at, p.Marker = true, at, true
	}
	k.duration = min(k.duration+f.Samples(), k.length)
	flags := byte(volume)
	if k.duration == k.length {
		flags |= end
		k.ends++
	}
	p.PayloadType, p.Timestamp = m.events, k.at
	p.Payload = []byte{k.code, flags, byte(k.duration >> 8), byte(k.duration)}
	if k.ends == 3 {
		close(k.done)
		m.keys = m.keys[1:]
	}
	return k.ends == 3
}

// receive keeps what arrives until the socket is closed.
func (m *media) receive() {
	buf, oob := make([]byte, 2048), make([]byte, 128)
	for {
		n, oobn, _, _, err := m.conn.ReadMsgUDPAddrPort(buf, oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		var p rtp.Packet
		if err != nil || p.Unmarshal(append([]byte(nil), buf[:n]...)) != nil { // an ICMP error; RTCP on this port
			continue
		}
		packet := Packet{
			Sequence: p.SequenceNumber, Timestamp: p.Timestamp, Marker: p.Marker, SSRC: p.SSRC, PayloadType: p.PayloadType,
			Payload: p.Payload, Arrival: arrival(oob[:oobn]),
		}
		m.mu.Lock()
		packet.Format = m.formats[p.PayloadType]
		m.packets = append(m.packets, packet)
		m.notify()
		m.mu.Unlock()
	}
}

// arrival is the kernel's stamp of a packet, which does not depend on when this process runs, on the clock of Now.
func arrival(oob []byte) time.Duration {
	now := Now()
	var wall unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_REALTIME, &wall) // cannot fail
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return now
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 { // a struct timespec
			stamp := binary.NativeEndian.Uint64(m.Data)*1e9 + binary.NativeEndian.Uint64(m.Data[8:])
			return now - time.Duration(wall.Nano()-int64(stamp))
		}
	}
	return now
}
