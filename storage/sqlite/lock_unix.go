//go:build unix

package sqlite

import (
	"errors"
	"os"
	"syscall"
)

// fileLock is a lock that dies with its process.
type fileLock struct{ file *os.File }

// takeLock returns ErrInUse when another process, or another store of this one, has the lock.
func takeLock(path string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, errors.Join(err, file.Close())
	}
	return &fileLock{file}, nil
}

// release leaves the file in place: a lock on a file that was removed would keep nobody out.
func (l *fileLock) release() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}
