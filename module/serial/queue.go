// Package serial does jobs one after the other, away from whoever has them.
package serial

import "sync"

// Queue does jobs in the order in which they were added, on a goroutine of its own that lives while there are any. Who
// adds jobs bounds them, by Len. Its methods may be called from any goroutine.
type Queue struct {
	onPanic func(reason any)

	mu      sync.Mutex // Protects following.
	jobs    []func()
	running bool
}

// NewQueue returns an empty queue. onPanic is told of a job that panics; the ones after it are still done.
func NewQueue(onPanic func(reason any)) *Queue { return &Queue{onPanic: onPanic} }

// Add queues a job and returns at once.
func (q *Queue) Add(job func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, job)
	if !q.running {
		q.running = true
		go q.run() // ends when the queue is empty
	}
}

// Len is how many jobs have not been begun.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs)
}

func (q *Queue) run() {
	for {
		q.mu.Lock()
		if len(q.jobs) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		job := q.jobs[0]
		q.jobs[0] = nil
		q.jobs = q.jobs[1:]
		q.mu.Unlock()
		q.do(job)
	}
}

// do does a job. A bug in it must not end the process.
func (q *Queue) do(job func()) {
	defer func() {
		if r := recover(); r != nil {
			q.onPanic(r)
		}
	}()
	job()
}
