// Check reads manifests from standard input and says what is wrong with them: fields that the API does not have, and pods that
// a namespace of the level of pod security named by its argument would not admit.
//
//	helm template sockwright deploy/helm/sockwright | go run . restricted
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
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
	documents := yaml.NewYAMLReader(bufio.NewReader(manifests))
	seen := 0
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
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
		if set, ok := object.(*appsv1.DaemonSet); ok {
			at := api.LevelVersion{Level: level, Version: api.LatestVersion()}
			pod := set.Spec.Template
			for _, result := range evaluator.EvaluatePod(at, &pod.ObjectMeta, &pod.Spec) {
				if !result.Allowed {
					return fmt.Errorf("%s: not admitted: %s: %s", kind.Kind, result.ForbiddenReason, result.ForbiddenDetail)
				}
			}
		}
	}
}
