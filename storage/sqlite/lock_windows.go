package sqlite

import (
	"errors"
	"syscall"
)

// fileLock is a lock that dies with its process: a file that nobody else can open while it is open.
type fileLock struct{ handle syscall.Handle }

// takeLock returns ErrInUse when another process, or another store of this one, has the lock.
func takeLock(path string) (*fileLock, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	const errorSharingViolation = syscall.Errno(32)
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errorSharingViolation) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, err
	}
	return &fileLock{handle}, nil
}

func (l *fileLock) release() error {
	if l == nil {
		return nil
	}
	return syscall.CloseHandle(l.handle)
}
