package transport

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Queued is how many bytes of messages wait.
func (c *Conn) Queued() int {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.bytes
}

// The socket, for tests without a connection above it.

// Socket is a socket.
type Socket = socket

// MaxBacklog is maxBacklog.
const MaxBacklog = maxBacklog

// NewSocket is newSocket.
var NewSocket = newSocket

// Source is a source for tests.
type Source interface {
	More() bool
	Failed(err error)
}

type testSource struct{ Source }

func (t testSource) more() bool       { return t.More() }
func (t testSource) failed(err error) { t.Failed(err) }

// Serve sets the source.
func (s *socket) Serve(t Source) { s.serve(testSource{t}) }

// Wake has the source asked.
func (s *socket) Wake() { s.wake() }

// Busy reports whether the goroutine exists.
func (s *socket) Busy() bool { return s.busy() }

// Rest is rest.
func (s *socket) Rest(t Source) bool { return s.rest(testSource{t}) }
