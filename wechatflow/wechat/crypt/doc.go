// Package crypt is the cryptography of the WeChat message push: the signature of a push, and the encryption of its
// body in the compatible and safe modes. The provider and the simulator share it. It uses the standard library only.
//
// The signature is SHA-1 over the sorted, concatenated strings, the first of which is the account's Token:
//
//	signature     = sha1(sort(Token, timestamp, nonce))
//	msg_signature = sha1(sort(Token, timestamp, nonce, Encrypt))
//
// The ciphertext is AES-256-CBC, where the initialization vector is the first half of the key, over
//
//	16 random bytes ‖ length of the message (4 bytes, big endian) ‖ message ‖ AppID ‖ padding
//
// with PKCS#7 padding to 32 bytes (not to AES's 16). CBC does not authenticate: a receiver checks msg_signature before
// it decrypts, and the AppID after.
package crypt
