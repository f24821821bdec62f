package ledger

import "time"

// Playback is what the channel has played of a response's audio. The player tells it in this order: Started once, Heard
// any number of times, then for each part that a flush ended before it was heard whole a Cut, then Stopped.
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
	Cut                         // the rest of one part will not be heard
	Stopped                     // its last sample has left, or the rest was flushed
)
