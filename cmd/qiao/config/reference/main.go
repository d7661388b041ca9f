// Command reference writes the configuration reference to the file that is its argument.
package main

import (
	"fmt"
	"os"

	"qiao/cmd/qiao/config"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := config.Reference(f); err != nil {
		return err
	}
	return f.Close()
}
