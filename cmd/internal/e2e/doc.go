// Package e2e tests the quorate binary end to end against real Kubernetes control
// planes: the sandbox's, with real API servers, real StatefulSet controllers and
// played nodes.
//
// The tests run when QUORATE_SANDBOX names the sandbox binary, as `make test` does.
package e2e
