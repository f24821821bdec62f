package block_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"mod_openai_audio_stream/module/block"
)

// Whoever has a block has it alone, whatever others take and give back at the same time.
func TestBlocksAreApart(t *testing.T) {
	before := block.Lent()
	var all sync.WaitGroup
	for call := range 8 {
		all.Add(1)
		go func() { // ends after its rounds
			defer all.Done()
			r := rand.New(rand.NewPCG(uint64(call), 1))
			var held []block.Block
			var marks []int16
			for i := range 4000 {
				if len(held) < 100 && r.IntN(100) < 40+20*(i/1000%2) {
					b := block.Get()
					if len(b.PCM) != block.Samples || cap(b.PCM) != block.Samples {
						t.Errorf("%d samples, room for %d", len(b.PCM), cap(b.PCM))
					}
					m := int16(call*4000 + i)
					for k := range b.PCM {
						b.PCM[k] = m
					}
					held, marks = append(held, b), append(marks, m)
				} else if n := len(held); n > 0 {
					k := r.IntN(n)
					for _, v := range held[k].PCM {
						if v != marks[k] {
							t.Errorf("%d in the block of %d", v, marks[k])
							return
						}
					}
					held[k].Put()
					held[k], marks[k] = held[n-1], marks[n-1]
					held, marks = held[:n-1], marks[:n-1]
				}
			}
			for _, b := range held {
				b.Put()
			}
		}()
	}
	all.Wait()
	if n := block.Lent(); n != before {
		t.Errorf("%d blocks on loan, want %d", n, before)
	}
}

// What was taken goes back to the system, all but a little.
func TestMemoryGoesBack(t *testing.T) {
	var held []block.Block
	for range 1000 {
		held = append(held, block.Get())
	}
	for _, i := range rand.Perm(len(held)) {
		held[i].Put()
	}
	if n := block.Slabs(); n > 1 {
		t.Errorf("%d slabs for nothing", n)
	}
	if n := testing.AllocsPerRun(100, func() { block.Get().Put() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
