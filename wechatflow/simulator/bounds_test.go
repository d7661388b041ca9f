package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is kept is bounded: a chat forgets its oldest lines, text messages too, and there is an end to people.
func TestBounds(t *testing.T) {
	s := newStage(t, mainAccount("plain"))
	require.NoError(t, s.sim.SetCallback("main", ""))
	p := s.follower()
	for range 210 {
		s.control("/sim/people/"+p.ID+"/text", object{"content": "hi"})
	}
	var chat []chatMessage
	s.get("/sim/people/"+p.ID+"/messages", "own", "1").into(&chat)
	require.Len(t, chat, 200)
	require.Greater(t, chat[0].N, int64(1))

	handler := s.sim.Handler()
	call := func(path, body string) int {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	for range 10_000 - 1 {
		require.Equal(t, http.StatusCreated, call("/sim/people", ""))
	}
	require.Equal(t, http.StatusBadRequest, call("/sim/people", ""))
	for range 11_100 {
		call("/sim/sms", `{"to":"+8613800001234","text":"x"}`)
	}
	var texts []object
	s.get("/sim/sms").into(&texts)
	require.LessOrEqual(t, len(texts), 11_000)
	require.GreaterOrEqual(t, len(texts), 10_000)
}
