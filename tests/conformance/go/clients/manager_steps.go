package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"hero.dev/conformance/widgets"
)

const place = "go-widgets" // The namespace of all that follows.

func managerSteps() []step {
	return []step{{"manager", "[D-02] a controller-runtime manager runs a controller for a kind of a third party", manager}}
}

// define makes the third party's kinds and its namespace, unless they are there.
func define(ctx context.Context, b *box) error {
	crds := b.dynamic.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(widgets.Definitions), 4096)
	for range 2 {
		definition := &unstructured.Unstructured{}
		if err := decoder.Decode(&definition.Object); err != nil {
			return err
		}
		if _, err := crds.Create(ctx, definition, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	err := eventually(ctx, "the kinds are served", func(context.Context) (bool, error) {
		found, err := b.typed.Discovery().ServerResourcesForGroupVersion(widgets.GroupVersion.String())
		return err == nil && len(found.APIResources) == 3, nil // With widgets/status.
	})
	if err != nil {
		return err
	}
	space := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": place}}}
	_, err = b.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Create(ctx, space, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// managed starts the manager, and gives the client that its users would have.
func managed(ctx context.Context, b *box) (client.Client, <-chan error, error) {
	ctrl.SetLogger(logr.Discard())
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{widgets.AddToScheme, clientscheme.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, nil, err
		}
	}
	manager, err := ctrl.NewManager(b.config, ctrl.Options{
		Scheme: scheme, Metrics: server.Options{BindAddress: "0"},
		LeaderElection: true, LeaderElectionID: "widgets.example.dev", LeaderElectionNamespace: place, LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return nil, nil, err
	}
	controller := &widgets.Controller{Client: manager.GetClient(), Events: manager.GetEventRecorder("widgets")}
	if err := controller.AddTo(manager); err != nil {
		return nil, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	direct, err := client.New(b.config, client.Options{Scheme: scheme})
	return direct, ended, err
}

func manager(ctx context.Context, b *box) error {
	if err := define(ctx, b); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	api, ended, err := managed(running, b)
	if err != nil {
		return err
	}
	for _, part := range []func(context.Context, client.Client, *widgets.Widget) error{grow, repair, shrink, dismantle} {
		widget := &widgets.Widget{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "one"}}
		if err := part(ctx, api, widget); err != nil {
			select {
			case early := <-ended:
				return fmt.Errorf("%w; the manager ended: %w", err, early)
			default:
				return err
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		return fmt.Errorf("the manager ended with: %w", err)
	}
	lease, err := b.typed.CoordinationV1().Leases(place).Get(ctx, "widgets.example.dev", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
		return fmt.Errorf("the lease was not let go: %q", *holder)
	}
	return nil
}

// has waits until the widget is ready with so many parts, and they are there.
func has(ctx context.Context, api client.Client, widget *widgets.Widget, count int) error {
	parts := &widgets.PartList{}
	err := eventually(ctx, fmt.Sprint(count, " parts"), func(ctx context.Context) (bool, error) {
		if err := api.Get(ctx, client.ObjectKeyFromObject(widget), widget); err != nil {
			return false, err
		}
		if err := api.List(ctx, parts, client.InNamespace(place)); err != nil {
			return false, err
		}
		status := widget.Status
		return len(parts.Items) == count && status.Parts == count && status.ObservedGeneration == widget.Generation && len(status.Conditions) == 1, nil
	})
	if err != nil {
		return fmt.Errorf("%w; there are %d, and %v", err, len(parts.Items), widget)
	}
	return nil
}

func grow(ctx context.Context, api client.Client, widget *widgets.Widget) error {
	widget.Spec.Size = 3
	if err := api.Create(ctx, widget); err != nil {
		return err
	}
	if widget.Spec.Image != "base:1" {
		return fmt.Errorf("the default of the schema was not filled in: %v", widget.Spec)
	}
	tooBig := widget.DeepCopyObject().(*widgets.Widget)
	tooBig.Spec.Size = 99
	if err := api.Update(ctx, tooBig); !apierrors.IsInvalid(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("a size beyond the schema was taken: %w", err)
	}
	return has(ctx, api, widget, 3)
}

func repair(ctx context.Context, api client.Client, widget *widgets.Widget) error {
	part := &widgets.Part{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "one-1"}}
	if err := api.Get(ctx, client.ObjectKeyFromObject(part), part); err != nil {
		return err
	}
	before := part.UID
	if err := api.Delete(ctx, part); err != nil {
		return err
	}
	return eventually(ctx, "the part is made again", func(ctx context.Context) (bool, error) {
		again := &widgets.Part{}
		err := api.Get(ctx, client.ObjectKeyFromObject(part), again)
		return err == nil && again.UID != before, client.IgnoreNotFound(err)
	})
}

func shrink(ctx context.Context, api client.Client, widget *widgets.Widget) error {
	if err := api.Get(ctx, client.ObjectKeyFromObject(widget), widget); err != nil {
		return err
	}
	before := widget.DeepCopyObject().(*widgets.Widget)
	widget.Spec.Size = 1
	if err := api.Patch(ctx, widget, client.MergeFrom(before)); err != nil {
		return err
	}
	return has(ctx, api, widget, 1)
}

func dismantle(ctx context.Context, api client.Client, widget *widgets.Widget) error {
	if err := api.Delete(ctx, widget); err != nil {
		return err
	}
	return eventually(ctx, "widget and parts are gone", func(ctx context.Context) (bool, error) {
		if err := api.Get(ctx, client.ObjectKeyFromObject(widget), widget); !apierrors.IsNotFound(err) {
			return false, err
		}
		parts := &widgets.PartList{}
		err := api.List(ctx, parts, client.InNamespace(place))
		return err == nil && len(parts.Items) == 0, err
	})
}
