package transport

import (
	"context"
	"time"
)

// beat is called by the timer c.heart: it pings a silent server, and ends the connection when that stays silent. So the
// heart beat has a goroutine only while a pong is waited for.
func (c *Conn) beat() {
	interval := c.options.HeartBeat
	wait := interval - c.socket.silent()
	if wait <= 0 {
		if c.ping(interval) {
			c.end(&CloseError{CloseAbnormal, ErrHeartBeat.Error() + " within " + interval.String(), ErrHeartBeat})
			return
		}
		wait = interval
	}
	c.heart.Reset(wait)
	select {
	case <-c.done: // which may have stopped it before that
		c.heart.Stop()
	default:
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
