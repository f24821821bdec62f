// Package transport is one socket to a Realtime server: how it is dialled, kept alive and closed, and how long to wait
// before it is dialled again.
//
// It knows nothing of what is sent. Every wait in it has a limit, so no server, proxy or network can hold up a call:
// dialling ends with its context or ConnectTimeout, Send and Close never wait, and a peer that reads nothing or answers
// nothing ends the connection. Errors and reasons hold no key: neither what the options carry nor what a server echoes.
package transport
