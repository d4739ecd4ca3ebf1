package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// copyOf is a store as somebody knows it.
type copyOf struct {
	objects map[string]*unstructured.Unstructured
}

func copyFrom(items []unstructured.Unstructured) copyOf {
	all := copyOf{map[string]*unstructured.Unstructured{}}
	for number := range items {
		all.objects[items[number].GetName()] = &items[number]
	}
	return all
}

// differs says how, or nothing.
func (c copyOf) differs(other copyOf) string {
	for name, object := range c.objects {
		if found := other.objects[name]; found == nil || found.GetResourceVersion() != object.GetResourceVersion() {
			return fmt.Sprintf("%s is %v in the store and %v in the copy", name, object, found)
		}
	}
	for name, object := range other.objects {
		if c.objects[name] == nil {
			return fmt.Sprintf("the copy has %v, the store has no %s", object, name)
		}
	}
	return ""
}

// history is what each revision was to those who saw it.
type history struct {
	mu     sync.Mutex
	events map[int64]string // Guarded by mu.
	breaks atomic.Int64
}

func newHistory() *history { return &history{events: map[int64]string{}} }

func (h *history) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.events)
}

// note fails when the revision was something else to another watcher.
func (h *history) note(version int64, what string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if before, known := h.events[version]; known && before != what {
		return fmt.Errorf("revision %d was %q to one and %q to another", version, before, what)
	}
	h.events[version] = what
	return nil
}

// missed gives the revisions in (from, to] that somebody saw and that are not in `seen`.
func (h *history) missed(from, to int64, seen map[int64]bool) []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var missing []int64
	for version := range h.events {
		if version > from && version <= to && !seen[version] {
			missing = append(missing, version)
		}
	}
	return missing
}

// watcher keeps a copy by a list and the events after it. It breaks off at random and goes on where it was, or begins anew.
type watcher struct {
	*stressed
	number   int
	random   *rand.Rand
	have     copyOf
	from, at int64          // The version of the list, and of the last event.
	mine     map[int64]bool // The revisions that it saw since its list; nil: it has no list.
	trouble  error
	ended    chan struct{}
}

func (s *stressed) begin(ctx context.Context, b *box) ([]*watcher, []cache.SharedIndexInformer, error) {
	watchers, informers := make([]*watcher, s.watchers), make([]cache.SharedIndexInformer, s.informers)
	for number := range watchers {
		w := &watcher{stressed: s, number: number, random: s.random(2, number), ended: make(chan struct{})}
		watchers[number] = w
		go func() {
			defer close(w.ended)
			w.trouble = w.run(ctx)
		}()
	}
	for number := range informers {
		informers[number] = dynamicinformer.NewFilteredDynamicInformer(b.dynamic, slots, "", 0, nil, selecting(stressLabel)).Informer()
		go informers[number].RunWithContext(ctx)
		if !cache.WaitForCacheSync(ctx.Done(), informers[number].HasSynced) {
			return nil, nil, fmt.Errorf("informer %d did not sync", number)
		}
	}
	return watchers, informers, nil
}

// run goes on until the marker is seen.
func (w *watcher) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if w.mine == nil {
			if !w.start(ctx) {
				nap(ctx)
				continue
			}
		}
		if done, err := w.follow(ctx); done || err != nil {
			return err
		}
		w.history.breaks.Add(1)
		if w.random.IntN(3) == 0 {
			if err := w.whole(); err != nil {
				return err
			}
			w.mine = nil // It begins anew, elsewhere.
		}
		nap(ctx)
	}
	return ctx.Err()
}

// start lists: now, or as it was some revisions ago.
func (w *watcher) start(ctx context.Context) bool {
	options := metav1.ListOptions{LabelSelector: stressLabel}
	if back := int64(w.random.IntN(60)); w.random.IntN(2) == 0 && w.at > back {
		options.ResourceVersion, options.ResourceVersionMatch = strconv.FormatInt(w.at-back, 10), metav1.ResourceVersionMatchExact
	}
	found, err := w.client.List(ctx, options)
	if err != nil {
		return false // Killed, or the revision is not kept any more.
	}
	version, err := strconv.ParseInt(found.GetResourceVersion(), 10, 64)
	if err != nil {
		return false
	}
	w.have, w.from, w.at, w.mine = copyFrom(found.Items), version, version, map[int64]bool{}
	return true
}

// follow applies events until the stream ends, breaks, or is left. True: the marker was seen.
func (w *watcher) follow(ctx context.Context) (bool, error) {
	if w.have.objects[markerName] != nil {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	stream, err := w.client.Watch(ctx, metav1.ListOptions{LabelSelector: stressLabel, ResourceVersion: strconv.FormatInt(w.at, 10), AllowWatchBookmarks: true})
	if err != nil {
		return false, w.unlessAnew(err)
	}
	defer stream.Stop()
	for left := w.random.IntN(300); left > 0; left-- {
		event, more := <-stream.ResultChan()
		if !more {
			return false, nil
		}
		if event.Type == watch.Error {
			return false, w.unlessAnew(apierrors.FromObject(event.Object))
		}
		if err := w.take(event); err != nil {
			return false, fmt.Errorf("watcher %d: %w", w.number, err)
		}
		if w.have.objects[markerName] != nil {
			return true, nil
		}
	}
	return false, nil
}

// unlessAnew: a revision that is not kept any more means to list anew; what the server says else is a fault, but that it is overloaded or not there.
func (w *watcher) unlessAnew(err error) error {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		w.mine = nil
		return nil
	}
	if reason := apierrors.ReasonForError(err); reason == "" || reason == metav1.StatusReasonUnknown || apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) {
		return nil
	}
	return fmt.Errorf("watcher %d from %d: %w", w.number, w.at, err)
}

// take applies one event, which has to fit what is there.
func (w *watcher) take(event watch.Event) error {
	object := event.Object.(*unstructured.Unstructured)
	version, err := strconv.ParseInt(object.GetResourceVersion(), 10, 64)
	if err != nil {
		return err
	}
	if event.Type == watch.Bookmark {
		if version < w.at {
			return fmt.Errorf("a bookmark of %d after %d", version, w.at)
		}
		w.at = version
		return nil
	}
	name := object.GetName()
	_, known := w.have.objects[name]
	if version <= w.at || known == (event.Type == watch.Added) {
		return fmt.Errorf("%s of %s at %d after %d, which was known: %v", event.Type, name, version, w.at, known)
	}
	if err := w.history.note(version, fmt.Sprint(event.Type, " ", name, " ", object.GetUID(), " ", marked(object), object.GetAnnotations())); err != nil {
		return err
	}
	if event.Type == watch.Deleted {
		delete(w.have.objects, name)
	} else {
		w.have.objects[name] = object
	}
	w.at = version
	w.mine[version] = true
	return nil
}

// whole: between its list and its last event it missed nothing that another saw.
func (w *watcher) whole() error {
	if w.mine == nil {
		return nil
	}
	if missing := w.history.missed(w.from, w.at, w.mine); len(missing) > 0 {
		return fmt.Errorf("watcher %d from %d to %d missed %v", w.number, w.from, w.at, missing)
	}
	return nil
}

func (s *stressed) checkWatchers(ctx context.Context, watchers []*watcher, final copyOf) error {
	for _, w := range watchers {
		select {
		case <-w.ended:
		case <-ctx.Done():
			return fmt.Errorf("watcher %d never saw the marker", w.number)
		}
		if w.trouble != nil {
			return w.trouble
		}
	}
	for _, w := range watchers { // Now that all have noted what they saw.
		if err := w.whole(); err != nil {
			return err
		}
		if how := final.differs(w.have); how != "" {
			return fmt.Errorf("watcher %d, replayed from %d: %s", w.number, w.from, how)
		}
	}
	return nil
}

// A reflector of client-go whose connections were refused often waits 30 s and up to as much again before it tries once more.
const reflectorBackoff = 60 * time.Second

func checkInformers(ctx context.Context, informers []cache.SharedIndexInformer, final copyOf) error {
	for number, informer := range informers {
		how := ""
		err := within(ctx, reflectorBackoff+deadline/3, "the informer has the store", func(context.Context) (bool, error) {
			have := copyOf{map[string]*unstructured.Unstructured{}}
			for _, object := range informer.GetStore().List() {
				one := object.(*unstructured.Unstructured)
				have.objects[one.GetName()] = one
			}
			how = final.differs(have)
			return how == "", nil
		})
		if err != nil {
			return fmt.Errorf("informer %d: %w: %s, of %v", number, err, how, slices.Sorted(maps.Keys(final.objects)))
		}
	}
	return nil
}
