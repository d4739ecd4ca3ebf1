package main

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
)

func clientSteps() []step {
	return []step{
		{"discovery", "[WIRE] discovery finds each kind in one request a prefix", discovery},
		{"openapi", "[WIRE] OpenAPI v3 describes each kind", openapi},
		{"informer", "[WIRE] an informer lists in a stream, then sees what comes, changes, leaves the selection and goes", informer},
		{"metadata", "[WIRE] an informer of metadata alone", metadataInformer},
		{"pager", "[WIRE] pages show one moment, whatever is written meanwhile", pages},
		{"status", "[WIRE] status and spec are written apart", statusApart},
		{"finalizers", "[WIRE] an object that is deleted stays until its last finalizer goes", finalizers},
		{"preconditions", "[WIRE] delete asks for the uid and the version that it was told", preconditions},
		{"apply", "[WIRE] Apply owns fields, meets a conflict and takes over by force", apply},
	}
}

// recorder notes the requests that pass.
type recorder struct {
	next http.RoundTripper
	mu   sync.Mutex
	seen []string // Guarded by mu.
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(request)
	line := request.Method + " " + request.URL.RequestURI()
	if err == nil {
		line = fmt.Sprint(line, " ", answer.StatusCode, " ", answer.Header.Get("Content-Type"))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, line)
	return answer, err
}

func (r *recorder) lines(parts ...string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.seen), func(line string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
	})
}

// recorded is the same box through a transport that notes.
func (b *box) recorded() (*box, *recorder, error) {
	noted := &recorder{}
	config := rest.CopyConfig(b.config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		noted.next = next
		return noted
	})
	other, err := newBox(config)
	return other, noted, err
}

func discovery(_ context.Context, b *box) error {
	other, noted, err := b.recorded()
	if err != nil {
		return err
	}
	groups, err := restmapper.GetAPIGroupResources(other.typed.Discovery())
	if err != nil {
		return err
	}
	mapping, err := restmapper.NewDiscoveryRESTMapper(groups).RESTMapping(metav1.SchemeGroupVersion.WithKind("x").GroupKind())
	if !meta.IsNoMatchError(err) {
		return fmt.Errorf("a kind that is not there: %v, %v", mapping, err)
	}
	found, err := restmapper.NewDiscoveryRESTMapper(groups).RESTMapping(slots.GroupVersion().WithKind("Slot").GroupKind())
	if err != nil {
		return err
	}
	if found.Resource != slots || found.Scope.Name() != meta.RESTScopeNameRoot {
		return fmt.Errorf("Slot was found as %v, %v", found.Resource, found.Scope.Name())
	}
	if seen := noted.lines("GET /api"); len(seen) != 2 || len(noted.lines("g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")) != 2 {
		return fmt.Errorf("discovery was not aggregated: %q", seen)
	}
	return nil
}

func openapi(_ context.Context, b *box) error {
	paths, err := b.typed.Discovery().OpenAPIV3().Paths()
	if err != nil {
		return err
	}
	one := paths["apis/hero.dev/v1"]
	if one == nil {
		return fmt.Errorf("no hero.dev/v1 among %d paths", len(paths))
	}
	document, err := one.Schema("application/json")
	if err != nil {
		return err
	}
	if !strings.Contains(string(document), `"dev.hero.v1.Slot"`) {
		return fmt.Errorf("no Slot in the document of %d bytes", len(document))
	}
	return nil
}

// log is what the handlers of an informer saw, in order.
type log struct {
	mu   sync.Mutex
	seen []string // Guarded by mu.
}

func (l *log) add(what string, object any) {
	if tombstone, is := object.(cache.DeletedFinalStateUnknown); is {
		object = tombstone.Obj
	}
	accessor, err := meta.Accessor(object)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.seen = append(l.seen, fmt.Sprint(what, " ", err))
		return
	}
	l.seen = append(l.seen, what+" "+accessor.GetName())
}

func (l *log) handlers() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { l.add("add", o) },
		UpdateFunc: func(_, o any) { l.add("update", o) },
		DeleteFunc: func(o any) { l.add("delete", o) },
	}
}

// until waits until exactly these were seen.
func (l *log) until(ctx context.Context, expected ...string) error {
	var seen []string
	err := eventually(ctx, "the handlers", func(context.Context) (bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		seen = slices.Clone(l.seen)
		return reflect.DeepEqual(seen, expected), nil
	})
	if err != nil {
		return fmt.Errorf("%w: expected %q, saw %q", err, expected, seen)
	}
	return nil
}

// drive changes objects of a label while `shared` watches them, and says what its handlers have to see.
func drive(ctx context.Context, b *box, label string, shared cache.SharedIndexInformer) error {
	key, value, _ := strings.Cut(label, "=")
	client, in := b.dynamic.Resource(slots), map[string]string{key: value}
	if err := b.fresh(ctx, key); err != nil {
		return err
	}
	first, second := value+"-1", value+"-2"
	if _, err := client.Create(ctx, slot(first, in, nil), metav1.CreateOptions{}); err != nil {
		return err
	}
	seen := &log{}
	if _, err := shared.AddEventHandler(seen.handlers()); err != nil {
		return err
	}
	go shared.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), shared.HasSynced) {
		return fmt.Errorf("the informer did not sync")
	}
	changes := []func() error{
		func() error { _, err := client.Create(ctx, slot(second, in, nil), metav1.CreateOptions{}); return err },
		func() error { return b.merge(ctx, first, `{"metadata":{"annotations":{"note":"changed"}}}`) },
		func() error { return b.merge(ctx, first, fmt.Sprintf(`{"metadata":{"labels":{%q:"elsewhere"}}}`, key)) },
		func() error { return b.merge(ctx, first, fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, key, value)) },
		func() error { return client.Delete(ctx, second, metav1.DeleteOptions{}) },
	}
	for _, change := range changes {
		if err := change(); err != nil {
			return err
		}
	}
	return seen.until(ctx, "add "+first, "add "+second, "update "+first, "delete "+first, "add "+first, "delete "+second)
}

func (b *box) merge(ctx context.Context, name, patch string) error {
	_, err := b.dynamic.Resource(slots).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

func selecting(label string) func(*metav1.ListOptions) {
	return func(options *metav1.ListOptions) { options.LabelSelector = label }
}

func informer(ctx context.Context, b *box) error {
	other, noted, err := b.recorded()
	if err != nil {
		return err
	}
	const label = "go-informer=go-seen"
	shared := dynamicinformer.NewFilteredDynamicInformer(other.dynamic, slots, "", 0, nil, selecting(label)).Informer()
	if err := drive(ctx, b, label, shared); err != nil {
		return err
	}
	if streams := noted.lines("sendInitialEvents=true", " 200 "); len(streams) != 1 {
		return fmt.Errorf("the list was not streamed: %q", noted.lines())
	}
	return nil
}

func metadataInformer(ctx context.Context, b *box) error {
	client, err := metadata.NewForConfig(b.config)
	if err != nil {
		return err
	}
	const label = "go-metadata=go-named"
	return drive(ctx, b, label, metadatainformer.NewFilteredMetadataInformer(client, slots, "", 0, nil, selecting(label)).Informer())
}

func pages(ctx context.Context, b *box) error {
	const label, count = "go-pager=x", 7
	if err := b.fresh(ctx, "go-pager"); err != nil {
		return err
	}
	client := b.dynamic.Resource(slots)
	for number := range count {
		if _, err := client.Create(ctx, slot(fmt.Sprint("page-", number), map[string]string{"go-pager": "x"}, nil), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	asked := 0
	each := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		options.LabelSelector = label
		if asked++; asked == 2 { // Written between the first page and the second.
			if err := client.Delete(ctx, "page-6", metav1.DeleteOptions{}); err != nil {
				return nil, err
			}
		}
		return client.List(ctx, options)
	})
	each.PageSize, each.PageBufferSize = 2, 0
	var names []string
	err := each.EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
		names = append(names, object.(*unstructured.Unstructured).GetName())
		return nil
	})
	if err != nil {
		return err
	}
	if len(names) != count || asked != 4 || !slices.IsSorted(names) {
		return fmt.Errorf("%d requests gave %q", asked, names)
	}
	return nil
}

func statusApart(ctx context.Context, b *box) error {
	client := b.dynamic.Resource(slots)
	if err := b.fresh(ctx, "go-status"); err != nil {
		return err
	}
	made, err := client.Create(ctx, slot("go-status", map[string]string{"go-status": ""}, nil), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	handled, spec := []string{"status", "handled", "x"}, []string{"spec", "template"}
	both := made.DeepCopy()
	_ = unstructured.SetNestedField(both.Object, "1", handled...)
	_ = unstructured.SetNestedField(both.Object, "t1", spec...)
	if both, err = client.UpdateStatus(ctx, both, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if value, _, _ := unstructured.NestedString(both.Object, spec...); value != "" || both.GetGeneration() != 1 {
		return fmt.Errorf("a write of the status changed the spec: %v", both.Object)
	}
	_ = unstructured.SetNestedField(both.Object, "2", handled...)
	_ = unstructured.SetNestedField(both.Object, "t1", spec...)
	if both, err = client.Update(ctx, both, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if value, _, _ := unstructured.NestedString(both.Object, handled...); value != "1" || both.GetGeneration() != 2 {
		return fmt.Errorf("a write of the spec changed the status: %v", both.Object)
	}
	again, err := client.Update(ctx, both, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	if again.GetResourceVersion() != both.GetResourceVersion() {
		return fmt.Errorf("a write that changes nothing made version %s of %s", again.GetResourceVersion(), both.GetResourceVersion())
	}
	if _, err = client.Update(ctx, made, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		return fmt.Errorf("a stale write was not a conflict: %v", err)
	}
	return nil
}

func finalizers(ctx context.Context, b *box) error {
	client := b.dynamic.Resource(slots)
	const name = "go-finalizers"
	if _, err := client.Get(ctx, name, metav1.GetOptions{}); err == nil {
		return fmt.Errorf("%s was left by an earlier run", name)
	}
	object := slot(name, nil, nil)
	object.SetFinalizers([]string{"example.dev/keep"})
	made, err := client.Create(ctx, object, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	watched, err := client.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name, ResourceVersion: made.GetResourceVersion()})
	if err != nil {
		return err
	}
	defer watched.Stop()
	for range 2 { // The second changes nothing.
		if err := client.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	going, err := client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if going.GetDeletionTimestamp() == nil || going.GetGeneration() != 2 {
		return fmt.Errorf("it is not being deleted: %v", going.Object["metadata"])
	}
	if err := b.merge(ctx, name, `{"metadata":{"finalizers":["example.dev/keep","example.dev/more"]}}`); !apierrors.IsInvalid(err) {
		return fmt.Errorf("a finalizer was added to what is being deleted: %v", err)
	}
	if err := b.merge(ctx, name, `{"metadata":{"finalizers":null}}`); err != nil {
		return err
	}
	var seen []string
	for event := range watched.ResultChan() {
		seen = append(seen, string(event.Type))
		if event.Type == "DELETED" {
			gone := event.Object.(*unstructured.Unstructured)
			if gone.GetUID() != made.GetUID() || gone.GetResourceVersion() == going.GetResourceVersion() {
				return fmt.Errorf("the deletion has no version of its own: %v", gone.Object["metadata"])
			}
			break
		}
	}
	if !slices.Equal(seen, []string{"MODIFIED", "DELETED"}) {
		return fmt.Errorf("the watch saw %q", seen)
	}
	return nil
}

func preconditions(ctx context.Context, b *box) error {
	client := b.dynamic.Resource(slots)
	if err := b.fresh(ctx, "go-pre"); err != nil {
		return err
	}
	made, err := client.Create(ctx, slot("go-pre", map[string]string{"go-pre": ""}, nil), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	other, stale := types.UID("another"), "1"
	uid, version := made.GetUID(), made.GetResourceVersion()
	for _, wrong := range []*metav1.Preconditions{{UID: &other}, {ResourceVersion: &stale}, {UID: &uid, ResourceVersion: &stale}} {
		if err := client.Delete(ctx, "go-pre", metav1.DeleteOptions{Preconditions: wrong}); !apierrors.IsConflict(err) {
			return fmt.Errorf("%v was not a conflict: %v", wrong, err)
		}
	}
	return client.Delete(ctx, "go-pre", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}})
}

func apply(ctx context.Context, b *box) error {
	client := b.dynamic.Resource(slots)
	if err := b.fresh(ctx, "go-apply"); err != nil {
		return err
	}
	send := func(manager string, force bool, spec map[string]any) (*unstructured.Unstructured, error) {
		return client.Apply(ctx, "go-apply", slot("go-apply", map[string]string{"go-apply": ""}, spec), metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	first, err := send("m1", false, map[string]any{"template": "t1", "box": "b1"})
	if err != nil {
		return err
	}
	again, err := send("m1", false, map[string]any{"template": "t1", "box": "b1"})
	if err != nil || again.GetResourceVersion() != first.GetResourceVersion() {
		return fmt.Errorf("the same again: version %s of %s, %v", again.GetResourceVersion(), first.GetResourceVersion(), err)
	}
	_, err = send("m2", false, map[string]any{"template": "t2"})
	if !apierrors.IsConflict(err) || !strings.HasPrefix(err.Error(), `Apply failed with 1 conflict: conflict with "m1": .spec.template`) {
		return fmt.Errorf("no conflict: %v", err)
	}
	if _, err = send("m2", true, map[string]any{"template": "t2"}); err != nil {
		return err
	}
	left, err := send("m1", false, map[string]any{})
	if err != nil {
		return err
	}
	want := map[string]any{"user": "jo", "template": "t2", "deactivated": false}
	if !reflect.DeepEqual(left.Object["spec"], want) {
		return fmt.Errorf("m1 gave up all but user, m2 has template; the spec is %v", left.Object["spec"])
	}
	return nil
}
