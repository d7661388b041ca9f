package crypt_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/silenceper/wechat/v2/util"
	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat/crypt"
)

// The values of the platform's documentation.
const (
	officialToken = "AAAAA"
	officialAppID = "wxba5fad812f8e6fb9"
)

var officialKey = strings.Repeat("A", 43)

// someKey ends in a character whose last two bits are not zero, as three of four real keys do.
const someKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

func mustKey(t testing.TB, text string) crypt.Key {
	t.Helper()
	key, err := crypt.ParseKey(text)
	require.NoError(t, err)
	return key
}

func TestOfficialSignatures(t *testing.T) {
	for _, v := range []struct{ timestamp, nonce, want string }{
		{"1714036504", "1514711492", "f464b24fc39322e44b38aa78f5edd27bd1441696"},
		{"1714037059", "486452656", "899cf89e464efb63f54ddac96b0a0a235f53aa78"},
		{"1714112445", "415670741", "6c5c811b55cc85e0e1b54100749188c20beb3f5d"},
	} {
		require.Equal(t, v.want, crypt.Signature(officialToken, v.timestamp, v.nonce))
		require.True(t, crypt.Verify(v.want, officialToken, v.timestamp, v.nonce))
		require.Equal(t, v.want, util.Signature(officialToken, v.timestamp, v.nonce), "the other SDK agrees")
	}
}

func TestOfficialEncryptedReply(t *testing.T) {
	const (
		message   = `{"demo_resp":"good luck"}`
		encrypted = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
	)
	key := mustKey(t, officialKey)
	require.Equal(t, encrypted, crypt.Encrypt(key, officialAppID, []byte(message), [16]byte([]byte("707722b803182950"))))
	require.Equal(t, "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1",
		crypt.Signature(officialToken, "1713424427", "415670741", encrypted))
	plain, appID, err := crypt.Decrypt(key, encrypted)
	require.NoError(t, err)
	require.Equal(t, message, string(plain))
	require.Equal(t, officialAppID, appID)
}

func TestVerifyRefusesEveryChange(t *testing.T) {
	good := crypt.Signature("token", "1714036504", "1514711492")
	require.True(t, crypt.Verify(good, "token", "1714036504", "1514711492"))
	for i := range len(good) {
		changed := []byte(good)
		changed[i] ^= 1
		require.False(t, crypt.Verify(string(changed), "token", "1714036504", "1514711492"))
	}
	require.False(t, crypt.Verify("", "token", "1714036504", "1514711492"))
	require.False(t, crypt.Verify(good[:39], "token", "1714036504", "1514711492"))
	require.False(t, crypt.Verify(strings.ToUpper(good), "token", "1714036504", "1514711492"))
	require.False(t, crypt.Verify(crypt.Signature("", "1", "2"), "", "1", "2"), "an empty token verifies nothing")
}

func TestEveryLengthAgainstAnotherSDK(t *testing.T) {
	key := mustKey(t, someKey)
	random := [16]byte([]byte("0123456789abcdef"))
	for n := 0; n <= 64; n++ {
		message := bytes.Repeat([]byte{'m'}, n)
		ours := crypt.Encrypt(key, officialAppID, message, random)
		raw, err := base64.StdEncoding.DecodeString(ours)
		require.NoError(t, err)
		require.Zero(t, len(raw)%32, "length %d", n)

		theirs, err := util.EncryptMsg(random[:], message, officialAppID, someKey)
		require.NoError(t, err)
		require.Equal(t, string(theirs), ours, "length %d", n)

		_, opened, err := util.DecryptMsg(officialAppID, ours, someKey)
		require.NoError(t, err)
		require.Equal(t, message, opened)

		plain, appID, err := crypt.Decrypt(key, string(theirs))
		require.NoError(t, err, "length %d", n)
		require.Equal(t, message, plain)
		require.Equal(t, officialAppID, appID)
	}
}

func TestParseKey(t *testing.T) {
	for _, bad := range []string{"", "A", someKey[:42], someKey + "A", someKey[:42] + "=", someKey[:42] + "\n",
		someKey[:42] + "-", someKey[:42] + "_", "密" + someKey[:40]} {
		_, err := crypt.ParseKey(bad)
		require.ErrorIs(t, err, crypt.ErrKey, "%q", bad)
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", mustKey(t, someKey), mustKey(t, someKey), mustKey(t, someKey), mustKey(t, someKey)), "97")
	// The two bits that 43 characters hold too many never matter.
	require.Equal(t, mustKey(t, someKey[:42]+"E"), mustKey(t, someKey[:42]+"H"))
}

// seal encrypts blocks as they are, so that a test can choose the padding and the length field.
func seal(t *testing.T, plain []byte) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(someKey + "=")
	require.NoError(t, err)
	block, err := aes.NewCipher(raw)
	require.NoError(t, err)
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(block, raw[:16]).CryptBlocks(out, plain)
	return base64.StdEncoding.EncodeToString(out)
}

func TestDecryptRefuses(t *testing.T) {
	key := mustKey(t, someKey)
	good := crypt.Encrypt(key, officialAppID, []byte("<xml></xml>"), [16]byte{})
	body := func(length uint32, padding ...byte) string {
		plain := make([]byte, 64-len(padding))
		binary.BigEndian.PutUint32(plain[16:], length)
		return seal(t, append(plain, padding...))
	}
	_, _, err := crypt.Decrypt(key, body(44-1, 1))
	require.NoError(t, err, "what the test seals is sound")
	short := make([]byte, 32)
	for i := 19; i < 32; i++ {
		short[i] = 13
	}
	for name, text := range map[string]string{
		"empty":                       "",
		"no base64":                   "!" + good[1:],
		"base64url":                   strings.Repeat("-_", 43) + "==",
		"a line break within":         good[:10] + "\n" + good[10:],
		"a line break after":          good + "\n",
		"not whole blocks":            base64.StdEncoding.EncodeToString(make([]byte, 48)),
		"padding 0":                   body(10, 0),
		"padding 33":                  body(10, bytes.Repeat([]byte{33}, 33)...),
		"padding 255":                 body(10, 255),
		"padding that differs":        body(10, 3, 9, 3),
		"padding into the length":     seal(t, bytes.Repeat([]byte{32}, 32)),
		"too short for the head":      seal(t, short),
		"length beyond the message":   body(44, 1),
		"length beyond everything":    body(0xffffffff, 1),
		"length of a negative number": body(0x80000000, 1),
	} {
		t.Run(name, func(t *testing.T) {
			plain, appID, err := crypt.Decrypt(key, text)
			require.ErrorIs(t, err, crypt.ErrDecrypt)
			require.Empty(t, plain)
			require.Empty(t, appID)
		})
	}
	other := mustKey(t, strings.Repeat("B", 43))
	_, appID, err := crypt.Decrypt(other, good)
	require.False(t, err == nil && appID == officialAppID, "another key never yields our AppID")
}

func FuzzDecrypt(f *testing.F) {
	key := mustKey(f, someKey)
	f.Add(crypt.Encrypt(key, officialAppID, []byte("<xml></xml>"), [16]byte{1}))
	f.Add("ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		message, appID, err := crypt.Decrypt(key, text)
		if err != nil {
			require.ErrorIs(t, err, crypt.ErrDecrypt)
			return
		}
		// What opens is what somebody sealed: sealing the same again, with the same random bytes, gives the same length.
		again := crypt.Encrypt(key, appID, message, [16]byte{})
		require.Len(t, again, len(text))
	})
}
