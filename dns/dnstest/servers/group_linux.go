package servers

import "syscall"

// ownGroup makes a process the first of a group, which ends with the tests even if they are killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
