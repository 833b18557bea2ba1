package database

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// databasePod is a pod of StatefulSet bank on a node in zone us-east1-b.
func databasePod(container corev1.Container) *corev1.Pod {
	container.Name = "db"
	if container.Image == "" {
		container.Image = "cockroachdb/cockroach:v25.4.1"
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "bank-0", Namespace: "bank", UID: "pod-uid",
			Labels: map[string]string{"topology.kubernetes.io/zone": "us-east1-b"},
		},
		Spec: corev1.PodSpec{
			NodeName: "node-1", Hostname: "bank-0", Subdomain: "bank",
			Containers: []corev1.Container{{Name: "sidecar", Image: "proxy:1"}, container},
			Volumes: []corev1.Volume{
				{Name: "certs", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				{Name: "logs", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "logs-bank-0"}}},
				{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-bank-0"}}},
			},
		},
	}
}

func fieldEnv(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}

func TestFindInvocation(t *testing.T) {
	env := []corev1.EnvVar{
		fieldEnv("POD", "metadata.name"),
		fieldEnv("ZONE", "metadata.labels['topology.kubernetes.io/zone']"),
		fieldEnv("IP", "status.podIP"),
		{Name: "NAME", Value: "$(POD).use1.bank.example.com"},
		{Name: "LATE", Value: "$(AFTER)"},
		{Name: "AFTER", Value: "x"},
	}
	mounts := []corev1.VolumeMount{
		{Name: "logs", MountPath: "/logs"}, {Name: "data", MountPath: "/cockroach/cockroach-data"}, {Name: "certs", MountPath: "/certs"},
	}
	tests := map[string]struct {
		container corev1.Container
		want      Invocation
	}{
		"flags with equals signs, variables in variables": {
			corev1.Container{
				Env: env, VolumeMounts: mounts, Command: []string{"/cockroach/cockroach", "start"},
				Args: []string{"--insecure", "--advertise-host=$(NAME)", "--join=join-0.z:26257,join-1.z", "--locality=region=us-east1,zone=$(ZONE)"},
			},
			Invocation{
				Host: "bank-0.use1.bank.example.com", Port: "26257", Seeds: []string{"join-0.z", "join-1.z"},
				Locality: "region=us-east1,zone=us-east1-b", StoreClaim: "data-bank-0", Build: "v25.4.1",
			},
		},
		"flags with spaces, advertise-addr with a port, a store": {
			corev1.Container{Env: env, VolumeMounts: mounts, Command: []string{
				"cockroach", "start", "--advertise-addr", "$(IP):26258",
				"--join", "a", "--join", "b:1", "--store", "path=/logs/store,size=10GiB", "--insecure",
			}},
			Invocation{Host: "10.64.0.9", Port: "26258", Seeds: []string{"a", "b"}, StoreClaim: "logs-bank-0", Build: "v25.4.1"},
		},
		"the image's entry point": {
			corev1.Container{Args: []string{"start", "--join=a"}},
			Invocation{Host: "bank-0.bank.bank.svc.cluster.local", Port: "26257", Seeds: []string{"a"}, Build: "v25.4.1"},
		},
		"a shell's script": {
			corev1.Container{
				Env: env, Command: []string{"/bin/bash", "-ecx"},
				Args: []string{"exec /cockroach/cockroach start --advertise-host \"$(hostname -f)\" \\\n --insecure --join 'a,b' --locality zone=${ZONE}"},
			},
			Invocation{Host: "bank-0.bank.bank.svc.cluster.local", Port: "26257", Seeds: []string{"a", "b"}, Locality: "zone=us-east1-b", Build: "v25.4.1"},
		},
		"a single node, an image by digest": {
			corev1.Container{Image: "reg:5000/cockroach:v1@sha256:00", Command: []string{"cockroach", "start-single-node"}},
			Invocation{Host: "bank-0.bank.bank.svc.cluster.local", Port: "26257", Build: "v1", SingleNode: true},
		},
		"a variable that is not defined before stays as it is": {
			corev1.Container{Env: env, Command: []string{"cockroach", "start", "--join=$(LATE)"}},
			Invocation{Host: "bank-0.bank.bank.svc.cluster.local", Port: "26257", Seeds: []string{"$(AFTER)"}, Build: "v25.4.1"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := FindInvocation(databasePod(test.container), "10.64.0.9", "10.192.0.1")
			test.want.Container = "db"
			if !ok || !reflect.DeepEqual(got, test.want) {
				t.Errorf("found %t\n got %+v\nwant %+v", ok, got, test.want)
			}
		})
	}
}

func TestFindInvocationOfSomethingElse(t *testing.T) {
	for name, container := range map[string]corev1.Container{
		"no command":         {},
		"another program":    {Command: []string{"nginx", "start"}},
		"cockroach's client": {Command: []string{"cockroach", "sql"}},
		"start without join": {Args: []string{"start"}},
		"a broken script":    {Command: []string{"sh", "-c", "cockroach start 'unfinished"}},
	} {
		if got, ok := FindInvocation(databasePod(container), "", ""); ok {
			t.Errorf("%s was taken for a database: %+v", name, got)
		}
	}
}

func TestAMissingLabelComesOutEmpty(t *testing.T) {
	pod := databasePod(corev1.Container{
		Env: []corev1.EnvVar{fieldEnv("ZONE", "metadata.labels['topology.kubernetes.io/zone']")}, Command: []string{"cockroach", "start", "--join=a", "--locality=zone=$(ZONE)"},
	})
	pod.Labels = nil
	if got, _ := FindInvocation(pod, "", ""); got.Locality != "zone=" {
		t.Errorf("locality %q, want an empty zone, as Kubernetes gives it", got.Locality)
	}
}
