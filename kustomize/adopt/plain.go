package adopt

import (
	"reflect"
	"strings"
)

// bookkeeping are annotations in which tools remember what they did; what they remember is not true any more once
// somebody else writes the object.
func bookkeeping() []string {
	return []string{"kubectl.kubernetes.io/last-applied-configuration", "control-plane.alpha.kubernetes.io/leader"}
}

// plain is a live object as somebody would have written it: without what the API server sets, what it would fill in
// again (k8s.io/kubernetes, pkg/apis/{core,apps}/v1/defaults.go), what tools remember in it, and what quorate sets
// itself (replicas and partition). Leaving a default out is always safe: server-side apply leaves what it does not name.
func plain(live map[string]any) map[string]any {
	o, _ := copied(live).(map[string]any)
	delete(o, "status")
	metadata := map[string]any{"name": nameOf(o)}
	for _, key := range []string{"labels", "annotations"} {
		m := fields(o, "metadata", key)
		for _, k := range bookkeeping() {
			delete(m, k)
		}
		if len(m) > 0 {
			metadata[key] = m
		}
	}
	o["metadata"] = metadata
	switch text(o, "kind") {
	case "StatefulSet":
		plainSet(fields(o, "spec"))
	case "Service":
		plainService(fields(o, "spec"))
	case "ServiceAccount":
		delete(o, "secrets") // tokens that the cluster made, before Kubernetes 1.24
	}
	return o
}

// drop removes a field where it has its default.
func drop(in map[string]any, key string, value any) {
	have, ok := in[key]
	switch n := have.(type) {
	case int:
		have = int64(n)
	case float64:
		if n == float64(int64(n)) {
			have = int64(n)
		}
	default: // no number
	}
	if ok && reflect.DeepEqual(have, value) {
		delete(in, key)
	}
}

func plainSet(spec map[string]any) {
	delete(spec, "replicas")
	drop(spec, "podManagementPolicy", "OrderedReady")
	drop(spec, "revisionHistoryLimit", int64(10))
	drop(spec, "persistentVolumeClaimRetentionPolicy", map[string]any{"whenDeleted": "Retain", "whenScaled": "Retain"})
	delete(fields(spec, "updateStrategy", "rollingUpdate"), "partition")
	drop(fields(spec, "updateStrategy", "rollingUpdate"), "maxUnavailable", int64(1))
	drop(fields(spec, "updateStrategy"), "rollingUpdate", map[string]any{})
	drop(spec, "updateStrategy", map[string]any{"type": "RollingUpdate"})
	for _, claim := range items(spec, "volumeClaimTemplates") {
		delete(claim, "status")
		delete(claim, "apiVersion")
		delete(claim, "kind")
		drop(fields(claim, "metadata"), "creationTimestamp", nil)
		drop(fields(claim, "spec"), "volumeMode", "Filesystem")
	}
	plainTemplate(fields(spec, "template"))
}

func plainTemplate(template map[string]any) {
	drop(fields(template, "metadata"), "creationTimestamp", nil)
	spec := fields(template, "spec")
	drop(spec, "restartPolicy", "Always")
	drop(spec, "dnsPolicy", "ClusterFirst")
	drop(spec, "schedulerName", "default-scheduler")
	drop(spec, "securityContext", map[string]any{})
	drop(spec, "terminationGracePeriodSeconds", int64(30))
	delete(spec, "serviceAccount") // the old name of serviceAccountName, always equal to it
	for _, v := range items(spec, "volumes") {
		for _, source := range []string{"configMap", "secret", "downwardAPI", "projected"} {
			drop(fields(v, source), "defaultMode", int64(420))
		}
		drop(fields(v, "hostPath"), "type", "")
	}
	for _, kind := range []string{"initContainers", "containers"} {
		for _, c := range items(spec, kind) {
			plainContainer(c)
		}
	}
}

func plainContainer(c map[string]any) {
	drop(c, "terminationMessagePath", "/dev/termination-log")
	drop(c, "terminationMessagePolicy", "File")
	drop(c, "resources", map[string]any{})
	drop(c, "imagePullPolicy", pullPolicy(text(c, "image")))
	for _, e := range items(c, "env") {
		drop(fields(e, "valueFrom", "fieldRef"), "apiVersion", "v1")
	}
	for _, p := range items(c, "ports") {
		drop(p, "protocol", "TCP")
	}
	for _, name := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		probe := fields(c, name)
		drop(probe, "timeoutSeconds", int64(1))
		drop(probe, "periodSeconds", int64(10))
		drop(probe, "successThreshold", int64(1))
		drop(probe, "failureThreshold", int64(3))
		drop(fields(probe, "httpGet"), "scheme", "HTTP")
		drop(fields(probe, "grpc"), "service", "")
	}
	for _, moment := range []string{"postStart", "preStop"} {
		drop(fields(c, "lifecycle", moment, "httpGet"), "scheme", "HTTP")
	}
}

// pullPolicy is the default of an image: Always where it has no tag or the tag latest.
func pullPolicy(image string) string {
	if strings.Contains(image, "@") {
		return "IfNotPresent"
	}
	_, tag, tagged := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	if !tagged || tag == "latest" {
		return "Always"
	}
	return "IfNotPresent"
}

func plainService(spec map[string]any) {
	if spec["clusterIP"] != "None" {
		delete(spec, "clusterIP") // chosen by the cluster; an update keeps it
	}
	for _, key := range []string{"clusterIPs", "ipFamilies", "healthCheckNodePort"} {
		delete(spec, key)
	}
	drop(spec, "ipFamilyPolicy", "SingleStack")
	drop(spec, "internalTrafficPolicy", "Cluster")
	drop(spec, "externalTrafficPolicy", "Cluster")
	drop(spec, "allocateLoadBalancerNodePorts", true)
	drop(spec, "sessionAffinity", "None")
	drop(spec, "type", "ClusterIP")
	for _, p := range items(spec, "ports") {
		drop(p, "protocol", "TCP")
		drop(p, "targetPort", p["port"])
		delete(p, "nodePort")
	}
}
