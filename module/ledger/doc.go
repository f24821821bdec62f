// Package ledger is the truth of one conversation: which responses were asked for, which run and which are done, what was
// said in each, and how much of it the caller has heard. It is plain state without I/O and without a clock.
package ledger
