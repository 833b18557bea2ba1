package command

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// passingSignals runs wait, which runs cmd, and hands on what is meant for cmd: whoever ends `sandbox run`
// means the command. An interrupt from a terminal reaches the command by itself.
func passingSignals(cmd *exec.Cmd, wait func() error) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGQUIT)
	defer signal.Stop(signals)
	done := make(chan error, 1)
	go func() { done <- wait() }()
	for {
		select {
		case err := <-done:
			return err
		case received := <-signals:
			if cmd.Process != nil {
				_ = cmd.Process.Signal(received) // it may just have ended
			}
		}
	}
}
