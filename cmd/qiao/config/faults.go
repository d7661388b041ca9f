package config

import "strings"

// Faults are all that is wrong with a configuration, each with what to change.
type Faults []error

// Error is the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, err := range f {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap is for errors.Is and errors.As.
func (f Faults) Unwrap() []error { return f }

// orNil is nil where nothing is wrong.
func (f Faults) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
