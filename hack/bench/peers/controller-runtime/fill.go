package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	fillers  = 64
	overhead = 300 // bytes of an object that are not the text in it
	alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
)

func objectName(number int) string { return fmt.Sprintf("object-%05d", number) }

// text is the same for the same number, and does not compress well.
func text(number, size int) string {
	source := rand.New(rand.NewPCG(1, uint64(number)))
	var out strings.Builder
	out.Grow(size)
	for range size {
		out.WriteByte(alphabet[source.IntN(len(alphabet))])
	}
	return out.String()
}

func (s *subject) clientset() (*kubernetes.Clientset, error) {
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return kubernetes.NewForConfig(config)
}

type creator func(ctx context.Context, meta metav1.ObjectMeta, number int) error

func (s *subject) creator(clients *kubernetes.Clientset, namespace string, size int) creator {
	size = max(0, size-overhead)
	return func(ctx context.Context, meta metav1.ObjectMeta, number int) error {
		var err error
		switch *s.kind {
		case "Pod":
			_, err = clients.CoreV1().Pods(namespace).Create(ctx, pod(meta, number), metav1.CreateOptions{})
		case "Secret":
			made := &corev1.Secret{ObjectMeta: meta, StringData: map[string]string{"text": text(number, size)}}
			_, err = clients.CoreV1().Secrets(namespace).Create(ctx, made, metav1.CreateOptions{})
		default:
			made := &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"text": text(number, size)}}
			_, err = clients.CoreV1().ConfigMaps(namespace).Create(ctx, made, metav1.CreateOptions{})
		}
		return err
	}
}

// fill makes the namespace and its objects; what exists stays.
func fill(ctx context.Context, arguments []string) error {
	s := newSubject("fill")
	size := s.flags.Int("bytes", 2900, "size of an object as JSON; a Pod has about 3,500 whatever is asked for")
	prefix := s.flags.String("prefix", "", "what comes before the objects' names")
	label := s.flags.String("label", "", "value of the label owner")
	s.flags.Parse(arguments)
	clients, err := s.clientset()
	if err != nil {
		return err
	}
	for _, namespace := range s.namespaceList() {
		made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		_, err := clients.CoreV1().Namespaces().Create(ctx, made, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		if err := s.fillOne(ctx, s.creator(clients, namespace, *size), namespace, *prefix, *label); err != nil {
			return err
		}
	}
	return figures{"filled_s": secondsSinceStart()}.print()
}

func (s *subject) fillOne(ctx context.Context, create creator, namespace, prefix, label string) error {
	var next atomic.Int64
	failed := make(chan error, fillers)
	var workers sync.WaitGroup
	for range fillers {
		workers.Go(func() {
			for {
				number := int(next.Add(1)) - 1
				if number >= *s.objects || ctx.Err() != nil {
					return
				}
				meta := metav1.ObjectMeta{
					Name: prefix + objectName(number), Namespace: namespace,
					Labels: map[string]string{"shard": fmt.Sprint(number % 16)},
				}
				if label != "" {
					meta.Labels["owner"] = label
				}
				if err := create(ctx, meta, number); err != nil && !apierrors.IsAlreadyExists(err) {
					failed <- err
					return
				}
			}
		})
	}
	workers.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return ctx.Err()
	}
}

// pod is about 3.5 kB of JSON as the server gives it back, with the nesting that real ones have.
func pod(meta metav1.ObjectMeta, number int) *corev1.Pod {
	container := func(name string) corev1.Container {
		return corev1.Container{
			Name:  name,
			Image: "registry.example.org/team/" + name + "@sha256:" + text(number, 64),
			Args:  []string{"--model=/raid/models/" + text(number, 24), "--port=8080", "--tensor-parallel-size=8"},
			Env: []corev1.EnvVar{
				{Name: "MODEL_NAME", Value: text(number, 20)},
				{Name: "POD_IP", ValueFrom: &corev1.EnvVarSource{
					FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
			},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse("8"), "memory": resource.MustParse("64Gi")},
				Limits:   corev1.ResourceList{"cpu": resource.MustParse("16"), "memory": resource.MustParse("128Gi")},
			},
			VolumeMounts: []corev1.VolumeMount{{Name: "models", MountPath: "/raid/models", ReadOnly: true}},
		}
	}
	return &corev1.Pod{
		ObjectMeta: meta,
		Spec: corev1.PodSpec{
			Containers:     []corev1.Container{container("server"), container("router")},
			InitContainers: []corev1.Container{container("check")},
			Volumes: []corev1.Volume{{Name: "models", VolumeSource: corev1.VolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: "/raid/models"}}}},
			Tolerations: []corev1.Toleration{{Key: "nvidia.com/gpu", Operator: corev1.TolerationOpExists}},
		},
	}
}
