package sockwright_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	sockwright "sockwright.dev/go"
)

// A keeper is a server that asks who calls, and what to answer it.
type keeper struct {
	server, token, files string
}

// keep runs a server that speaks TLS, and asks everybody for a token or a certificate.
func keep(t *testing.T) keeper {
	t.Helper()
	files := t.TempDir()
	if output, err := exec.Command("../certificates", files).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	made, err := exec.Command(binary(t), "token", "ci").Output()
	if err != nil {
		t.Fatal(err)
	}
	token, known, _ := strings.Cut(string(made), "\n")
	if err := os.WriteFile(filepath.Join(files, "tokens"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(files, name) }
	served := serve(t, "127.0.0.1:0", "--tls-cert", in("server.pem"), "--tls-key", in("server.key"),
		"--tls-client-ca", in("ca.pem"), "--tokens", in("tokens"))
	return keeper{"https://" + served.address, token, files}
}

// calls makes a lab, which needs a call that is let in.
func calls(t *testing.T, access sockwright.Access) error {
	t.Helper()
	client, err := access.Dial()
	if err != nil {
		return err
	}
	defer client.Close()
	lab, err := client.NewLab(t.Context(), sockwright.LabConfig{Stacks: []string{"a", "b"}})
	if err != nil {
		return err
	}
	return lab.Close(t.Context())
}

func TestATokenOrACertificateLetsIn(t *testing.T) {
	keeper := keep(t)
	in := func(name string) string { return filepath.Join(keeper.files, name) }
	known := sockwright.Access{Server: keeper.server, CA: in("ca.pem")}
	withToken, withCertificate := known, known
	withToken.Token = keeper.token
	withCertificate.Cert, withCertificate.Key = in("client.pem"), in("client.key")
	for _, access := range []sockwright.Access{withToken, withCertificate} {
		if err := calls(t, access); err != nil {
			t.Error(err)
		}
	}

	wrong := known
	wrong.Token = "sockwright_of_nobody"
	for _, access := range []sockwright.Access{known, wrong} {
		err := calls(t, access)
		var failure *sockwright.Error
		if !errors.Is(err, os.ErrPermission) || !errors.As(err, &failure) || failure.Code != codes.Unauthenticated {
			t.Errorf("%v", err)
		} else if !strings.Contains(failure.Message, "token") {
			t.Errorf("it does not say how: %v", err)
		}
	}

	// Nobody vouches for the server.
	withToken.CA = ""
	var failure *sockwright.Error
	if err := calls(t, withToken); !errors.As(err, &failure) || failure.Code != codes.Unavailable {
		t.Errorf("%v", err)
	}
	withCertificate.Key = ""
	if err := calls(t, withCertificate); err == nil {
		t.Error("a certificate without a key is taken")
	}
}

func TestTheEnvironmentSaysWhatNobodyElseDoes(t *testing.T) {
	keeper := keep(t)
	in := func(name string) string { return filepath.Join(keeper.files, name) }
	t.Setenv("SOCKWRIGHT_SERVER", keeper.server)
	t.Setenv("SOCKWRIGHT_CA", in("ca.pem"))
	t.Setenv("SOCKWRIGHT_TOKEN", keeper.token)
	if err := calls(t, sockwright.Access{}); err != nil {
		t.Error(err)
	}
	t.Setenv("SOCKWRIGHT_TOKEN", "")
	if err := calls(t, sockwright.Access{}); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
	if err := os.WriteFile(in("token"), []byte(keeper.token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOCKWRIGHT_TOKEN_FILE", in("token"))
	if err := calls(t, sockwright.Access{}); err != nil {
		t.Error(err)
	}
	t.Setenv("SOCKWRIGHT_TOKEN_FILE", "")
	t.Setenv("SOCKWRIGHT_CERT", in("client.pem"))
	t.Setenv("SOCKWRIGHT_KEY", in("client.key"))
	if err := calls(t, sockwright.Access{}); err != nil {
		t.Error(err)
	}
	t.Setenv("SOCKWRIGHT_CA", in("nowhere.pem"))
	if err := calls(t, sockwright.Access{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestAUnixSocketIsAnAddress(t *testing.T) {
	served := serve(t, "unix:"+filepath.Join(t.TempDir(), "door"))
	if err := calls(t, sockwright.Access{Server: served.address}); err != nil {
		t.Error(err)
	}
	if err := calls(t, sockwright.Access{Server: "ftp://127.0.0.1:1"}); err == nil {
		t.Error("it is no address")
	}
}

func TestATokenIsNotShown(t *testing.T) {
	access := sockwright.Access{Server: "127.0.0.1:1", Token: "secret"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{access, &access} {
			shown := fmt.Sprintf(verb, value)
			if strings.Contains(shown, "secret") || !strings.Contains(shown, "127.0.0.1:1") {
				t.Errorf("%s shows %s", verb, shown)
			}
		}
	}
}

func TestATokenGoesToNoOtherMachineInClear(t *testing.T) {
	text, err := os.ReadFile("../story.json")
	if err != nil {
		t.Fatal(err)
	}
	var story struct {
		Tokens struct{ Sent, Refused []string }
	}
	if err := json.Unmarshal(text, &story); err != nil {
		t.Fatal(err)
	}
	dials := func(access sockwright.Access) {
		t.Helper()
		client, err := access.Dial()
		if err != nil {
			t.Errorf("%s: %v", access.Server, err)
			return
		}
		client.Close()
	}
	for _, server := range story.Tokens.Refused {
		access := sockwright.Access{Server: server, Token: "secret"}
		_, err := access.Dial()
		if err == nil || !strings.Contains(err.Error(), "SOCKWRIGHT_INSECURE=1") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", server, err)
		}
		dials(sockwright.Access{Server: server})
		dials(sockwright.Access{Server: server, Token: "secret", Insecure: true})
	}
	for _, server := range story.Tokens.Sent {
		dials(sockwright.Access{Server: server, Token: "secret"})
	}
	t.Setenv("SOCKWRIGHT_INSECURE", "1")
	for _, server := range story.Tokens.Refused {
		dials(sockwright.Access{Server: server, Token: "secret"})
	}
}
