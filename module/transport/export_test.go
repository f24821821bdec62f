package transport

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// CheckHeader is for tests of headers without a connection.
var CheckHeader = checkHeader
