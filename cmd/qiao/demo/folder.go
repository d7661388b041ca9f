package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"qiao/storage/seal"
)

// openFolder makes the folder, a temporary one where none is named, and says how to remove it at the end.
func openFolder(name string) (folder string, remove func() error, err error) {
	if name != "" {
		return name, func() error { return nil }, os.MkdirAll(name, 0o700)
	}
	folder, err = os.MkdirTemp("", "qiao-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	return folder, func() error { return os.RemoveAll(folder) }, nil
}

func removeFile(name string) error {
	if err := os.Remove(name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// keepMasterKey reads the folder's master key, and makes it at the first start.
func keepMasterKey(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key := seal.NewKey()
		return key, writeOwn(path, func(f io.Writer) error { _, err := io.WriteString(f, key+"\n"); return err })
	}
	return string(text), err
}

// writeOwn writes a file that only its owner can read, whole or not at all.
func writeOwn(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}
