// Package sockwrighttest gives tests a server and labs of their own.
//
//	func TestProxy(t *testing.T) {
//		lab := sockwrighttest.Lab(t, "client", "server")
//		...
//	}
package sockwrighttest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	sockwright "sockwright.dev/go"
	v1 "sockwright.dev/go/sockwrightv1"
)

const (
	// Address is the variable of the environment that names a server which runs already.
	Address = "SOCKWRIGHT_SERVER"
	// Binary is the variable that names the program to start where none runs; otherwise it is sockwrightd from PATH.
	Binary = "SOCKWRIGHTD"

	ready        = "listening on "
	startTimeout = 30 * time.Second
)

// One server for all tests of a test binary.
var shared = sync.OnceValues(start)

// Server is the address of the server that SOCKWRIGHT_SERVER names, or of one that this starts and that ends with the test
// binary. [exec.ErrNotFound]: there is no program to start.
func Server() (string, error) {
	if address := os.Getenv(Address); address != "" {
		return address, nil
	}
	address, err := shared()
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("no server: set %s or %s, or put sockwrightd into PATH: %w", Address, Binary, err)
	}
	return address, err
}

// Client connects to [Server]. The test is skipped where there is no program to start.
func Client(t testing.TB) *sockwright.Client {
	t.Helper()
	address, err := Server()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	client, err := sockwright.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// Lab makes a lab with these stacks, 10.0.0.1 and up, on a virtual clock. It ends with the test.
func Lab(t testing.TB, stacks ...string) *sockwright.Lab {
	t.Helper()
	return LabOf(t, sockwright.LabConfig{Stacks: stacks, Seed: 1})
}

// LabOf makes a lab of the test's own choosing. It ends with the test.
func LabOf(t testing.TB, config sockwright.LabConfig) *sockwright.Lab {
	t.Helper()
	lab, err := Client(t).NewLab(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(context.Background()); err != nil {
			t.Errorf("the lab does not end: %v", err)
		}
	})
	return lab
}

// Peer attaches a stack to a real link, nil being raw IP on 127.0.0.1, where the kernel is the other end. It is detached with the
// test, which is skipped where the server may not attach one.
func Peer(t testing.TB, request *v1.AttachRequest) *sockwright.Stack {
	t.Helper()
	if request == nil {
		loopback := &v1.RawIp{Addresses: []string{"127.0.0.1"}}
		request = &v1.AttachRequest{Link: &v1.AttachRequest_RawIp{RawIp: loopback}}
	}
	client := Client(t)
	peer, err := client.Attach(context.Background(), request)
	if errors.Is(err, os.ErrPermission) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.Networks.Detach(context.Background(), &v1.DetachRequest{Name: peer.Name()}); err != nil {
			t.Errorf("the peer does not end: %v", err)
		}
	})
	return peer
}

// start starts a server on a free port and reads which one it is.
func start() (string, error) {
	binary := os.Getenv(Binary)
	if binary == "" {
		binary = "sockwrightd"
	}
	// Kernel peers on loopback, and nobody else.
	command := exec.Command(binary, "--listen", "127.0.0.1:0", "--allow", "127.0.0.0/8", "--allow", "::1")
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return "", err
	}
	said := make(chan outcome, 1)
	go follow(command, output, said)
	select {
	case got := <-said:
		return got.address, got.err
	case <-time.After(startTimeout):
		return "", fmt.Errorf("%s did not say %q within %v", binary, ready, startTimeout)
	}
}

type outcome struct {
	address string
	err     error
}

// follow runs a server to its end, and says where it listens.
func follow(command *exec.Cmd, output io.Reader, said chan<- outcome) {
	// The kernel ends the server with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	endWithThread(command)
	if err := command.Start(); err != nil {
		said <- outcome{err: err}
		return
	}
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if address, found := strings.CutPrefix(lines.Text(), ready); found {
			said <- outcome{address: strings.TrimSpace(address)}
		}
	}
	err := command.Wait()
	select {
	case said <- outcome{err: fmt.Errorf("%s ended: %v", command.Path, err)}:
	default:
	}
}
