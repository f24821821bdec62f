module mod_openai_audio_stream

go 1.25.0

require (
	github.com/coder/websocket v1.8.15
	github.com/rs/zerolog v1.35.1
	github.com/tidwall/gjson v1.20.0
	golang.org/x/net v0.43.0
	golang.org/x/sys v0.35.0
)

require (
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
	golang.org/x/text v0.28.0 // indirect
)
