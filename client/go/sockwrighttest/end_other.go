//go:build !linux

package sockwrighttest

import "os/exec"

// endWithThread does nothing: the server runs on Linux only, and is started nowhere else.
func endWithThread(*exec.Cmd) {}
