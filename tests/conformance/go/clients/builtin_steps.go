package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	authorization "k8s.io/api/authorization/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
)

func builtinSteps() []step {
	return []step{
		{"namespace", "[WIRE] the typed client makes a namespace in protobuf, watches and removes it", namespace},
		{"review", "[D-07] the typed client asks in protobuf what it may do", review},
		{"election", "[SEC-61] of two candidates one leads, and the other after it let go", election},
		{"recorder", "[WIRE] the classic recorder counts an event that comes again", classicRecorder},
		{"events", "[WIRE] the recorder of events.k8s.io writes what core/v1 shows", newRecorder},
	}
}

func namespace(ctx context.Context, b *box) error {
	client := b.typed.CoreV1().Namespaces()
	const name = "go-namespace"
	watched, err := client.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		return err
	}
	defer watched.Stop()
	made, err := client.Create(ctx, &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if made.UID == "" || made.Status.Phase != core.NamespaceActive {
		return fmt.Errorf("made: %v", made)
	}
	if _, err = client.Create(ctx, &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("made twice: %v", err)
	}
	background := metav1.DeletePropagationBackground
	if err = client.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &made.UID}}); err != nil {
		return err
	}
	last := ""
	for event := range watched.ResultChan() {
		if last = string(event.Type); last == "DELETED" {
			return nil
		}
	}
	return fmt.Errorf("the watch ended with %q", last)
}

func review(ctx context.Context, b *box) error {
	ask := &authorization.SelfSubjectAccessReview{Spec: authorization.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorization.ResourceAttributes{Group: "hero.dev", Resource: "slots", Verb: "create"}}}
	answer, err := b.typed.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, ask, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if !answer.Status.Allowed || answer.Spec.ResourceAttributes == nil || answer.Spec.ResourceAttributes.Resource != "slots" {
		return fmt.Errorf("an operator may not create slots: %v", answer)
	}
	rules, err := b.typed.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx,
		&authorization.SelfSubjectRulesReview{Spec: authorization.SelfSubjectRulesReviewSpec{Namespace: "default"}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if len(rules.Status.ResourceRules) == 0 {
		return fmt.Errorf("no rules: %v", rules)
	}
	return nil
}

// candidate runs for the lease until stopped, and tells `leads` when it has it.
func candidate(ctx context.Context, b *box, name string, leads chan<- string) (stop func(), ended <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Name: "go-election", Namespace: "default"}, Client: b.typed.CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: name}},
			ReleaseOnCancel: true, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 100 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leads <- name },
				OnStoppedLeading: func() {},
			},
		})
	}()
	return cancel, done
}

func election(ctx context.Context, b *box) error {
	if _, err := b.typed.CoordinationV1().Leases("default").List(ctx, metav1.ListOptions{}); err != nil {
		return err // Else the candidates would try until the deadline.
	}
	leads := make(chan string, 2)
	next := func() (string, error) {
		select {
		case name := <-leads:
			return name, nil
		case <-ctx.Done():
			return "", fmt.Errorf("nobody leads")
		}
	}
	stops, ends := map[string]func(){}, map[string]<-chan struct{}{}
	for _, name := range []string{"first", "second"} {
		stops[name], ends[name] = candidate(ctx, b, name, leads)
		defer stops[name]()
	}
	leader, err := next()
	if err != nil {
		return err
	}
	client := b.typed.CoordinationV1().Leases("default")
	lease, err := client.Get(ctx, "go-election", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity != leader || lease.Spec.RenewTime == nil || lease.Spec.AcquireTime == nil {
		return fmt.Errorf("%s leads, the lease says %v", leader, lease.Spec)
	}
	// It renews, and nobody else gets it meanwhile.
	err = eventually(ctx, "the lease is renewed", func(ctx context.Context) (bool, error) {
		now, err := client.Get(ctx, "go-election", metav1.GetOptions{})
		return err == nil && now.Spec.RenewTime.After(lease.Spec.RenewTime.Time), err
	})
	if err != nil {
		return err
	}
	if len(leads) != 0 {
		return fmt.Errorf("two lead")
	}
	stops[leader]()
	<-ends[leader]
	other, err := next()
	if err != nil {
		return err
	}
	if other == leader {
		return fmt.Errorf("%s leads again", other)
	}
	stops[other]()
	<-ends[other]
	return client.Delete(ctx, "go-election", metav1.DeleteOptions{})
}

// about makes an object for events to be about, of a name that no earlier event has.
func about(ctx context.Context, b *box, label string) (*core.ObjectReference, error) {
	if err := b.fresh(ctx, label); err != nil {
		return nil, err
	}
	object, err := b.dynamic.Resource(slots).Create(ctx, slot(label, map[string]string{label: ""}, nil), metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return &core.ObjectReference{APIVersion: "hero.dev/v1", Kind: "Slot", Name: object.GetName(), UID: object.GetUID()}, nil
}

// told waits for the one event about it, and for what `enough` says of it.
func told(ctx context.Context, b *box, reference *core.ObjectReference, enough func(core.Event) bool) error {
	var found *core.EventList
	err := eventually(ctx, "the event", func(ctx context.Context) (bool, error) {
		var err error
		selector := fmt.Sprintf("involvedObject.uid=%s,involvedObject.namespace=", reference.UID)
		found, err = b.typed.CoreV1().Events("").List(ctx, metav1.ListOptions{FieldSelector: selector})
		return err == nil && len(found.Items) == 1 && enough(found.Items[0]), err
	})
	if err != nil {
		return fmt.Errorf("%w; there is: %v", err, found)
	}
	return nil
}

func classicRecorder(ctx context.Context, b *box) error {
	reference, err := about(ctx, b, "go-recorder")
	if err != nil {
		return err
	}
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: b.typed.CoreV1().Events("")})
	recorder := broadcaster.NewRecorder(scheme.Scheme, core.EventSource{Component: "go-clients", Host: "here"})
	for range 3 {
		recorder.Event(reference, core.EventTypeWarning, "Tried", "tried again")
	}
	return told(ctx, b, reference, func(event core.Event) bool {
		return event.Count == 3 && event.Reason == "Tried" && event.Message == "tried again" && event.Type == "Warning" &&
			event.Source.Component == "go-clients" && event.Namespace == "default"
	})
}

func newRecorder(ctx context.Context, b *box) error {
	reference, err := about(ctx, b, "go-events")
	if err != nil {
		return err
	}
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: b.typed.EventsV1()})
	defer broadcaster.Shutdown()
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return err
	}
	var regarding runtime.Object = reference
	recorder := broadcaster.NewRecorder(scheme.Scheme, "example.dev/go-clients")
	for range 2 {
		recorder.Eventf(regarding, nil, core.EventTypeNormal, "Made", "Make", "made %d parts", 3)
	}
	err = told(ctx, b, reference, func(event core.Event) bool {
		return event.Reason == "Made" && event.Message == "made 3 parts" && event.Action == "Make" && event.ReportingController == "example.dev/go-clients" &&
			event.Series != nil && event.Series.Count == 2
	})
	if err != nil {
		return err
	}
	other, err := b.typed.EventsV1().Events("").List(ctx, metav1.ListOptions{FieldSelector: "regarding.uid=" + string(reference.UID)})
	if err != nil {
		return err
	}
	if len(other.Items) != 1 || other.Items[0].Note != "made 3 parts" || !strings.HasPrefix(other.Items[0].Name, "go-events.") {
		return fmt.Errorf("events.k8s.io has %v", other.Items)
	}
	return nil
}
