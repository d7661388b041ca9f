// Command floor is not a provider: it does the least work that a correct design needs for a request, one statement and
// one ES256 signature, one command of Redis for a TV that waits, or one channel for a browser that waits, and nothing
// else. The bench measures it beside Qiao in the same run, to say which part of the reachable rate Qiao reaches on this
// machine. Environment: DSN, REDIS, LISTEN, SECRET.
//
//	main.go   the token side
//	wait.go   the TV that polls, and the browser that waits
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

var b64 = base64.RawURLEncoding

type floor struct {
	db   *pgxpool.Pool
	fast *redis.Client
	key  *ecdsa.PrivateKey
	head string
	hash [32]byte // of the client's secret
	waits
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	cfg, err := pgxpool.ParseConfig(os.Getenv("DSN"))
	if err != nil {
		return err
	}
	cfg.MaxConns = 16
	f := &floor{head: b64.EncodeToString([]byte(`{"alg":"ES256","kid":"k1","typ":"JWT"}`)), hash: sha256.Sum256([]byte(os.Getenv("SECRET")))}
	if f.db, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return err
	}
	options, err := redis.ParseURL(os.Getenv("REDIS"))
	if err != nil {
		return err
	}
	f.fast = redis.NewClient(options)
	if f.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	for _, q := range []string{
		`CREATE TABLE IF NOT EXISTS chain (id BIGSERIAL PRIMARY KEY, rt BYTEA, at BYTEA, sub TEXT, scope TEXT, nonce TEXT, exp TIMESTAMPTZ) WITH (fillfactor = 60)`,
		`CREATE TABLE IF NOT EXISTS code (id BIGSERIAL PRIMARY KEY, h BYTEA, sub TEXT, scope TEXT, nonce TEXT, chal TEXT, exp TIMESTAMPTZ)`,
	} {
		if _, err := f.db.Exec(ctx, q); err != nil {
			return err
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", f.authorize)
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("GET /userinfo", f.userinfo)
	mux.HandleFunc("POST /introspect", f.introspect)
	mux.HandleFunc("GET /wait", f.wait)
	mux.HandleFunc("POST /wake", f.wake)
	// The time-outs are those that any server on the Internet needs, and they take memory of every connection.
	server := &http.Server{
		Addr: os.Getenv("LISTEN"), Handler: mux,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 45 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	return server.ListenAndServe()
}

// authorize assumes a live session and issues a code.
func (f *floor) authorize(w http.ResponseWriter, r *http.Request) {
	q, secret := r.URL.Query(), random()
	var id int64
	if err := f.db.QueryRow(r.Context(), `INSERT INTO code (h, sub, scope, nonce, chal, exp) VALUES ($1, 'user-1', $2, $3, $4, now() + interval '10 minutes') RETURNING id`,
		hash(secret), q.Get("scope"), q.Get("nonce"), q.Get("code_challenge")).Scan(&id); err != nil {
		http.Error(w, "unavailable", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Location", q.Get("redirect_uri")+"?code="+token(id, secret)+"&state="+q.Get("state"))
	w.WriteHeader(http.StatusSeeOther)
}

func (f *floor) token(w http.ResponseWriter, r *http.Request) {
	if !f.client(r) {
		answer(w, http.StatusUnauthorized, `{"error":"invalid_client"}`)
		return
	}
	form := r.PostForm
	if form.Has("device_code") {
		f.poll(w, r)
		return
	}
	access, refresh := random(), random()
	var id int64
	var secret []byte
	var sub, nonce, challenge string
	var err error
	switch form.Get("grant_type") {
	case "refresh_token":
		id, secret = parse(form.Get("refresh_token"))
		err = f.db.QueryRow(r.Context(), `UPDATE chain SET rt = $3, at = $4, exp = now() + interval '1 hour' WHERE id = $1 AND rt = $2 RETURNING sub, nonce`,
			id, hash(secret), hash(refresh), hash(access)).Scan(&sub, &nonce)
	default:
		code, codeSecret := parse(form.Get("code"))
		err = f.db.QueryRow(r.Context(), `WITH c AS (DELETE FROM code WHERE id = $1 AND h = $2 AND exp > now() RETURNING sub, scope, nonce, chal),
			i AS (INSERT INTO chain (rt, at, sub, scope, nonce, exp) SELECT $3, $4, sub, scope, nonce, now() + interval '1 hour' FROM c RETURNING id)
			SELECT i.id, c.sub, c.nonce, c.chal FROM i, c`, code, hash(codeSecret), hash(refresh), hash(access)).Scan(&id, &sub, &nonce, &challenge)
		if err == nil && b64.EncodeToString(hash([]byte(form.Get("code_verifier")))) != challenge {
			answer(w, http.StatusBadRequest, `{"error":"invalid_grant"}`)
			return
		}
	}
	if err != nil {
		answer(w, http.StatusBadRequest, `{"error":"invalid_grant"}`)
		return
	}
	answer(w, http.StatusOK, `{"access_token":"`+token(id, access)+`","token_type":"Bearer","expires_in":3600,"refresh_token":"`+token(id, refresh)+`","id_token":"`+f.idToken(sub, nonce)+`"}`)
}

func (f *floor) userinfo(w http.ResponseWriter, r *http.Request) {
	id, secret := parse(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	var sub string
	if f.db.QueryRow(r.Context(), `SELECT sub FROM chain WHERE id = $1 AND at = $2 AND exp > now()`, id, hash(secret)).Scan(&sub) != nil {
		answer(w, http.StatusUnauthorized, `{"error":"invalid_token"}`)
		return
	}
	answer(w, http.StatusOK, `{"sub":"`+sub+`","phone_number":"+8613800000000"}`)
}

func (f *floor) introspect(w http.ResponseWriter, r *http.Request) {
	if !f.client(r) {
		answer(w, http.StatusUnauthorized, `{"error":"invalid_client"}`)
		return
	}
	id, secret := parse(r.PostForm.Get("token"))
	var sub, scope string
	var exp time.Time
	if f.db.QueryRow(r.Context(), `SELECT sub, scope, exp FROM chain WHERE id = $1 AND at = $2 AND exp > now()`, id, hash(secret)).Scan(&sub, &scope, &exp) != nil {
		answer(w, http.StatusOK, `{"active":false}`)
		return
	}
	answer(w, http.StatusOK, `{"active":true,"sub":"`+sub+`","scope":"`+scope+`","exp":`+strconv.FormatInt(exp.Unix(), 10)+`}`)
}

func (f *floor) client(r *http.Request) bool {
	if r.ParseForm() != nil {
		return false
	}
	_, secret, ok := r.BasicAuth()
	h := sha256.Sum256([]byte(secret))
	return ok && subtle.ConstantTimeCompare(h[:], f.hash[:]) == 1
}

func (f *floor) idToken(sub, nonce string) string {
	now := time.Now().Unix()
	claims := `{"iss":"http://127.0.0.1","sub":"` + sub + `","aud":"bench","iat":` + strconv.FormatInt(now, 10) + `,"exp":` + strconv.FormatInt(now+3600, 10) + `,"nonce":"` + nonce + `"}`
	m := f.head + "." + b64.EncodeToString([]byte(claims))
	h := sha256.Sum256([]byte(m))
	r, s, err := ecdsa.Sign(rand.Reader, f.key, h[:])
	if err != nil {
		panic(err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return m + "." + b64.EncodeToString(sig[:])
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header()["Cache-Control"] = []string{"no-store"}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// token is base64url(8 bytes of the row's id ‖ 24 random bytes); the row holds the hash of the random part.
func token(id int64, secret []byte) string {
	return b64.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(id)), secret...))
}

func parse(text string) (int64, []byte) {
	b, err := b64.DecodeString(text)
	if err != nil || len(b) != 32 {
		return 0, nil
	}
	return int64(binary.BigEndian.Uint64(b)), b[8:]
}

func random() []byte { b := make([]byte, 24); _, _ = rand.Read(b); return b }

func hash(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}
