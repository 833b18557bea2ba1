package database

import (
	"path"
	"strings"

	"github.com/google/shlex"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// defaultPort is CockroachDB's for SQL and between nodes.
const defaultPort = "26257"

// Invocation is how a container starts CockroachDB.
type Invocation struct {
	Container  string
	Host       string   // advertised host
	Port       string   // advertised port
	Seeds      []string // host names of --join, without ports
	Locality   string
	StoreClaim string // name of the claim that its data lies on; empty if there is none
	Build      string // the image's tag
	SingleNode bool
}

// FindInvocation finds the container of a pod that starts CockroachDB: `cockroach start …`, also
// in a shell's script, or `start … --join …` for an image whose entry point is cockroach. Variables
// are expanded as the kubelet expands them, with podIP and hostIP for fieldRefs to the status.
func FindInvocation(pod *corev1.Pod, podIP, hostIP string) (Invocation, bool) {
	for i := range pod.Spec.Containers {
		container := &pod.Spec.Containers[i]
		words := commandLine(pod, container, podIP, hostIP)
		start := findStart(words)
		if start < 0 {
			continue
		}
		invocation := Invocation{
			Container: container.Name, Host: fqdn(pod), Port: defaultPort, Build: imageTag(container.Image),
			SingleNode: words[start] == "start-single-node",
		}
		store := invocation.readFlags(words[start+1:])
		invocation.StoreClaim = storeClaim(pod, container, store)
		return invocation, true
	}
	return Invocation{}, false
}

// commandLine is the container's command and arguments with variables expanded; a shell's script is
// taken apart into words.
func commandLine(pod *corev1.Pod, container *corev1.Container, podIP, hostIP string) []string {
	env := environment(pod, container, podIP, hostIP)
	mapping := expansion.MappingFuncFor(env)
	var words []string
	for _, word := range append(append([]string{}, container.Command...), container.Args...) {
		words = append(words, expansion.Expand(word, mapping))
	}
	if len(words) == 0 || !isShell(words[0]) {
		return words
	}
	script := strings.NewReplacer(
		"$(hostname -f)", fqdn(pod), "`hostname -f`", fqdn(pod), "$(hostname)", hostname(pod),
	).Replace(words[len(words)-1])
	for name, value := range env {
		script = strings.ReplaceAll(script, "${"+name+"}", value)
	}
	split, err := shlex.Split(script)
	if err != nil {
		return nil // a script that only a real shell can read: not recognised as a database
	}
	return split
}

func isShell(command string) bool {
	switch path.Base(command) {
	case "sh", "bash", "ash", "dash", "shell": // the last is what the entry point of CockroachDB's image takes for one
		return true
	}
	return false
}

// environment resolves the container's variables in order, each with those before it, as the kubelet does.
func environment(pod *corev1.Pod, container *corev1.Container, podIP, hostIP string) map[string]string {
	env := map[string]string{}
	for _, variable := range container.Env {
		value := expansion.Expand(variable.Value, expansion.MappingFuncFor(env))
		if variable.ValueFrom != nil && variable.ValueFrom.FieldRef != nil {
			value = fieldValue(pod, variable.ValueFrom.FieldRef.FieldPath, podIP, hostIP)
		}
		env[variable.Name] = value
	}
	return env
}

// fieldValue is what a fieldRef comes to. A label that is missing comes to nothing, without an error.
func fieldValue(pod *corev1.Pod, field, podIP, hostIP string) string {
	switch field {
	case "status.podIP", "status.podIPs":
		return podIP
	case "status.hostIP", "status.hostIPs":
		return hostIP
	case "spec.nodeName":
		return pod.Spec.NodeName
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName
	}
	value, err := fieldpath.ExtractFieldPathAsString(pod, field)
	if err != nil {
		return ""
	}
	return value
}

// findStart gives the place of the start command among the words, or -1.
func findStart(words []string) int {
	joins := false
	for i, word := range words {
		joins = joins || word == "--join" || strings.HasPrefix(word, "--join=")
		if i > 0 && path.Base(words[i-1]) == "cockroach" && (word == "start" || word == "start-single-node") {
			return i
		}
	}
	if joins && words[0] == "start" {
		return 0
	}
	return -1
}

// readFlags reads what matters of the flags after `start`, and gives the store's path.
func (v *Invocation) readFlags(words []string) (store string) {
	for i := 0; i < len(words); i++ {
		name, value, inline := strings.Cut(strings.TrimPrefix(words[i], "--"), "=")
		if !strings.HasPrefix(words[i], "--") {
			continue
		}
		if !inline && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			i++
			value = words[i]
		}
		switch name {
		case "advertise-host", "advertise-addr":
			v.setAddress(value)
		case "advertise-port":
			v.Port = value
		case "join":
			for seed := range strings.SplitSeq(value, ",") {
				host, _, _ := strings.Cut(strings.TrimSpace(seed), ":")
				v.Seeds = append(v.Seeds, host)
			}
		case "locality":
			v.Locality = value
		case "store":
			store = storePath(value)
		}
	}
	return store
}

// setAddress reads HOST or HOST:PORT.
func (v *Invocation) setAddress(value string) {
	host, port, hasPort := strings.Cut(value, ":")
	if host != "" {
		v.Host = host
	}
	if hasPort {
		v.Port = port
	}
}

// storePath reads PATH or path=PATH,size=…
func storePath(value string) string {
	for field := range strings.SplitSeq(value, ",") {
		if after, ok := strings.CutPrefix(field, "path="); ok {
			return after
		}
	}
	return value
}

// storeClaim is the claim mounted where the store lies, or the only mounted claim.
func storeClaim(pod *corev1.Pod, container *corev1.Container, store string) string {
	claims := map[string]string{}
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim != nil {
			claims[volume.Name] = volume.PersistentVolumeClaim.ClaimName
		}
	}
	found := ""
	for _, mount := range container.VolumeMounts {
		claim, ok := claims[mount.Name]
		if !ok {
			continue
		}
		if store != "" && (store == mount.MountPath || strings.HasPrefix(store, mount.MountPath+"/")) {
			return claim
		}
		if found == "" || strings.Contains(mount.MountPath, "cockroach-data") {
			found = claim
		}
	}
	return found
}

func hostname(pod *corev1.Pod) string {
	if pod.Spec.Hostname != "" {
		return pod.Spec.Hostname
	}
	return pod.Name
}

// fqdn is what `hostname -f` says in the pod; the cluster's domain is cluster.local.
func fqdn(pod *corev1.Pod) string {
	if pod.Spec.Subdomain == "" {
		return hostname(pod)
	}
	return hostname(pod) + "." + pod.Spec.Subdomain + "." + pod.Namespace + ".svc.cluster.local"
}

// imageTag is the part after the last colon of an image's name, without a digest.
func imageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	name := image[strings.LastIndex(image, "/")+1:]
	if _, tag, ok := strings.Cut(name, ":"); ok {
		return tag
	}
	return "latest"
}
