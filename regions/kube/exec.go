package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// outputLimit is the most that is kept of each output stream, in bytes.
const outputLimit = 1 << 20

// ExecRequest is one command in one container. It is run as given: no shell takes part.
type ExecRequest struct {
	Namespace, Pod, Container string
	Argv                      []string
}

// ExecResult is what a command left behind.
type ExecResult struct {
	Stdout, Stderr string
	// ExitCode is -1 where the server said that the command failed, but not how.
	ExitCode  int
	Truncated bool // more than 1 MiB came on one stream; the rest is dropped
}

// Exec runs a command in a container, over WebSocket (KEP-4006), or SPDY where the
// server has no WebSocket. A command that ends with another code than 0 is a result;
// an error means that it is unknown whether or how the command ended. The caller's ctx is the deadline.
func (c *Cluster) Exec(ctx context.Context, request ExecRequest) (ExecResult, error) {
	attempt := fmt.Sprintf("exec %s in pod %s/%s", strings.Join(request.Argv, " "), request.Namespace, request.Pod)
	if len(request.Argv) == 0 {
		return ExecResult{}, fmt.Errorf("cluster %s: %s: no command", c.name, attempt)
	}
	executor, err := c.executor(request)
	if err != nil {
		return ExecResult{}, fmt.Errorf("cluster %s: %s: %w", c.name, attempt, err)
	}
	var stdout, stderr bounded
	err = executor.StreamWithContext(c.logged(ctx), remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	result := ExecResult{
		Stdout: stdout.String(), Stderr: stderr.String(), Truncated: stdout.truncated || stderr.truncated,
	}
	code, text, ended := exitOf(err)
	if !ended {
		return result, c.explain(ctx, attempt, err)
	}
	result.ExitCode = code
	result.Stderr += text
	return result, nil
}

func (c *Cluster) executor(request ExecRequest) (remotecommand.Executor, error) {
	location := c.clientset.CoreV1().RESTClient().Post().
		Resource("pods").Namespace(request.Namespace).Name(request.Pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: request.Container, Command: request.Argv, Stdout: true, Stderr: true,
		}, scheme.ParameterCodec).URL()
	// A WebSocket handshake is a GET (RFC 6455 section 4.1).
	websocket, err := remotecommand.NewWebSocketExecutor(c.config, "GET", location.String())
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(c.config, "POST", location)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(websocket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}

// exitOf reads how a command ended from the executor's error. Some servers say so
// in words alone, to be kept with the output.
func exitOf(err error) (code int, text string, ended bool) {
	var exit utilexec.ExitError
	switch {
	case err == nil:
		return 0, "", true
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitStatus(), "", true
	case statusCode(err) != 0:
		return 0, "", false
	case strings.Contains(err.Error(), "command terminated with"),
		strings.Contains(err.Error(), "error executing command") && strings.Contains(err.Error(), "exit status"):
		return -1, err.Error(), true
	}
	return 0, "", false
}

// bounded keeps the first outputLimit bytes and drops the rest, so that a
// command which talks too much still ends.
type bounded struct {
	// kept is not embedded: its ReadFrom would let io.Copy pass the limit by.
	kept      bytes.Buffer
	truncated bool
}

func (b *bounded) String() string { return b.kept.String() }

// Write always takes all of p.
func (b *bounded) Write(p []byte) (int, error) {
	room := outputLimit - b.kept.Len()
	if len(p) > room {
		b.truncated = true
		b.kept.Write(p[:room])
		return len(p), nil
	}
	return b.kept.Write(p)
}
