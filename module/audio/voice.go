package audio

import "time"

// Levels are RMS, in dB below the RMS of a full-scale square wave (dBov of ITU-T
// G.100.1), which is 32768.
const (
	// Speech in a telephone network is at -26 dBov nominally (ITU-T P.800), and
	// the method that measures it takes for speech what is less than 15.9 dB
	// below that (ITU-T P.56): -42. A further 3 dB are for those who speak low.
	onsetRMS = 184 // -45 dBov
	// Within speech the ends of words may be 3 dB lower.
	stayRMS = 130 // -48 dBov
	// Above a noise the limit is 12 dB over its level: four times its magnitude,
	// as in L. R. Rabiner and M. R. Sambur, "An Algorithm for Determining the
	// Endpoints of Isolated Utterances", Bell System Technical Journal, February
	// 1975. Within speech it is 9 dB.
	onsetOverNoise = 16 // power
	stayOverNoise  = 8
	// A noise is believed to be so loud at most. What is above 12 dB over it,
	// -24 dBov, counts as voice however steady it is: speech is seldom louder,
	// and a tone in the place of a caller stays one.
	noiseMostRMS = 519 // -36 dBov
)

// Times are in blocks of 10 ms.
const (
	blocksPerSecond = 100
	// onsetBlocks in a row begin speech: a click or a crackle is shorter.
	onsetBlocks = 4
	// lapseBlocks without voice end it: P.56's hangover, in which the closure of
	// a consonant fits. No block of them is voice.
	lapseBlocks = 20
	// The noise is the lowest block of the last two seconds or a little more
	// ("minimum statistics": R. Martin, IEEE Transactions on Speech and Audio
	// Processing 9(5), 2001, with 1.5 s): speech dips to the noise between its
	// words, and a noise that becomes louder is known after so long.
	stretchBlocks = 25
	stretches     = 8
	// Digital silence for less than this is not a level of the line but a lost
	// packet.
	lostBlocks = 10
)

// A Voice finds voice in a stream of mono audio by its energy over that of the
// noise. It answers after 40 ms of voice, knows no word from another loud sound
// (a tone, DTMF, music), and learns a noise in two seconds.
//
// It is meant to tell when a caller begins and stops to speak, cheaply enough to
// run on every call: one pass over the samples, no allocation. The zero value is
// ready. It is not safe for concurrent use.
type Voice struct {
	rateHz int

	// The block that is not complete.
	n          int
	sum, power int64

	speaking bool // voice has begun and not lapsed
	length   int  // blocks of it so far, the onset's among them
	lasted   int  // of them up to the last that was voice
	voiced   bool // the last block was voice
	loud     int  // blocks in a row at which speech could begin
	quiet    int  // blocks in a row without voice
	zeros    int  // blocks in a row of digital silence

	// The noise: the lowest power of the present stretch, of each of those before
	// it, and of all of them; stretch is the one to be written next.
	lowest  float64
	before  [stretches]float64
	former  float64
	stretch int
	blocks  int // of the present stretch
	known   int // stretches in before, from the start on
}

// Detect takes the next frame, at rateHz, of any length, and reports whether
// there is voice in it: in one of the blocks of 10 ms that it completes, or, if
// it completes none, in the last one before. A rate that changes keeps what is
// known of the noise; only an incomplete block is dropped.
func (v *Voice) Detect(pcm []int16, rateHz int) bool {
	if rateHz != v.rateHz {
		v.rateHz, v.n, v.sum, v.power = rateHz, 0, 0, 0
	}
	size := max(rateHz/blocksPerSecond, 1)
	completed, found := false, false
	for len(pcm) > 0 {
		block := pcm[:min(size-v.n, len(pcm))]
		pcm = pcm[len(block):]
		var sum, power int64
		for _, s := range block {
			sum += int64(s)
			power += int64(s) * int64(s)
		}
		v.n += len(block)
		v.sum += sum
		v.power += power
		if v.n < size {
			break
		}
		v.block()
		completed, found = true, found || v.voiced
	}
	return found || !completed && v.voiced
}

// Lasted is how long the voice has lasted that goes on now, from its first block
// to the last with voice in it; 0 if there is none, or it has lapsed.
func (v *Voice) Lasted() time.Duration {
	return time.Duration(v.lasted) * time.Second / blocksPerSecond
}

// Lapse says that the next frame does not follow the last one. A voice that went
// on is over; what is known of the noise is kept.
func (v *Voice) Lapse() {
	v.speaking, v.voiced = false, false
	v.loud, v.length, v.lasted = 0, 0, 0
}

// Reset returns to the state of a new Voice.
func (v *Voice) Reset() { *v = Voice{} }

// block judges the block that is complete.
func (v *Voice) block() {
	n := float64(v.n)
	mean := float64(v.sum) / n
	silent := v.power == 0
	power := max(float64(v.power)/n-mean*mean, 0) // without an offset
	v.n, v.sum, v.power = 0, 0, 0

	v.learn(power, silent)
	noise := min(v.lowest, noiseMostRMS*noiseMostRMS)
	if v.known > 0 {
		noise = min(noise, v.former)
	}
	if power >= max(onsetRMS*onsetRMS, onsetOverNoise*noise) {
		v.loud++
	} else {
		v.loud = 0
	}
	switch {
	case v.speaking:
		v.length++
	case v.loud >= onsetBlocks:
		v.speaking, v.length = true, onsetBlocks
	}
	v.voiced = v.speaking && power >= max(stayRMS*stayRMS, stayOverNoise*noise)
	if v.voiced {
		v.quiet, v.lasted = 0, v.length
	} else if v.quiet++; v.quiet >= lapseBlocks {
		v.speaking, v.length, v.lasted = false, 0, 0
	}
}

// learn takes a block into the noise.
func (v *Voice) learn(power float64, silent bool) {
	if !silent {
		v.zeros = 0
	} else if v.zeros++; v.zeros < lostBlocks && v.known > 0 {
		return
	}
	if v.blocks == 0 || power < v.lowest {
		v.lowest = power
	}
	if v.blocks++; v.blocks < stretchBlocks {
		return
	}
	v.before[v.stretch] = v.lowest
	v.stretch = (v.stretch + 1) % stretches
	v.known = min(v.known+1, stretches)
	v.former = v.lowest
	for _, power := range v.before[:v.known] {
		v.former = min(v.former, power)
	}
	v.blocks = 0
}
