package main

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// coldSync fills a manager's cache.
func coldSync(ctx context.Context, arguments []string) error {
	s := newSubject("sync")
	settle := s.flags.Float64("settle", 0, "seconds to rest before memory is looked at again")
	s.flags.Parse(arguments)
	manager, err := s.newManager(ctrl.Options{})
	if err != nil {
		return err
	}
	// Asked for before the start: a cache without an informer counts as synced.
	informer, err := manager.GetCache().GetInformer(ctx, s.newObject(), cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	before := residentBytes("VmRSS")
	run := start(ctx, manager)
	if err := run.wait(ctx, "cache synced", informer.HasSynced); err != nil {
		return err
	}
	found := figures{"synced_s": secondsSinceStart(), "ready_s": float64(enteredAt-startedAt()) / 1e9}.with(weight())
	if *s.objects > 0 {
		found["bytes_per_object"] = float64(found["rss_bytes"].(int64)-before) / float64(*s.objects)
	}
	time.Sleep(time.Duration(*settle * float64(time.Second)))
	found["settled_bytes"] = residentBytes("VmRSS")
	if err := run.shutDown(); err != nil {
		return err
	}
	return found.print()
}
