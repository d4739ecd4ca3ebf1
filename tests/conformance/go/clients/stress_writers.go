package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

const (
	counters  = 3  // Few, so that writers compete.
	ownMax    = 12 // Objects that a writer has at a time.
	totalNote = "total"
)

// writer makes, changes and removes objects of its own, and counts up counters that it shares with the others.
type writer struct {
	*stressed
	number  int
	random  *rand.Rand
	next    int               // Each write has its own mark, so that one whose answer was lost is told from one that was not made.
	own     map[string]string // The mark that each of its objects has to have.
	gone    map[string]bool   // Names that it removed for good.
	counted [counters]int
	trouble error
	done    chan struct{}
}

func (s *stressed) beginWriters(ctx context.Context) ([]*writer, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	writers := make([]*writer, s.writers)
	for number := range writers {
		w := &writer{stressed: s, number: number, random: s.random(1, number), own: map[string]string{}, gone: map[string]bool{}, done: make(chan struct{})}
		writers[number] = w
		go func() {
			defer close(w.done)
			for ctx.Err() == nil && w.trouble == nil {
				w.trouble = w.one(context.WithoutCancel(ctx)) // A write that was begun is ended.
			}
		}()
	}
	return writers, stop
}

func (w *writer) one(ctx context.Context) error {
	switch roll := w.random.IntN(10); {
	case roll < 4:
		return w.count(ctx, w.random.IntN(counters))
	case roll < 7 && len(w.own) < ownMax || len(w.own) == 0:
		return w.create(ctx)
	case roll < 9:
		return w.change(ctx, w.any())
	default:
		return w.remove(ctx, w.any())
	}
}

// any is one of its objects. Maps have no order that a seed could repeat, so the names are counted instead.
func (w *writer) any() string {
	names := make([]string, 0, len(w.own))
	for number := range w.next + 1 {
		if name := w.name(number); w.own[name] != "" {
			names = append(names, name)
		}
	}
	return names[w.random.IntN(len(names))]
}

func (w *writer) name(number int) string { return fmt.Sprintf("stress-%d-%d", w.number, number) }

func (w *writer) mark() string {
	w.next++
	return fmt.Sprintf("w%d-%d", w.number, w.next)
}

// settle says whether a write that has no answer was made: by what is there once somebody answers again. An answer of
// the server is an answer; 429 and 5xx say that nothing was done.
func (w *writer) settle(ctx context.Context, err error, name string, made func(*unstructured.Unstructured) bool) (bool, error) {
	if err == nil {
		w.acked.Add(1)
		return true, nil
	}
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		if code := status.Status().Code; code == 429 || code >= 500 {
			nap(ctx)
			return false, nil
		}
		return false, err
	}
	for {
		nap(ctx)
		found, err := w.client.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return made(nil), nil
		}
		if err == nil {
			return made(found), nil
		}
	}
}

func marked(object *unstructured.Unstructured) string {
	if object == nil {
		return ""
	}
	mark, _, _ := unstructured.NestedString(object.Object, "spec", "template")
	return mark
}

func (w *writer) create(ctx context.Context) error {
	mark := w.mark()
	name := w.name(w.next)
	_, err := w.client.Create(ctx, slot(name, map[string]string{stressLabel: ""}, map[string]any{"template": mark}), metav1.CreateOptions{})
	made, err := w.settle(ctx, err, name, func(found *unstructured.Unstructured) bool { return found != nil })
	if made {
		w.own[name] = mark
	}
	return err
}

func (w *writer) change(ctx context.Context, name string) error {
	mark := w.mark()
	_, err := w.client.Patch(ctx, name, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"template":%q}}`, mark), metav1.PatchOptions{})
	made, err := w.settle(ctx, err, name, func(found *unstructured.Unstructured) bool { return marked(found) == mark })
	if made {
		w.own[name] = mark
	}
	return err
}

func (w *writer) remove(ctx context.Context, name string) error {
	err := w.client.Delete(ctx, name, metav1.DeleteOptions{})
	made, err := w.settle(ctx, err, name, func(found *unstructured.Unstructured) bool { return found == nil })
	if made {
		delete(w.own, name)
		w.gone[name] = true
	}
	return err
}

// count adds one to a shared counter: read, add, write, and again if somebody was faster.
func (w *writer) count(ctx context.Context, number int) error {
	name, note := fmt.Sprint("stress-counter-", number), fmt.Sprint("writer-", w.number)
	for {
		object, err := w.client.Get(ctx, name, metav1.GetOptions{})
		fresh := apierrors.IsNotFound(err)
		if fresh {
			object, err = slot(name, map[string]string{stressLabel: ""}, nil), nil
		}
		if err != nil {
			nap(ctx)
			continue
		}
		notes := object.GetAnnotations()
		if notes == nil {
			notes = map[string]string{}
		}
		want := strconv.Itoa(w.counted[number] + 1)
		total, _ := strconv.Atoi(notes[totalNote])
		notes[note], notes[totalNote] = want, strconv.Itoa(total+1)
		object.SetAnnotations(notes)
		if fresh {
			_, err = w.client.Create(ctx, object, metav1.CreateOptions{})
		} else {
			_, err = w.client.Update(ctx, object, metav1.UpdateOptions{})
		}
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
			continue
		}
		made, err := w.settle(ctx, err, name, func(found *unstructured.Unstructured) bool {
			return found != nil && found.GetAnnotations()[note] == want
		})
		if made {
			w.counted[number]++
		}
		return err
	}
}

// checkWriters holds what was acknowledged against what is there.
func checkWriters(writers []*writer, final copyOf) error {
	expected := map[string]bool{markerName: true}
	for number := range counters {
		name, sum := fmt.Sprint("stress-counter-", number), 0
		expected[name] = true
		object := final.objects[name]
		for _, w := range writers {
			sum += w.counted[number]
		}
		if object == nil && sum > 0 || object != nil && object.GetAnnotations()[totalNote] != strconv.Itoa(sum) {
			return fmt.Errorf("%s: the writers counted %d, the store has %v", name, sum, object)
		}
	}
	for _, w := range writers {
		if w.trouble != nil {
			return fmt.Errorf("writer %d: %w", w.number, w.trouble)
		}
		for name, mark := range w.own {
			expected[name] = true
			if got := marked(final.objects[name]); got != mark {
				return fmt.Errorf("%s was acknowledged as %s and is %q: a write was lost", name, mark, got)
			}
		}
	}
	for name := range final.objects {
		if !expected[name] {
			return fmt.Errorf("%s is there, and was never made or was removed", name)
		}
	}
	return nil
}
