package sockwright

import (
	"context"
	"os"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	v1 "sockwright.dev/go/sockwrightv1"
)

// An Error is why a call failed, in the words of gRPC and of POSIX.
//
// [errors.Is] finds its Errno in it, [context.Canceled] or [context.DeadlineExceeded] where the call's context ended it, and
// [os.ErrPermission] where the caller is not known, or may not.
type Error struct {
	// Code is the gRPC status code.
	Code codes.Code
	// ErrnoName is the errno's symbol as Linux has it, e.g. "ECONNREFUSED"; empty where the server told none.
	ErrnoName string
	// Errno is this platform's number for it; 0 where there is none.
	Errno syscall.Errno
	// TCPState is the state in which the call found the connection, where there was one.
	TCPState v1.TcpState
	// Socket is the socket concerned; 0 is none.
	Socket uint64
	// Message is a sentence for a person.
	Message string
}

// Error is the errno's symbol, or else the name of the status code, and the sentence.
func (e *Error) Error() string {
	name := e.ErrnoName
	if name == "" {
		name = e.Code.String()
	}
	return name + ": " + e.Message
}

// Unwrap is the error of the standard library that stands for it; nil where there is none.
func (e *Error) Unwrap() error {
	switch {
	case e.Errno != 0:
		return e.Errno
	case e.Code == codes.Canceled:
		return context.Canceled
	case e.Code == codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case e.Code == codes.Unauthenticated, e.Code == codes.PermissionDenied:
		return os.ErrPermission
	}
	return nil
}

// Timeout says whether time ran out: that of the caller, or of the connection (ETIMEDOUT).
func (e *Error) Timeout() bool {
	return e.Code == codes.DeadlineExceeded || e.Errno == syscall.ETIMEDOUT
}

// Temporary says whether the same call may succeed a little later. With Timeout it makes a [net.Error].
func (e *Error) Temporary() bool {
	return e.Timeout() || e.Errno == syscall.EAGAIN
}

// callError makes an Error of what a generated client returned; nil stays nil.
func callError(err error) error {
	if err == nil {
		return nil
	}
	from, _ := status.FromError(err)
	found := &Error{Code: from.Code(), Message: from.Message()}
	for _, detail := range from.Details() {
		if detail, ok := detail.(*v1.SocketError); ok {
			found.ErrnoName = detail.GetErrnoName()
			found.Errno = errnos[detail.GetErrnoName()]
			found.TCPState = detail.GetTcpState()
			found.Socket = detail.GetSocket()
			if detail.GetMessage() != "" {
				found.Message = detail.GetMessage()
			}
		}
	}
	return found
}

// The names that the contract uses. Their numbers differ between platforms.
var errnos = map[string]syscall.Errno{
	"EACCES":        syscall.EACCES,
	"EADDRINUSE":    syscall.EADDRINUSE,
	"EADDRNOTAVAIL": syscall.EADDRNOTAVAIL,
	"EAFNOSUPPORT":  syscall.EAFNOSUPPORT,
	"EAGAIN":        syscall.EAGAIN,
	"EALREADY":      syscall.EALREADY,
	"EBADF":         syscall.EBADF,
	"ECONNABORTED":  syscall.ECONNABORTED,
	"ECONNREFUSED":  syscall.ECONNREFUSED,
	"ECONNRESET":    syscall.ECONNRESET,
	"EDESTADDRREQ":  syscall.EDESTADDRREQ,
	"EHOSTUNREACH":  syscall.EHOSTUNREACH,
	"EINPROGRESS":   syscall.EINPROGRESS,
	"EINVAL":        syscall.EINVAL,
	"EISCONN":       syscall.EISCONN,
	"EMFILE":        syscall.EMFILE,
	"EMSGSIZE":      syscall.EMSGSIZE,
	"ENETDOWN":      syscall.ENETDOWN,
	"ENETUNREACH":   syscall.ENETUNREACH,
	"ENOBUFS":       syscall.ENOBUFS,
	"ENODEV":        syscall.ENODEV,
	"ENOENT":        syscall.ENOENT,
	"ENOTCONN":      syscall.ENOTCONN,
	"EOPNOTSUPP":    syscall.EOPNOTSUPP,
	"EOVERFLOW":     syscall.EOVERFLOW,
	"EPERM":         syscall.EPERM,
	"EPIPE":         syscall.EPIPE,
	"EPROTO":        syscall.EPROTO,
	"ETIMEDOUT":     syscall.ETIMEDOUT,
}
