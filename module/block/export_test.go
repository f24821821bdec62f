package block

// Slabs is how many slabs with a free place there are. When nothing is on loan, those are all.
func Slabs() int {
	mu.Lock()
	defer mu.Unlock()
	return len(loose)
}
