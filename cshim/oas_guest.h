/* SPDX-License-Identifier: MIT
 *
 * The manners of a Go runtime in a C program.
 */
#ifndef OAS_GUEST_H
#define OAS_GUEST_H

/* Have every signal handler run on the thread's signal stack. Go sees to that for handlers that are there when it
 * starts; one that is installed later without SA_ONSTACK would run on a goroutine's small stack if its signal met a
 * thread of the host inside Go, and the runtime would abort (golang.org/issue/20400). Ordinary thread; about 20 us. */
void oas_guest_handlers(void);

/* Every thread of the host calls this before any other oasGo* function. Its first call into Go takes a place there, and
 * who finds none spins until the one before him has made another. Two real-time threads that spin on two processors do
 * not let Go's ordinary threads run, so nothing makes that place and the whole host stands still. Here they come in one
 * at a time and sleep meanwhile. A thread keeps its place. Never media threads. */
void oas_guest_enter(void);

#endif
