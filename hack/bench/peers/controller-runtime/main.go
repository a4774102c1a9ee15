// The peer of hack/bench: the subjects' work on controller-runtime, one subcommand for each of it, and the tools that all
// subjects share (`fill`, `write`, `load`). Every subcommand prints its figures as one JSON line, the last of its output.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const longest = 2 * time.Hour

var commands = map[string]func(context.Context, []string) error{
	"fan-out":    fanOut,
	"fill":       fill,
	"first-pass": firstPass,
	"latency":    latency,
	"leader":     leader,
	"load":       load,
	"queue":      queues,
	"read":       readPath,
	"reconciles": reconciles,
	"storm":      storm,
	"sync":       coldSync,
	"webhook":    serveWebhook,
	"write":      write,
}

func main() {
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		names := make([]string, 0, len(commands))
		for name := range commands {
			names = append(names, name)
		}
		fmt.Fprintf(os.Stderr, "wanted one of %s, found %q\n", strings.Join(names, ", "), os.Args[1:])
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
