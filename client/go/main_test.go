package sockwright_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"sockwright.dev/go/sockwrighttest"
)

// Where the server of these tests listens.
var address string

func TestMain(m *testing.M) {
	var err error
	if address, err = sockwrighttest.Server(); errors.Is(err, exec.ErrNotFound) {
		fmt.Printf("SKIPPED: %v\n", err)
		os.Exit(0)
	} else if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
