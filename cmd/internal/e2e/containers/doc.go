// Package containers tests quorate with a real database in real containers: etcd over three regions of
// the sandbox's containers runtime, and a client that writes all the time. It needs Linux, root,
// QUORATE_SANDBOX and QUORATE_CONTAINERS; `make test` gives it both where it can.
package containers
