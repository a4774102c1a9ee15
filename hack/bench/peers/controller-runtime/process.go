package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// figures is what a subcommand tells of itself; names carry their units, moments are nanoseconds of CLOCK_MONOTONIC.
type figures map[string]any

var (
	enteredAt = monotonic()
	printing  sync.Mutex
)

// monotonic is the clock that every process of the machine shares.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err)
	}
	return now.Nano()
}

// startedAt is when the benchmark launched this process, so that starting it counts.
func startedAt() int64 {
	if launched, err := strconv.ParseInt(os.Getenv("BENCH_STARTED_NS"), 10, 64); err == nil {
		return launched
	}
	return enteredAt
}

func secondsSinceStart() float64 { return float64(monotonic()-startedAt()) / 1e9 }

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

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

// weight is what the process has cost up to now.
func weight() figures {
	return figures{
		"rss_bytes":  residentBytes("VmRSS"),
		"peak_bytes": residentBytes("VmHWM"),
		"cpu_s":      cpuSeconds(),
	}
}

func (f figures) with(others ...figures) figures {
	for _, other := range others {
		for name, value := range other {
			f[name] = value
		}
	}
	return f
}

func (f figures) print() error {
	printing.Lock()
	defer printing.Unlock()
	return json.NewEncoder(os.Stdout).Encode(f)
}

// standardInput gives its lines and is closed at its end.
func standardInput() <-chan string {
	lines := make(chan string, 16)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(os.Stdin)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
	}()
	return lines
}
