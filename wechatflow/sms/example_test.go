package sms_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"qiao/wechatflow/sms"
)

// A receiver: it checks the signature over the body as it came in, and its age, before it reads anything.
func ExampleNewWebhook() {
	secret := "0123456789abcdef0123456789abcdef"
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		if err != nil {
			http.Error(w, "body", http.StatusBadRequest)
			return
		}
		t, v1, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("X-Qiao-Signature"), "t="), ",v1=")
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(t + "."))
		mac.Write(body)
		if !hmac.Equal([]byte(v1), []byte(hex.EncodeToString(mac.Sum(nil)))) {
			http.Error(w, "signature", http.StatusUnauthorized)
			return
		}
		seconds, _ := strconv.ParseInt(t, 10, 64)
		if age := time.Since(time.Unix(seconds, 0)); age > 5*time.Minute || age < -5*time.Minute {
			http.Error(w, "too old", http.StatusUnauthorized)
			return
		}
		var message struct{ To, Text, Code, Lang, Kind string }
		if json.Unmarshal(body, &message) != nil {
			http.Error(w, "body", http.StatusBadRequest)
			return
		}
		fmt.Println("to", message.To, "code", message.Code)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer receiver.Close()

	webhook, err := sms.NewWebhook(sms.WebhookConfig{URL: receiver.URL, Secret: secret})
	if err != nil {
		panic(err)
	}
	fmt.Println(webhook.Send(context.Background(), sms.Message{To: "+8613800001234", Text: "654321 is your code", Code: "654321", Kind: "code"}))
	// Output:
	// to +8613800001234 code 654321
	// <nil>
}
