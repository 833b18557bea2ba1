package cli

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/planner/rollout"
)

func TestAddressesOfTools(t *testing.T) {
	tests := []struct {
		name string
		read func(string) []string
		text string
		want []string
	}{
		{"getent of glibc", addressesOfGetent, "10.1.0.4        STREAM bank-0.use1.bank.example.com\n10.1.0.4        DGRAM  \n10.1.0.4        RAW    \n", []string{"10.1.0.4"}},
		{"getent, both families", addressesOfGetent, "fd00::4  STREAM a\nfd00::4 DGRAM\n10.1.0.4 STREAM\n", []string{"10.1.0.4", "fd00::4"}},
		{"getent, mapped", addressesOfGetent, "::ffff:10.1.0.4 STREAM a\n", []string{"10.1.0.4"}},
		{"getent of musl", addressesOfGetent, "10.1.0.5 bank-1.use1 bank-1.use1\n10.1.0.4 bank-1.use1\n", []string{"10.1.0.4", "10.1.0.5"}},
		{"nothing", addressesOfGetent, "", nil},
		{"nslookup of BIND", addressesOfNslookup, "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10#53\n\nName:\tbank-0.use1.bank.example.com\nAddress: 10.1.0.4\nName:\tbank-0.use1.bank.example.com\nAddress: fd00::4\n", []string{"10.1.0.4", "fd00::4"}},
		{"nslookup of busybox", addressesOfNslookup, "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nNon-authoritative answer:\nName:\tbank-0.use1\nAddress: 10.1.0.4\n\n", []string{"10.1.0.4"}},
		{"nslookup of an old busybox", addressesOfNslookup, "Server:    10.96.0.10\nAddress 1: 10.96.0.10 kube-dns\n\nName:      bank-0.use1\nAddress 1: 10.1.0.4 bank-0\nAddress 2: fd00::4\n", []string{"10.1.0.4", "fd00::4"}},
		{"nslookup finds nothing", addressesOfNslookup, "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n** server can't find bank-0: NXDOMAIN\n", nil},
	}
	for _, tt := range tests {
		if got := tt.read(tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What a tool that failed says is an answer, a failure of one name, or no answer at all.
func TestNslookupTellsSilenceFromDenial(t *testing.T) {
	tests := []struct {
		name   string
		result rollout.ExecResult
		want   []string
		err    string
		silent bool
	}{
		{"one family has none", rollout.ExecResult{ExitCode: 1, Stdout: "Server: 10.96.0.10\nAddress: 10.96.0.10:53\n\nName: a\nAddress: 10.1.0.4\n\n*** Can't find a: No answer\n"}, []string{"10.1.0.4"}, "", false},
		{"denied", rollout.ExecResult{ExitCode: 1, Stdout: "** server can't find a: NXDOMAIN\n"}, nil, "", false},
		{"failed", rollout.ExecResult{ExitCode: 1, Stdout: "** server can't find a: SERVFAIL\n"}, nil, "SERVFAIL", false},
		{"refused by the server", rollout.ExecResult{ExitCode: 1, Stdout: "** server can't find a: REFUSED\n"}, nil, "REFUSED", false},
		{"BIND's, no server", rollout.ExecResult{ExitCode: 1, Stdout: ";; communications error to 10.96.0.10#53: connection refused\n;; no servers could be reached\n"}, nil, "no servers could be reached", true},
		{"busybox's, no server", rollout.ExecResult{ExitCode: 1, Stderr: ";; connection timed out; no servers could be reached\n"}, nil, "timed out", true},
	}
	for _, tt := range tests {
		got, err := toldByNslookup(tt.result)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) || errors.Is(err, errCannotAsk) != tt.silent {
			t.Errorf("%s: %v %v", tt.name, got, err)
		}
	}
}

func TestLacks(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code int
		want bool
	}{
		{nil, 0, false},
		{nil, 127, true},
		{errors.New(`OCI runtime exec failed: exec failed: unable to start container process: exec: "getent": executable file not found in $PATH: unknown`), 0, true},
		{errors.New("command error: executable file `getent` not found in $PATH: No such file or directory"), 0, true},
		{errors.New(`pods "bank-0" not found`), 0, false},
	} {
		if got := lacks(tt.err, tt.code); got != tt.want {
			t.Errorf("%v, %d: %t", tt.err, tt.code, got)
		}
	}
}

// Whatever a tool in somebody's image prints, what is read of it are addresses.
func FuzzAddressesOfTools(f *testing.F) {
	f.Add("10.1.0.4 STREAM a\n", "Name: a\nAddress 1: fd00::4 x\n")
	f.Fuzz(func(t *testing.T, getent, nslookup string) {
		for _, ip := range append(addressesOfGetent(getent), addressesOfNslookup(nslookup)...) {
			if _, err := netip.ParseAddr(ip); err != nil {
				t.Errorf("%q: %v", ip, err)
			}
		}
	})
}
