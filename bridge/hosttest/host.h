/* SPDX-License-Identifier: MIT
 *
 * A host that notes what it is asked for. See hosttest.go.
 */
#ifndef OAS_HOSTTEST_H
#define OAS_HOSTTEST_H

#include <stdlib.h>

#include "oas_bridge.h"

/* The engine is in the package that is tested, which cgo does not know when it looks for the symbols of this one. */
#pragma weak oasGoLoad
#pragma weak oasGoConfigure
#pragma weak oasGoCommand
#pragma weak oasGoApplication
#pragma weak oasGoShutdown

extern const oas_host_ops_t hosttest_ops;

void hosttest_reset(int attach, int answer);
char *hosttest_noted(void);
void hosttest_during_answer(const char *command);
void hosttest_capture(const int16_t *pcm, uint32_t n, uint32_t rate_hz);
void hosttest_press(char digit, uint32_t duration_ms);
void hosttest_hang_up(void);
const char *hosttest_event_name(uint32_t i);
const char *hosttest_total_name(uint32_t i);
uint64_t hosttest_total(uint32_t i);
int hosttest_load(const char *module_path, const char *temp_dir);

#endif
