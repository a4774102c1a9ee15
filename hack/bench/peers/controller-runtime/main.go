// A peer for hack/bench: the same work as the subject, on controller-runtime. It caches ConfigMaps of one namespace and
// reconciles each once, then prints one JSON line: seconds to a synced cache, seconds to the end of the first pass, RSS in bytes.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func residentBytes(field string) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range bytes.Split(status, []byte("\n")) {
		if rest, found := bytes.CutPrefix(line, []byte(field+":")); found {
			kilobytes, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return kilobytes * 1024
		}
	}
	return 0
}

func main() {
	kubeconfig := flag.Lookup("kubeconfig") // controller-runtime registers it
	namespace := flag.String("namespace", "default", "namespace to cache")
	expected := flag.Int("objects", 0, "objects that the namespace holds")
	typed := flag.Bool("typed", false, "typed ConfigMaps (protobuf) instead of unstructured ones")
	flag.Parse()
	if err := run(kubeconfig.Value.String(), *namespace, *expected, *typed); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(kubeconfig, namespace string, expected int, typed bool) error {
	started := time.Now()
	log.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:   cache.Options{DefaultNamespaces: map[string]cache.Config{namespace: {}}},
		Client:  client.Options{Cache: &client.CacheOptions{Unstructured: true}},
	})
	if err != nil {
		return err
	}
	newObject := func() client.Object {
		if typed {
			return &corev1.ConfigMap{}
		}
		object := &unstructured.Unstructured{}
		object.SetAPIVersion("v1")
		object.SetKind("ConfigMap")
		return object
	}
	seen := make(map[string]struct{}, expected)
	var lock sync.Mutex
	done := make(chan struct{})
	err = ctrl.NewControllerManagedBy(manager).Named("first-pass").For(newObject()).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1}).
		Complete(reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
			object := newObject()
			if err := manager.GetClient().Get(ctx, request.NamespacedName, object); err != nil {
				return reconcile.Result{}, client.IgnoreNotFound(err)
			}
			lock.Lock()
			defer lock.Unlock()
			if _, again := seen[request.Name]; !again {
				seen[request.Name] = struct{}{}
				if len(seen) == expected {
					close(done)
				}
			}
			return reconcile.Result{}, nil
		}))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	// The informer that the controller uses, asked for before the start: a cache without one counts as synced.
	informer, err := manager.GetCache().GetInformer(ctx, newObject(), cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- manager.Start(ctx) }()
	for !informer.HasSynced() {
		select {
		case err := <-failed:
			return fmt.Errorf("the manager ended before its cache was synced: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the cache did not sync: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	synced := time.Since(started)
	select {
	case <-done:
	case err := <-failed:
		return fmt.Errorf("the manager ended before the first pass did: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"synced_s":     synced.Seconds(),
		"first_pass_s": time.Since(started).Seconds(),
		"rss_bytes":    residentBytes("VmRSS"),
		"peak_bytes":   residentBytes("VmHWM"),
	})
}
