package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

const (
	outstanding  = 256
	hotly        = 4 // at once to one object: more only conflict with each other in the server
	writeTimeout = 10 * time.Second
)

// journal is what the writer did: when each change was sent and acknowledged, and to which object.
type journal struct {
	lock   sync.Mutex
	rows   [][3]int64
	errors int
	first  string
}

func (j *journal) note(sent, acknowledged int64, number int, err error) {
	j.lock.Lock()
	defer j.lock.Unlock()
	if err != nil {
		j.errors++
		if j.first == "" {
			j.first = err.Error()
		}
		return
	}
	j.rows = append(j.rows, [3]int64{sent, acknowledged, int64(number)})
}

// write changes objects at a steady rate, whatever the answers take, until its time is over or SIGTERM.
// A change stamps the object with the moment it was sent. With churn every fifth write deletes an object instead, and
// every fifth makes it again.
func write(ctx context.Context, arguments []string) error {
	s := newSubject("write")
	rate := s.flags.Float64("rate", 20, "writes in a second")
	hot := s.flags.Bool("hot", false, "change one object only")
	churn := s.flags.Bool("churn", false, "delete and create too")
	size := s.flags.Int("bytes", 2900, "size of a created object")
	seed := s.flags.Uint64("seed", 1, "of the choice of objects")
	s.flags.Parse(arguments)
	clients, err := s.clientset()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	w := &writer{subject: s, clients: clients, namespace: s.namespaceList()[0]}
	w.create = s.creator(clients, w.namespace, *size)
	source := rand.New(rand.NewPCG(*seed, 0))
	places := make(chan struct{}, outstanding)
	if *hot {
		places = make(chan struct{}, hotly)
	}
	began := time.Now()
	var latest time.Duration
	for number := 0; ; number++ {
		due := time.Duration(float64(number) / *rate * float64(time.Second))
		if due > s.duration() {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(due - time.Since(began)):
		}
		if ctx.Err() != nil {
			break
		}
		latest = max(latest, time.Since(began)-due)
		object := source.IntN(*s.objects)
		if *hot {
			object = 0
		}
		places <- struct{}{}
		w.waiting.Go(func() {
			defer func() { <-places }()
			w.one(number, object, *churn)
		})
	}
	w.waiting.Wait()
	return figures{
		"rows": w.journal.rows, "errors": w.journal.errors, "first_error": w.journal.first,
		"wrote_s": time.Since(began).Seconds(), "latest_s": latest.Seconds(),
	}.print()
}

type writer struct {
	*subject
	clients   *kubernetes.Clientset
	namespace string
	create    creator
	waiting   sync.WaitGroup
	journal   journal
}

func (w *writer) one(number, object int, churn bool) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	if churn && number%5 >= 3 {
		w.come(ctx, number, object)
		return
	}
	sent := monotonic()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"%d"}}}`, stampAnnotation, sent)
	_, err := w.clients.CoreV1().ConfigMaps(w.namespace).Patch(
		ctx, objectName(object), types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if !churn || !apierrors.IsNotFound(err) {
		w.journal.note(sent, monotonic(), object, err)
	}
}

// come deletes or creates an object; what is so already is no error.
func (w *writer) come(ctx context.Context, number, object int) {
	var err error
	sent := monotonic()
	if number%5 == 3 {
		err = w.clients.CoreV1().ConfigMaps(w.namespace).Delete(ctx, objectName(object), metav1.DeleteOptions{})
	} else {
		meta := metav1.ObjectMeta{Name: objectName(object), Namespace: w.namespace}
		err = w.create(ctx, meta, object)
	}
	if !apierrors.IsNotFound(err) && !apierrors.IsAlreadyExists(err) {
		w.journal.note(sent, monotonic(), object, err)
	}
}
