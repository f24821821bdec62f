package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// functions is a host whose profile p has functions, a model that calls those that the test tells it to, and a web service
// that they may ask. {web} in the profile is its address.
type functions struct {
	*rig
	srv   *realtimetest.Server
	model obedient
	web   webService
	calls int // connected so far
}

func newFunctions(t *testing.T, settings, tools string) *functions {
	t.Helper()
	f := &functions{}
	f.web.start(t)
	cfg := quiet
	cfg.Answer = f.model.answer
	f.srv = realtimetest.New(t, cfg)
	f.rig = newRigWith(t, `<configuration name="openai_audio_stream.conf"><profiles><profile name="p"><param name="url" value="`+
		html.EscapeString(f.srv.URL())+`"/><param name="rate" value="8k"/>`+settings+
		strings.ReplaceAll(tools, "{web}", f.web.server.URL)+`</profile></profiles></configuration>`)
	return f
}

// call creates a channel and converses on it by the profile.
func (f *functions) call(uuid, options string) *realtimetest.Session {
	f.Helper()
	f.do("create %s rate=8000 caller=silence writer=none %s", uuid, options)
	return f.converse(uuid)
}

// converse starts a stream on a channel.
func (f *functions) converse(uuid string) *realtimetest.Session {
	f.Helper()
	connects := len(f.Events(uuid, "connect"))
	f.api("+OK", "%s start profile:p", uuid)
	f.event(uuid, "connect", connects+1)
	f.calls++
	return f.session(f.srv, f.calls-1)
}

// tell has the model answer with these items.
func (f *functions) tell(uuid string, items ...realtimetest.ReplyItem) {
	f.Helper()
	text := f.model.learn(realtimetest.Reply{Items: items})
	f.api("+OK", "%s send_text %s", uuid, base64.StdEncoding.EncodeToString([]byte(text)))
}

// toolEvent waits for the n-th ::tool of a channel.
func (f *functions) toolEvent(uuid string, n int) (body toolBody) {
	f.Helper()
	decode(f.T, f.event(uuid, "tool", n).Body, &body)
	return body
}

// statuses are what ::tool said of the functions of a channel, in order.
func (f *functions) statuses(uuid string) string {
	f.Helper()
	var all []string
	for _, text := range f.bodies(uuid, "tool") {
		var body toolBody
		decode(f.T, text, &body)
		all = append(all, body.Name+" "+body.Status)
	}
	return strings.Join(all, ", ")
}

type toolBody struct {
	CallID    string `json:"call_id"`
	Name      string
	Action    string
	Status    string
	Arguments json.RawMessage
}

// outcome waits until n functions of a session have their output, and returns what the model was told by each call id. None is
// told of twice.
func (f *functions) outcome(s *realtimetest.Session, n int) map[string]string {
	f.Helper()
	var told map[string]string
	f.wait(f.srv, fmt.Sprintf("%d outputs", n), func() bool {
		told = f.outputs(s)
		return len(told) >= n
	})
	return told
}

// outputs are what the model has been told so far, by call id.
func (f *functions) outputs(s *realtimetest.Session) map[string]string {
	f.Helper()
	told := map[string]string{}
	for _, e := range s.Received("conversation.item.create") {
		if e.Get("item.type").Str != "function_call_output" {
			continue
		}
		id := e.Get("item.call_id").Str
		if _, twice := told[id]; twice {
			f.Errorf("%s has two outputs", id)
		}
		told[id] = e.Get("item.output").Str
	}
	return told
}

// function is a function call of the model's.
func function(name, arguments string) realtimetest.ReplyItem {
	return realtimetest.ReplyItem{Function: name, Arguments: arguments}
}

// sentence is something that the model says.
func sentence(d time.Duration) realtimetest.ReplyItem {
	return realtimetest.ReplyItem{PCM: realtimetest.Sine(440, d, 8000), RateHz: 8000, Transcript: "words"}
}

// obedient is a model that answers what the user says with what it has learnt, and anything else in few words.
type obedient struct {
	mu      sync.Mutex // Protects following.
	replies map[string]realtimetest.Reply
}

// learn returns what the user has to say for a reply.
func (o *obedient) learn(reply realtimetest.Reply) (text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.replies == nil {
		o.replies = map[string]realtimetest.Reply{}
	}
	text = fmt.Sprint("order ", len(o.replies))
	o.replies[text] = reply
	return text
}

func (o *obedient) answer(turn realtimetest.Turn) realtimetest.Reply {
	o.mu.Lock()
	defer o.mu.Unlock()
	if reply, known := o.replies[turn.Text]; known {
		return reply
	}
	return realtimetest.Reply{Items: []realtimetest.ReplyItem{sentence(60 * time.Millisecond)}}
}

// webService answers the requests of functions with what they said, those to /pin without it, and those to /hang not at all.
type webService struct {
	server *httptest.Server

	mu    sync.Mutex // Protects following.
	asked []webRequest
}

type webRequest struct {
	URI    string
	Header http.Header
	UUID   string
	CallID string `json:"call_id"`
	Tool   string
	Args   json.RawMessage `json:"arguments"`
}

func (w *webService) start(t *testing.T) {
	over := make(chan struct{})
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, _ := io.ReadAll(in.Body)
		if strings.HasPrefix(in.RequestURI, "/hang") {
			select {
			case <-in.Context().Done():
			case <-over:
			}
			return
		}
		asked := webRequest{URI: in.RequestURI, Header: in.Header}
		if err := json.Unmarshal(body, &asked); err != nil {
			t.Errorf("the web service was asked %s: %v", body, err)
		}
		w.mu.Lock()
		w.asked = append(w.asked, asked)
		w.mu.Unlock()
		said := string(asked.Args)
		if in.RequestURI == "/pin" {
			said = `"/pin"`
		}
		_, _ = fmt.Fprintf(out, `{"for":%q,"said":%s}`, asked.UUID, said)
	}))
	w.server.Config.SetKeepAlivesEnabled(false) // an idle connection is no leak
	w.server.Start()
	t.Cleanup(func() {
		close(over)
		w.server.Close()
	})
}

// of are the requests for a call.
func (w *webService) of(uuid string) (asked []webRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, request := range w.asked {
		if request.UUID == uuid {
			asked = append(asked, request)
		}
	}
	return asked
}
