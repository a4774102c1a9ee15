package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mirror is what an informer's handler was told: the objects that exist, how many deletes, what it heard twice.
type mirror struct {
	lock       sync.Mutex
	objects    map[string]string
	deletes    int
	duplicates int
}

func (m *mirror) OnAdd(object any, _ bool) { m.put(object) }

func (m *mirror) OnUpdate(_, object any) { m.put(object) }

func (m *mirror) OnDelete(object any) {
	if tombstone, is := object.(toolscache.DeletedFinalStateUnknown); is {
		object = tombstone.Obj
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	delete(m.objects, nameOf(object))
	m.deletes++
}

func (m *mirror) put(object any) {
	m.lock.Lock()
	defer m.lock.Unlock()
	name, version := nameOf(object), object.(client.Object).GetResourceVersion()
	if m.objects[name] == version {
		m.duplicates++
	}
	m.objects[name] = version
}

func (m *mirror) figures() figures {
	m.lock.Lock()
	defer m.lock.Unlock()
	return figures{"objects": len(m.objects), "deletes": m.deletes, "duplicates": m.duplicates}
}

func (m *mirror) size() int {
	m.lock.Lock()
	defer m.lock.Unlock()
	return len(m.objects)
}

func nameOf(object any) string {
	named := object.(client.Object)
	return named.GetNamespace() + "/" + named.GetName()
}

// expectation is a line of standard input: how many objects there should be.
type expectation struct {
	Objects  int     `json:"objects"`
	Deadline float64 `json:"deadline_s"`
}

// storm fills a cache over many namespaces, says `ready`, and then waits for each number of objects that it is told.
func storm(ctx context.Context, arguments []string) error {
	s := newSubject("storm")
	s.flags.Parse(arguments)
	manager, err := s.newManager(ctrl.Options{})
	if err != nil {
		return err
	}
	informer, err := manager.GetCache().GetInformer(ctx, s.newObject(), cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	heard := &mirror{objects: make(map[string]string, *s.objects)}
	if _, err := informer.AddEventHandler(heard); err != nil {
		return err
	}
	run := start(ctx, manager)
	err = run.wait(ctx, "cache synced", func() bool { return informer.HasSynced() && heard.size() == *s.objects })
	if err != nil {
		return err
	}
	if err := (figures{"event": "ready", "synced_s": secondsSinceStart()}).print(); err != nil {
		return err
	}
	for line := range standardInput() {
		var wanted expectation
		if err := json.Unmarshal([]byte(line), &wanted); err != nil {
			return fmt.Errorf("wanted an expectation, found %q: %w", line, err)
		}
		deadline := time.Now().Add(time.Duration(wanted.Deadline * float64(time.Second)))
		err := run.wait(ctx, "recovery", func() bool {
			return heard.size() == wanted.Objects || time.Now().After(deadline)
		})
		if err != nil {
			return err
		}
		found := figures{"event": "reached", "at_ns": monotonic()}
		if err := found.with(heard.figures(), weight()).print(); err != nil {
			return err
		}
	}
	if err := run.shutDown(); err != nil {
		return err
	}
	return figures{}.with(weight(), figures{"versions": heard.objects}).print()
}

// fanOut gives one informer's events to many handlers, the first of them slow; it ends with its standard input.
func fanOut(ctx context.Context, arguments []string) error {
	s := newSubject("fan-out")
	handlers := s.flags.Int("handlers", 20, "how many listen")
	slow := s.flags.Float64("slow-ms", 10, "what the first handler takes for each event")
	s.flags.Parse(arguments)
	manager, err := s.newManager(ctrl.Options{})
	if err != nil {
		return err
	}
	informer, err := manager.GetCache().GetInformer(ctx, s.newObject(), cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	counts := make([]atomic.Int64, *handlers)
	noted := newSightings()
	for number := range *handlers {
		told := func(object any) {
			if number == 0 {
				time.Sleep(time.Duration(*slow * float64(time.Millisecond)))
			}
			if number == *handlers-1 {
				noted.reconcile(object.(client.Object))
			}
			counts[number].Add(1)
		}
		_, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: told, UpdateFunc: func(_, object any) { told(object) },
		})
		if err != nil {
			return err
		}
	}
	run := start(ctx, manager)
	if err := run.wait(ctx, "cache synced", informer.HasSynced); err != nil {
		return err
	}
	err = run.wait(ctx, "fast handlers", func() bool {
		for number := 1; number < *handlers; number++ {
			if counts[number].Load() < int64(*s.objects) {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	found := figures{"fast_told_s": secondsSinceStart()}
	if err := (figures{"event": "ready"}).print(); err != nil {
		return err
	}
	for range standardInput() {
	}
	found["slow_behind"] = counts[*handlers-1].Load() - counts[0].Load()
	found.with(weight())
	if err := run.shutDown(); err != nil {
		return err
	}
	found["seen"] = noted.rows
	return found.print()
}
