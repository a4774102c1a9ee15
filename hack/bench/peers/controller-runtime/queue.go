package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// An adder queues one key in the way that the case asks for.
type adder func(key reconcile.Request, number int)

// queues measures a work queue by itself, with the metrics that controllers have: one goroutine adds, then empties.
func queues(_ context.Context, arguments []string) error {
	s := newSubject("queue")
	priority := s.flags.Bool("priority", false, "controller-runtime's priority queue instead of client-go's queue")
	mode := s.flags.String("mode", "plain", "plain, duplicates, delayed, priorities or limited")
	s.flags.Parse(arguments)
	keys := make([]reconcile.Request, *s.objects)
	for number := range keys {
		keys[number].NamespacedName = types.NamespacedName{Namespace: "bench", Name: objectName(number)}
	}
	limiter := workqueue.DefaultTypedItemBasedRateLimiter[reconcile.Request]()
	var queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	if *priority {
		queue = priorityqueue.New("bench", func(o *priorityqueue.Opts[reconcile.Request]) { o.RateLimiter = limiter })
	} else {
		queue = workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
			workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{Name: "bench"})
	}
	add, repeat, err := adding(queue, *mode)
	if err != nil {
		return err
	}
	runtime.GC()
	before := residentBytes("VmRSS")
	began := monotonic()
	for number, key := range keys {
		for range repeat {
			add(key, number)
		}
	}
	added := monotonic()
	memory := residentBytes("VmRSS") - before
	for range keys {
		key, _ := queue.Get()
		queue.Forget(key)
		queue.Done(key)
	}
	ended := monotonic()
	queue.ShutDown()
	count := float64(*s.objects)
	return figures{
		"add_ns":        float64(added-began) / (count * float64(repeat)),
		"get_done_ns":   float64(ended-added) / count,
		"whole_ns":      float64(ended-began) / count,
		"bytes_per_key": float64(memory) / count,
	}.print()
}

func adding(queue workqueue.TypedRateLimitingInterface[reconcile.Request], mode string) (adder, int, error) {
	source := rand.New(rand.NewPCG(1, 0))
	prioritised, hasPriorities := queue.(priorityqueue.PriorityQueue[reconcile.Request])
	switch {
	case mode == "plain":
		return func(key reconcile.Request, _ int) { queue.Add(key) }, 1, nil
	case mode == "duplicates":
		return func(key reconcile.Request, _ int) { queue.Add(key) }, 10, nil
	case mode == "delayed":
		return func(key reconcile.Request, _ int) {
			queue.AddAfter(key, time.Duration(source.IntN(100_000))*time.Microsecond)
		}, 1, nil
	case mode == "limited":
		return func(key reconcile.Request, _ int) { queue.AddRateLimited(key) }, 1, nil
	case mode == "priorities" && hasPriorities:
		return func(key reconcile.Request, number int) {
			level := number % 5
			prioritised.AddWithOpts(priorityqueue.AddOpts{Priority: &level}, key)
		}, 1, nil
	}
	return nil, 0, fmt.Errorf("wanted a mode that this queue has, found %q", mode)
}
