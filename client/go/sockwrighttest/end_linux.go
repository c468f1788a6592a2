package sockwrighttest

import (
	"os/exec"
	"syscall"
)

// endWithThread has the kernel end the command with the thread that starts it, so that no server outlives a test binary that
// panics or is killed.
func endWithThread(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
