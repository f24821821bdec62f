//go:build linux && !race

package block

import (
	"syscall"
	"unsafe"
)

// reserve maps memory for n samples, in pages of the usual size: the kernel might give two megabytes for the first byte.
// Where the system has none left it comes from the heap.
func reserve(n int) []int16 {
	b, err := syscall.Mmap(-1, 0, 2*n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([]int16, n)
	}
	_ = syscall.Madvise(b, syscall.MADV_NOHUGEPAGE) // fails where there are no huge ones
	return unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// release gives back what reserve returned.
func release(memory []int16) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(memory))), 2*len(memory))
	_ = syscall.Munmap(b) // what came from the heap is not known to it, and collected
}
