package servers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Deadlines for a server to come up and to go down. They are generous, for a machine that is busy with other tests.
const (
	startDeadline = 60 * time.Second
	stopDeadline  = 30 * time.Second
)

// leash runs a server under a shell that waits on a pipe from the test process. The pipe closes when the test process
// ends, also by a panic or a kill, and the shell then ends the server and removes its folder. $1 is the folder, $2 the
// signal that ends the server, the rest the server's command. The word "keep" instead of a closed pipe keeps the folder.
const leash = `dir=$1; signal=$2; shift 2
"$@" </dev/null & pid=$!
exec >&- 2>&-
read -r word
kill -s "$signal" $pid
wait $pid
[ "$word" = keep ] || rm -rf "$dir"`

// process is a server that runs on the leash.
type process struct {
	cmd   *exec.Cmd
	leash io.WriteCloser
	ended chan struct{} // closed when the server has ended, for whatever reason
	log   lastBytes
}

// start runs the command and returns when ready does not fail any more.
func start(dir, signal string, who *syscall.Credential, ready func() error, command ...string) (*process, error) {
	p := &process{ended: make(chan struct{})}
	p.cmd = exec.Command("/bin/sh", append([]string{"-c", leash, "sh", dir, signal}, command...)...)
	p.cmd.Dir = dir
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TMPDIR=" + dir}
	// A group of its own: Ctrl-C on the terminal ends the tests, and the closed pipe then ends the server.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: who}
	leash, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.leash = leash
	// The server, and after the first moment only the server, holds the pipe's other end: at its end it has ended.
	output, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = input, input
	err = p.cmd.Start()
	_ = input.Close()
	if err != nil {
		_ = output.Close()
		return nil, err
	}
	go func() {
		defer close(p.ended)
		defer output.Close()
		_, _ = io.Copy(&p.log, output)
	}()
	if err := p.await(ready); err != nil {
		return nil, errors.Join(err, p.stop(""))
	}
	return p, nil
}

// await tries until the server is ready, has ended, or is too late.
func (p *process) await(ready func() error) error {
	deadline := time.NewTimer(startDeadline)
	defer deadline.Stop()
	try := time.NewTicker(5 * time.Millisecond)
	defer try.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-try.C:
		case <-p.ended:
			return fmt.Errorf("%s has ended; its last words:\n%s", p.cmd.Args[6], p.log.String())
		case <-deadline.C:
			return fmt.Errorf("%s was not ready in time: %w; its last words:\n%s", p.cmd.Args[6], err, p.log.String())
		}
	}
}

// stop ends the server as a crash would, and waits for it. With the word "keep" its folder stays.
func (p *process) stop(word string) error {
	_, _ = io.WriteString(p.leash, word+"\n")
	_ = p.leash.Close()
	late := time.AfterFunc(stopDeadline, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_ = p.cmd.Wait() // its exit code tells whether the folder was removed, which nobody needs
	if !late.Stop() {
		return fmt.Errorf("%s did not end in time", p.cmd.Args[6])
	}
	<-p.ended
	return nil
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lastBytes) Write(b []byte) (int, error) {
	const most = 8 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Write(b)
	if l.b.Len() > 2*most {
		l.b.Next(l.b.Len() - most)
	}
	return len(b), nil
}

func (l *lastBytes) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
