package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Stress: writers, watchers and informers over a daemon that is killed again and again. Whoever runs this kills it: each
// line "kill" on stdout asks for a SIGKILL and a new start, and is answered by a line on stdin when the new one answers.
// In the end each watcher's copy, made from a list and the events after it, has to be the store; each revision has to
// have been the same thing to all who saw it; nobody may have missed one; every acknowledged write has to be there; and
// what competing clients counted up has to add up.

const (
	stressLabel = "go-stress"
	markerName  = "stress-marker"
)

type limits struct {
	seed                                        uint64
	writers, watchers, informers, kills, writes int
	long                                        time.Duration
}

type stressed struct {
	limits
	client  dynamic.ResourceInterface
	acked   atomic.Int64
	history *history
}

func stress(arguments []string) error {
	var s stressed
	flags := flag.NewFlagSet("stress", flag.ContinueOnError)
	flags.Uint64Var(&s.seed, "seed", 1, "what is done in which order")
	flags.IntVar(&s.writers, "writers", 8, "clients that write")
	flags.IntVar(&s.watchers, "watchers", 12, "clients that watch, break off and begin anew")
	flags.IntVar(&s.informers, "informers", 3, "client-go informers")
	flags.IntVar(&s.kills, "kills", 20, "how often the daemon is killed")
	flags.IntVar(&s.writes, "writes", 100, "acknowledged writes between two kills")
	flags.DurationVar(&s.long, "deadline", 5*time.Minute, "for all of it")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	b, err := open()
	if err != nil {
		return err
	}
	config := rest.CopyConfig(b.config)
	config.QPS = -1 // No limit of the client's own.
	if b, err = newBox(config); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.long)
	defer cancel()
	s.client, s.history = b.dynamic.Resource(slots), newHistory()
	return s.run(ctx, b)
}

func (s *stressed) run(ctx context.Context, b *box) error {
	if err := b.fresh(ctx, stressLabel); err != nil {
		return err
	}
	watchers, informers, err := s.begin(ctx, b)
	if err != nil {
		return err
	}
	writers, stop := s.beginWriters(ctx)
	killed := s.killAgainAndAgain(ctx)
	stop()
	for _, one := range writers {
		<-one.done
	}
	if killed != nil {
		return killed
	}
	if err := s.mark(ctx); err != nil {
		return err
	}
	final, err := s.list(ctx)
	if err != nil {
		return err
	}
	for _, check := range []func() error{
		func() error { return checkWriters(writers, final) },
		func() error { return s.checkWatchers(ctx, watchers, final) },
		func() error { return checkInformers(ctx, informers, final) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	fmt.Printf("seed %d: %d acknowledged writes, %d kills, %d revisions seen, %d breaks\n", s.seed, s.acked.Load(), s.kills, s.history.size(), s.history.breaks.Load())
	return nil
}

// killAgainAndAgain asks for kills in the middle of writing.
func (s *stressed) killAgainAndAgain(ctx context.Context) error {
	answers := bufio.NewScanner(os.Stdin)
	for number := range s.kills + 1 {
		until := s.acked.Load() + int64(s.writes)
		err := eventually(ctx, "writes are acknowledged", func(context.Context) (bool, error) { return s.acked.Load() >= until, nil })
		if err != nil {
			return fmt.Errorf("after kill %d: %w", number, err)
		}
		if number == s.kills {
			return nil
		}
		fmt.Println("kill")
		if !answers.Scan() {
			return fmt.Errorf("nobody answered: %w", answers.Err())
		}
	}
	return nil
}

// mark makes the last object, by which each watcher knows that it has seen all.
func (s *stressed) mark(ctx context.Context) error {
	_, err := s.client.Create(ctx, slot(markerName, map[string]string{stressLabel: ""}, nil), metav1.CreateOptions{})
	return err
}

func (s *stressed) list(ctx context.Context) (copyOf, error) {
	found, err := s.client.List(ctx, metav1.ListOptions{LabelSelector: stressLabel})
	if err != nil {
		return copyOf{}, err
	}
	return copyFrom(found.Items), nil
}

// random gives each participant a sequence of its own.
func (s *stressed) random(role, number int) *rand.Rand {
	return rand.New(rand.NewPCG(s.seed, uint64(role)<<32|uint64(number)))
}

// nap waits a moment before something is tried again.
func nap(ctx context.Context) {
	timer := time.NewTimer(poll)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
