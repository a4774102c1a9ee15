package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const stampAnnotation = "bench.omectl.io/stamp"

// subject is what the flags that most subcommands share say.
type subject struct {
	flags        *flag.FlagSet
	kubeconfig   *string
	namespaces   *string
	objects      *int
	kind         *string
	typed        *bool
	metadataOnly *bool
	selector     *string
	workers      *int
	seconds      *float64
}

func newSubject(name string) *subject {
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	return &subject{
		flags:        flags,
		kubeconfig:   flags.String("kubeconfig", "", "how to reach the API server"),
		namespaces:   flags.String("namespace", "default", "namespaces to cache, separated by commas"),
		objects:      flags.Int("objects", 0, "objects that the namespaces hold"),
		kind:         flags.String("kind", "ConfigMap", "ConfigMap, Pod or Secret"),
		typed:        flags.Bool("typed", false, "typed objects (protobuf) instead of unstructured ones"),
		metadataOnly: flags.Bool("metadata-only", false, "cache metadata alone"),
		selector:     flags.String("selector", "", "label selector of the cache"),
		workers:      flags.Int("workers", 1, "reconciles at once"),
		seconds:      flags.Float64("seconds", 10, "how long to measure"),
	}
}

func (s *subject) config() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", *s.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}

func (s *subject) duration() time.Duration { return time.Duration(*s.seconds * float64(time.Second)) }

func (s *subject) namespaceList() []string { return strings.Split(*s.namespaces, ",") }

func (s *subject) kindOf() schema.GroupVersionKind {
	return corev1.SchemeGroupVersion.WithKind(*s.kind)
}

func (s *subject) newObject() client.Object {
	switch {
	case *s.metadataOnly:
		object := &metav1.PartialObjectMetadata{}
		object.SetGroupVersionKind(s.kindOf())
		return object
	case !*s.typed:
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(s.kindOf())
		return object
	case *s.kind == "Pod":
		return &corev1.Pod{}
	case *s.kind == "Secret":
		return &corev1.Secret{}
	}
	return &corev1.ConfigMap{}
}

func (s *subject) newList() client.ObjectList {
	if *s.typed {
		return &corev1.ConfigMapList{}
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(*s.kind + "List"))
	return list
}

func (s *subject) newManager(options ctrl.Options) (ctrl.Manager, error) {
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	cached := cache.Config{}
	if *s.selector != "" {
		if cached.LabelSelector, err = labels.Parse(*s.selector); err != nil {
			return nil, err
		}
	}
	options.Cache.DefaultNamespaces = map[string]cache.Config{}
	for _, namespace := range s.namespaceList() {
		options.Cache.DefaultNamespaces[namespace] = cached
	}
	options.Client.Cache = &client.CacheOptions{Unstructured: true}
	options.Metrics = metricsserver.Options{BindAddress: "0"}
	return ctrl.NewManager(config, options)
}

// running is a manager that was started.
type running struct {
	ended chan error
	stop  context.CancelFunc
}

func start(ctx context.Context, manager ctrl.Manager) *running {
	ctx, cancel := context.WithCancel(ctx)
	r := &running{ended: make(chan error, 1), stop: cancel}
	go func() { r.ended <- manager.Start(ctx) }()
	return r
}

// wait polls until done; the manager's end before that is an error.
func (r *running) wait(ctx context.Context, what string, done func() bool) error {
	for !done() {
		select {
		case err := <-r.ended:
			return fmt.Errorf("%s: the manager ended before it: %w", what, errors.Join(err))
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// shutDown stops the manager and answers its error.
func (r *running) shutDown() error {
	r.stop()
	return <-r.ended
}

// stampOf is when the writer sent the object's latest change; 0 for never.
func stampOf(object client.Object) string { return object.GetAnnotations()[stampAnnotation] }
