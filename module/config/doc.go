// Package config is everything that can be set, described by one table: defaults, openai_audio_stream.conf.xml with its
// profiles, and channel variables. For one stream they are laid over each other in this order, later ones winning:
// defaults, the file's settings, a profile, the channel's variables.
//
// A bad value gives an error that names the setting, quotes the value unless it is a secret, and says what is expected.
// A File does not change after it was made, so all of it may be used by any goroutine.
package config
