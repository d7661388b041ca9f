package server

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
)

// A panic outside of the routes, where only net/http catches it, is an error as well; a peer that goes away is none.
func TestPanicOutsideTheRoutesIsLogged(t *testing.T) {
	var log bytes.Buffer
	s := httptest.NewUnstartedServer(nil)
	s.Config = newHTTPServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("out of range") }), slog.New(slog.NewJSONHandler(&log, nil)))
	s.Start()
	res, err := s.Client().Get(s.URL)
	if err == nil {
		_ = res.Body.Close()
	}
	require.Error(t, err, "the connection is cut")
	s.Close()
	s.Config.ErrorLog.Print("http: TLS handshake error from 192.0.2.1:443: EOF")
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), log.String())
	require.Contains(t, log.String(), `"level":"ERROR"`)
	require.Contains(t, log.String(), "out of range")
	require.Contains(t, log.String(), "goroutine", "with its stack")
	require.NotContains(t, log.String(), "127.0.0.1")
}

func TestPanicIsAnsweredAndLogged(t *testing.T) {
	var log bytes.Buffer
	r := chi.NewRouter()
	r.Use(recovered(slog.New(slog.NewJSONHandler(&log, nil))))
	r.Get("/phone/{link}", func(http.ResponseWriter, *http.Request) { panic("out of range") })
	r.Get("/gone", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })

	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/phone/a-secret-link?code=x", nil))
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.NotContains(t, w.Body.String(), "out of range")
	require.Contains(t, log.String(), `"level":"ERROR"`)
	require.Contains(t, log.String(), "out of range")
	require.Contains(t, log.String(), "/phone/{link}")
	require.NotContains(t, log.String(), "a-secret-link")

	log.Reset()
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/gone", nil))
	})
	require.Empty(t, log.String())
}
