package transport

import (
	"sync"
	"unsafe"
)

// classes are the sizes of the buffers for messages: most events; 200 ms of PCM16 at 24 kHz as base64, which is 13 KB;
// the same of two or three deltas in one; a second with room to spare.
var classes = [...]int{4 << 10, 16 << 10, 64 << 10, 128 << 10}

// pools hold pointers to the first byte of what is free, one pool for each class.
var pools [len(classes)]sync.Pool

// newBuffer is an empty one of the class.
func newBuffer(class int) []byte {
	if p, ok := pools[class].Get().(*byte); ok {
		return unsafe.Slice(p, classes[class])[:0]
	}
	return make([]byte, 0, classes[class])
}

// classOf is the smallest class that holds n bytes, or the number of classes if none does.
func classOf(n int) int {
	for class, size := range classes {
		if n <= size {
			return class
		}
	}
	return len(classes)
}

// move moves a message to another buffer, of a class or longer than all of them.
func move(msg []byte, class int) []byte {
	var other []byte
	if class < len(classes) {
		other = newBuffer(class)
	} else {
		other = make([]byte, 0, 2*cap(msg))
	}
	other = append(other, msg...)
	Recycle(msg)
	return other
}

// Recycle lets later messages reuse the memory of one that Read returned. Nothing may refer to that message afterwards.
// Calling it is optional. What Read did not return is ignored, or at most reused.
func Recycle(msg []byte) {
	if class := classOf(cap(msg)); class < len(classes) && cap(msg) == classes[class] {
		pools[class].Put(unsafe.SliceData(msg))
	}
}
