/* SPDX-License-Identifier: MIT
 *
 * The commands: how one is called, and the tables of them.
 */
#ifndef OAS_STANDIN_COMMAND_H
#define OAS_STANDIN_COMMAND_H

#include "host.h"

#define COMMAND_WORDS_MAX 32

typedef struct host_command_call {
	const char *rest;               /* the line after the command's name, as it came */
	char *words[COMMAND_WORDS_MAX]; /* the same in words; quotes hold a word together */
	int n_words;
	host_json_t *reply; /* for what the reply says beyond "ok" */
	char error[512];
} host_command_call_t;

/* Returns false when it failed; then call->error says why. */
typedef bool (*host_command_function_t)(host_command_call_t *call);

typedef struct host_command_entry {
	const char *name;
	const char *usage;
	host_command_function_t run;
	int min_words;
} host_command_entry_t;

extern const host_command_entry_t host_call_commands[];  /* command_call.c: channels */
extern const host_command_entry_t host_other_commands[]; /* command_host.c: everything else */
bool host_command_wait(host_command_call_t *call);       /* command_wait.c */

/* The value of the word "name=value", or fallback. */
const char *host_command_option(const host_command_call_t *call, const char *name, const char *fallback);
/* The number in a text, or in the word "name=number"; where there is none, the command fails, and 0 is returned. */
int64_t host_command_number(host_command_call_t *call, const char *text);
int64_t host_command_number_option(host_command_call_t *call, const char *name, int64_t fallback);
/* Say what is wrong; returns false. The command has then failed, whatever it returns itself. */
bool host_command_fail(host_command_call_t *call, const char *format, ...) PRINTF_FUNCTION(2, 3);
/* Find the channel that word i names, locked; or fail. */
switch_core_session_t *host_command_channel(host_command_call_t *call, int i);

#endif
