// Command bridge is the C archive that the shim links: the entry points of include/oas_bridge.h. It converts between C
// and Go and owns what both share; the engine is in module/.
package main

/*
#include "access.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
	"unsafe"

	"mod_openai_audio_stream/module/buildid"
	"mod_openai_audio_stream/module/secret"
	"mod_openai_audio_stream/module/stream"
	"mod_openai_audio_stream/module/transport"
)

// version is stamped in by the build.
var version = "unknown"

// FreeSWITCH's numbers of the log levels used here.
const (
	logCrit    = C.OAS_LOG_CRIT
	logWarning = C.OAS_LOG_WARNING
	logNotice  = C.OAS_LOG_NOTICE
)

// What a caller gets whose command Go can't run.
const (
	replyUnloading = "-ERR the module is being unloaded"
	replyPanic     = "-ERR internal error, see the log"
)

// closeWait is how long an unload waits at least for calls that are inside FreeSWITCH, when the streams took its whole time.
const closeWait = 100 * time.Millisecond

// engine is what runs between oasGoLoad and oasGoShutdown.
type engine struct {
	host    *host
	manager *stream.Manager
}

var (
	engineMu sync.RWMutex // Protects following.
	running  *engine

	build buildid.Watch
)

func current() *engine {
	engineMu.RLock()
	defer engineMu.RUnlock()
	return running
}

func main() {}

//export oasGoEnter
func oasGoEnter() {}

//export oasGoLoad
func oasGoLoad(ops C.oas_host_ops_ref_t, info C.oas_host_info_ref_t) (status C.oas_status_t) {
	defer caught(func(string) { status = C.OAS_STATUS_PANIC })
	if err := load(newHost(unsafe.Pointer(ops)), C.GoString(info.module_path), C.GoString(info.temp_dir)); err != nil {
		return C.OAS_STATUS_FAILED
	}
	return C.OAS_STATUS_OK
}

func load(h *host, modulePath, tempDir string) error {
	engineMu.Lock()
	defer engineMu.Unlock()
	if running != nil {
		return errors.New("the engine runs already")
	}
	if err := openDoorbells(); err != nil {
		h.Log(logCrit, "", err.Error())
		return err
	}
	if warning := build.Check(modulePath, version); warning != "" {
		h.Log(logWarning, "", warning)
	}
	running = &engine{host: h, manager: stream.NewManager(h, dial, tempDir)}
	h.Log(logNotice, "", "mod_openai_audio_stream "+version+" loaded")
	return nil
}

func dial(ctx context.Context, o *transport.Options) (stream.Conn, error) {
	conn, err := transport.Dial(ctx, o)
	if err != nil {
		return nil, err // not conn: a nil *Conn in an interface is not nil
	}
	return conn, nil
}

//export oasGoConfigure
func oasGoConfigure(xml C.oas_cstr_t) (problem *C.char) {
	defer caught(func(reason string) { problem = C.CString(reason) })
	e := current()
	if e == nil {
		return C.CString("the engine does not run")
	}
	var text []byte
	if xml != nil {
		text = []byte(C.GoString(xml))
	}
	if err := e.manager.Configure(text); err != nil {
		return C.CString(err.Error())
	}
	return nil
}

//export oasGoCommand
func oasGoCommand(args C.oas_cstr_t) (reply *C.char) {
	defer caught(func(string) { reply = C.CString(replyPanic) })
	e := current()
	if e == nil {
		return C.CString(replyUnloading)
	}
	return C.CString(e.manager.Command(C.GoString(args)))
}

//export oasGoApplication
func oasGoApplication(uuid, arguments C.oas_cstr_t) (reply *C.char) {
	defer caught(func(string) { reply = C.CString(replyPanic) })
	e := current()
	if e == nil {
		return C.CString(replyUnloading)
	}
	return C.CString(e.manager.Application(C.GoString(uuid), C.GoString(arguments)))
}

//export oasGoShutdown
func oasGoShutdown(timeoutMS C.uint32_t) {
	defer caught(func(string) {})
	e := current()
	if e == nil {
		return
	}
	timeout := time.Duration(timeoutMS) * time.Millisecond
	end := time.Now().Add(timeout)
	e.manager.Close(timeout)
	engineMu.Lock()
	running = nil
	engineMu.Unlock()
	e.host.close(max(time.Until(end), closeWait))
}

// caught ends an entry point: a panic becomes a log line and what onPanic makes of it.
func caught(onPanic func(reason string)) {
	r := recover()
	if r == nil {
		return
	}
	onPanic(fmt.Sprint(r))
	if e := current(); e != nil {
		e.host.Log(logCrit, "", secret.Mask(fmt.Sprintf("caught a bug: %v\n%s", r, debug.Stack())))
	}
}
