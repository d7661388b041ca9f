package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
)

const (
	blockSize  = 32 // of the padding
	randomSize = 16
	headSize   = randomSize + 4
)

// ErrDecrypt: the text was not made with this key, or it was changed. There is one error for every cause, so that an
// answer never becomes a padding oracle.
var ErrDecrypt = errors.New("message does not decrypt under this key")

// Encrypt seals a message for the AppID and returns the Encrypt text. The random bytes must be fresh for each message:
// the initialization vector is fixed, and only they make two ciphertexts of one message differ.
func Encrypt(key Key, appID string, message []byte, random [16]byte) string {
	size := headSize + len(message) + len(appID)
	padding := blockSize - size%blockSize
	buf := make([]byte, 0, size+padding)
	buf = append(buf, random[:]...)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(message)))
	buf = append(buf, message...)
	buf = append(buf, appID...)
	for range padding {
		buf = append(buf, byte(padding))
	}
	cipher.NewCBCEncrypter(key.block(), key.bytes[:aes.BlockSize]).CryptBlocks(buf, buf)
	return base64.StdEncoding.EncodeToString(buf)
}

// Decrypt opens an Encrypt text whose signature was checked, and returns the message and the AppID that it was sealed
// for. The caller compares that AppID with its own.
func Decrypt(key Key, text string) (message []byte, appID string, err error) {
	if strings.ContainsAny(text, "\r\n") { // the decoder would skip them: one ciphertext has one text
		return nil, "", ErrDecrypt
	}
	buf, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(buf) == 0 || len(buf)%blockSize != 0 {
		return nil, "", ErrDecrypt
	}
	cipher.NewCBCDecrypter(key.block(), key.bytes[:aes.BlockSize]).CryptBlocks(buf, buf)
	plain, ok := unpad(buf)
	if !ok || len(plain) < headSize {
		return nil, "", ErrDecrypt
	}
	length := uint64(binary.BigEndian.Uint32(plain[randomSize:headSize]))
	if length > uint64(len(plain)-headSize) {
		return nil, "", ErrDecrypt
	}
	rest := plain[headSize:]
	return rest[:length:length], string(rest[length:]), nil
}

// unpad removes the PKCS#7 padding after it has looked at all 32 bytes that may belong to it, in constant time.
func unpad(buf []byte) ([]byte, bool) {
	last := buf[len(buf)-1]
	n := int(last)
	good := subtle.ConstantTimeLessOrEq(1, n) & subtle.ConstantTimeLessOrEq(n, blockSize)
	for i := 1; i <= blockSize; i++ {
		within := subtle.ConstantTimeLessOrEq(i, n)
		same := subtle.ConstantTimeByteEq(buf[len(buf)-i], last)
		good &= subtle.ConstantTimeSelect(within, same, 1)
	}
	if good != 1 {
		return nil, false
	}
	return buf[:len(buf)-n], true
}

func (k Key) block() cipher.Block {
	block, err := aes.NewCipher(k.bytes[:])
	if err != nil {
		panic("aes: " + err.Error()) // only for a wrong key length
	}
	return block
}
