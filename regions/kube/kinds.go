package kube

import (
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// wellKnown are the kinds that every API server serves at these very places (all of them stable since
// Kubernetes 1.25 or longer, and none may be removed within its major version: Kubernetes
// deprecation policy, rule 1). Objects of these kinds need no discovery, whose answers
// take two round trips and are the largest that a cluster gives.
var wellKnown = map[schema.GroupVersionKind]place{ //nolint:gochecknoglobals // constant
	{Version: "v1", Kind: "Namespace"}:                                               {"namespaces", false},
	{Version: "v1", Kind: "ConfigMap"}:                                               {"configmaps", true},
	{Version: "v1", Kind: "Secret"}:                                                  {"secrets", true},
	{Version: "v1", Kind: "Service"}:                                                 {"services", true},
	{Version: "v1", Kind: "ServiceAccount"}:                                          {"serviceaccounts", true},
	{Version: "v1", Kind: "PersistentVolumeClaim"}:                                   {"persistentvolumeclaims", true},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"}:                              {"statefulsets", true},
	{Group: "apps", Version: "v1", Kind: "Deployment"}:                               {"deployments", true},
	{Group: "apps", Version: "v1", Kind: "DaemonSet"}:                                {"daemonsets", true},
	{Group: "batch", Version: "v1", Kind: "Job"}:                                     {"jobs", true},
	{Group: "batch", Version: "v1", Kind: "CronJob"}:                                 {"cronjobs", true},
	{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"}:                    {"poddisruptionbudgets", true},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}:               {"networkpolicies", true},
	{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}:                     {"ingresses", true},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"}:                {"roles", true},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"}:         {"rolebindings", true},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"}:         {"clusterroles", false},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRoleBinding"}:  {"clusterrolebindings", false},
	{Group: "storage.k8s.io", Version: "v1", Kind: "StorageClass"}:                   {"storageclasses", false},
	{Group: "scheduling.k8s.io", Version: "v1", Kind: "PriorityClass"}:               {"priorityclasses", false},
	{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}: {"customresourcedefinitions", false},
	{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}:           {"horizontalpodautoscalers", true},
}

// place is where the objects of a kind live.
type place struct {
	resource   string // plural
	namespaced bool
}

// wellKnownMapping is what discovery would say of a kind; nil where it must be asked.
func wellKnownMapping(kind schema.GroupVersionKind) *meta.RESTMapping {
	at, known := wellKnown[kind]
	if !known {
		return nil
	}
	scope := meta.RESTScopeRoot
	if at.namespaced {
		scope = meta.RESTScopeNamespace
	}
	return &meta.RESTMapping{Resource: kind.GroupVersion().WithResource(at.resource), GroupVersionKind: kind, Scope: scope}
}
