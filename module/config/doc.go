// Package config has all settings, described by one table. Their values come from defaults, from
// openai_audio_stream.conf.xml and its profiles, and from channel variables. For one stream, each of these overrides the one
// before it: defaults, the file's settings, a profile, the channel's variables.
//
// A bad value gives an error that names the setting, quotes the value unless it is a secret, and says what is expected.
// A File does not change after it was made, so all of it may be used by any goroutine.
package config
