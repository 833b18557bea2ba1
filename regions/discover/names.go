package discover

import (
	"fmt"
	"slices"
	"strings"
)

// maxName keeps the names of replicas, which contain that of their cluster, readable and below DNS's 253.
const maxName = 40

// clusterName makes a cluster's name of a kubeconfig context: an RFC 1123 label that is not taken. The
// contexts that the providers' own tools write are shortened to the cluster's name and its place:
// gke_PROJECT_LOCATION_NAME (gcloud container clusters get-credentials) and
// arn:aws:eks:REGION:ACCOUNT:cluster/NAME (aws eks update-kubeconfig).
func clusterName(context string, taken []string) string {
	name := label(short(context), "cluster")
	candidate := name
	for n := 2; slices.Contains(taken, candidate); n++ {
		candidate = fmt.Sprintf("%s-%d", name, n)
	}
	return candidate
}

func short(context string) string {
	if parts := strings.Split(context, "_"); len(parts) == 4 && parts[0] == "gke" {
		return parts[3] + "-" + parts[2]
	}
	if parts := strings.Split(context, ":"); len(parts) == 6 && parts[0] == "arn" && parts[2] == "eks" {
		return strings.TrimPrefix(parts[5], "cluster/") + "-" + parts[3]
	}
	return context
}

// label makes an RFC 1123 label of a text, otherwise where nothing of it can stay. It begins in no
// way that the DNS zone keeps for its own records.
func label(text, otherwise string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			out.WriteRune(r)
		case !strings.HasSuffix(out.String(), "-"):
			out.WriteByte('-')
		}
	}
	name := strings.Trim(out.String(), "-")
	if strings.HasPrefix(name, "join-") || strings.HasPrefix(name, "ns") {
		name = "k8s-" + name
	}
	if len(name) > maxName {
		name = strings.TrimRight(name[:maxName], "-")
	}
	if name == "" {
		return otherwise
	}
	return name
}
