package sockwright

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// An Access says where a server is, how it is known to be that one, and who calls it. What is empty comes from the variable of the
// environment that its field names. Files are PEM, and are read as the connection is made.
type Access struct {
	// Server is "127.0.0.1:50051", "http://...", "https://..." for TLS, or "unix:/path". SOCKWRIGHT_SERVER; otherwise it is
	// 127.0.0.1:50051.
	Server string
	// Token is the bearer token that each call carries. SOCKWRIGHT_TOKEN, or the file that SOCKWRIGHT_TOKEN_FILE names.
	Token string
	// CA is the file of the authorities that are believed, with TLS. SOCKWRIGHT_CA; otherwise they are the system's.
	CA string
	// Cert and Key are the files of a certificate of one's own, with TLS. SOCKWRIGHT_CERT and SOCKWRIGHT_KEY.
	Cert, Key string
	// Insecure lets the token go in clear to another machine, where the network is private. SOCKWRIGHT_INSECURE=1. Otherwise it goes
	// over TLS, to loopback and to Unix sockets alone.
	Insecure bool
}

// String is what may be shown of it: all but the token.
func (a Access) String() string {
	if a.Token != "" {
		a.Token = "(not shown)"
	}
	type shown Access
	return fmt.Sprintf("%+v", shown(a))
}

// GoString is the same.
func (a Access) GoString() string {
	return "sockwright.Access" + a.String()
}

// Dial names a server. It does not wait for it: the first call does, and says so if nobody is there. The options come after those that
// Access is made into.
func (a Access) Dial(options ...grpc.DialOption) (*Client, error) {
	server := otherwise(a.Server, "SOCKWRIGHT_SERVER")
	if server == "" {
		server = nowhere
	}
	scheme, target, found := strings.Cut(server, "://")
	if !found {
		scheme, target = "http", server
	}
	transport := insecure.NewCredentials()
	switch scheme {
	case "http":
	case "https":
		config, err := a.tls()
		if err != nil {
			return nil, err
		}
		transport = credentials.NewTLS(config)
	default:
		return nil, fmt.Errorf("%s: neither http:// nor https://, nor unix:/path, nor host:port", server)
	}
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	target = strings.TrimSuffix(target, "/")
	insecure := a.Insecure || os.Getenv("SOCKWRIGHT_INSECURE") == "1"
	if token != "" && scheme == "http" && !insecure && !staysHere(target) {
		return nil, fmt.Errorf("%s: the token would go there in clear: name the server with https://, or set SOCKWRIGHT_INSECURE=1 "+
			"where the network is private", server)
	}
	own := []grpc.DialOption{grpc.WithTransportCredentials(transport)}
	if token != "" {
		own = append(own, grpc.WithPerRPCCredentials(bearer(token)))
	}
	return dial(target, append(own, options...))
}

// staysHere says whether what goes to the target does not leave the machine: a name but localhost leads wherever DNS says.
func staysHere(target string) bool {
	if strings.HasPrefix(target, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		host = strings.Trim(target, "[]")
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

func (a Access) token() (string, error) {
	if token := otherwise(a.Token, "SOCKWRIGHT_TOKEN"); token != "" {
		return token, nil
	}
	file := os.Getenv("SOCKWRIGHT_TOKEN_FILE")
	if file == "" {
		return "", nil
	}
	token, err := os.ReadFile(file)
	return strings.TrimSpace(string(token)), err
}

func (a Access) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := otherwise(a.CA, "SOCKWRIGHT_CA"); file != "" {
		octets, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(octets) {
			return nil, fmt.Errorf("%s: no certificate in PEM", file)
		}
	}
	cert, key := otherwise(a.Cert, "SOCKWRIGHT_CERT"), otherwise(a.Key, "SOCKWRIGHT_KEY")
	if (cert == "") != (key == "") {
		return nil, errors.New("a certificate and its key go together")
	}
	if cert == "" {
		return config, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	config.Certificates = []tls.Certificate{pair}
	return config, err
}

func otherwise(given, variable string) string {
	if given != "" {
		return given
	}
	return os.Getenv(variable)
}

// A bearer is a token as the metadata of each call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity is false: on loopback and on Unix sockets nobody listens in. [Access.Dial] refuses the rest.
func (b bearer) RequireTransportSecurity() bool {
	return false
}

// Where a server is that nobody named.
const nowhere = "127.0.0.1:50051"
