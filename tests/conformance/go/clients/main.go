// The Go clients of Kubernetes against a box. Each step is a run of this program, so that one which hangs or panics
// holds up nobody:
//
//	clients list            the steps, a line each: name, tab, "[ID] what is shown"
//	clients run NAME        one of them; what went wrong is on stderr, and the exit code 1
//	clients stress FLAGS    see stress.go
//
// The box is the one of $KUBECONFIG.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// No step takes more than a few seconds; this ends a hang.
const deadline = 60 * time.Second

// How often something in another process is asked for that nobody announces.
const poll = 20 * time.Millisecond

var slots = schema.GroupVersionResource{Group: "hero.dev", Version: "v1", Resource: "slots"}

type step struct {
	name, text string
	run        func(context.Context, *box) error
}

func steps() []step {
	return append(append(clientSteps(), builtinSteps()...), managerSteps()...)
}

// box has the clients, each as its documentation makes it.
type box struct {
	config  *rest.Config
	dynamic dynamic.Interface
	typed   kubernetes.Interface
}

func open() (*box, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 1000, 1000 // What is measured is the server.
	return newBox(config)
}

func newBox(config *rest.Config) (*box, error) {
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	typed, err := kubernetes.NewForConfig(config)
	return &box{config: config, dynamic: dyn, typed: typed}, err
}

func slot(name string, labels map[string]string, spec map[string]any) *unstructured.Unstructured {
	all := map[string]any{"user": "jo"}
	for key, value := range spec {
		all[key] = value
	}
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "hero.dev/v1", "kind": "Slot", "spec": all}}
	object.SetName(name)
	object.SetLabels(labels)
	return object
}

// fresh removes what an earlier run left under that label.
func (b *box) fresh(ctx context.Context, label string) error {
	found, err := b.dynamic.Resource(slots).List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return err
	}
	for _, item := range found.Items {
		if err := b.dynamic.Resource(slots).Delete(ctx, item.GetName(), metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// eventually asks until it is so.
func eventually(ctx context.Context, what string, question func(context.Context) (bool, error)) error {
	return within(ctx, deadline/3, what, question)
}

// within asks until it is so, for that long at most.
func within(ctx context.Context, most time.Duration, what string, question func(context.Context) (bool, error)) error {
	if err := wait.PollUntilContextTimeout(ctx, poll, most, true, question); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func run(name string) error {
	for _, one := range steps() {
		if one.name == name {
			b, err := open()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(context.Background(), deadline)
			defer cancel()
			return one.run(ctx, b)
		}
	}
	return fmt.Errorf("no step %q", name)
}

func main() {
	var err error
	switch arguments := os.Args[1:]; {
	case len(arguments) == 1 && arguments[0] == "list":
		for _, one := range steps() {
			fmt.Printf("%s\t%s\n", one.name, one.text)
		}
	case len(arguments) == 2 && arguments[0] == "run":
		err = run(arguments[1])
	case len(arguments) >= 1 && arguments[0] == "stress":
		err = stress(arguments[1:])
	default:
		err = fmt.Errorf("list, run NAME or stress")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
