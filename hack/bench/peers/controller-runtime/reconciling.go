package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// sightings are the writer's stamps and when handler and reconcile first saw them.
type sightings struct {
	lock     sync.Mutex
	handled  map[string]int64
	reported map[string]struct{}
	rows     [][3]int64
}

func newSightings() *sightings {
	return &sightings{handled: map[string]int64{}, reported: map[string]struct{}{}}
}

func (s *sightings) handle(object client.Object) {
	if stamp := stampOf(object); stamp != "" {
		s.lock.Lock()
		defer s.lock.Unlock()
		if _, known := s.handled[stamp]; !known {
			s.handled[stamp] = monotonic()
		}
	}
}

func (s *sightings) reconcile(object client.Object) {
	stamp := stampOf(object)
	if stamp == "" {
		return
	}
	sent, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || sent < startedAt() {
		return
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, known := s.reported[stamp]; !known {
		s.reported[stamp] = struct{}{}
		s.rows = append(s.rows, [3]int64{sent, s.handled[stamp], monotonic()})
	}
}

// passes is a controller that reads each object, and notes which it has seen.
type passes struct {
	seen map[types.NamespacedName]struct{}
	all  chan struct{}
}

func (s *subject) addPasses(manager ctrl.Manager, noted *sightings) (*passes, error) {
	p := &passes{seen: make(map[types.NamespacedName]struct{}, *s.objects), all: make(chan struct{})}
	var lock sync.Mutex
	handled := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		noted.handle(e.ObjectNew)
		return true
	}}
	err := ctrl.NewControllerManagedBy(manager).Named("passes").
		For(s.newObject(), builder.WithPredicates(handled)).
		WithOptions(controller.Options{MaxConcurrentReconciles: *s.workers}).
		Complete(reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
			object := s.newObject()
			if err := manager.GetClient().Get(ctx, request.NamespacedName, object); err != nil {
				return reconcile.Result{}, client.IgnoreNotFound(err)
			}
			noted.reconcile(object)
			lock.Lock()
			defer lock.Unlock()
			if _, again := p.seen[request.NamespacedName]; !again {
				p.seen[request.NamespacedName] = struct{}{}
				if len(p.seen) == *s.objects {
					close(p.all)
				}
			}
			return reconcile.Result{}, nil
		}))
	return p, err
}

func (p *passes) done() bool {
	select {
	case <-p.all:
		return true
	default:
		return false
	}
}

// firstPass reconciles every object once.
func firstPass(ctx context.Context, arguments []string) error {
	s := newSubject("first-pass")
	s.flags.Parse(arguments)
	manager, err := s.newManager(ctrl.Options{})
	if err != nil {
		return err
	}
	noted := newSightings()
	pass, err := s.addPasses(manager, noted)
	if err != nil {
		return err
	}
	informer, err := manager.GetCache().GetInformer(ctx, s.newObject(), cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	run := start(ctx, manager)
	if err := run.wait(ctx, "cache synced", informer.HasSynced); err != nil {
		return err
	}
	found := figures{"synced_s": secondsSinceStart()}
	if err := run.wait(ctx, "first pass", pass.done); err != nil {
		return err
	}
	found["first_pass_s"] = secondsSinceStart()
	found.with(weight())
	if err := run.shutDown(); err != nil {
		return err
	}
	found["seen"] = noted.rows
	return found.print()
}

// latency says `ready`, notes when it sees the writer's changes, and ends with its standard input.
func latency(ctx context.Context, arguments []string) error {
	s := newSubject("latency")
	s.flags.Parse(arguments)
	manager, err := s.newManager(ctrl.Options{})
	if err != nil {
		return err
	}
	noted := newSightings()
	pass, err := s.addPasses(manager, noted)
	if err != nil {
		return err
	}
	run := start(ctx, manager)
	if err := run.wait(ctx, "first pass", pass.done); err != nil {
		return err
	}
	cpu := cpuSeconds()
	if err := (figures{"event": "ready"}).print(); err != nil {
		return err
	}
	for range standardInput() {
	}
	found := figures{}.with(weight())
	found["cpu_s"] = cpuSeconds() - cpu
	if err := run.shutDown(); err != nil {
		return err
	}
	found["seen"] = noted.rows
	return found.print()
}

// reconciles keeps every key coming back at once and counts.
func reconciles(ctx context.Context, arguments []string) error {
	s := newSubject("reconciles")
	work := s.flags.String("work", "none", "what a reconcile does after its read: none, wait (5 ms) or patch")
	s.flags.Parse(arguments)
	manager, err := s.newManager(ctrl.Options{})
	if err != nil {
		return err
	}
	informer, err := manager.GetCache().GetInformer(ctx, s.newObject(), cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	counts := make(map[types.NamespacedName]int64, *s.objects)
	var lock sync.Mutex
	var queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	reconciler := reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		object := s.newObject()
		if err := manager.GetClient().Get(ctx, request.NamespacedName, object); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		lock.Lock()
		counts[request.NamespacedName]++
		number := counts[request.NamespacedName]
		lock.Unlock()
		switch *work {
		case "wait":
			time.Sleep(5 * time.Millisecond)
		case "patch":
			patch := `{"metadata":{"annotations":{"bench.omectl.io/pass":"` + strconv.FormatInt(number, 10) + `"}}}`
			err := manager.GetClient().Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)))
			if err != nil {
				return reconcile.Result{}, err
			}
		}
		queue.Add(request)
		return reconcile.Result{}, nil
	})
	managed, err := controller.New("reconciles", manager, controller.Options{
		MaxConcurrentReconciles: *s.workers, Reconciler: reconciler,
	})
	if err != nil {
		return err
	}
	queued := make(chan struct{})
	err = managed.Watch(source.Func(
		func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			queue = q
			close(queued)
			return nil
		}))
	if err != nil {
		return err
	}
	run := start(ctx, manager)
	if err := run.wait(ctx, "cache synced", informer.HasSynced); err != nil {
		return err
	}
	<-queued
	for number := range *s.objects {
		name := types.NamespacedName{Namespace: s.namespaceList()[0], Name: objectName(number)}
		queue.Add(reconcile.Request{NamespacedName: name})
	}
	total := func() (sum, most, least int64) {
		lock.Lock()
		defer lock.Unlock()
		least = 1 << 62
		for _, count := range counts {
			sum, most, least = sum+count, max(most, count), min(least, count)
		}
		if len(counts) < *s.objects {
			least = 0
		}
		return sum, most, least
	}
	time.Sleep(time.Second)
	before, _, _ := total()
	cpu, began := cpuSeconds(), monotonic()
	time.Sleep(s.duration())
	after, most, least := total()
	seconds := float64(monotonic()-began) / 1e9
	found := figures{
		"reconciles_per_s": float64(after-before) / seconds, "most": most, "least": least,
	}.with(weight())
	found["cpu_s"] = cpuSeconds() - cpu
	if err := run.shutDown(); err != nil {
		return err
	}
	return found.print()
}
