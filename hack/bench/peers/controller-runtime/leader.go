package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// leader says `leading` when it leads and `working` at its first reconcile; reconciles take a while and never run dry.
func leader(ctx context.Context, arguments []string) error {
	s := newSubject("leader")
	lease := s.flags.String("lease", "bench", "name of the Lease, in the namespace")
	takes := s.flags.Float64("reconcile-ms", 50, "what a reconcile takes")
	s.flags.Parse(arguments)
	made, err := s.newManager(ctrl.Options{
		LeaderElection: true, LeaderElectionID: *lease, LeaderElectionNamespace: s.namespaceList()[0],
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	var began, ended atomic.Int64
	var queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	keep := func(q workqueue.TypedRateLimitingInterface[reconcile.Request], object client.Object) {
		q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)})
	}
	err = ctrl.NewControllerManagedBy(made).Named("leader").
		WithOptions(controller.Options{MaxConcurrentReconciles: *s.workers}).
		Watches(s.newObject(), handler.Funcs{
			CreateFunc: func(_ context.Context, e event.CreateEvent,
				q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
				queue = q
				keep(q, e.Object)
			},
		}).
		Complete(reconcile.Func(func(_ context.Context, request reconcile.Request) (reconcile.Result, error) {
			if began.Add(1) == 1 {
				if err := (figures{"event": "working", "at_ns": monotonic()}).print(); err != nil {
					return reconcile.Result{}, err
				}
			}
			time.Sleep(time.Duration(*takes * float64(time.Millisecond)))
			queue.Add(request)
			ended.Add(1)
			return reconcile.Result{}, nil
		}))
	if err != nil {
		return err
	}
	err = made.Add(manager.RunnableFunc(func(ctx context.Context) error {
		err := figures{"event": "leading", "at_ns": monotonic()}.print()
		<-ctx.Done()
		return err
	}))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := made.Start(ctx); err != nil {
		return err
	}
	return figures{"began": began.Load(), "unfinished": began.Load() - ended.Load()}.with(weight()).print()
}
