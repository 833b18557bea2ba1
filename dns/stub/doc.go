// Package stub leads a cluster's own DNS to the names of a deployment, by one owned and marked entry in
// its configuration: CoreDNS's Corefile, the ConfigMap coredns-custom of AKS, the configuration values of the EKS
// add-on, or the stubDomains of kube-dns. Whatever else stands there is kept byte for byte.
//
// An entry either sends the deployment's zone to an authority (Delegation), or chains the clusters' DNS
// servers where nobody runs an authority (Chain): each serves the names of its own replicas and
// forwards those of the others.
//
// The package works on bytes alone: it reads no cluster and no disk.
package stub
