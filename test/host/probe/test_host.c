/* SPDX-License-Identifier: MIT
 *
 * Tests of the stand-in host: runs it with mod_probe and looks at what came out.
 *   test_host <oas_host> <mod_probe.so> <directory for files>
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *host, *module, *dir;
static char output[1 << 20]; /* of the last run */
static int failures;

static void check(bool ok, const char *test, const char *what)
{
	if (!ok) {
		fprintf(stderr, "FAIL %s: %s\n%s\n", test, what, output);
		failures++;
	}
}

/* Run the commands (DIR stands for the directory), strictly or whatever happens; returns the host's exit status. */
static int run(const char *commands, bool strict)
{
	char path[1024], line[2048];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/commands", dir);
	file = fopen(path, "w");
	for (const char *p = commands; *p; p++) {
		if (!strncmp(p, "DIR", 3)) {
			fputs(dir, file);
			p += 2;
		} else {
			fputc(*p, file);
		}
	}
	fclose(file);
	snprintf(line, sizeof(line), "'%s' %s -l 1 -m '%s' -f '%s'", host, strict ? "-s" : "", module, path);
	file = popen(line, "r"); /* NOLINT(cert-env33-c): a command line of the test's own */
	len = fread(output, 1, sizeof(output) - 1, file);
	output[len] = '\0';
	return pclose(file);
}

static size_t read_samples(const char *name, int16_t *samples, size_t max)
{
	char path[1024];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "rb");
	n = file ? fread(samples, 2, max, file) : 0;
	if (file) {
		fclose(file);
	}
	return n;
}

/* The ramp starts when the bug is on the channel, so every sample of it must come back, in order, once. */
static void test_echo(int rate, int ptime)
{
	static int16_t heard[1 << 20];
	char commands[2048], test[64];
	size_t n, first = 0;

	snprintf(test, sizeof(test), "echo at %d Hz, %d ms", rate, ptime);
	snprintf(commands, sizeof(commands),
			 "load\n"
			 "create a rate=%d ptime=%d caller=none writer=silence record_write=DIR/heard speed=10\n"
			 "wait heard=3 uuid=a\n"
			 "api a start\n"
			 "caller a ramp\n"
			 "wait said=20 uuid=a\n"
			 "api a stop\n"
			 "wait event=closed uuid=a\n"
			 "hangup a wait=1\n"
			 "unload\n"
			 "quit\n",
			 rate, ptime);
	check(run(commands, true) == 0, test, "a command failed");
	n = read_samples("heard", heard, sizeof(heard) / sizeof(*heard));
	while (first < n && !heard[first]) {
		first++;
	}
	check(n - first >= (size_t) rate / 1000 * (size_t) ptime * 18, test, "too little came back");
	for (size_t i = first; i < n && (i == first || heard[i]); i++) {
		if (heard[i] != (int16_t) (i - first + 1)) {
			check(false, test, "the audio is not what was said");
			break;
		}
	}
}

/* The core writes 0xff over the beginning of a frame that is too short; so does the stand-in. */
static void test_short_frame(void)
{
	static int16_t heard[1 << 16];
	size_t n;
	bool damaged = false;

	check(
		run("load\ncreate a caller=none writer=silence record_write=DIR/heard\napi a start short\nwait heard=5 uuid=a\n"
			"hangup a wait=1\nquit\n",
			true) == 0,
		"short frame", "a command failed");
	n = read_samples("heard", heard, sizeof(heard) / sizeof(*heard));
	for (size_t i = 0; i + 160 <= n; i += 160) {
		damaged = damaged || heard[i] == -1;
	}
	check(damaged && n % 160 == 0, "short frame", "not damaged as the core does it");
}

static void test_no_media(void)
{
	run("load\ncreate a media=0\napi a start\nanswer a\napi a start\napi a start\nhangup a wait=1\nquit\n", true);
	check(strstr(output, "-ERR no media") && strstr(output, "+OK") && strstr(output, "-ERR busy"), "no media",
		  "a channel without media takes a bug, or one with media does not");
}

/* Twenty channels come and go while the module is started and stopped on them from other threads. */
static void test_churn(void)
{
	static char commands[1 << 16];
	size_t len = (size_t) snprintf(commands, sizeof(commands), "load\n");

	for (int i = 0; i < 20; i++) {
		len += (size_t) snprintf(commands + len, sizeof(commands) - len,
								 "create c%d caller=ramp writer=silence speed=%d\nbg api c%d start\nbg api c%d stop\n"
								 "bg exec c%d c%d start\nbg codec c%d rate=16000\n%s c%d\n",
								 i, i % 3, i, i, i, i, i, i % 2 ? "bg hangup" : "events flush", i);
	}
	snprintf(commands + len, sizeof(commands) - len, "hupall wait=1\nunload\nload\nquit\n");
	/* A command on a channel that has gone fails, and should: what counts is the end. */
	check(run(commands, false) == 0 && strstr(output, "\"reply\":\"quit\",\"ok\":true,\"channels\":0,\"bugs\":0"),
		  "churn", "something was left behind");
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: %s <oas_host> <mod_probe.so> <directory>\n", argv[0]);
		return 2;
	}
	host = argv[1];
	module = argv[2];
	dir = argv[3];
	test_echo(8000, 20);
	test_echo(8000, 40);
	test_echo(16000, 30);
	test_echo(48000, 10);
	test_short_frame();
	test_no_media();
	test_churn();
	printf("%s\n", failures ? "FAILED" : "ok");
	return failures != 0;
}
