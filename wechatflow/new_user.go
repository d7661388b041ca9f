package wechatflow

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"qiao/storage"
)

// newUser is a draft of a person's account. The ID is random and means nothing: it is the `sub`, and goes to relying
// parties that must not learn a phone or an openid from it.
func newUser(now time.Time) storage.User {
	return storage.User{
		ID:        strings.ToLower(rand.Text()), // 26 characters of base32, 130 bits
		Username:  newUsername(),
		CreatedAt: now, UpdatedAt: now,
	}
}

// newUsername draws a preferred_username that one may have to read out: some 30 million of them, so that taken ones
// are rare and none says when it was made.
func newUsername() string {
	adjectives, nouns := strings.Fields(adjectiveWords), strings.Fields(nounWords)
	return fmt.Sprintf("%s-%s-%04d", adjectives[randomBelow(len(adjectives))], nouns[randomBelow(len(nouns))], randomBelow(10_000))
}

const (
	adjectiveWords = `able agile amber apt azure bold brave bright brisk calm clear clever cosy crisp curious deft eager
		early easy fair fine fond fresh gentle glad golden grand happy hardy honest humble ideal jolly keen kind light
		lively lucky mellow merry mild modest neat nimble noble open patient plain proud quick quiet rapid ready sharp
		silver smart snug solid steady sunny swift tidy vivid warm wise`
	nounWords = `acorn aspen badger bamboo beaver birch bison bridge brook canyon cedar cloud comet coral crane creek
		cypress delta dolphin eagle falcon fern finch forest fox garden ginkgo glacier harbor hare heron hill island
		jade lake lantern lark lotus maple meadow moon moss mountain orchid otter panda pearl pebble pine plum pond
		poppy raven reef river robin sail sparrow star stone swan tiger valley willow wren`
)
