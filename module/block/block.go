// Package block is memory for audio that waits: pieces of one size, shared by all calls and outside Go's heap. In the heap
// each byte that waits would let another one of garbage stay until it is collected.
package block

import (
	"slices"
	"sync"
)

// Samples is how many samples a block holds: 128 ms at 8 kHz.
const Samples = 1024

// slabBlocks is how many blocks are taken from the system at once: 128 KiB.
const slabBlocks = 64

// Block is a piece of memory on loan. Its content is whatever was left there.
type Block struct {
	PCM  []int16
	slab *slab
	at   uint8 // its place in the slab
}

type slab struct {
	memory []int16
	free   []uint8 // places, taken from the end
}

var (
	mu    sync.Mutex // Protects following.
	loose []*slab    // with a place free, one of them at most with all
	spare bool       // there is one with all
	lent  int
)

// Get lends a block, which Put must give back. Any goroutine.
func Get() Block {
	mu.Lock()
	defer mu.Unlock()
	if len(loose) == 0 {
		loose, spare = append(loose, newSlab()), true
	}
	s := loose[len(loose)-1]
	if len(s.free) == slabBlocks {
		spare = false
	}
	at := s.free[len(s.free)-1]
	if s.free = s.free[:len(s.free)-1]; len(s.free) == 0 {
		loose = loose[:len(loose)-1]
	}
	lent++
	from := int(at) * Samples
	return Block{PCM: s.memory[from : from+Samples : from+Samples], slab: s, at: at}
}

// Put takes a block back. Nobody may look at it any more. Any goroutine.
func (b Block) Put() {
	mu.Lock()
	defer mu.Unlock()
	s := b.slab
	lent--
	switch s.free = append(s.free, b.at); len(s.free) {
	case 1:
		loose = append(loose, s)
	case slabBlocks:
		i := slices.Index(loose, s)
		if spare {
			loose = slices.Delete(loose, i, i+1)
			release(s.memory)
			return
		}
		// To the front: it is touched again when there is no other.
		copy(loose[1:i+1], loose[:i])
		loose[0], spare = s, true
	}
}

// Lent is how many blocks are on loan. Any goroutine.
func Lent() int {
	mu.Lock()
	defer mu.Unlock()
	return lent
}

func newSlab() *slab {
	s := &slab{memory: reserve(slabBlocks * Samples), free: make([]uint8, slabBlocks)}
	for i := range s.free {
		s.free[i] = uint8(slabBlocks - 1 - i) // the first place is taken first
	}
	return s
}
