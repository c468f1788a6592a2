// Check reads manifests from standard input and says what is wrong with them: fields that the API does not have, pods that a
// namespace of the level of pod security named by its argument would not admit, and network policies whose blocks of addresses and
// ranges of ports are none, or that let addresses in where calls are served.
//
//	helm template sockwright deploy/helm/sockwright | go run . restricted
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	sigsyaml "sigs.k8s.io/yaml"
)

func main() {
	if err := check(os.Stdin, api.Level(os.Args[len(os.Args)-1])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(manifests io.Reader, level api.Level) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		return err
	}
	var policies []*networkingv1.NetworkPolicy
	served := map[int32]bool{}
	documents := yaml.NewYAMLReader(bufio.NewReader(manifests))
	seen := 0
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			for _, policy := range policies {
				if err := checkPolicy(policy, served); err != nil {
					return fmt.Errorf("NetworkPolicy: %w", err)
				}
			}
			fmt.Printf("%d objects, at level %s\n", seen, level)
			return nil
		}
		if err != nil {
			return err
		}
		var kind metav1.TypeMeta
		if err := sigsyaml.Unmarshal(document, &kind); err != nil {
			return err
		}
		var object any
		switch kind.Kind {
		case "":
			continue
		case "DaemonSet":
			object = &appsv1.DaemonSet{}
		case "Service":
			object = &corev1.Service{}
		case "ServiceAccount":
			object = &corev1.ServiceAccount{}
		case "Namespace":
			object = &corev1.Namespace{}
		case "NetworkPolicy":
			object = &networkingv1.NetworkPolicy{}
		default:
			return fmt.Errorf("no check for a %s", kind.Kind)
		}
		if err := sigsyaml.UnmarshalStrict(document, object); err != nil {
			return fmt.Errorf("%s: %w", kind.Kind, err)
		}
		seen++
		switch object := object.(type) {
		case *networkingv1.NetworkPolicy:
			policies = append(policies, object)
		case *corev1.Service:
			for _, port := range object.Spec.Ports {
				served[port.Port] = true
			}
		case *appsv1.DaemonSet:
			at := api.LevelVersion{Level: level, Version: api.LatestVersion()}
			pod := object.Spec.Template
			for _, result := range evaluator.EvaluatePod(at, &pod.ObjectMeta, &pod.Spec) {
				if !result.Allowed {
					return fmt.Errorf("%s: not admitted: %s: %s", kind.Kind, result.ForbiddenReason, result.ForbiddenDetail)
				}
			}
		}
	}
}

// checkPolicy asks what the API server does, and that whoever may reach stacks may not call by that.
func checkPolicy(policy *networkingv1.NetworkPolicy, served map[int32]bool) error {
	for _, rule := range policy.Spec.Egress {
		if _, err := blocks(rule.To); err != nil {
			return err
		}
		if _, err := ranges(rule.Ports); err != nil {
			return err
		}
	}
	for _, rule := range policy.Spec.Ingress {
		fromBlocks, err := blocks(rule.From)
		if err != nil {
			return err
		}
		ports, err := ranges(rule.Ports)
		if err != nil {
			return err
		}
		if !fromBlocks {
			continue
		}
		for _, reach := range ports {
			for port := range served {
				if reach.first <= port && port <= reach.last {
					return fmt.Errorf("%v may call port %d", rule.From, port)
				}
			}
		}
	}
	return nil
}

// blocks says whether there are blocks of addresses among the peers, or what is wrong with one.
func blocks(peers []networkingv1.NetworkPolicyPeer) (bool, error) {
	found := false
	for _, peer := range peers {
		if peer.IPBlock == nil {
			continue
		}
		found = true
		if _, err := netip.ParsePrefix(peer.IPBlock.CIDR); err != nil {
			return false, err
		}
	}
	return found, nil
}

type portRange struct{ first, last int32 }

// ranges reads the ports of a rule; none are all.
func ranges(ports []networkingv1.NetworkPolicyPort) ([]portRange, error) {
	if len(ports) == 0 {
		return []portRange{{1, 65535}}, nil
	}
	var read []portRange
	for _, port := range ports {
		if port.Port == nil {
			return nil, errors.New("a port without a number")
		}
		one := portRange{port.Port.IntVal, port.Port.IntVal}
		if port.EndPort != nil {
			one.last = *port.EndPort
		}
		if one.first < 1 || one.last < one.first || one.last > 65535 {
			return nil, fmt.Errorf("%d to %d are no ports", one.first, one.last)
		}
		read = append(read, one)
	}
	return read, nil
}
