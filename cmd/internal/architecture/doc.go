// Package architecture holds no code, only tests of the shape of the whole: which package may import
// which, that pure packages stay pure, which libraries live behind one door, and how long a file may be.
//
// The rules are those of docs/architecture.md. Imports point one way, down:
//
//	cmd → planner/drill → planner/rollout → planner → dns, kustomize → regions
//
// with the adapters (regions/kube, kustomize/build, dns/serve and their like) beside the pure package
// whose name they carry, and built in cmd/internal/cli/wire.go alone. A package without
// a row in the table of layers fails the tests: a new package is a decision, and its row says what it is.
package architecture
