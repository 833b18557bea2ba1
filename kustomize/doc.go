// Package kustomize turns a topology and a profile into kustomize directories:
// base/, shared by all clusters, and overlays/<cluster>/, each of which works by
// itself with kubectl apply -k, Argo CD or Flux.
//
// Where the topology puts an authority into the clusters, each overlay has a directory
// authority/, which works by itself, too; its templates are embedded from the directory of
// that name here.
//
// Overlays name the final number of replicas and never a partition; how a change
// gets from one replica to the next is the engine's business, not theirs.
// Nothing in a pod template depends on the number of replicas or on the other
// clusters, so that scaling and adding a region restart nobody. The exception is a
// profile whose database is given the list of all its members at its first start
// (Members.ListedIn): the planner refuses to change that list.
//
// The package is pure: it writes no file and calls no kustomize. Package
// kustomize/build builds what is rendered here, kustomize/tree writes it to disk.
package kustomize
