package sockwright_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sockwright.dev/go/sockwrighttest"
)

// A served is a server of one test's own.
type served struct {
	address string
	command *exec.Cmd
}

func serve(t *testing.T, listen string, flags ...string) *served {
	t.Helper()
	command := exec.Command(binary(t), append([]string{"--listen", listen}, flags...)...)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	started := &served{command: command}
	t.Cleanup(func() {
		if command.ProcessState == nil {
			started.kill(t)
		}
	})
	var said bytes.Buffer
	for buffer := make([]byte, 256); ; {
		n, err := output.Read(buffer)
		said.Write(buffer[:n])
		if _, after, found := strings.Cut(said.String(), "listening on "); found && strings.Contains(after, "\n") {
			started.address = strings.TrimSpace(strings.SplitN(after, "\n", 2)[0])
			return started
		}
		if err != nil {
			t.Fatalf("the server said %q and ended: %v", said.String(), err)
		}
	}
}

// binary is the program that SOCKWRIGHTD names.
func binary(t *testing.T) string {
	t.Helper()
	program := os.Getenv(sockwrighttest.Binary)
	if program == "" {
		t.Skipf("%s is not set", sockwrighttest.Binary)
	}
	return program
}

func (s *served) kill(t *testing.T) {
	t.Helper()
	if err := s.command.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = s.command.Wait() // It was killed, and says so.
}
