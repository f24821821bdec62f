package transport

import (
	"context"
	"time"
)

// beat is the heart beat's goroutine: it pings a silent server, and ends the connection when that stays silent. It ends
// with the connection.
func (c *Conn) beat() {
	interval := c.options.HeartBeat
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-c.done:
			return
		}
		wait := interval - c.socket.silent()
		if wait <= 0 {
			if c.ping(interval) {
				c.end(&CloseError{CloseAbnormal, ErrHeartBeat.Error() + " within " + interval.String(), ErrHeartBeat})
				return
			}
			wait = interval
		}
		timer.Reset(wait)
	}
}

// ping reports whether the server is dead: whether it has said nothing at all since it was pinged, while someone
// listened. Anything that it says is as good as a pong, which may stand behind seconds of audio.
func (c *Conn) ping(within time.Duration) (dead bool) {
	asked := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	// An error before the time is up means that the connection ends for another reason, which Read reports.
	if err := c.ws.Ping(ctx); err == nil || ctx.Err() == nil {
		return false
	}
	return c.reading.Load() && c.socket.silent() >= time.Since(asked)
}
