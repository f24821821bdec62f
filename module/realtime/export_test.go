package realtime

// ParseCarefully is Parse without the fast way.
var ParseCarefully = parse

// ParseFast is the fast way alone.
func ParseFast(msg []byte) (Event, bool) {
	var p Parser
	return p.delta(msg)
}
