//go:build !race

package storagetest

// rounds is how often a race is run.
const rounds = 40
