package sockwright

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	v1 "sockwright.dev/go/sockwrightv1"
)

// Address is a transport address as the contract has it.
func Address(of netip.AddrPort) *v1.SocketAddress {
	return &v1.SocketAddress{Ip: of.Addr().String(), Port: uint32(of.Port())}
}

// AddrPort is a transport address of the contract as net/netip has it; not valid where there is none.
func AddrPort(of *v1.SocketAddress) netip.AddrPort {
	ip, err := netip.ParseAddr(of.GetIp())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, uint16(of.GetPort()))
}

func tcpAddr(of *v1.SocketAddress) net.Addr {
	return net.TCPAddrFromAddrPort(AddrPort(of))
}

func udpAddr(of *v1.SocketAddress) net.Addr {
	return net.UDPAddrFromAddrPort(AddrPort(of))
}

// kindOf reads the network of a call: "tcp", "udp4" and their like. The family is not specified where the address decides.
func kindOf(network string) (v1.SocketKind, v1.AddressFamily, error) {
	base, family := network, v1.AddressFamily_ADDRESS_FAMILY_UNSPECIFIED
	switch {
	case strings.HasSuffix(network, "4"):
		base, family = network[:len(network)-1], v1.AddressFamily_ADDRESS_FAMILY_IPV4
	case strings.HasSuffix(network, "6"):
		base, family = network[:len(network)-1], v1.AddressFamily_ADDRESS_FAMILY_IPV6
	}
	switch base {
	case "tcp":
		return v1.SocketKind_SOCKET_KIND_STREAM, family, nil
	case "udp":
		return v1.SocketKind_SOCKET_KIND_DATAGRAM, family, nil
	}
	return 0, 0, net.UnknownNetworkError(network)
}

func familyOf(ip netip.Addr) v1.AddressFamily {
	if ip.Is4() {
		return v1.AddressFamily_ADDRESS_FAMILY_IPV4
	}
	return v1.AddressFamily_ADDRESS_FAMILY_IPV6
}

// A Lookup finds the addresses of a name. A stack asks no DNS of its own.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// resolve reads "host:port" and keeps the addresses of the family, at least one.
func resolve(ctx context.Context, lookup Lookup, family v1.AddressFamily, address string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, &net.AddrError{Err: "not a port number", Addr: address}
	}
	ips, err := addresses(ctx, lookup, host, family)
	if err != nil {
		return nil, err
	}
	var found []netip.AddrPort
	for _, ip := range ips {
		if ip = ip.Unmap(); family == 0 || familyOf(ip) == family {
			found = append(found, netip.AddrPortFrom(ip, uint16(port)))
		}
	}
	if len(found) == 0 {
		return nil, &net.AddrError{Err: "no address of this family", Addr: address}
	}
	return found, nil
}

func addresses(ctx context.Context, lookup Lookup, host string, family v1.AddressFamily) ([]netip.Addr, error) {
	if host == "" {
		if family == v1.AddressFamily_ADDRESS_FAMILY_IPV6 {
			return []netip.Addr{netip.IPv6Unspecified()}, nil
		}
		return []netip.Addr{netip.IPv4Unspecified()}, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	if lookup == nil {
		return nil, fmt.Errorf("%q is not an IP address, and a stack asks no DNS: give the dialer a Lookup", host)
	}
	return lookup(ctx, host)
}
