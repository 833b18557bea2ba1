package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"quorate.dev/quorate/dns/stub"
	"quorate.dev/quorate/regions/kube"
)

func TestStubFlavour(t *testing.T) {
	t.Parallel()
	corefile := kube.ConfigMap{Namespace: "kube-system", Name: "coredns", Exists: true, Data: map[string]string{"Corefile": ". {\n}\n"}}
	missing := kube.ConfigMap{Namespace: "kube-system", Name: "nodelocaldns"}
	for _, tt := range []struct {
		name    string
		o       stubOptions
		configs stubConfigs
		want    stub.Flavour
		err     string
	}{
		{"as the ConfigMap tells", stubOptions{}, stubConfigs{coredns: corefile}, stub.Corefile, ""},
		{"as named", stubOptions{flavour: "eks"}, stubConfigs{coredns: corefile}, stub.EKS, ""},
		{"nothing to tell by", stubOptions{}, stubConfigs{}, "", "--flavour"},
		{"a name that is not there", stubOptions{configMap: "nodelocaldns"}, stubConfigs{coredns: missing}, "", "there is no ConfigMap kube-system/nodelocaldns: correct --config-map"},
		{"kube-dns may be made", stubOptions{configMap: "nodelocaldns", flavour: "kube-dns"}, stubConfigs{coredns: missing}, stub.KubeDNS, ""},
	} {
		got, err := stubWish{o: tt.o}.flavour(tt.configs)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q %v", tt.name, got, err)
		}
	}
}

// What is said of clusters together, and with which exit code.
func TestStubVerdicts(t *testing.T) {
	t.Parallel()
	present := &stubPart{name: "a", flavour: stub.Corefile, edit: stub.Edit{State: stub.Present, Existed: true, Exists: true, Before: "x", After: "x"}}
	absent := &stubPart{name: "b", flavour: stub.Corefile, edit: stub.Edit{State: stub.Absent, Exists: true, After: "x"}}
	foreign := &stubPart{name: "c", flavour: stub.Corefile, edit: stub.Edit{State: stub.Foreign, Refusal: errors.New("taken")}}
	addOn := &stubPart{name: "d", flavour: stub.EKS, edit: stub.Edit{State: stub.Absent, Exists: true, After: "x"}}
	silent := &stubPart{name: "e", silent: errors.New("refused")}
	const taken, updates = "refused: the entry may not be written in c (nothing was changed)", "d: the EKS add-on writes its Corefile itself"
	for _, tt := range []struct {
		name                        string
		parts                       []*stubPart
		blocked, refused, unsettled string
		next                        string
	}{
		{"all stand", []*stubPart{present, silent}, "", "", "", ""},
		{"one is to be written", []*stubPart{present, absent}, "", "", "does not stand as it should in b", "with --apply the entry is written"},
		{"one is taken", []*stubPart{absent, foreign}, taken, taken, "in b, c", ""},
		{"an add-on", []*stubPart{addOn}, "", updates, "in d", "aws eks update-addon"},
	} {
		s := stubParts{parts: tt.parts}
		for want, err := range map[string]error{tt.blocked: s.blocked(), tt.unsettled + " ": s.unsettled(), tt.refused + "  ": s.refused()} {
			if want = strings.TrimSpace(want); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", tt.name, err, want)
			}
		}
		if err := s.blocked(); err != nil && exitCode(err) != ExitUnsafe {
			t.Errorf("%s: exit code %d", tt.name, exitCode(err))
		}
		if err := s.unsettled(); err != nil && exitCode(err) != ExitError {
			t.Errorf("%s: exit code %d", tt.name, exitCode(err))
		}
		var said bytes.Buffer
		s.next(&app{process: &process{err: &said}}, stubOptions{})
		if (said.Len() == 0) != (tt.next == "") || !strings.Contains(said.String(), tt.next) {
			t.Errorf("%s: said %q", tt.name, said.String())
		}
	}
}
