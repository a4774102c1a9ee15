package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// readPath reads a full cache in the ways that reconciles do; a list is read again and again for the given time.
func readPath(ctx context.Context, arguments []string) error {
	s := newSubject("read")
	s.flags.Parse(arguments)
	manager, err := s.newManager(ctrl.Options{})
	if err != nil {
		return err
	}
	shard := func(object client.Object) []string { return []string{object.GetLabels()["shard"]} }
	if err := manager.GetFieldIndexer().IndexField(ctx, s.newObject(), "shard", shard); err != nil {
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
	reader, namespace := manager.GetClient(), s.namespaceList()[0]
	source := rand.New(rand.NewPCG(1, 0))
	list := func(options ...client.ListOption) func() (int, error) {
		return func() (int, error) {
			found := s.newList()
			if err := reader.List(ctx, found, append(options, client.InNamespace(namespace))...); err != nil {
				return 0, err
			}
			return apimeta.LenList(found), nil
		}
	}
	found := figures{}
	for name, read := range map[string]func() (int, error){
		"get": func() (int, error) {
			key := client.ObjectKey{Namespace: namespace, Name: objectName(source.IntN(*s.objects))}
			return 1, reader.Get(ctx, key, s.newObject())
		},
		"list_namespace": list(),
		"list_index":     list(client.MatchingFields{"shard": "3"}),
		"list_label":     list(client.MatchingLabels{"shard": "3"}),
	} {
		measured, err := readFor(s.duration(), read)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for figure, value := range measured {
			found[name+"_"+figure] = value
		}
	}
	found.with(weight())
	if err := run.shutDown(); err != nil {
		return err
	}
	return found.print()
}

func readFor(long time.Duration, read func() (int, error)) (figures, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began, operations, objects := time.Now(), 0, 0
	for operations == 0 || time.Since(began) < long {
		count, err := read()
		if err != nil {
			return nil, err
		}
		operations, objects = operations+1, objects+count
	}
	seconds := time.Since(began).Seconds()
	runtime.ReadMemStats(&after)
	return figures{
		"per_s":           float64(operations) / seconds,
		"objects":         objects / operations,
		"bytes_an_object": float64(after.TotalAlloc-before.TotalAlloc) / float64(objects),
	}, nil
}
