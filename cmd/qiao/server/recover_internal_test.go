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
