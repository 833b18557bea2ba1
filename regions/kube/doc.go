// Package kube speaks to Kubernetes API servers for quorate: it observes a
// cluster, compares and applies objects by server-side apply, steps
// StatefulSets, runs commands in pods, watches, and keeps the Lease and the
// record of a deployment. It hands out the pure types of package regions, so that
// neither the planner nor the engine ever sees client-go.
//
// # Two field managers
//
// Everything of an overlay is applied by the manager ManagerQuorate, except two
// fields of a StatefulSet, spec.replicas and
// spec.updateStrategy.rollingUpdate.partition, which ManagerRollout alone owns, so
// that a run can step them without touching anything else (server-side apply,
// KEP-555). An API server gives a StatefulSet that nobody names replicas for
// one pod at once, so the split has an order: see InstallStatefulSet.
//
// # Requests
//
// There is no client-side rate limit: the server's priority and fairness rules
// it. Every request except a watch and an exec has a deadline. A failed
// server-side apply is repeated, since it is idempotent and client-go does not
// do so; nothing else is. The first request to a cluster goes alone, so that the others find its
// connection: where many would begin at once, net/http starts one for each.
//
// # Errors
//
// Every error names the cluster and what was attempted. Unreachable, Forbidden,
// Conflict, Changed, Held, LeaseLost, Kept and NotOurs are found by errors.As.
package kube
