package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// A Child is one of the measured processes and the lines between us: orders go
// to its standard input, JSON comes back.
type Child struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
}

// Start runs a program that dies with us. The caller's thread must stay the same:
// the kernel ends the child with the thread that started it.
func Start(name, program string, args ...string) (*Child, error) {
	c := &Child{name: name, cmd: exec.Command(program, args...)}
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s (make bench builds it): %w", name, err)
	}
	c.in, c.out = in, bufio.NewScanner(out)
	c.out.Buffer(nil, 1<<20)
	return c, nil
}

// Tell sends one line.
func (c *Child) Tell(line string) error {
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		return fmt.Errorf("telling %s %.40q: %w", c.name, line, err)
	}
	return nil
}

// Hear reads one line into v.
func (c *Child) Hear(v any) error {
	if !c.out.Scan() {
		return fmt.Errorf("%s ended early: %w", c.name, errors.Join(c.out.Err(), c.cmd.Wait()))
	}
	if err := json.Unmarshal(c.out.Bytes(), v); err != nil {
		return fmt.Errorf("reading %.60q from %s: %w", c.out.Text(), c.name, err)
	}
	return nil
}

// End closes the child's input and waits for it.
func (c *Child) End() error {
	_ = c.in.Close() // a child that has gone is told so by Wait
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("ending %s: %w", c.name, err)
	}
	return nil
}
