/* SPDX-License-Identifier: MIT
 *
 * What the shim does with calls, in the stand-in core: each action does what it says, and says why it does not.
 */
#include "check.h"
#include "host.h"
#include "mod_openai_audio_stream.h"

#define BOUND_MS 60000

static const host_call_options_t call_options = {
	.uuid = "call",
	.format = {.rate_hz = 8000, .ptime_ms = 20, .channels = 1, .name = ""},
	.caller = "silence",
	.writer = "none",
	.media = "1",
	.speed = 1,
};

static void new_call(void)
{
	const char *error = host_session_create(&call_options);

	CHECK(!error, "no call: %s", error);
}

static void end_call(const char *uuid)
{
	mod_openai_audio_stream_hangup(uuid, "");
	CHECK(host_events_wait(&(host_event_filter_t){.subclass = "CHANNEL_DESTROY", .uuid = uuid}, BOUND_MS),
		  "%s does not end", uuid);
}

static void set(const char *uuid, const char *name, const char *value)
{
	oas_status_t status = mod_openai_audio_stream_set_variable(uuid, name, value);

	CHECK(status == OAS_STATUS_OK, "setting %s: status %d", name, (int) status);
}

/* Whether a channel has this variable; value NULL: whether it has none. */
static bool has(const char *uuid, const char *name, const char *value)
{
	switch_core_session_t *session = mod_openai_audio_stream_enter(uuid);
	const char *found;
	bool same;

	if (!session) {
		return false;
	}
	found = switch_channel_get_variable(switch_core_session_get_channel(session), name);
	same = found && value ? !strcmp(found, value) : found == value;
	mod_openai_audio_stream_leave(session);
	return same;
}

static bool happened(const char *event, const char *uuid)
{
	return host_events_wait(&(host_event_filter_t){.subclass = event, .uuid = uuid}, BOUND_MS);
}

static void is(oas_status_t status, oas_status_t want, const char *what)
{
	CHECK(status == want, "%s: status %d, want %d", what, (int) status, (int) want);
}

static void test_variables(void)
{
	new_call();
	set("call", "a", "b $ {c}");
	CHECK(has("call", "a", "b $ {c}"), "the variable is not set");
	is(mod_openai_audio_stream_set_variable("call", "a", "x${system touch}"), OAS_STATUS_FAILED, "an expansion");
	is(mod_openai_audio_stream_set_variable("call", "a", "x$${y}"), OAS_STATUS_FAILED, "a global expansion");
	is(mod_openai_audio_stream_set_variable("call", "", "x"), OAS_STATUS_FAILED, "no name");
	CHECK(has("call", "a", "b $ {c}"), "a refused value was set");
	set("call", "a", "");
	CHECK(has("call", "a", NULL), "the variable is not removed");
	is(mod_openai_audio_stream_set_variable("nobody", "a", "b"), OAS_STATUS_GONE, "nobody's variable");
	end_call("call");
}

static void test_hangup(void)
{
	new_call();
	is(mod_openai_audio_stream_hangup("call", "BYE"), OAS_STATUS_FAILED, "hang up for no cause");
	is(mod_openai_audio_stream_hangup("nobody", "USER_BUSY"), OAS_STATUS_GONE, "hang up nobody");
	is(mod_openai_audio_stream_hangup("call", "user_busy"), OAS_STATUS_OK, "hang up");
	CHECK(happened("CHANNEL_HANGUP", "call"), "not hung up");
	CHECK(happened("CHANNEL_DESTROY", "call"), "the call does not end");
}

static void test_transfer_and_keys(void)
{
	new_call();
	is(mod_openai_audio_stream_transfer("call", "1001", "", ""), OAS_STATUS_OK, "transfer");
	CHECK(happened("host::transfer", "call") && has("call", "host_transfer", "1001 XML default"), "not transferred");
	is(mod_openai_audio_stream_transfer("nobody", "1001", "", ""), OAS_STATUS_GONE, "transfer nobody");
	is(mod_openai_audio_stream_send_dtmf("call", "12w#"), OAS_STATUS_OK, "keys");
	CHECK(happened("host::keys", "call") && has("call", "host_keys", "12w#"), "no keys");
	is(mod_openai_audio_stream_send_dtmf("call", "1@9000"), OAS_STATUS_FAILED, "a key for nine seconds");
	end_call("call");
}

/* The API event has the channel, the reply its first 64 KiB. */
static void test_api(void)
{
	char *reply = NULL;
	char *much = calloc(1, 3 * OAS_REPLY_MAX);

	new_call();
	is(mod_openai_audio_stream_api("call", "nothing", "", &reply), OAS_STATUS_FAILED, "no command");
	free(reply);
	is(mod_openai_audio_stream_api("nobody", "lua", "", &reply), OAS_STATUS_GONE, "nobody's command");
	CHECK(!reply, "a reply without a call");
	switch_core_set_variable("host_api_lua", "it ran");
	is(mod_openai_audio_stream_api("call", "lua", "a b", &reply), OAS_STATUS_OK, "a command");
	CHECK(reply && !strcmp(reply, "it ran"), "replies %s", reply);
	CHECK(happened("API", "call"), "the command does not know its channel");
	free(reply);
	memset(much, 'x', 3 * OAS_REPLY_MAX - 1);
	switch_core_set_variable("host_api_lua", much);
	is(mod_openai_audio_stream_api("call", "lua", "", &reply), OAS_STATUS_OK, "a command that says much");
	CHECK(reply && strlen(reply) == OAS_REPLY_MAX, "replies %zu bytes", reply ? strlen(reply) : 0);
	free(reply);
	free(much);
	end_call("call");
}

static void refer(const char *script, oas_status_t want, uint32_t sip_status, uint32_t lost)
{
	oas_attempt_t attempt = {.timeout_ms = 1};

	set("call", "host_refer", script);
	is(mod_openai_audio_stream_refer("call", "sip:1001@example.com", &attempt), want, script);
	CHECK(attempt.sip_status == sip_status && attempt.lost == lost, "%s: status %u, lost %u", script,
		  attempt.sip_status, attempt.lost);
	CHECK(has("call", "host_refer_to", "sip:1001@example.com"), "%s: not referred", script);
	CHECK(has("call", "sip_refer_continue_after_reply", "maybe"), "%s: the user's variable is lost", script);
}

static void test_refer(void)
{
	oas_attempt_t attempt = {.timeout_ms = 1000};

	new_call();
	set("call", "sip_refer_continue_after_reply", "maybe");
	refer("202 200", OAS_STATUS_OK, 0, 0);
	refer("202 486", OAS_STATUS_UNANSWERED, 486, 1);
	refer("603", OAS_STATUS_UNANSWERED, 603, 0);
	refer("202", OAS_STATUS_UNANSWERED, 0, 0);   /* and not a word after */
	refer("407", OAS_STATUS_UNANSWERED, 407, 0); /* no password */
	is(mod_openai_audio_stream_refer("nobody", "sip:1", &attempt), OAS_STATUS_GONE, "refer nobody");
	is(mod_openai_audio_stream_refer("call", "tel:1", &attempt), OAS_STATUS_FAILED, "refer to a number");
	is(mod_openai_audio_stream_refer("call", "sip:1\r\nX-Y: z", &attempt), OAS_STATUS_FAILED, "a header");
	is(mod_openai_audio_stream_refer("call", "sip:1>;x", &attempt), OAS_STATUS_FAILED, "a header's parameter");
	end_call("call");
}

static void *cancel_when_ringing(void *arg)
{
	oas_attempt_t *attempt = arg;

	CHECK(happened("CHANNEL_ORIGINATE", "ringing"), "nobody rings");
	atomic_store_explicit(&attempt->cancel, OAS_CANCEL, memory_order_relaxed);
	return NULL;
}

static void dial_in_vain(const char *dial_string, uint32_t timeout_ms, const char *cause)
{
	oas_attempt_t attempt = {.timeout_ms = timeout_ms};

	is(mod_openai_audio_stream_dial("call", dial_string, &attempt), OAS_STATUS_UNANSWERED, dial_string);
	CHECK(!strcmp(attempt.cause, cause), "%s: %s, want %s", dial_string, attempt.cause, cause);
}

static void test_dial(void)
{
	oas_attempt_t attempt = {.timeout_ms = BOUND_MS};
	pthread_t canceller;

	new_call();
	dial_in_vain("busy/b", BOUND_MS, "USER_BUSY");
	dial_in_vain("refuse/b", BOUND_MS, "CALL_REJECTED");
	dial_in_vain("ring/silent", 1, "NO_ANSWER");
	is(mod_openai_audio_stream_dial("nobody", "answer/b", &attempt), OAS_STATUS_GONE, "nobody dials");

	pthread_create(&canceller, NULL, cancel_when_ringing, &attempt);
	is(mod_openai_audio_stream_dial("call", "ring/ringing", &attempt), OAS_STATUS_UNANSWERED, "cancelled");
	pthread_join(canceller, NULL);
	CHECK(!strcmp(attempt.cause, "ORIGINATOR_CANCEL"), "cancelled: %s", attempt.cause);

	set("call", "caller_id_number", "100");
	set("call", "effective_caller_id_number", "4711");
	set("call", "caller_id_name", "Jane");
	set("call", "export_vars", "kept");
	set("call", "kept", "yes");
	atomic_store(&attempt.cancel, 0);
	is(mod_openai_audio_stream_dial("call", "{mine=1}answer/agent", &attempt), OAS_STATUS_OK, "dial");
	CHECK(!strcmp(attempt.peer, "agent") && happened("CHANNEL_PARK", "agent"), "%s is not parked", attempt.peer);
	CHECK(has("agent", "caller_id_number", "4711") && has("agent", "caller_id_name", "Jane"), "another's caller id");
	CHECK(has("agent", "kept", "yes") && has("agent", "mine", "1"), "variables are lost");

	is(mod_openai_audio_stream_bridge("call", "nobody"), OAS_STATUS_FAILED, "bridge with nobody");
	is(mod_openai_audio_stream_bridge("nobody", "agent"), OAS_STATUS_GONE, "bridge nobody");
	is(mod_openai_audio_stream_bridge("call", "agent"), OAS_STATUS_OK, "bridge");
	CHECK(happened("CHANNEL_BRIDGE", "call") && happened("CHANNEL_BRIDGE", "agent"), "not bridged");
	end_call("agent");
	end_call("call");
}

/* Returns how many samples it has, up to a second's. */
static uint32_t play(const char *path, uint32_t rate_hz)
{
	int16_t pcm[333];
	oas_sound_t *sound = NULL;
	uint32_t n, total = 0;

	is(mod_openai_audio_stream_sound_open("call", path, rate_hz, &sound), OAS_STATUS_OK, path);
	if (!sound) {
		return 0;
	}
	do {
		n = mod_openai_audio_stream_sound_read(sound, pcm, 333);
		total += n;
	} while (n && total < rate_hz);
	mod_openai_audio_stream_sound_close(sound);
	return total;
}

static void test_sound(const char *directory)
{
	int16_t samples[2 * 4000] = {0};
	host_wav_t wav = {.rate = 8000, .channels = 2, .n_frames = 4000, .samples = samples};
	oas_sound_t *sound;
	char path[1024];
	const char *error;
	uint32_t n;

	snprintf(path, sizeof(path), "%s/test_actions.wav", directory);
	error = host_wav_write(path, &wav);
	CHECK(!error, "%s: %s", path, error);
	new_call();
	n = play(path, 24000);
	CHECK(n == 12000, "half a second is %u samples", n);
	set("call", "sound_prefix", directory);
	n = play("test_actions.wav", 8000);
	CHECK(n == 4000, "half a second is %u samples", n);
	CHECK(play("tone_stream://%(1000,0,440)", 8000) >= 8000, "no tone");
	is(mod_openai_audio_stream_sound_open("call", "nothing.wav", 8000, &sound), OAS_STATUS_FAILED, "no file");
	is(mod_openai_audio_stream_sound_open("call", path, 96000, &sound), OAS_STATUS_FAILED, "96 kHz");
	is(mod_openai_audio_stream_sound_open("nobody", path, 8000, &sound), OAS_STATUS_GONE, "nobody's sound");
	end_call("call");
	unlink(path);
}

int main(void)
{
	oas_attempt_t attempt = {0};
	char directory[] = "/tmp/test_actions.XXXXXX";

	CHECK(mkdtemp(directory) != NULL, "no directory");
	host_core_set_temp_dir(directory);
	host_events_start();
	mod_openai_audio_stream_gate_open();
	test_variables();
	test_hangup();
	test_transfer_and_keys();
	test_api();
	test_refer();
	test_dial();
	test_sound(directory);
	new_call();
	mod_openai_audio_stream_gate_close();
	is(mod_openai_audio_stream_hangup("call", ""), OAS_STATUS_GONE, "hang up behind the gate");
	is(mod_openai_audio_stream_dial("call", "answer/b", &attempt), OAS_STATUS_GONE, "dial behind the gate");
	mod_openai_audio_stream_gate_open();
	end_call("call");
	CHECK(host_sessions_wait_none(BOUND_MS), "%d channels stay", host_sessions_alive());
	host_events_stop();
	host_session_threads_join();
	host_codec_free_all();
	host_core_free();
	CHECK(!host_pools_alive(), "%d pools stay", host_pools_alive());
	rmdir(directory);
	return check_exit();
}
