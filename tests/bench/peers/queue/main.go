// The queues of client-go and controller-runtime, doing what tests/bench/queue_bench.cc does.
package main

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type queue interface {
	Add(item reconcile.Request)
	Get() (reconcile.Request, bool)
	Done(item reconcile.Request)
}

// The best of three turns: what disturbs only adds.
func measure(name string, prefix string, rounds int, q queue) {
	keys := make([]reconcile.Request, 1000)
	for i := range keys {
		keys[i] = reconcile.Request{NamespacedName: types.NamespacedName{Name: fmt.Sprintf("%s%d", prefix, 10000+i)}}
	}
	best := 1e9
	for turn := 0; turn < 3; turn++ {
		began := time.Now()
		for i := 0; i < rounds; i++ {
			q.Add(keys[i%len(keys)])
			key, _ := q.Get()
			q.Done(key)
		}
		best = min(best, float64(time.Since(began).Nanoseconds())/float64(rounds))
	}
	fmt.Printf("peer:%s %.6g ns\n", name, best)
}

func main() {
	plain := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	measure("client-go:queue-add-get-done", "user-", 2000000, plain)
	measure("client-go:queue-long-names", "integration-hero-slides-", 2000000, plain)
	measure("controller-runtime:queue-add-get-done", "user-", 200000, priorityqueue.New[reconcile.Request]("bench"))
}
