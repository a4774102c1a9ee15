package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const reviewPath = "/validate"

// serveWebhook answers reviews: the object is read, and allowed when it has a name. It ends at SIGTERM.
func serveWebhook(ctx context.Context, arguments []string) error {
	s := newSubject("webhook")
	port := s.flags.Int("port", 0, "where to listen on loopback")
	certificates := s.flags.String("certificates", "", "folder of tls.crt and tls.key")
	s.flags.Parse(arguments)
	server := webhook.NewServer(webhook.Options{Host: "127.0.0.1", Port: *port, CertDir: *certificates})
	server.Register(reviewPath, &admission.Webhook{
		Handler: admission.HandlerFunc(func(_ context.Context, request admission.Request) admission.Response {
			var object map[string]any
			if err := json.Unmarshal(request.Object.Raw, &object); err != nil {
				return admission.Errored(http.StatusBadRequest, err)
			}
			metadata, _ := object["metadata"].(map[string]any)
			if metadata["name"] == nil {
				return admission.Denied("wanted a name")
			}
			return admission.Allowed("")
		}),
	})
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := server.Start(ctx); err != nil {
		return err
	}
	return figures{}.with(weight()).print()
}

// load sends reviews of one size from many connections, each of which is renewed now and then, so that a changed
// certificate is met; answers that are no allowance count as errors.
func load(ctx context.Context, arguments []string) error {
	s := newSubject("load")
	url := s.flags.String("url", "", "address of the webhook")
	parallel := s.flags.Int("parallel", 100, "reviews at once")
	size := s.flags.Int("bytes", 3000, "size of the object under review")
	renew := s.flags.Int("renew", 100, "reviews on one connection")
	s.flags.Parse(arguments)
	body, err := review(*size)
	if err != nil {
		return err
	}
	var lock sync.Mutex
	var took []float64
	var errors int
	var first string
	serials := map[string]struct{}{}
	ctx, cancel := context.WithTimeout(ctx, s.duration())
	defer cancel()
	var waiting sync.WaitGroup
	began := time.Now()
	for range *parallel {
		waiting.Go(func() {
			for ctx.Err() == nil {
				client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
					TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
				}}
				for range *renew {
					if ctx.Err() != nil {
						break
					}
					asked := time.Now()
					serial, err := ask(client, *url, body)
					lock.Lock()
					took = append(took, time.Since(asked).Seconds())
					serials[serial] = struct{}{}
					if err != nil {
						errors++
						if first == "" {
							first = err.Error()
						}
					}
					lock.Unlock()
				}
				client.CloseIdleConnections()
			}
		})
	}
	waiting.Wait()
	seconds := time.Since(began).Seconds()
	sort.Float64s(took)
	at := func(share float64) float64 { return took[int(share*float64(len(took)-1))] * 1000 }
	delete(serials, "")
	return figures{
		"reviews_per_s": float64(len(took)) / seconds, "p50_ms": at(0.5), "p99_ms": at(0.99),
		"errors": errors, "first_error": first, "certificates": len(serials),
	}.print()
}

func ask(client *http.Client, url string, body []byte) (serial string, err error) {
	response, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answered, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	serial = response.TLS.PeerCertificates[0].SerialNumber.String()
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(answered, &answer); err != nil {
		return serial, fmt.Errorf("status %d: %w", response.StatusCode, err)
	}
	if answer.Response == nil || !answer.Response.Allowed || answer.Response.UID != "bench" {
		return serial, fmt.Errorf("status %d: wanted an allowance, found %s", response.StatusCode, answered)
	}
	return serial, nil
}

func review(size int) ([]byte, error) {
	object := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: "object", Namespace: "bench"},
		Data:       map[string]string{},
	}
	const piece = 1000
	for number := range size / piece {
		object.Data[fmt.Sprintf("text-%04d", number)] = strings.Repeat("x", piece-30)
	}
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	return json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID:       "bench",
			Kind:      metav1.GroupVersionKind{Version: "v1", Kind: "ConfigMap"},
			Resource:  metav1.GroupVersionResource{Version: "v1", Resource: "configmaps"},
			Name:      "object",
			Namespace: "bench",
			Operation: admissionv1.Create,
			Object:    runtime.RawExtension{Raw: raw},
		},
	})
}
