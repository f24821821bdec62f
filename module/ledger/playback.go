package ledger

import "time"

// Playback is what the channel has played of a response's audio. The player tells it in this order: Started once, Heard
// any number of times, then for each part its last word, which is Heard if it was heard whole and Cut if not, then
// Stopped once. A response that is flushed before its first sample has left tells Cut and Stopped without a Started. One
// that is withdrawn tells nothing. The next response tells Started after this one's Stopped.
//
// A response stops when it is done and heard, or flushed. If the next response begins while it has more parts to come,
// it stops too: the further parts are told from Started to Stopped once more, with the same ResponseID.
type Playback struct {
	Kind         PlaybackKind
	ResponseID   string
	ItemID       string        // of Heard and Cut
	ContentIndex int           // of Heard and Cut
	Played       time.Duration // of Heard and Cut: how much of the part the channel has been given, since its beginning
	Received     time.Duration // of Heard and Cut: how much of the part there is
}

// PlaybackKind is what has happened to a response's audio.
type PlaybackKind int

// The kinds.
const (
	Started PlaybackKind = iota // its first sample has left
	Heard                       // so much of one part has left
	Cut                         // the rest of one part, a millisecond or more, will not be heard
	Stopped                     // its last sample has left, or the rest was flushed
)
