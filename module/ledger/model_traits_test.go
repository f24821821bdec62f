package ledger

import (
	"math/rand/v2"
	"time"
)

// What the sides of a random schedule are like, and what they know of each other's doings.

// traits are the liberties of one server.
type traits struct {
	nameless    bool // neither responses nor items have ids
	unannounced bool // no response.created
	endless     bool // no response.done; only with nameless or unannounced

	silent      bool // about the conversation that a response belongs to
	errorIDs    bool // errors name the client event
	byText      bool // errors have no code
	echoes      bool // the client's items are announced
	renumbers   bool // ids begin again with each connection
	cancels     bool // turn_detection.interrupt_response
	creates     bool // turn_detection.create_response
	deaf        bool // no turn_detection
	doneFirst   bool // the close-out of an interrupted response comes before speech_started
	textFirst   bool // a transcript comes before its audio
	partialText bool // transcripts come in pieces as well
	transcribes bool // the caller's words
	refuses     bool // some requests, for no reason that the client knows
	drops       bool // connections
	mutes       bool // the client's doing
	asides      bool // so are responses out of band
	acts        bool // calls of our functions
	runs        bool // calls that it runs by itself
	hangs       bool // on a response, until it is cancelled, and passes over requests
	wording     wording
}

func (t *traits) plain() bool { return !t.nameless && !t.unannounced }

func randomTraits(rng *rand.Rand) traits {
	coin := func() bool { return rng.IntN(2) == 0 }
	t := traits{silent: coin(), errorIDs: coin(), byText: coin(),
		echoes: coin(), renumbers: coin(), cancels: coin(), creates: coin(), doneFirst: coin(), textFirst: coin(),
		partialText: coin(), transcribes: coin(), refuses: coin(), drops: rng.IntN(3) > 0, mutes: rng.IntN(4) == 0, asides: coin()}
	switch rng.IntN(8) {
	case 0:
		t.nameless, t.endless = true, coin()
		t.unannounced = t.endless && coin()
	case 1:
		t.unannounced, t.endless = true, true
	}
	t.hangs = coin()
	t.acts, t.runs = !t.nameless && rng.IntN(3) > 0, !t.nameless && rng.IntN(3) == 0
	if t.plain() {
		t.wording = wording(rng.IntN(4))
	}
	return t
}

// sItem is an item as the server and the model's own record know it.
type sItem struct {
	id, role, text, callID  string
	raw                     string // of functions
	plan, generated         time.Duration
	believed                time.Duration // how much of its audio the server believes was heard
	deleted, aside, dropped bool
	call                    *sCall // of a function of ours
	mcp                     bool   // a call that the server runs
	*record
}

// record is what the model knows of an item on the client's side.
type record struct {
	role, text, raw, callID string
	spoken                  bool
	came, taken             time.Duration // audio that has come, and that the player has or has played
	gone                    bool
	ours                    bool // a call of a function of ours
}

// sResponse is a response that the server works on.
type sResponse struct {
	id         string
	connection int
	request    *creation // nil: the server's own
	aside      bool
	outputs    []*sItem
	at         int // the output that is generated
	begun      bool
	silent     int // until this step
	over       bool
	heard      time.Duration // by the player
	calls      []*sCall      // of functions of ours
	came       bool          // audio of it
	seenOver   bool          // by the client
	acted      bool          // so that it may not be repeated
	replied    bool          // after the outputs
	hung       bool          // nothing comes of it before it is cancelled
	cancelled  bool          // which takes its time
}

// creation is a response.create of the client's, as the model follows it.
type creation struct {
	id         string
	aside, own bool   // own: of the ledger's
	turn, goOn bool   // of the ledger's own: it is for the answer to the caller's words, and after outputs
	fate       string // "", sent, passed over, active, refused, started
	connection int    // in which it was sent last
	sentAt     time.Time
	answered   bool // the client has seen its fate in that connection
	doubtful   bool // the client has seen something that looks like its fate
	excused    bool // nothing need become of it any more
	again      int  // so often it may be answered once more
	forgone    bool // and must not be heard
	begun      *sResponse
}
