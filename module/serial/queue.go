// Package serial runs jobs one after the other, on a goroutine of its own.
package serial

import "sync"

// Queue runs jobs in the order in which they were added. Its goroutine runs while there are jobs. The queue has no limit:
// the caller keeps one with Len. Its methods may be called from any goroutine.
type Queue struct {
	onPanic func(reason any)

	mu      sync.Mutex // Protects following.
	jobs    []func()
	running bool
}

// NewQueue returns an empty queue. onPanic is called when a job panics; the jobs after it still run.
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

// Len is the number of jobs that have not started.
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

// do runs a job. A bug in it must not end the process.
func (q *Queue) do(job func()) {
	defer func() {
		if r := recover(); r != nil {
			q.onPanic(r)
		}
	}()
	job()
}
