//go:build race

package storagetest

// rounds is how often a race is run beside the detector, which finds in few what it can find; make test runs all of them
// without it, too.
const rounds = 10
