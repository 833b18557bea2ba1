package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"quorate.dev/quorate/cmd/sandbox/internal/cockroach"
)

const (
	execIdle     = 4 * time.Hour    // as the kubelet's default
	execCreation = 30 * time.Second // as the kubelet's default
)

// handler answers what an API server asks the kubelets of a cluster's nodes: exec and logs. The
// paths are those of k8s.io/kubernetes/pkg/kubelet/server.
func (s *session) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", s.serveExec)
	mux.HandleFunc("/exec/{namespace}/{pod}/{uid}/{container}", s.serveExec)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.serveLogs)
	return mux
}

// serveExec runs a command in a played container, over whichever protocol the caller speaks.
func (s *session) serveExec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pod, err := s.runningContainer(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	executor := execution{player: s.player, pod: pod}
	remotecommand.ServeExec(w, r, executor, pod.Namespace+"/"+pod.Name, string(pod.UID), r.PathValue("container"),
		r.URL.Query()["command"], options, execIdle, execCreation, remotecommand.SupportedStreamingProtocols)
}

// runningContainer finds the pod of a request, whose container must run.
func (s *session) runningContainer(r *http.Request) (*corev1.Pod, error) {
	pod, err := s.pod(r.PathValue("namespace"), r.PathValue("pod"))
	if err != nil {
		return nil, fmt.Errorf("pod does not exist: %w", err)
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == r.PathValue("container") && status.State.Running != nil {
			return pod, nil
		}
	}
	return nil, fmt.Errorf("container not found (%q)", r.PathValue("container"))
}

// execution runs commands in one pod. No process is started on the machine: the few programs that a
// played container has are answered here.
type execution struct {
	player *Player
	pod    *corev1.Pod
}

var _ remotecommand.Executor = execution{}

// ExecInContainer answers a command; its exit code travels as the kubelet's does.
func (e execution) ExecInContainer(_ context.Context, _, _, _ string, argv []string, _ io.Reader, stdout, stderr io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	result := e.run(argv)
	e.player.log.Info("exec", "pod", e.pod.Namespace+"/"+e.pod.Name, "argv", argv, "code", result.Code)
	if stdout != nil {
		if _, err := io.WriteString(stdout, result.Stdout); err != nil {
			return fmt.Errorf("write the command's output: %w", err)
		}
	}
	if stderr == nil {
		stderr = stdout // a terminal has one stream
	}
	if stderr != nil {
		if _, err := io.WriteString(stderr, result.Stderr); err != nil {
			return fmt.Errorf("write the command's errors: %w", err)
		}
	}
	if result.Code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("command terminated with exit code %d", result.Code), Code: result.Code}
	}
	return nil
}

// run answers the programs that a played container has.
func (e execution) run(argv []string) cockroach.Result {
	if len(argv) == 0 {
		return cockroach.Result{Stderr: "no command\n", Code: 126}
	}
	switch program := argv[0][strings.LastIndex(argv[0], "/")+1:]; program {
	case "cockroach":
		return e.player.runCockroach(argv[1:], string(e.pod.UID))
	case "true":
		return cockroach.Result{}
	case "false":
		return cockroach.Result{Code: 1}
	case "echo":
		return cockroach.Result{Stdout: strings.Join(argv[1:], " ") + "\n"}
	case "hostname":
		return cockroach.Result{Stdout: e.pod.Name + "\n"}
	default:
		return cockroach.Result{
			Stderr: fmt.Sprintf("OCI runtime exec failed: exec failed: unable to start container process: exec: %q: executable file not found in $PATH: unknown\n", argv[0]),
			Code:   127,
		}
	}
}

// runCockroach answers the cockroach client, and wakes what an init changes.
func (p *Player) runCockroach(args []string, podUID string) cockroach.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	client := &cockroach.Client{World: p.world, PodUID: podUID, Now: p.now(), NewID: uuid.NewString}
	result := client.Run(args)
	if client.Changed {
		p.remember()
		p.wakeChanged(p.now())
	}
	return result
}

// serveLogs gives the few lines that a played container has written.
func (s *session) serveLogs(w http.ResponseWriter, r *http.Request) {
	pod, err := s.pod(r.PathValue("namespace"), r.PathValue("pod"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name != r.PathValue("container") {
			continue
		}
		if status.State.Waiting != nil && status.LastTerminationState.Terminated == nil {
			err := errors.New("container is waiting to start: " + status.State.Waiting.Reason)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = fmt.Fprintf(w, "played by the sandbox: container %s of pod %s/%s, image %s, restarts %d\n",
			status.Name, pod.Namespace, pod.Name, status.Image, status.RestartCount)
		return
	}
	http.Error(w, fmt.Sprintf("container not found (%q)", r.PathValue("container")), http.StatusNotFound)
}
